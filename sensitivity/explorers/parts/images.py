"""Neighbours of the centers in other cells of a crystal, which are drawn with the atoms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices
from sensitivity.structures import neighbor_pairs


@dataclass(frozen=True, eq=False)
class Images:
    """Periodic images of atoms.

    Attributes
    ----------
    owners
        Shape (M,): indices of the atoms of which they are images.
    shifts
        Shape (M, 3), in Å: from the atom to its image.
    """

    owners: Indices
    shifts: Array

    def __len__(self) -> int:
        return len(self.owners)

    def extend(self, positions: Array) -> Array:
        """Shape (N + M, 3), in Å: the atoms, and their images behind them."""
        return np.concatenate([positions, positions[self.owners] + self.shifts])

    def join(self, atoms: Atoms) -> Atoms:
        """Return the atoms, and their images behind them, in the same cell."""
        numbers = np.concatenate([atoms.numbers, atoms.numbers[self.owners]])
        positions = self.extend(atoms.positions)
        return Atoms(numbers, positions, cell=atoms.cell, pbc=atoms.pbc)


def near_images(atoms: Atoms, centers: Iterable[int], *, cutoff: float, most: int = 100) -> Images:
    """Return the images that some center sees: the nearest whole shells of at most ``most`` atoms.

    More images hide each other and the atoms, and take longer to draw.
    """
    if not atoms.pbc.any():
        return Images(np.zeros(0, dtype=np.intp), np.zeros((0, 3)))
    pairs = neighbor_pairs(atoms, cutoff)
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    moved = pairs.vectors - atoms.positions[pairs.j] + atoms.positions[pairs.i]
    cells = np.rint(moved @ np.linalg.pinv(vectors)).astype(int)  # [pair, periodic direction]
    chosen = np.isin(pairs.i, list(centers)) & cells.any(axis=1)
    distances = np.linalg.norm(pairs.vectors[chosen], axis=1)
    order = np.argsort(distances, kind="stable")
    names = np.column_stack([pairs.j[chosen], cells[chosen]])[order]
    _, first = np.unique(names, axis=0, return_index=True)
    first.sort()  # each image once, at its smallest distance
    first = first[: _whole_shells(distances[order][first], most)]
    return Images(names[first, 0].astype(np.intp), names[first, 1:] @ vectors)


def _whole_shells(distances: Array, most: int) -> int:
    """Number of the ascending distances that are kept: whole shells of at most ``most`` atoms.

    Distances that differ by less than 0.1 Å belong to one shell, which is drawn or left out as a
    whole, so that a center does not look less symmetric than it is.
    """
    if len(distances) <= most:
        return len(distances)
    ends = np.flatnonzero(np.diff(distances) > 0.1) + 1
    return int(ends[ends <= most].max(initial=0))
