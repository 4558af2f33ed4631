"""Structures that the user gives, and limits on those that can be shown."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from sensitivity import structures

MOST_ATOMS = 500
"""Larger structures have more modes than a chart can show, and take minutes."""


def take_structure(structure: Atoms | str) -> tuple[Atoms, str]:
    """Return the structure, and its name if it is from the library.

    Raises
    ------
    TypeError, ValueError
        If it is no structure, there is none of this name, or it is too large or too far away.
    """
    if isinstance(structure, str):
        return structures.load(structure), structure
    if not isinstance(structure, Atoms):
        raise TypeError(
            f"a structure must be ase.Atoms or a name, got {structure!r}; see structures.names()."
        )
    check_size(structure)
    return structure, ""


def check_size(atoms: Atoms, *, farthest: float = 1e4) -> None:
    """Refuse a structure that has too many atoms, or atoms too far from the origin.

    Pictures have single precision, and show atoms at ``farthest`` Å to a thousandth of an Å; at
    1e19 Å they overflow.

    Raises
    ------
    ValueError
        The message says what to do.
    """
    if len(atoms) > MOST_ATOMS:
        raise ValueError(
            f"the structure has {len(atoms)} atoms, and the explorer takes at most {MOST_ATOMS}; "
            "cut out what a center sees with sensitivity.structures.environment."
        )
    extents = np.abs([*atoms.positions, *atoms.cell.array[atoms.pbc]])
    if (np.isfinite(extents) & (extents > farthest)).any():  # others are refused elsewhere
        raise ValueError(
            f"positions and periodic cell must be within {farthest:g} Å of the origin, got "
            f"{extents[np.isfinite(extents)].max():.3g} Å; check the unit, or move the structure."
        )
