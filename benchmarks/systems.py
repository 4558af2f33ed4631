"""The structures that are timed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ase import Atoms
from ase.build import bulk, molecule
from ase.io import read

HERE = Path(__file__).parent
SILICON_LATTICE = 5.431  # Å, the experimental lattice constant


def silicon(repeats: int) -> Atoms:
    """Diamond cubic silicon, 8 * repeats**3 atoms."""
    return bulk("Si", "diamond", a=SILICON_LATTICE, cubic=True) * (repeats, repeats, repeats)


def aspirin() -> Atoms:
    """Aspirin, C9H8O4, 21 atoms."""
    return read(HERE / "aspirin.xyz")


SYSTEMS: dict[str, Callable[[], Atoms]] = {
    "CH4": lambda: molecule("CH4"),
    "benzene": lambda: molecule("C6H6"),
    "aspirin": aspirin,
    "Si 8": lambda: silicon(1),
    "Si 64": lambda: silicon(2),
}
