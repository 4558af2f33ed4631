"""Neighbours of the centers, sorted so that like centers can be handled together.

Centers are alike if their neighbours have the same species and numbers of images. In a molecule
smaller than the cutoff, and in a perfect crystal, those are all centers, and everything that
follows is a handful of products of stacked matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.structures import Pairs, neighbor_pairs

Indices = NDArray[np.intp]

# A molecule is handled with all its atoms as neighbours of all centers, those beyond the cutoff
# included, where their density is zero, if at least this fraction are true neighbours: one stack
# of equal matrices is then faster than many of different sizes.
WORTHWHILE = 0.4


@dataclass(frozen=True)
class Neighbors:
    """Neighbours of one species.

    Attributes
    ----------
    pairs
        Which of the p pairs of a center lead to this species.
    columns
        Which of the k atoms of a center are of this species.
    starts
        Shape (atoms of this species,): where the images of each begin, counted within ``pairs``.
    """

    pairs: slice
    columns: slice
    starts: Indices

    def images(self) -> NDArray[np.float64] | None:
        """Matrix (3 pairs, 3 atoms of this species) that adds the images of each atom.

        None if no atom is seen more than once.
        """
        size = self.pairs.stop - self.pairs.start
        if len(self.starts) == size:
            return None
        atom = np.searchsorted(self.starts, np.arange(size), side="right") - 1
        return np.kron(atom[:, None] == np.arange(len(self.starts)), np.eye(3))


@dataclass(frozen=True)
class Neighborhoods:
    """Centers that are alike.

    Attributes
    ----------
    centers
        Shape (centers,).
    numbers
        Shape (centers,): atomic numbers of the centers.
    atoms
        Shape (centers, k): atoms seen, the center included, those of one species together.
    own
        Shape (centers,): which of its k atoms is the center.
    vectors
        Shape (centers, p, 3), Å: from the center to each neighbour and periodic image.
    itself
        Shape (centers, p): marks the one pair of a center with itself at no distance, which holds
        a place but is no neighbour; its vector means nothing.
    species
        For each atomic number, in the order of the columns, the neighbours of it.
    """

    centers: Indices
    numbers: Indices
    atoms: Indices
    own: Indices
    vectors: NDArray[np.float64]
    itself: NDArray[np.bool_]
    species: dict[int, Neighbors]

    def __getitem__(self, part: slice) -> Neighborhoods:
        """Return some of the centers."""
        return Neighborhoods(
            centers=self.centers[part],
            numbers=self.numbers[part],
            atoms=self.atoms[part],
            own=self.own[part],
            vectors=self.vectors[part],
            itself=self.itself[part],
            species=self.species,
        )


@dataclass(frozen=True)
class _Pairs:
    """Pairs sorted by center, species and neighbour; ``slots`` is where a new neighbour begins."""

    i: Indices
    j: Indices
    vectors: NDArray[np.float64]
    itself: NDArray[np.bool_]
    slots: Indices


def neighborhoods(
    atoms: Atoms, *, cutoff: float, centers: tuple[int, ...]
) -> tuple[Neighborhoods, ...]:
    """Sort the neighbours of all centers into sets of like centers.

    Every neighbour within the cutoff is there; in a molecule those beyond may be, too.
    """
    found = neighbor_pairs(atoms, cutoff)
    if len(centers) < len(atoms):
        wanted = np.isin(found.i, centers)
        found = Pairs(found.i[wanted], found.j[wanted], found.vectors[wanted])
    every = len(centers) * (len(atoms) - 1)
    if not atoms.pbc.any() and len(found.i) >= WORTHWHILE * every:
        return (_everyone(atoms, cutoff=cutoff, centers=np.array(centers)),)
    pairs = _sorted_pairs(found, atoms, cutoff=cutoff, centers=centers)
    return tuple(_neighborhoods(spans, pairs, atoms) for spans in _alike(pairs, atoms))


def _everyone(atoms: Atoms, *, cutoff: float, centers: Indices) -> Neighborhoods:
    """All atoms of a molecule around each of the centers."""
    order = np.argsort(_column_order(atoms), kind="stable")
    itself = order == centers[:, None]  # [center, k]
    vectors = atoms.positions[order] - atoms.positions[centers][:, None]
    vectors[itself] = (0.0, 0.0, cutoff)
    return Neighborhoods(
        centers=centers,
        numbers=atoms.numbers[centers],
        atoms=np.tile(order, (len(centers), 1)),
        own=np.argmax(itself, axis=1),
        vectors=vectors,
        itself=itself,
        species=_by_species(atoms.numbers[order], np.arange(len(order) + 1)),
    )


def _sorted_pairs(found: Pairs, atoms: Atoms, *, cutoff: float, centers: tuple[int, ...]) -> _Pairs:
    itself = np.arange(len(found.i) + len(centers)) >= len(found.i)
    i, j = np.concatenate([found.i, centers]), np.concatenate([found.j, centers])
    vectors = np.concatenate([found.vectors, np.tile([0.0, 0.0, cutoff], (len(centers), 1))])
    order = np.lexsort((j, _image_counts(i, j, atoms), _column_order(atoms)[j], i))
    i, j = i[order], j[order]
    new = np.flatnonzero((np.diff(i) != 0) | (np.diff(j) != 0)) + 1
    slots = np.concatenate([[0], new, [len(i)]])
    return _Pairs(i, j, vectors[order], itself[order], slots)


def _image_counts(i: Indices, j: Indices, atoms: Atoms) -> Indices:
    """For each pair, how many images of j the center i sees; sorting by it makes centers alike."""
    if not atoms.pbc.any():
        return np.ones(len(i), dtype=np.intp)
    _, inverse, counts = np.unique(i * len(atoms) + j, return_inverse=True, return_counts=True)
    images: Indices = counts[inverse]
    return images


def _column_order(atoms: Atoms) -> Indices:
    """For each atom the place of its species, in the order in which species first appear.

    With it, atoms that are sorted by species in the structure keep their order.
    """
    place: dict[int, int] = {}
    return np.array([place.setdefault(number, len(place)) for number in atoms.numbers.tolist()])


def _alike(pairs: _Pairs, atoms: Atoms) -> list[Indices]:
    """Sets of like centers: arrays of shape (centers, 2), each row the slots of one center."""
    images = np.diff(pairs.slots)
    center = pairs.i[pairs.slots[:-1]]
    species = atoms.numbers[pairs.j[pairs.slots[:-1]]]
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(center)) + 1, [len(center)]])
    alike: dict[bytes, list[tuple[int, int]]] = {}
    for first, last in pairwise(bounds.tolist()):
        signature = images[first:last].tobytes() + species[first:last].tobytes()
        alike.setdefault(signature, []).append((first, last))
    return [np.array(spans) for spans in alike.values()]


def _neighborhoods(spans: Indices, pairs: _Pairs, atoms: Atoms) -> Neighborhoods:
    first, last = spans[0]
    begin = pairs.slots[spans[:, :1]]  # [center, 1]
    chosen = begin + np.arange(pairs.slots[last] - pairs.slots[first])  # [center, p]
    starts = pairs.slots[first : last + 1] - pairs.slots[first]
    seen = pairs.j[chosen[:, starts[:-1]]]  # [center, k]
    centers = pairs.i[begin[:, 0]]
    return Neighborhoods(
        centers=centers,
        numbers=atoms.numbers[centers],
        atoms=seen,
        own=np.argmax(seen == centers[:, None], axis=1),
        vectors=pairs.vectors[chosen],
        itself=pairs.itself[chosen],
        species=_by_species(atoms.numbers[seen[0]], starts),
    )


def _by_species(numbers: Indices, starts: Indices) -> dict[int, Neighbors]:
    edges = np.concatenate([[0], np.flatnonzero(np.diff(numbers)) + 1, [len(numbers)]]).tolist()
    return {
        int(numbers[a]): Neighbors(
            pairs=slice(int(starts[a]), int(starts[b])),
            columns=slice(a, b),
            starts=starts[a:b] - starts[a],
        )
        for a, b in pairwise(edges)
    }
