"""Periodic images of the atoms of a crystal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices, unique_rows
from sensitivity.structures.neighbors import neighbor_pairs


@dataclass(frozen=True, eq=False)
class Images:
    """M periodic images of atoms."""

    owners: Indices  # (M,): index of the original atom
    shifts: Array  # (M, 3), Å: from the atom to its image

    def __len__(self) -> int:
        return len(self.owners)

    def extend(self, positions: Array) -> Array:
        """Return positions in Å, shape (N + M, 3): the atoms, then their images."""
        return np.concatenate([positions, positions[self.owners] + self.shifts])

    def join(self, atoms: Atoms) -> Atoms:
        """Return the atoms followed by their images, in the same cell."""
        numbers = np.concatenate([atoms.numbers, atoms.numbers[self.owners]])
        positions = self.extend(atoms.positions)
        return Atoms(numbers, positions, cell=atoms.cell, pbc=atoms.pbc)


def repeated_images(atoms: Atoms, times: int) -> Images:
    """Return the images in a block of ``times`` cells along each periodic direction."""
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    cells = np.array(list(product(range(times), repeat=len(vectors))))[1:]  # [cell, direction]
    owners = np.tile(np.arange(len(atoms)), len(cells))
    return Images(owners, np.repeat(cells @ vectors, len(atoms), axis=0).reshape(-1, 3))


def near_images(atoms: Atoms, centers: Iterable[int], *, cutoff: float, most: int = 100) -> Images:
    """Return the images within the cutoff of a center: the nearest shells, up to ``most`` images.

    More images would hide each other and the atoms, and take longer to draw.
    """
    chosen = list(centers)
    if not atoms.pbc.any() or not chosen:
        return Images(np.zeros(0, dtype=np.intp), np.zeros((0, 3)))
    pairs = neighbor_pairs(atoms, cutoff)
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    moved = pairs.vectors - atoms.positions[pairs.j] + atoms.positions[pairs.i]
    cells = np.rint(moved @ np.linalg.pinv(vectors)).astype(int)  # [pair, periodic direction]
    near = np.isin(pairs.i, chosen) & cells.any(axis=1)
    distances = np.linalg.norm(pairs.vectors[near], axis=1)
    order = np.argsort(distances, kind="stable")
    names = np.column_stack([pairs.j[near], cells[near]])[order]
    first = np.sort(unique_rows(names)[0])  # each image once, at its smallest distance
    if len(first) > most:
        # Distances that differ by less than 0.1 Å belong to one shell. A shell is drawn as a whole
        # or not at all, so that a center does not look less symmetric than it is.
        ends = np.flatnonzero(np.diff(distances[order][first]) > 0.1) + 1
        first = first[: ends[ends <= most].max(initial=0)]
    return Images(names[first, 0].astype(np.intp), names[first, 1:] @ vectors)
