"""The benchmark structures."""

from __future__ import annotations

from collections.abc import Callable

from ase import Atoms
from ase.build import bulk, molecule

from sensitivity import structures

SILICON_LATTICE = 5.431  # Å, the experimental lattice constant


def silicon(repeats: int) -> Atoms:
    """Return diamond cubic silicon, 8 * repeats**3 atoms."""
    return bulk("Si", "diamond", a=SILICON_LATTICE, cubic=True) * (repeats, repeats, repeats)


SYSTEMS: dict[str, Callable[[], Atoms]] = {
    "CH4": lambda: molecule("CH4"),
    "benzene": lambda: molecule("C6H6"),
    "aspirin": lambda: structures.load("aspirin"),
    "Si 8": lambda: silicon(1),
    "Si 64": lambda: silicon(2),
}
