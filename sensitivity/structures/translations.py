"""Translations that map a crystal onto itself, and its primitive cell."""

from __future__ import annotations

from itertools import product

import numpy as np
from ase import Atoms
from ase.cell import Cell

from sensitivity.numerics import Array, Indices
from sensitivity.structures.validation import check_geometry
from sensitivity.tolerances import Tolerance


def translated(
    atoms: Atoms, shift: Array, *, within: float = Tolerance.ONE_PLACE
) -> Indices | None:
    """Return the atom onto which a translation maps each atom, shape (N,); None if it maps none.

    ``shift`` is in fractions of the cell vectors. Every atom must arrive within a distance, Å, of a
    like atom or its periodic image.
    """
    from scipy.spatial import KDTree

    cell = _periodic_cell(atoms)
    places = cell.scaled_positions(atoms.positions)
    wrapped, moved = (_wrap(each, atoms) for each in (places, places + shift))
    box = [*atoms.pbc.astype(float), 0.0]  # of the atomic numbers, as of an open direction: none
    tree = KDTree(np.column_stack([wrapped, atoms.numbers]), boxsize=box)
    step = tree.query(np.column_stack([moved, atoms.numbers]))[1]
    gaps = moved - wrapped[step]
    gaps[:, atoms.pbc] -= np.rint(gaps[:, atoms.pbc])
    like = np.array_equal(atoms.numbers[step], atoms.numbers)
    if not like or np.abs(gaps @ cell.array).max() > within or len(np.unique(step)) < len(step):
        return None
    return np.asarray(step, dtype=np.intp)


def primitive_cell(atoms: Atoms) -> Atoms:
    """Return the crystal with its smallest cell; a copy if the given cell is the smallest.

    The new cell vectors are shortest translations that map the crystal onto itself, to 1e-5 Å. Of
    atoms that these map onto each other, the first is kept, in its place. The orientation stays
    the same.

    Parameters
    ----------
    atoms
        A structure that is periodic in at least one direction.

    Raises
    ------
    TypeError, ValueError
        If the structure is unusable or not periodic.

    Examples
    --------
    >>> from sensitivity import structures
    >>> silicon = structures.load("Si-diamond")
    >>> len(silicon), len(structures.primitive_cell(silicon))
    (8, 2)
    """
    check_geometry(atoms)
    if not atoms.pbc.any():
        raise ValueError(
            "a primitive cell needs a structure that is periodic in at least one direction, got a "
            "molecule; set its cell and pbc."
        )
    shifts, steps = _translations(atoms)
    out = atoms[np.flatnonzero(steps.min(axis=0) == np.arange(len(atoms)))]
    if len(shifts) > 1:
        out.cell[atoms.pbc] = _shortest(atoms, shifts)
    return out


def count_cells(atoms: Atoms) -> int:
    """Return the number of primitive cells in the cell of a periodic structure."""
    return len(_translations(atoms)[0])


def _translations(atoms: Atoms) -> tuple[Array, Indices]:
    """Return shifts of the crystal onto itself, (cells, 3), zero first, and their ``translated``.

    A shift maps an atom onto a like one, so those of the rarest species suffice. All of them form
    a group, so its order times each is a vector of integers, which removes rounding.
    """
    numbers, counts = np.unique(atoms.numbers, return_counts=True)
    like = np.flatnonzero(atoms.numbers == numbers[counts.argmin()])
    places = _periodic_cell(atoms).scaled_positions(atoms.positions[like])
    shifts, steps = list[Array](), list[Indices]()
    for gap in places - places[0]:
        shift = np.where(atoms.pbc, gap - np.rint(gap), 0.0)
        step = translated(atoms, shift, within=Tolerance.COORDINATES)
        if step is not None:
            shifts.append(shift)
            steps.append(step)
    return np.rint(len(shifts) * np.array(shifts)) / len(shifts), np.array(steps)


def _shortest(atoms: Atoms, shifts: Array) -> Array:
    """Return the shortest independent lattice vectors, (periodic directions, 3), right-handed.

    In up to three dimensions vectors that attain the successive minima of a lattice are a basis of
    it. In a reduced cell their coefficients are small.
    """
    from ase.geometry import minkowski_reduce

    reduced, changes = minkowski_reduce(atoms.cell.array, atoms.pbc)
    periodic = reduced[atoms.pbc]  # [direction, xyz]
    inner = np.linalg.solve(changes.T.astype(float), shifts.T).T[:, atoms.pbc]
    whole = np.array(list(product((-2, -1, 0, 1, 2), repeat=len(periodic))))
    vectors = (((inner - np.rint(inner))[:, None] + whole) @ periodic).reshape(-1, 3)
    chosen = np.empty((0, 3))
    for vector in vectors[np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")]:
        rest = vector - vector @ np.linalg.pinv(chosen) @ chosen if len(chosen) else vector
        if np.linalg.norm(rest) > Tolerance.PARALLEL * np.linalg.norm(periodic):
            chosen = np.append(chosen, [vector], axis=0)
        if len(chosen) == len(periodic):
            break
    turned = np.linalg.det(chosen @ np.linalg.pinv(periodic)) < 0
    return -chosen if turned and len(chosen) % 2 else chosen


def _periodic_cell(atoms: Atoms) -> Cell:
    """Return the cell with unit vectors along directions that are not periodic."""
    cell: Cell = Cell(np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)).complete()
    return cell


def _wrap(places: Array, atoms: Atoms) -> Array:
    wrapped = np.where(atoms.pbc, places - np.floor(places), places)
    return np.where(atoms.pbc & (wrapped >= 1.0), 0.0, wrapped)  # -1e-17 + 1
