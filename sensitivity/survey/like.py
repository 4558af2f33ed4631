"""Singular values of many like environments at once, as accurate as those of ``spectrum``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from sensitivity.descriptors import Descriptor, LikeGradients, with_defaults
from sensitivity.numerics import Array, Indices, Mask
from sensitivity.progress import checkpoint
from sensitivity.survey.environments import Environments
from sensitivity.survey.margins import Margins, Refined
from sensitivity.survey.relative import mix, unmix
from sensitivity.survey.relative import rotations as rotations_of
from sensitivity.survey.searches import Searches
from sensitivity.survey.sites import Site, find_sites
from sensitivity.tolerances import Tolerance

# Fractions of the largest singular value. Square roots of eigenvalues of JᵀJ have an error of
# eps/2s: values below the first, where it is 5e-14, are refined. The eigenvectors of these contain
# eps/s² of others, and J times them eps/s, which matters for values below the second: they are
# refined together with all up to the third, so that an error of 1e-15 is left.
_SUFFICIENT, _TINY, _TOGETHER = 2e-3, 1e-6, 2e-2


Tests = tuple[Margins, Searches | None]


@dataclass(frozen=True)
class Alike:
    """Environments with equally many neighbours of each species, but for the species' names."""

    environments: Environments
    places: Indices  # (e,), among all environments
    counts: tuple[int, ...]  # of neighbours of each species, increasing
    vectors: Array  # (e, k, 3), Å, to the neighbours, rarer species first

    @property
    def species(self) -> frozenset[int]:
        """Atomic numbers of the centers and their neighbours."""
        all_of, places = self.environments, self.places
        near = all_of.numbers[all_of.edges[places][:, None] + np.arange(self.vectors.shape[1])]
        return frozenset(np.unique(near).tolist()).union(np.unique(all_of.species[places]).tolist())


def group_alike(environments: Environments, places: Indices) -> Iterator[Alike]:
    """Yield sets of like environments among those at some places."""
    owners, numbers = environments.owners, environments.numbers
    _, kind, counts = np.unique(
        owners * (numbers.max(initial=0) + 1) + numbers, return_inverse=True, return_counts=True
    )
    frequency = counts[kind]
    order = np.lexsort((numbers, frequency, owners))
    vectors, sorted_frequency = environments.vectors[order], frequency[order]
    edges = environments.edges.tolist()
    groups: dict[bytes, list[int]] = {}
    for place in places.tolist():
        key = sorted_frequency[edges[place] : edges[place + 1]].tobytes()
        groups.setdefault(key, []).append(place)
    for key, members in groups.items():
        chosen, near = np.array(members), np.frombuffer(key, dtype=frequency.dtype)
        pairs = environments.edges[chosen][:, None] + np.arange(len(near))
        yield Alike(environments, chosen, _count_species(near.tolist()), vectors[pairs])


def _count_species(frequency: list[int]) -> tuple[int, ...]:
    """Return each number once that is repeated as often as it says."""
    counts: list[int] = []
    while sum(counts) < len(frequency):
        counts.append(frequency[sum(counts)])
    return tuple(counts)


class Spectra(NamedTuple):
    """Internal singular values of some of the like environments."""

    places: Indices  # (n,), among the like environments
    values: Array  # (n, internal), descending
    rank: Indices  # (n,), number of visible displacements
    rotations: int  # number of independent ones
    # The group, if there are no causes beside it: what it does not hide is visible, or, where atoms
    # are barely seen, undetermined.
    sites: list[Site | None]


def decompose_alike(
    alike: Alike, descriptor: Descriptor, *, tolerance: float | None = None
) -> Iterator[Spectra] | None:
    """Yield the singular values of like environments; None if the descriptor takes them singly.

    With a tolerance (Å), the group, too, of those whose causes follow from it. None also for a
    tolerance above 0.01 Å, within which the changes of J are not linear.
    """
    known, species = with_defaults(descriptor), alike.species
    differentiate = partial(known.like_gradients, counts=alike.counts, species=species)
    parts = differentiate(alike.vectors)
    if parts is None or (tolerance or 0.0) > Tolerance.NEARLY_EQUAL:
        return None
    sites, tests = list[Site | None]([None] * len(alike.places)), None
    if tolerance is not None:
        margins = Margins(differentiate, tolerance)
        tests = margins, Searches.of(margins, descriptor, alike.counts, species=species)
        sites = find_sites(
            alike.vectors,
            alike.counts,
            lambda number: alike.environments[int(alike.places[number])],
            cutoff=descriptor.cutoff,
            tolerance=tolerance,
            invariance=known.invariance,
        )
    return _decompose_parts(parts, alike.vectors, sites, tests, cutoff=descriptor.cutoff)


def _decompose_parts(
    parts: Iterator[tuple[slice, LikeGradients]],
    vectors: Array,
    sites: list[Site | None],
    tests: Tests | None,
    *,
    cutoff: float,
) -> Iterator[Spectra]:
    for part, gradients in parts:
        checkpoint()
        for found in _decompose(gradients, vectors[part], sites[part], tests, cutoff=cutoff):
            yield found._replace(places=found.places + part.start)


def _decompose(
    gradients: LikeGradients,
    vectors: Array,
    sites: list[Site | None],
    tests: Tests | None,
    *,
    cutoff: float,
) -> Iterator[Spectra]:
    k = vectors.shape[1]
    mixed = mix(gradients.gram)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(mixed), 0.0))
    rotations, largest = _count_rotations(vectors), values[:, -1].copy()
    scale = largest  # ``natural_scale`` of each
    if (gradients.norm_bounds > cutoff * largest).any():
        scale = np.maximum(largest, gradients.norms / cutoff)
    firm = np.array([site is not None and not site.hidden for site in sites])
    sufficient = _SUFFICIENT if tests is None else max(_SUFFICIENT, tests[0].fraction(k))
    for group in _refine_small(gradients, mixed, vectors, values, rotations, sufficient):
        chosen = group.places
        columns = rotations[chosen[0]] + np.arange(group.values.shape[1])
        values[chosen[:, None], columns] = group.values
        if tests is not None:
            found = [sites[place] for place in chosen.tolist()]
            limits = largest[chosen], scale[chosen]
            firm[chosen] = _hold(tests, group, vectors[chosen], found, rotations[chosen], *limits)
    known = [site if kept else None for site, kept in zip(sites, firm.tolist(), strict=True)]
    for turning in set(rotations.tolist()):
        chosen = np.flatnonzero(rotations == turning)
        ordered = np.sort(values[chosen, turning:], axis=1)[:, ::-1]
        rank = (ordered > Tolerance.RANK * scale[chosen, None]).sum(axis=1)
        yield Spectra(chosen, ordered, rank, turning, [known[place] for place in chosen.tolist()])


def _hold(
    tests: Tests,
    found: Refined,
    vectors: Array,
    sites: list[Site | None],
    rotations: Indices,
    largest: Array,
    scale: Array,
) -> Mask:
    """Tell which environments have no more zeros within reach than those that their site hides."""
    margins, searches = tests
    hidden = np.array([-1 if site is None else site.hidden for site in sites])
    firm = margins.hold(found, vectors, hidden, largest, scale)
    left = np.flatnonzero(~firm & (hidden >= 0))
    if searches is not None and len(left):
        firm[left] = searches.find_nothing(
            found.only(left), vectors[left], hidden[left], rotations[left], scale[left]
        )
    return firm


def _count_rotations(vectors: Array) -> Indices:
    """Return the number of independent rotations, as ``trivial_motions`` counts them, (e,)."""
    count, k, _ = vectors.shape
    arms = np.concatenate([np.zeros((count, 1, 3)), vectors], axis=1)
    arms -= arms.mean(axis=1, keepdims=True)
    spread = np.einsum("ekx,eky->exy", arms, arms)
    inertia = np.trace(spread, axis1=1, axis2=2)[:, None, None] * np.eye(3) - spread
    least = Tolerance.COORDINATES**2 * (k + 1)
    return np.asarray((np.linalg.eigvalsh(inertia) > least).sum(axis=1), dtype=np.intp)


def _refine_small(
    gradients: LikeGradients,
    mixed: Array,
    vectors: Array,
    values: Array,
    rotations: Indices,
    sufficient: float,
) -> Iterator[Refined]:
    """Yield the smallest internal singular values where one is below a fraction of the largest."""
    inexact, tiny, near = (
        (values < fraction * values[:, -1:]).sum(axis=1)
        for fraction in (sufficient, _TINY, max(_TOGETHER, sufficient))
    )
    kinds = np.where(tiny > rotations, 4, 0) + rotations
    small = np.where(tiny > rotations, near, inexact)
    places = np.flatnonzero(inexact > rotations)
    for kind in np.unique(kinds[places]).tolist():
        chosen = places[kinds[places] == kind]
        yield _refine(gradients, mixed, vectors, chosen, kind % 4, small[chosen].max())


def _refine(
    gradients: LikeGradients,
    mixed: Array,
    vectors: Array,
    chosen: Indices,
    turning: int,
    m: int,
) -> Refined:
    """Return all but the rotations of the m smallest singular values, from J itself."""
    _, modes = np.linalg.eigh(mixed[chosen])
    kept = _without_rotations(modes[:, :, :m], rotations_of(vectors[chosen], turning))
    products = gradients.apply(unmix(kept), chosen)
    triangles = np.linalg.qr(products, mode="r")
    _, found, mixing = np.linalg.svd(triangles)
    values = np.zeros((len(chosen), m - turning))  # those beyond the rows of J are zero
    values[:, values.shape[1] - found.shape[1] :] = found[:, ::-1]
    return Refined(chosen, values, kept, products, mixing[:, ::-1].swapaxes(1, 2))


def _without_rotations(modes: Array, rotations: Array) -> Array:
    """Return an orthonormal basis, (e, 3k, m - turning), of modes (e, 3k, m) across rotations."""
    overlaps = modes.swapaxes(1, 2) @ rotations
    basis, _ = np.linalg.qr(overlaps, mode="complete")
    kept = modes @ basis[:, :, rotations.shape[2] :]
    return np.asarray(kept - rotations @ (rotations.swapaxes(1, 2) @ kept))
