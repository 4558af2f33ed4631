"""Point groups of many like environments, where they follow from distances alone.

An operation of an environment permutes like neighbours, and keeps all distances. If no two like
neighbours have equal distances from the center and from the others, every neighbour stays in
place, so only the reflection of a planar environment is left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.diagnosis.diagnose import split_by_symmetry
from sensitivity.geometry.motions import trivial_motions
from sensitivity.numerics import Array, Mask
from sensitivity.survey.relative import Neighbors
from sensitivity.symmetry import SiteSymmetry, site_symmetry
from sensitivity.symmetry.groups import Invariance
from sensitivity.symmetry.hidden import hidden_by_symmetry
from sensitivity.tolerances import Tolerance

# Displacements of root mean square d of m atoms change the difference of two distances, of which
# one atom at most belongs to both, by up to √6 √m d.
_MISMATCH = 6**0.5
_RIGID = ("translation",) * 3 + ("rotation",) * 3


class Site(NamedTuple):
    """The largest group of an environment within a tolerance."""

    symbol: str
    hidden: int  # number of internal displacements that it hides
    # (hidden, 1 + k, 3), orthonormal displacements of the center and its neighbours that it, or
    # a smaller group, hides only nearly; None if it is the only group, and exact.
    nearly: Array | None = None
    # (feature)/Å, smallest singular value beside these, if known.
    beside: float | None = None


def find_sites(
    neighbors: Neighbors,
    *,
    cutoff: float,
    tolerance: float,
    invariance: Invariance,
) -> list[Site | None]:
    """Return the sites of like environments.

    None where a neighbour is within the tolerance (Å) of the cutoff, where a line is not exact, and
    where a group is so inexact that a diagnosis has another threshold.
    """
    flat, thin = _extents(neighbors.vectors)
    inside = neighbors.distances.max(axis=1) < cutoff - tolerance
    exact = Tolerance.EXACT_SYMMETRY
    usable = inside & ((thin > _beyond(tolerance)) | (thin <= exact))
    apart = _distances_differ(neighbors, tolerance=tolerance) & (thin > _beyond(tolerance))
    mirrored = max(neighbors.numbers.shape[1] - 2, 0) if invariance == "O(3)" else 0
    known = np.where(flat > _beyond(tolerance), 0, np.where(flat <= exact, 1, 2))
    sites = list[Site | None]([None] * len(flat))
    generic = Site("C1", 0), Site("Cs", mirrored)
    for number in np.flatnonzero(usable).tolist():
        kind = known[number] if apart[number] else 2
        if kind < 2:
            sites[number] = generic[kind]
        else:
            sites[number] = _find_site(neighbors.molecule(number), cutoff, tolerance, invariance)
    return sites


def _beyond(tolerance: float) -> float:
    """Return a tolerance (Å) and the rounding by which a group may exceed it."""
    return max(tolerance, Tolerance.EXACT_SYMMETRY) * (1 + 2 * Tolerance.ROUNDING)


def _extents(vectors: Array) -> tuple[Array, Array]:
    """Return root mean square distances (Å) from the best plane, and from the best line, (e,)."""
    count, k, _ = vectors.shape
    arms = np.concatenate([np.zeros((count, 1, 3)), vectors], axis=1)
    arms -= arms.mean(axis=1, keepdims=True)
    lengths = np.linalg.svd(arms, compute_uv=False) / np.sqrt(k + 1)
    lengths = np.concatenate([lengths, np.zeros((count, 3 - lengths.shape[1]))], axis=1)
    return lengths[:, 2], np.hypot(lengths[:, 1], lengths[:, 2])


def _distances_differ(neighbors: Neighbors, *, tolerance: float) -> Mask:
    """Tell for which environments the distances prove that no operation exchanges neighbours."""
    vectors, numbers = neighbors
    k = numbers.shape[1]
    same = _MISMATCH * np.sqrt(k + 1) * _beyond(tolerance)
    one, other = np.triu_indices(k, 1)
    radii = neighbors.distances
    near = np.abs(radii[:, one] - radii[:, other]) <= same
    near &= numbers[:, one] == numbers[:, other]
    differ = ~near.any(axis=1)
    left = np.flatnonzero(~differ)
    if len(left):
        steps = vectors[left, :, None] - vectors[left, None]
        gaps = np.sqrt(np.einsum("eijx,eijx->eij", steps, steps))
        # Sorted by species, then by distance.
        order = np.lexsort((gaps, np.broadcast_to(numbers[left, None], gaps.shape)), axis=2)
        profiles = np.take_along_axis(gaps, order, axis=2)
        apart = np.abs(profiles[:, one] - profiles[:, other]).max(axis=2) > same
        differ[left] = (apart | ~near[left]).all(axis=1)
    return np.asarray(differ)


def _find_site(
    atoms: Atoms, cutoff: float, tolerance: float, invariance: Invariance
) -> Site | None:
    site = site_symmetry(atoms, center=0, cutoff=cutoff, tolerance=tolerance)
    if len(site.levels) > 1 or site.group.deviation > Tolerance.EXACT_SYMMETRY:
        return _find_inexact(site, atoms, cutoff, tolerance, invariance)
    kept, free = (
        len(hidden_by_symmetry([site], [group], count=len(atoms)))
        for group in (site.group.binding(invariance), None)
    )
    return Site(site.group.symbol, kept - free)


def _find_inexact(
    site: SiteSymmetry, atoms: Atoms, cutoff: float, tolerance: float, invariance: Invariance
) -> Site | None:
    """Return the displacements that a diagnosis counts as hidden, where groups are inexact."""
    rigid = trivial_motions(atoms, cutoff=cutoff - tolerance, centers=[0], rounding=tolerance)
    threshold = max(Tolerance.RANK, 10.0 * site.group.deviation**2)  # of a diagnosis
    if rigid.kinds != _RIGID or site.coalescing or threshold > Tolerance.RANK * _beyond(1.0):
        return None
    every = split_by_symmetry([site], rigid.directions, invariance=invariance)
    (unseen, _), *symmetric = every
    if len(unseen.directions):
        return None
    hidden = np.concatenate([part.directions for part, _ in symmetric])
    return Site(site.group.symbol, len(hidden), hidden if len(hidden) else None)
