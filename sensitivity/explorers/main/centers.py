"""Centers: the usual ones of a structure, and the text that names them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from sensitivity.structures.library import ENVIRONMENTS


def usual_centers(atoms: Atoms, *, name: str = "", most: int = 20) -> tuple[int, ...] | None:
    """Return the centers to begin with; None for all.

    Of methane and of the environments of the literature, by their names, it is the atom in the
    middle, which is the first. All atoms are centers of a structure with up to ``most`` of them;
    of a larger one it is the atom in the middle, because the work grows with their square.
    """
    if name in {*ENVIRONMENTS, "CH4"}:
        return (0,)
    if len(atoms) <= most:
        return None
    offsets = atoms.positions - atoms.positions.mean(axis=0)
    return (int(np.argmin(np.linalg.norm(offsets, axis=1))),)


def read_centers(text: str, atoms: Atoms) -> tuple[int, ...] | None:
    """Return the centers that a text names; None for all.

    It may name elements, in any case of letters, and numbers of atoms, single or in runs, also
    mixed, with or without commas and brackets: C; 0, 3; 0-4; C 5; [0, 3].

    Raises
    ------
    ValueError
        If it names none, or no such atom; the message says what it may be.
    """
    joined = re.sub(r"\s*[-–]\s*", "-", text)
    parts = re.sub(r"[\s,;()\[\]{}]+", " ", joined).split()
    if {part.lower() for part in parts} <= {"all"}:
        return None
    found = [index for part in parts for index in _atoms_named(part, atoms)]
    return tuple(dict.fromkeys(found))


def write_centers(centers: Iterable[int], count: int) -> str:
    """Return the text that names these centers, of so many atoms, with runs as 2-4."""
    chosen = sorted(centers)
    if len(chosen) == count:
        return "all"
    breaks = np.flatnonzero(np.diff(chosen) > 1) + 1
    runs = [run.tolist() for run in np.split(np.array(chosen), breaks)]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _atoms_named(part: str, atoms: Atoms) -> list[int]:
    last, remedy = len(atoms) - 1, _remedy(atoms)
    element = part.capitalize()
    if element in atomic_numbers:
        found = np.flatnonzero(atoms.numbers == atomic_numbers[element]).tolist()
        if not found:
            raise ValueError(f"the structure has no {element} to be a center; {remedy}")
        return found
    ends = part.split("-")
    if len(ends) > 2 or not all(end.isdecimal() for end in ends):
        raise ValueError(f"centers cannot be {part!r}; {remedy}")
    low, high = int(ends[0]), int(ends[-1])
    if not low <= high <= last:
        raise ValueError(f"there are no atoms {part}; {remedy}")
    return list(range(low, high + 1))


def _remedy(atoms: Atoms) -> str:
    last, elements = len(atoms) - 1, ", ".join(dict.fromkeys(atoms.symbols))
    if not last:
        return "there is only one atom; write all."
    return (
        f"write all, elements of the structure ({elements}), numbers from 0 to {last}, runs such "
        f"as 0-{last}, or several of these with commas."
    )
