"""Singular values of many like environments at once, as accurate as those of ``spectrum``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sensitivity.descriptors import Descriptor, LikeGradients, with_defaults
from sensitivity.numerics import Array, Indices, Mask
from sensitivity.progress import checkpoint
from sensitivity.survey.environments import Environments
from sensitivity.survey.margins import Margins, Smallest, differentiation, variation
from sensitivity.survey.nearly import hold_nearly
from sensitivity.survey.relative import Neighbors, along_frames, in_space, mix
from sensitivity.survey.relative import rotations as rotations_of
from sensitivity.survey.searches import Searches
from sensitivity.survey.sites import Site, find_sites
from sensitivity.tolerances import Tolerance

# Fractions of the largest singular value. Square roots of eigenvalues of JᵀJ have an error of
# eps/2s: values below the first, where it is 1e-13, are refined. The eigenvectors of these contain
# eps/s² of others, and J times them eps/s, which matters for values below the second: they are
# refined together with all up to the third, so that an error of 1e-15 is left.
_SUFFICIENT, _TINY, _TOGETHER = 1e-3, 1e-6, 1e-1


Tests = tuple[Margins, Searches | None]


@dataclass(frozen=True)
class Alike:
    """Environments with equally many neighbours.

    Those with equally many of each species, but for the species' names, follow each other.
    """

    environments: Environments
    places: Indices  # (e,), among all environments
    neighbors: Neighbors  # rarer species first

    @property
    def species(self) -> frozenset[int]:
        """Atomic numbers of the centers and their neighbours."""
        centers = self.environments.species[self.places]
        return frozenset(np.unique(self.neighbors.numbers).tolist()).union(centers.tolist())

    def by_elements(self) -> list[Alike]:
        """Return those of the same elements separately."""
        sets: dict[frozenset[int], list[int]] = {}
        centers = self.environments.species[self.places].tolist()
        for number, (center, near) in enumerate(
            zip(centers, self.neighbors.numbers.tolist(), strict=True)
        ):
            sets.setdefault(frozenset([center, *near]), []).append(number)
        parts = map(np.array, sets.values())
        return [
            replace(self, places=self.places[p], neighbors=self.neighbors.only(p)) for p in parts
        ]


def group_alike(environments: Environments, places: Indices) -> Iterator[Alike]:
    """Yield sets of like environments among those at some places."""
    owners, numbers = environments.owners, environments.numbers
    _, kind, counts = np.unique(
        owners * (numbers.max(initial=0) + 1) + numbers, return_inverse=True, return_counts=True
    )
    frequency = counts[kind]
    order = np.lexsort((numbers, frequency, owners))
    size = environments.neighbors[places]
    for k in np.unique(size).tolist():
        chosen = places[size == k]
        pairs = environments.edges[chosen][:, None] + np.arange(k)  # [e, k]
        chosen_order = np.lexsort(frequency[order[pairs]].T[::-1]) if k else np.arange(len(chosen))
        near = order[pairs[chosen_order]]
        neighbors = Neighbors(environments.vectors[near], numbers[near])
        yield Alike(environments, chosen[chosen_order], neighbors)


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
    differentiate = differentiation(descriptor, species)
    parts = differentiate(alike.neighbors)
    if parts is None or (tolerance or 0.0) > Tolerance.NEARLY_EQUAL:
        return None
    sites, tests = list[Site | None]([None] * len(alike.places)), None
    if tolerance is not None:
        margins = Margins(differentiate, tolerance, variation(descriptor), descriptor.cutoff)
        k = alike.neighbors.numbers.shape[1]
        tests = margins, Searches.of(margins, descriptor, neighbors=k, species=species)
        sites = find_sites(
            alike.neighbors,
            cutoff=descriptor.cutoff,
            tolerance=tolerance,
            invariance=known.invariance,
        )
    return _decompose_parts(parts, alike.neighbors, sites, tests, cutoff=descriptor.cutoff)


def _decompose_parts(
    parts: Iterator[tuple[slice, LikeGradients]],
    neighbors: Neighbors,
    sites: list[Site | None],
    tests: Tests | None,
    *,
    cutoff: float,
) -> Iterator[Spectra]:
    for part, gradients in parts:
        checkpoint()
        for found in _decompose(gradients, neighbors.only(part), sites[part], tests, cutoff=cutoff):
            yield found._replace(places=found.places + part.start)


def _decompose(
    gradients: LikeGradients,
    neighbors: Neighbors,
    sites: list[Site | None],
    tests: Tests | None,
    *,
    cutoff: float,
) -> Iterator[Spectra]:
    vectors, k = neighbors.vectors, neighbors.vectors.shape[1]
    mixed = mix(gradients.gram, gradients.frames)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(mixed), 0.0))
    rotations, largest = _count_rotations(vectors), values[:, -1].copy()
    scale = largest  # ``natural_scale`` of each
    if (gradients.norm_bounds > cutoff * largest).any():
        scale = np.maximum(largest, gradients.norms / cutoff)
    firm = np.array([site is not None and not site.hidden for site in sites])
    sufficient = _SUFFICIENT if tests is None else max(_SUFFICIENT, tests[0].fraction(k))
    small = list(_find_small(gradients, mixed, vectors, values, rotations, sufficient))
    for group in small:
        columns = rotations[group.places[0]] + np.arange(group.values.shape[1])
        values[group.places[:, None], columns] = group.values
    if small and tests is not None:
        together = Smallest.joined(small)
        chosen = together.places
        found = [sites[place] for place in chosen.tolist()]
        near, limits = neighbors.only(chosen), (largest[chosen], scale[chosen])
        firm[chosen] = _hold(tests, together, near, found, rotations[chosen], *limits)
    known = [site if kept else None for site, kept in zip(sites, firm.tolist(), strict=True)]
    if tests is not None:
        held = dict(hold_nearly(tests[0], gradients, mixed, neighbors, sites, values, scale))
        known = [
            site._replace(beside=held[place]) if site and place in held else other
            for place, (site, other) in enumerate(zip(sites, known, strict=True))
        ]
    for turning in set(rotations.tolist()):
        chosen = np.flatnonzero(rotations == turning)
        ordered = np.sort(values[chosen, turning:], axis=1)[:, ::-1]
        rank = (ordered > Tolerance.RANK * scale[chosen, None]).sum(axis=1)
        yield Spectra(chosen, ordered, rank, turning, [known[place] for place in chosen.tolist()])


def _hold(
    tests: Tests,
    found: Smallest,
    neighbors: Neighbors,
    sites: list[Site | None],
    rotations: Indices,
    largest: Array,
    scale: Array,
) -> Mask:
    """Tell which environments have no more zeros within reach than those that their site hides."""
    margins, searches = tests
    exact = (-1 if site is None or site.nearly is not None else site.hidden for site in sites)
    hidden = np.fromiter(exact, dtype=np.intp)
    firm = margins.hold(found, neighbors, hidden, largest, scale)
    left = np.flatnonzero(~firm & (hidden >= 0))
    if searches is not None and len(left):
        firm[left] = searches.find_nothing(
            found.only(left), neighbors.only(left), hidden[left], rotations[left], scale[left]
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


def _find_small(
    gradients: LikeGradients,
    mixed: Array,
    vectors: Array,
    values: Array,
    rotations: Indices,
    wanted: float,
) -> Iterator[Smallest]:
    """Yield the smallest internal singular values where one is below a fraction of the largest."""
    smallest, largest = values[np.arange(len(values)), rotations], values[:, -1]
    inexact, tiny = smallest < _SUFFICIENT * largest, smallest < _TINY * largest
    few, many = (
        np.count_nonzero(values < fraction * largest[:, None], axis=1)
        for fraction in (wanted, max(_TOGETHER, wanted))
    )
    small = np.where(tiny, many, few)
    kinds = 4 * (inexact + 1 * tiny) + rotations
    places = np.flatnonzero(smallest < wanted * largest)
    for kind in np.unique(kinds[places]).tolist():
        chosen = places[kinds[places] == kind]
        turns = rotations_of(vectors[chosen], kind % 4)
        most = int(small[chosen].max()) - kind % 4
        found = _decompose_small(gradients, mixed, chosen, largest[chosen], turns, most)
        yield found.refined() if inexact[chosen[0]] else found


def _decompose_small(
    gradients: LikeGradients,
    mixed: Array,
    chosen: Indices,
    largest: Array,
    turns: Array,
    most: int,
) -> Smallest:
    """Return the smallest singular values of chosen environments, without rotations.

    Rotations, (n, 3k, 2 or 3), are given twice the ``largest`` singular value, (n,).
    """
    frames = gradients.frames[chosen]
    raised = along_frames(turns, frames) * 2 * largest[:, None, None]
    squares, modes = np.linalg.eigh(mixed[chosen] + raised @ raised.swapaxes(1, 2))
    kept = in_space(modes[:, :, :most], frames)
    kept -= turns @ (turns.swapaxes(1, 2) @ kept)
    return Smallest(gradients, chosen, np.sqrt(np.maximum(squares[:, :most], 0.0)), kept)
