"""The supercell in which a wave is shown."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from ase import Atoms

from sensitivity.bloch import Complex
from sensitivity.numerics import Array, Indices
from sensitivity.tolerances import Tolerance

MOST_CELLS = 24
"""Largest denominator of a wave vector that is shown: more cells in a row are too small to see."""

MOST_ATOMS = 128
"""Atoms of a supercell, unless the shortest possible one has more: others hide each other."""


@dataclass(frozen=True, eq=False)
class Supercell:
    """Cells of a crystal, and a wave that is periodic in them.

    ``q`` is the wave vector, which is the one asked for if ``exact``, else the nearest with a
    common denominator of at most ``MOST_CELLS``. ``cells`` are in numbers of cell vectors, (k, 3).
    ``atoms`` has the atoms of the first cell, then those of the next.
    """

    q: Array
    exact: bool
    cells: Indices
    atoms: Atoms

    def displace(self, vectors: Complex) -> Array:
        """Return the displacements of a wave u, (n, 3), shape (k n, 3); the largest is 1."""
        turns = np.exp(2j * np.pi * self.cells @ self.q)
        moves = np.real(turns[:, None, None] * vectors).reshape(-1, 3)
        return np.asarray(moves / np.linalg.norm(moves, axis=1).max())


def find_supercell(q: Array, atoms: Atoms) -> Supercell:
    """Return the supercell of a wave vector, (3,), of a crystal, as compact as possible."""
    numerators, count, exact = _nearest_fraction(q, atoms)
    periodic = np.flatnonzero(atoms.pbc)
    lattice = atoms.cell.array[periodic]
    vectors = _reduce(_closed(numerators[periodic], count), lattice)
    vectors = _fill(vectors, lattice, most=MOST_ATOMS // (count * len(atoms)))
    within = _cells_within(vectors)
    cells = np.zeros((len(within), 3), dtype=np.intp)
    cells[:, periodic] = within
    return Supercell(numerators / count, exact, cells, _repeat(atoms, cells, vectors @ lattice))


def _nearest_fraction(q: Array, atoms: Atoms) -> tuple[Indices, int, bool]:
    """Return numerators and the common denominator of the nearest wave vector that is shown.

    A wave that is not uniform is not replaced by a uniform one.
    """
    denominators = np.arange(1, MOST_CELLS + 1)[:, None]
    numerators = np.rint(q * denominators).astype(np.intp)
    lattice = np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)
    reciprocal = np.linalg.pinv(lattice).T
    gaps = np.linalg.norm((numerators / denominators - q) @ reciprocal, axis=1)
    exact = gaps <= Tolerance.PARALLEL * np.linalg.norm(reciprocal)
    if exact.any():
        best = int(np.argmax(exact))
    else:
        uniform = np.all(numerators % denominators == 0, axis=1)
        if uniform.all():
            away = q - np.rint(q)
            numerators[-1] += np.rint(away / np.abs(away).max()).astype(np.intp)
        best = -1 if uniform.all() else int(np.argmin(np.where(uniform, np.inf, gaps)))
    return numerators[best], int(denominators[best, 0]), bool(exact[best])


def _closed(numerators: Indices, count: int) -> Indices:
    """Return a basis of the R with q·R an integer, q = numerators / count, by Euclid's algorithm.

    Rows are q·R times ``count``, and R; a multiple of ``count`` may be added to the first.
    """
    axes = len(numerators)
    rows = np.column_stack([[*numerators, count], np.eye(axes + 1, axes)]).astype(np.intp)
    while np.count_nonzero(rows[:, 0]) > 1:
        left = np.flatnonzero(rows[:, 0])
        pivot = left[np.argmin(np.abs(rows[left, 0]))]
        others = left[left != pivot]
        rows[others] -= (rows[others, :1] // rows[pivot, 0]) * rows[pivot]
    return rows[rows[:, 0] == 0, 1:]


def _reduce(vectors: Indices, lattice: Array) -> Indices:
    """Return a basis of the same lattice with short vectors, none longer for a multiple of one."""
    vectors, changed = vectors.copy(), True
    while changed:
        changed = False
        for i, j in permutations(range(len(vectors)), 2):
            one, other = vectors[i] @ lattice, vectors[j] @ lattice
            share = float(one @ other / (other @ other))
            if abs(share) > 0.5 + Tolerance.PARALLEL:
                vectors[i] -= round(share) * vectors[j]
                changed = True
    return vectors


def _fill(vectors: Indices, lattice: Array, *, most: int) -> Indices:
    """Return multiples of vectors, the shortest first, with up to ``most`` times the cells."""
    lengths, times = np.linalg.norm(vectors @ lattice, axis=1), np.ones(len(vectors), np.intp)
    while True:
        more = times.copy()
        more[np.argmin(times * lengths)] += 1
        if more.prod() > most:
            return np.asarray(times[:, None] * vectors)
        times = more


def _cells_within(vectors: Indices) -> Indices:
    """Return the integer points of the parallelepiped of integer vectors, shape (cells, axes)."""
    corners = np.indices((2,) * len(vectors)).reshape(len(vectors), -1).T @ vectors
    low, high = corners.min(axis=0), corners.max(axis=0)
    points = np.indices(high - low + 1).reshape(len(low), -1).T + low
    parts = points @ np.linalg.inv(vectors) + Tolerance.PARALLEL
    return np.asarray(points[np.all((parts >= 0) & (parts < 1), axis=1)])


def _repeat(atoms: Atoms, cells: Indices, vectors: Array) -> Atoms:
    positions = atoms.positions + (cells @ atoms.cell.array)[:, None]
    cell = atoms.cell.array.copy()
    cell[atoms.pbc] = vectors
    numbers = np.tile(atoms.numbers, len(cells))
    return Atoms(numbers, positions.reshape(-1, 3), cell=cell, pbc=atoms.pbc)
