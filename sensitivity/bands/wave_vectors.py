"""Wave vectors along a path of special points, or as given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.cell import Cell
from ase.dft.kpoints import BandPath, parse_path_string
from numpy.typing import ArrayLike

from sensitivity.numerics import Array, check_integer
from sensitivity.structures import check
from sensitivity.structures.translations import primitive_cell
from sensitivity.tolerances import Tolerance


class WaveVectors(NamedTuple):
    """Wave vectors of a crystal, in fractions of the reciprocal vectors of its cell."""

    atoms: Atoms
    q: Array  # (q, 3)
    distance: Array  # (q,), 1/Å, along the path
    labels: tuple[str, ...]  # of special points; empty at others


def check_crystal(atoms: Atoms) -> None:
    """Raise TypeError or ValueError if a structure is unusable, or a molecule."""
    check(atoms)
    if not atoms.pbc.any():
        raise ValueError(
            "bands need a crystal, and this structure is periodic in no direction; use spectrum "
            "for a molecule, or set its cell and pbc."
        )


def choose_wave_vectors(
    crystal: Atoms, path: str | BandPath | ArrayLike | None, *, points: int
) -> WaveVectors:
    """Return the wave vectors of ``bands``, and the crystal with the cell that they refer to."""
    if path is None or isinstance(path, str):
        primitive = primitive_cell(crystal)
        return _along(primitive, _special_path(primitive, path, points), Cell(primitive.cell))
    if isinstance(path, BandPath):
        return _along(crystal.copy(), path, path.cell)
    return _given(crystal.copy(), path)


def _special_path(atoms: Atoms, path: str | None, points: int) -> BandPath:
    expected, remedy = "a positive integer", "give e.g. 100"
    check_integer(points, "points", expected, accepts=lambda n: n > 0, remedy=remedy)
    usual: BandPath = atoms.cell.bandpath(npoints=points, pbc=atoms.pbc)
    if path is None:
        return usual
    known = usual.special_points
    parts = parse_path_string(path)
    if not all(parts) or any(name not in known for part in parts for name in part):
        raise ValueError(
            f"path must name special points of the crystal, {', '.join(sorted(known))}, got "
            f"{path!r}; give e.g. {usual.path!r}, or an array of wave vectors."
        )
    chosen: BandPath = atoms.cell.bandpath(path, npoints=points, pbc=atoms.pbc)
    return chosen


def _along(atoms: Atoms, path: BandPath, cell: Cell) -> WaveVectors:
    """Return the wave vectors of a path, which refers to a cell of the same lattice."""
    cell, own = (_periodic(each, atoms) for each in (cell, atoms.cell))
    whole = own.array @ np.linalg.pinv(cell.array)  # fractions of reciprocal vectors
    own_vectors = np.abs(np.rint(whole) @ cell.array - own.array).max()
    if own_vectors > Tolerance.COORDINATES * np.abs(own.array).max() or not len(path.kpts):
        raise ValueError(
            "path must be a BandPath with wave vectors, whose cell, or a multiple of it, is that "
            "of the crystal; make it with crystal.cell.bandpath(...)."
        )
    q = path.kpts @ np.rint(whole).T
    labels, jumps = _name_points(path)
    return WaveVectors(atoms, check_open(q, atoms), _distance(q, own, jumps), labels)


def _name_points(path: BandPath) -> tuple[tuple[str, ...], list[int]]:
    """Return the label of each wave vector, and the first ones after a jump."""
    labels, jumps, place = [""] * len(path.kpts), list[int](), 0
    for part in parse_path_string(path.path):
        for number, name in enumerate(part):
            gaps = np.abs(path.kpts[place:] - path.special_points[name]).max(axis=1, initial=0.0)
            found = np.flatnonzero(gaps < Tolerance.PARALLEL)
            if not len(found):
                break
            place += int(found[0])
            if number == 0 and place:
                jumps.append(place)
            labels[place] = name
            place += 1
    return tuple(labels), jumps


def _given(atoms: Atoms, path: ArrayLike) -> WaveVectors:
    q = _read(path)
    if q.ndim != 2 or q.shape[1:] != (3,) or not len(q) or not np.isfinite(q).all():
        raise ValueError(
            "path must be a string of special points such as 'GXWK', an ASE BandPath, or an array "
            f"of wave vectors of shape (q, 3), got {path!r}; give finite real fractions of "
            "the reciprocal cell vectors."
        )
    labels = ("",) * len(q)
    return WaveVectors(
        atoms, check_open(q, atoms), _distance(q, _periodic(atoms.cell, atoms), []), labels
    )


def check_wave_vector(q: ArrayLike, atoms: Atoms) -> Array:
    """Return one wave vector, shape (3,); a ValueError if it is none of the crystal."""
    found = _read(q)
    if found.shape != (3,) or not np.isfinite(found).all():
        raise ValueError(
            "q must be a wave vector of shape (3,), in fractions of the reciprocal cell vectors, "
            f"got {q!r}; give e.g. [0.5, 0, 0.5]."
        )
    check_open(found[None], atoms)
    return found


def _read(numbers: ArrayLike) -> Array:
    """Return real numbers as an array; an empty one if they are none."""
    try:
        found = np.array(numbers)
        return np.empty(0) if np.iscomplexobj(found) else found.astype(float)
    except (TypeError, ValueError):
        return np.empty(0)


def check_open(q: Array, atoms: Atoms) -> Array:
    """Return wave vectors; a ValueError if one is along an open direction, or too large."""
    most = 1e6  # fractions have errors of 1e-10
    if np.abs(q).max(initial=0.0) > most:
        raise ValueError(
            f"components of wave vectors must be at most {most:g}, since fractions of larger ones "
            f"are not exact, got {np.abs(q).max():g}; subtract whole numbers, which change nothing."
        )
    if np.abs(q[:, ~atoms.pbc]).max(initial=0.0) > Tolerance.EXACT:
        open_axes = ", ".join(np.array(list("abc"))[~atoms.pbc])
        raise ValueError(
            f"wave vectors must be along periodic directions, and the structure is not periodic "
            f"along {open_axes}; set these components to 0."
        )
    return q


def _periodic(cell: Cell, atoms: Atoms) -> Cell:
    """Return the cell without vectors along directions that are not periodic."""
    return Cell(np.where(atoms.pbc[:, None], cell, 0.0))


def _distance(q: Array, cell: Cell, jumps: Sequence[int]) -> Array:
    steps = 2 * np.pi * np.linalg.norm(np.diff(q, axis=0) @ np.linalg.pinv(cell.array).T, axis=1)
    steps[[jump - 1 for jump in jumps]] = 0.0
    return np.concatenate([[0.0], np.cumsum(steps)])
