"""Neighbours of the centers, sorted so that like centers are handled together.

Centers are alike if their neighbours have the same species and numbers of images. In a molecule
smaller than the cutoff, and in a perfect crystal, these are all centers of a species, and all
further steps are a few products of stacked matrices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.numerics import Array, Indices
from sensitivity.structures import Pairs, neighbor_pairs


@dataclass(frozen=True)
class SpeciesNeighbors:
    """Neighbours of one species.

    Atoms with more images come first, so that the second images are those of the first atoms, in
    the same order.
    """

    pairs: slice  # the pairs of a center, among p, that lead to this species
    columns: slice  # the atoms of a center, among k, of this species
    images: tuple[slice, ...]  # places, within ``pairs``, of the second images, the third, ...


@dataclass(frozen=True)
class Neighborhoods:
    """Centers that are alike.

    ``itself`` marks the one pair of a center with itself at distance zero, a placeholder that is
    not a neighbour; its vector has no meaning.
    """

    centers: Indices  # (centers,)
    numbers: Indices  # (centers,), atomic numbers of the centers
    atoms: Indices  # (centers, k), the atoms seen, including the center, sorted by species
    own: Indices  # (centers,), place of the center among its k atoms
    vectors: Array  # (centers, p, 3), Å, from the center to each neighbour and periodic image
    itself: NDArray[np.bool_]  # (centers, p)
    species: dict[int, SpeciesNeighbors]  # by atomic number, in the order of the columns

    def __getitem__(self, part: slice) -> Neighborhoods:
        names = "centers", "numbers", "atoms", "own", "vectors", "itself"
        return replace(self, **{name: getattr(self, name)[part] for name in names})

    def within(self, cutoff: float) -> dict[int, SpeciesNeighbors]:
        """Return the species with a neighbour of some center nearer than the cutoff."""
        near = np.einsum("cpx,cpx->cp", self.vectors, self.vectors) < cutoff**2
        near[self.itself] = False
        return {number: of for number, of in self.species.items() if near[:, of.pairs].any()}


@dataclass(frozen=True)
class _SortedPairs:
    """Pairs sorted by center, species and ``image``: 0 for the first image of an atom, 1, ..."""

    i: Indices
    j: Indices
    vectors: Array
    itself: NDArray[np.bool_]
    image: Indices


def neighborhoods(
    atoms: Atoms, *, cutoff: float, centers: tuple[int, ...]
) -> tuple[Neighborhoods, ...]:
    """Sort the neighbours of all centers into sets of like centers.

    Every neighbour within the cutoff is included; in a molecule, neighbours beyond it may be, too.
    """
    found = neighbor_pairs(atoms, cutoff)
    chosen = np.zeros(len(atoms), dtype=bool)
    chosen[list(centers)] = True
    wanted = chosen[found.i]
    # If at least 40 % are true neighbours, all atoms of a molecule are treated as neighbours of all
    # centers, with zero density beyond the cutoff: one stack of equal matrices is then faster than
    # many of different sizes.
    every = len(centers) * (len(atoms) - 1)
    if not atoms.pbc.any() and np.count_nonzero(wanted) >= 0.4 * every:
        return (_everyone(atoms, cutoff=cutoff, centers=np.array(centers)),)
    found = Pairs(found.i[wanted], found.j[wanted], found.vectors[wanted])
    itself = np.arange(len(found.i) + len(centers)) >= len(found.i)
    i, j = np.concatenate([found.i, centers]), np.concatenate([found.j, centers])
    vectors = np.concatenate([found.vectors, np.tile([0.0, 0.0, cutoff], (len(centers), 1))])
    image, count = _number_images(i, j, atoms)
    order = np.lexsort((j, -count, image, _column_order(atoms.numbers.tolist())[j], i))
    pairs = _SortedPairs(i[order], j[order], vectors[order], itself[order], image[order])
    return tuple(_neighborhoods(spans, pairs, atoms) for spans in _alike(pairs, atoms))


def stack(sets: Sequence[Neighborhoods]) -> Neighborhoods | None:
    """Return the same centers of displaced copies of a structure as one set; None if not alike."""
    first, *others = sets
    for other in others:
        same = other.species == first.species and np.array_equal(other.centers, first.centers)
        if not same or not np.array_equal(other.atoms, first.atoms):
            return None
    names = "centers", "numbers", "atoms", "own", "vectors", "itself"
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(each, name) for each in sets]) for name in names
    }
    return replace(first, **joined)


def without_center(vectors: Array, counts: dict[int, int]) -> Neighborhoods:
    """Return environments of different structures, without their centers.

    ``vectors``, shape (e, k, 3) in Å, lead to ``counts`` neighbours of each species in turn.
    """
    count, k, _ = vectors.shape
    places = np.broadcast_to(np.arange(k), (count, k))
    species = _by_species(np.repeat(list(counts), list(counts.values())), np.zeros(k, dtype=int))
    none = np.zeros((count, k), dtype=bool)
    centers = np.arange(count)
    return Neighborhoods(
        centers, np.zeros_like(centers), places, np.zeros_like(centers), vectors, none, species
    )


def _everyone(atoms: Atoms, *, cutoff: float, centers: Indices) -> Neighborhoods:
    order, species = _layout(tuple(atoms.numbers.tolist()))
    itself = order == centers[:, None]  # [center, k]
    vectors = atoms.positions[order] - atoms.positions[centers][:, None]
    vectors[itself] = (0.0, 0.0, cutoff)
    seen, own = np.broadcast_to(order, itself.shape), itself.argmax(axis=1)
    return Neighborhoods(centers, atoms.numbers[centers], seen, own, vectors, itself, species)


@lru_cache(maxsize=1024)
def _layout(numbers: tuple[int, ...]) -> tuple[Indices, dict[int, SpeciesNeighbors]]:
    order = np.argsort(_column_order(numbers), kind="stable")
    order.setflags(write=False)
    return order, _by_species(np.array(numbers)[order], np.zeros_like(order))


def _number_images(i: Indices, j: Indices, atoms: Atoms) -> tuple[Indices, Indices]:
    """Return for each pair the image of j that it leads to, and the number that center i sees."""
    if not atoms.pbc.any():
        return np.zeros_like(i), np.ones_like(i)
    code = i * len(atoms) + j
    order = np.argsort(code, kind="stable")
    _, start, slot, count = np.unique(
        code[order], return_index=True, return_inverse=True, return_counts=True
    )
    image = np.empty_like(i)
    image[order] = np.arange(len(i)) - start[slot]
    counts = np.empty_like(i)
    counts[order] = count[slot]
    return image, counts


def _column_order(numbers: Iterable[int]) -> Indices:
    """Return the order of atoms by species, as these first appear; sorted atoms stay in order."""
    place: dict[int, int] = {}
    return np.array([place.setdefault(number, len(place)) for number in numbers])


def _alike(pairs: _SortedPairs, atoms: Atoms) -> list[Indices]:
    """Return sets of like centers: for each an array (centers, p) of places among the pairs."""
    numbers = atoms.numbers[pairs.j]
    bounds = [0, *(np.flatnonzero(np.diff(pairs.i)) + 1).tolist(), len(pairs.i)]
    alike: dict[bytes, list[Indices]] = {}
    for first, last in pairwise(bounds):
        signature = pairs.image[first:last].tobytes() + numbers[first:last].tobytes()
        alike.setdefault(signature, []).append(np.arange(first, last))
    return [np.array(places) for places in alike.values()]


def _neighborhoods(chosen: Indices, pairs: _SortedPairs, atoms: Atoms) -> Neighborhoods:
    image = pairs.image[chosen[0]]
    centers = pairs.i[chosen[:, 0]]
    seen = pairs.j[chosen[:, image == 0]]
    own = np.argmax(seen == centers[:, None], axis=1)
    species = _by_species(atoms.numbers[pairs.j[chosen[0]]], image)
    around = pairs.vectors[chosen], pairs.itself[chosen], species
    return Neighborhoods(centers, atoms.numbers[centers], seen, own, *around)


def _by_species(numbers: Indices, image: Indices) -> dict[int, SpeciesNeighbors]:
    result, column = {}, 0
    edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    for first, last in pairwise(edges):
        ends = np.cumsum(np.bincount(image[first:last])).tolist()
        result[int(numbers[first])] = SpeciesNeighbors(
            pairs=slice(first, last),
            columns=slice(column, column + ends[0]),
            images=tuple(slice(start, stop) for start, stop in pairwise(ends)),
        )
        column += ends[0]
    return result
