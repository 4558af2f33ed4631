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
    vectors = _shortest_translations(atoms)
    out: Atoms = atoms.copy()
    if _count(atoms, vectors) > 1:
        out = out[_first_copies(atoms, vectors)]
        out.cell[atoms.pbc] = vectors
    return out


def count_cells(atoms: Atoms) -> int:
    """Return the number of primitive cells in the cell of a periodic structure."""
    return _count(atoms, _shortest_translations(atoms))


def _count(atoms: Atoms, vectors: Array) -> int:
    return round(float(np.abs(np.linalg.det(_multiples(atoms, vectors)))))


def _multiples(atoms: Atoms, vectors: Array) -> Array:
    """Return the periodic cell vectors as integer multiples of lattice vectors."""
    return np.asarray(np.rint(atoms.cell.array[atoms.pbc] @ np.linalg.pinv(vectors)))


def _shortest_translations(atoms: Atoms) -> Array:
    """Return the shortest independent translations, (periodic directions, 3), right-handed.

    Translations of displaced atoms within a distance are no lattice if some of their sums exceed
    it: vectors of a lattice must be translations themselves, else a smaller distance is tried.
    """
    for within in (Tolerance.COORDINATES, Tolerance.ONE_PLACE, Tolerance.EXACT_SYMMETRY):
        vectors = _shortest_within(atoms, within)
        shifts = _periodic_cell(atoms).scaled_positions(vectors)
        if all(translated(atoms, shift, within=3 * within) is not None for shift in shifts):
            return vectors
    return np.asarray(atoms.cell.array[atoms.pbc])


def _shortest_within(atoms: Atoms, within: float) -> Array:
    """Return the shortest independent translations within a distance, Å, as exact fractions.

    In up to three dimensions vectors that attain the successive minima of a lattice are a basis of
    it. In a reduced cell their coefficients are small.
    """
    from ase.geometry import minkowski_reduce

    reduced, changes = minkowski_reduce(atoms.cell.array, atoms.pbc)
    periodic, shifts = reduced[atoms.pbc], _likely_shifts(atoms)
    inner = np.linalg.solve(changes.T.astype(float), shifts.T).T[:, atoms.pbc]
    whole = np.array(list(product((-2, -1, 0, 1, 2), repeat=len(periodic))))
    vectors = (((inner - np.rint(inner))[:, None] + whole) @ periodic).reshape(-1, 3)
    places = np.repeat(np.arange(len(shifts)), len(whole))
    lengths = np.linalg.norm(vectors, axis=1)
    chosen = np.empty((0, 3))
    for number in np.argsort(np.round(lengths, 6), kind="stable"):
        vector, shift = vectors[number], shifts[places[number]]
        rest = vector - vector @ np.linalg.pinv(chosen) @ chosen if len(chosen) else vector
        independent = np.linalg.norm(rest) > Tolerance.PARALLEL * np.linalg.norm(periodic)
        if independent and translated(atoms, shift, within=within) is not None:
            chosen = np.append(chosen, [vector], axis=0)
        if len(chosen) == len(periodic):
            break
    exact = np.linalg.solve(_multiples(atoms, chosen), atoms.cell.array[atoms.pbc])
    turned = np.linalg.det(exact @ np.linalg.pinv(periodic)) < 0
    return -exact if turned and len(exact) % 2 else np.asarray(exact)


def _likely_shifts(atoms: Atoms) -> Array:
    """Return shifts that map several atoms onto like ones, (shifts, 3), zero first.

    A shift maps an atom onto a like one, so those of the rarest species suffice. Of a crystal with
    thousands of displaced atoms, a few atoms exclude all others.
    """
    from scipy.spatial import KDTree

    numbers, counts = np.unique(atoms.numbers, return_counts=True)
    like = np.flatnonzero(atoms.numbers == numbers[counts.argmin()])
    cell, few = _periodic_cell(atoms), 8
    places = cell.scaled_positions(atoms.positions)
    tree = KDTree(_wrap(places, atoms), boxsize=atoms.pbc.astype(float))
    shifts = places[like] - places[like[0]]
    shifts = np.where(atoms.pbc, shifts - np.rint(shifts), 0.0)
    lengths = np.linalg.norm(cell.array, axis=1)
    for place in places[np.linspace(0, len(atoms) - 1, min(few, len(atoms))).astype(int)]:
        gaps, _ = tree.query(_wrap(place + shifts, atoms))
        shifts = shifts[gaps * lengths.min() <= 2 * Tolerance.COORDINATES]
    return np.asarray(shifts)


def _first_copies(atoms: Atoms, vectors: Array) -> Indices:
    """Return the first of all atoms that lattice vectors map onto each other, ascending."""
    from scipy.spatial import KDTree

    small = atoms.copy()
    small.cell[atoms.pbc] = vectors
    cell = _periodic_cell(small)
    places = _wrap(cell.scaled_positions(atoms.positions), atoms)
    tree = KDTree(np.column_stack([places, atoms.numbers]), boxsize=[*atoms.pbc.astype(float), 0.0])
    near = 1e-3  # fraction of a cell vector: above rounding, far below the distance of two atoms
    first, left = list[int](), np.ones(len(atoms), dtype=bool)
    while left.any():
        first.append(int(left.argmax()))
        left[tree.query_ball_point(tree.data[first[-1]], near)] = False
    return np.array(first)


def _periodic_cell(atoms: Atoms) -> Cell:
    """Return the cell with unit vectors along directions that are not periodic."""
    cell: Cell = Cell(np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)).complete()
    return cell


def _wrap(places: Array, atoms: Atoms) -> Array:
    wrapped = np.where(atoms.pbc, places - np.floor(places), places)
    return np.where(atoms.pbc & (wrapped >= 1.0), 0.0, wrapped)  # -1e-17 + 1
