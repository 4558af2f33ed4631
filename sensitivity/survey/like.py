"""Singular values of many like environments at once, as accurate as those of ``spectrum``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sensitivity.descriptors import Descriptor, LikeGradients, with_defaults
from sensitivity.numerics import Array, Indices
from sensitivity.progress import checkpoint
from sensitivity.survey.environments import Environment
from sensitivity.survey.margins import Margins, Refined
from sensitivity.survey.relative import mix, unmix
from sensitivity.survey.relative import rotations as rotations_of
from sensitivity.survey.sites import Site, find_sites
from sensitivity.tolerances import Tolerance

# Fractions of the largest singular value. Square roots of eigenvalues of JᵀJ have an error of
# eps/2s: they are refined if one is below the first, where it is 5e-14. Eigenvectors mix with an
# error of eps/s: the vectors up to the second are refined together, so that an error of 1e-15 is
# left.
_SUFFICIENT, _TOGETHER = 2e-3, 1e-1


class Values(NamedTuple):
    """Internal singular values of one environment, descending, and how many are visible."""

    values: Array
    rank: int
    rotations: int  # number of independent ones
    # The group, if all that it does not hide is visible at all geometries within the tolerance.
    site: Site | None = None


def group_alike(environments: Sequence[Environment]) -> dict[tuple[int, ...], list[int]]:
    """Return the places of environments with equally many neighbours of each species.

    The keys are the numbers of neighbours of the species, increasing.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, environment in enumerate(environments):
        counts = np.bincount(environment.numbers[1:])
        groups.setdefault(tuple(sorted(counts[counts > 0].tolist())), []).append(place)
    return groups


def decompose_alike(
    environments: Sequence[Environment],
    counts: tuple[int, ...],
    descriptor: Descriptor,
    *,
    tolerance: float | None = None,
) -> Iterator[Values] | None:
    """Yield the singular values of like environments; None if the descriptor takes them singly.

    With a tolerance (Å), the group, too, of those whose causes follow from it.
    """
    species = frozenset[int]().union(*(each.numbers.tolist() for each in environments))
    vectors, known = _stack(environments), with_defaults(descriptor)

    def differentiate(places: Array) -> Iterator[tuple[slice, LikeGradients]]:
        found = known.like_gradients(places, counts, species=species)
        return iter(()) if found is None else found

    parts = known.like_gradients(vectors, counts, species=species)
    if parts is None:
        return None
    if tolerance is None:
        sites: list[Site | None] = [None] * len(environments)
    else:
        sites = find_sites(
            environments,
            vectors,
            counts,
            cutoff=descriptor.cutoff,
            tolerance=tolerance,
            invariance=known.invariance,
        )
    margins = None if tolerance is None else Margins(differentiate, tolerance)
    return _decompose_parts(parts, vectors, sites, margins, cutoff=descriptor.cutoff)


def _stack(environments: Sequence[Environment]) -> Array:
    """Return the vectors to the neighbours, (e, k, 3), rarer species first."""
    numbers = np.array([each.numbers[1:] for each in environments])
    vectors = np.array([each.places[1:] for each in environments])
    frequency = (numbers[:, :, None] == numbers[:, None]).sum(axis=2)
    order = np.lexsort((numbers, frequency))
    return vectors[np.arange(len(numbers))[:, None], order]


def _decompose_parts(
    parts: Iterator[tuple[slice, LikeGradients]],
    vectors: Array,
    sites: Sequence[Site | None],
    margins: Margins | None,
    *,
    cutoff: float,
) -> Iterator[Values]:
    for part, gradients in parts:
        checkpoint()
        yield from _decompose(gradients, vectors[part], sites[part], margins, cutoff=cutoff)


def _decompose(
    gradients: LikeGradients,
    vectors: Array,
    sites: Sequence[Site | None],
    margins: Margins | None,
    *,
    cutoff: float,
) -> Iterator[Values]:
    count, k, _ = vectors.shape
    mixed = mix(gradients.gram.reshape(count, k, 3, k, 3))
    rotations = _count_rotations(vectors)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(mixed), 0.0))
    largest = values[:, -1]
    small = 0.0 if margins is None else margins.fraction(k)
    inexact, near = (
        (values < max(fraction, small) * largest[:, None]).sum(axis=1)
        for fraction in (_SUFFICIENT, _TOGETHER)
    )
    # ``natural_scale`` of each environment
    scale = np.maximum(largest, gradients.norms / cutoff)
    firm = np.array([site is not None and not site.hidden for site in sites])
    rows = list(values)
    refined = np.flatnonzero(inexact > rotations)
    for group in _refine(gradients, mixed, vectors, rotations, refined, near[refined]):
        for place, exact in zip(group.places.tolist(), group.values, strict=True):
            rows[place][rotations[place] :][: len(exact)] = exact
        if margins is not None:
            found = [sites[place] for place in group.places.tolist()]
            hidden = np.array([-1 if site is None else site.hidden for site in found])
            limits = largest[group.places], scale[group.places]
            firm[group.places] = margins.hold(group, vectors[group.places], hidden, *limits)
    for place, row in enumerate(rows):
        ordered = np.sort(row[rotations[place] :])[::-1]
        rank = int(np.count_nonzero(ordered > Tolerance.RANK * scale[place]))
        yield Values(ordered, rank, int(rotations[place]), sites[place] if firm[place] else None)


def _count_rotations(vectors: Array) -> Indices:
    """Return the number of independent rotations, as ``trivial_motions`` counts them, (e,)."""
    count, k, _ = vectors.shape
    arms = np.concatenate([np.zeros((count, 1, 3)), vectors], axis=1)
    arms -= arms.mean(axis=1, keepdims=True)
    spread = np.einsum("ekx,eky->exy", arms, arms)
    inertia = np.trace(spread, axis1=1, axis2=2)[:, None, None] * np.eye(3) - spread
    least = Tolerance.COORDINATES**2 * (k + 1)
    return np.asarray((np.linalg.eigvalsh(inertia) > least).sum(axis=1), dtype=np.intp)


def _refine(
    gradients: LikeGradients,
    mixed: Array,
    vectors: Array,
    rotations: Indices,
    places: Indices,
    small: Indices,
) -> Iterator[Refined]:
    """Yield the smallest internal singular values of some environments from J itself.

    ``small`` is how many are small with the rotations; neighbours of equally many are refined
    together.
    """
    for m, turning in set(zip(small.tolist(), rotations[places].tolist(), strict=True)):
        chosen = places[(small == m) & (rotations[places] == turning)]
        _, modes = np.linalg.eigh(mixed[chosen])
        kept = _without_rotations(modes[:, :, :m], rotations_of(vectors[chosen], turning))
        products = gradients.apply(unmix(kept), chosen)
        triangles = np.linalg.qr(products, mode="r")
        _, found, mixing = np.linalg.svd(triangles)
        values = np.zeros((len(chosen), m - turning))  # those beyond the rows of J are zero
        values[:, values.shape[1] - found.shape[1] :] = found[:, ::-1]
        rotation = mixing[:, ::-1].swapaxes(1, 2)
        yield Refined(chosen, values, kept, products, rotation)


def _without_rotations(modes: Array, rotations: Array) -> Array:
    """Return an orthonormal basis, (e, 3k, m - turning), of modes (e, 3k, m) across rotations."""
    overlaps = modes.swapaxes(1, 2) @ rotations
    basis, _ = np.linalg.qr(overlaps, mode="complete")
    kept = modes @ basis[:, :, rotations.shape[2] :]
    return np.asarray(kept - rotations @ (rotations.swapaxes(1, 2) @ kept))
