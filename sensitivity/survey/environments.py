"""Environments of the atoms of many frames, and those of one frame that are equal by symmetry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices, Mask
from sensitivity.structures import Pairs, check, neighbor_pairs
from sensitivity.structures.neighbors import molecules_pairs
from sensitivity.structures.validation import NEAREST
from sensitivity.tolerances import Tolerance


@dataclass(frozen=True)
class Environment:
    """A center, at the origin, and its neighbours, in the order of ``structures.environment``."""

    frame: int
    center: int
    numbers: Indices  # (k + 1,), atomic numbers, the center first
    places: Array  # (k + 1, 3), Å

    @property
    def atoms(self) -> Atoms:
        """The environment as a molecule, in which every neighbour moves on its own."""
        return Atoms(numbers=self.numbers, positions=self.places)


@dataclass(frozen=True)
class Environments:
    """Environments of many frames, e in all, with p pairs of a center and a neighbour."""

    frames: Indices  # (e,), number of the frame
    centers: Indices  # (e,)
    species: Indices  # (e,), atomic numbers of the centers
    edges: Indices  # (e + 1,), first pair of each environment
    numbers: Indices  # (p,), atomic numbers of the neighbours
    vectors: Array  # (p, 3), Å

    @classmethod
    def of(cls, frames: Sequence[tuple[int, Atoms, Pairs]]) -> Environments:
        """Collect the environments of numbered frames, in order."""
        sizes = np.array([len(atoms) for _, atoms, _ in frames], dtype=np.intp)
        offsets = np.cumsum(sizes) - sizes
        named = [np.empty(0, dtype=np.intp), *(atoms.numbers for _, atoms, _ in frames)]
        species = np.concatenate(named).astype(np.intp)
        every = np.arange(len(species))
        shift = np.repeat(offsets, [len(pairs.i) for *_, pairs in frames])
        empty = np.empty(0, dtype=np.intp)
        i = np.concatenate([empty, *(pairs.i for *_, pairs in frames)]) + shift
        j = np.concatenate([empty, *(pairs.j for *_, pairs in frames)]) + shift
        vectors = np.concatenate([np.empty((0, 3)), *(pairs.vectors for *_, pairs in frames)])
        order = np.lexsort((j, i))
        counts = np.bincount(i, minlength=len(species))
        return cls(
            frames=np.repeat(np.array([number for number, *_ in frames], dtype=np.intp), sizes),
            centers=every - np.repeat(offsets, sizes),
            species=species,
            edges=np.concatenate([[0], np.cumsum(counts)]),
            numbers=species[j[order]],
            vectors=vectors[order],
        )

    def __len__(self) -> int:
        return len(self.species)

    def __getitem__(self, place: int) -> Environment:
        near = slice(self.edges[place], self.edges[place + 1])
        numbers = np.concatenate([self.species[place : place + 1], self.numbers[near]])
        places = np.concatenate([np.zeros((1, 3)), self.vectors[near]])
        return Environment(int(self.frames[place]), int(self.centers[place]), numbers, places)

    @property
    def neighbors(self) -> Indices:
        """Number of neighbours of each environment, (e,)."""
        return np.diff(self.edges)

    @property
    def owners(self) -> Indices:
        """Environment of each pair, (p,)."""
        return np.repeat(np.arange(len(self)), self.neighbors)

    def gaps(self, cutoff: float) -> Array:
        """Return Å from the farthest neighbour to the cutoff, (e,); NaN without neighbours."""
        farthest = np.full(len(self), -np.inf)
        np.maximum.at(farthest, self.owners, np.linalg.norm(self.vectors, axis=1))
        return np.where(np.isfinite(farthest), cutoff - farthest, np.nan)

    def only(self, kept: Mask) -> Environments:
        """Return some environments, of all (e,)."""
        pairs, counts = np.repeat(kept, self.neighbors), self.neighbors[kept]
        edges = np.concatenate([[0], np.cumsum(counts)])
        centers = self.frames[kept], self.centers[kept], self.species[kept]
        return Environments(*centers, edges, self.numbers[pairs], self.vectors[pairs])


def find_pairs(frames: Sequence[Atoms], *, cutoff: float) -> list[Pairs | Exception]:
    """Return the neighbours in each frame, or why ``structures.check`` refuses it."""
    together = molecules_pairs(frames, cutoff)
    return [
        _find_pairs(atoms, cutoff) if pairs is None else pairs
        for atoms, pairs in zip(frames, together, strict=True)
    ]


def _find_pairs(atoms: Atoms, cutoff: float) -> Pairs | Exception:
    try:
        if not np.isfinite(atoms.positions).all():
            check(atoms)
        pairs = neighbor_pairs(atoms, cutoff)
        if (np.einsum("px,px->p", pairs.vectors, pairs.vectors) < NEAREST**2).any():
            check(atoms)
    except Exception as error:
        return error
    return pairs


def find_equivalents(environments: Environments, *, inversion: bool) -> Indices:
    """Return for each environment the place of the first equal one of its frame, (e,).

    Equal are environments that a rotation about the center maps onto each other to 1e-12 Å, with
    ``inversion`` also an improper one. All singular values and causes are then the same.
    """
    first = np.arange(len(environments))
    for places in _similar(environments):
        known: list[tuple[int, Environment]] = []
        for place in places:
            environment = environments[place]
            same = (k for k, each in known if _are_equal(each, environment, inversion=inversion))
            first[place] = next(same, place)
            if first[place] == place:
                known.append((place, environment))
    return first


def _similar(environments: Environments) -> Iterator[list[int]]:
    """Yield sets of environments of one frame with invariants that equal ones have in common.

    Rounding can separate equal environments, which are then computed twice.
    """
    vectors, count = environments.vectors, len(environments)
    weights = environments.numbers * np.einsum("px,px->p", vectors, vectors)
    weighted = np.round(np.bincount(environments.owners, weights, minlength=count), 8)
    keys = weighted, environments.neighbors, environments.species, environments.frames
    order = np.lexsort(keys)
    new = np.ones(count, dtype=bool)
    new[1:] = np.any([key[order[1:]] != key[order[:-1]] for key in keys], axis=0)
    edges = np.append(np.flatnonzero(new), count)
    for start in np.flatnonzero(np.diff(edges) > 1).tolist():
        yield order[edges[start] : edges[start + 1]].tolist()


def _are_equal(one: Environment, other: Environment, *, inversion: bool) -> bool:
    matrices = _candidates(one, other, signs=(1.0, -1.0)[: 1 + inversion])
    return any(_maps_onto(one, other, matrix) for matrix in matrices)


def _maps_onto(one: Environment, other: Environment, matrix: Array) -> bool:
    gaps = np.linalg.norm((one.places @ matrix.T)[:, None] - other.places, axis=2)
    gaps[one.numbers[:, None] != other.numbers] = np.inf
    images = gaps.argmin(axis=1)
    exact = gaps.min(axis=1).max() <= Tolerance.EXACT
    return bool(exact) and len(set(images.tolist())) == len(images)


def _candidates(
    one: Environment, other: Environment, *, signs: tuple[float, ...]
) -> Iterator[Array]:
    """Yield orthogonal matrices that map two neighbours onto like ones at equal distances."""
    lengths, others = (np.linalg.norm(each.places, axis=1) for each in (one, other))
    alike = np.abs(lengths[:, None] - others) < Tolerance.ROUNDING
    alike &= one.numbers[:, None] == other.numbers
    first, second = _choose_pair(one.places, lengths, alike.sum(axis=1))
    start = _axes(one.places[first], one.places[second], sign=1.0)
    product = one.places[first] @ one.places[second]
    for a in np.flatnonzero(alike[first]).tolist():
        matches = np.abs(other.places @ other.places[a] - product) < Tolerance.ROUNDING
        for b in np.flatnonzero(alike[second] & matches).tolist():
            for sign in signs:
                yield _axes(other.places[a], other.places[b], sign=sign).T @ start


def _choose_pair(places: Array, lengths: Array, images: Indices) -> tuple[int, int]:
    """Return two neighbours with few images and a large angle; the second is 0 on a line."""
    if len(places) == 1:
        return 0, 0
    first = 1 + int(np.argmin(images[1:]))
    across = np.linalg.norm(np.cross(places, places[first]), axis=1)
    sines = across / np.maximum(lengths * lengths[first], 1.0 * (lengths == 0))
    if sines.max() < Tolerance.PARALLEL:
        return first, 0
    wide = sines >= 0.5 * sines.max()
    return first, int(np.argmin(np.where(wide, images, len(places) + 1)))


def _axes(a: Array, b: Array, *, sign: float) -> Array:
    """Return rows: the unit vector of a, that of b across it, and their product times a sign."""
    x = a / np.linalg.norm(a) if a.any() else np.array([1.0, 0.0, 0.0])
    across = b - (b @ x) * x
    if np.linalg.norm(across) <= Tolerance.PARALLEL * np.linalg.norm(b):
        across = np.eye(3)[np.argmin(np.abs(x))]
        across = across - (across @ x) * x
    y = across / np.linalg.norm(across)
    return np.array([x, y, sign * np.cross(x, y)])
