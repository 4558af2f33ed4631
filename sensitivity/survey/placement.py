"""An environment at its place in its frame, and the mode of it that matters most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, Diagnosis
from sensitivity.numerics import Indices
from sensitivity.tolerances import Tolerance


@dataclass(frozen=True, eq=False)
class Placement:
    """An environment at its place in its frame.

    Attributes
    ----------
    environment
        The center as atom 0, at the origin, and its neighbours, m atoms.
    atoms
        The same m atoms in the frame, and then other atoms of the frame, the nearest first.
    sources
        Index in the frame of each of ``atoms``.
    left_out
        Number of atoms of the frame that are too many to be shown.
    """

    environment: Atoms
    atoms: Atoms
    sources: Indices
    left_out: int

    @property
    def others(self) -> Indices:
        """Indices, in the frame, of the atoms outside the environment."""
        return self.sources[len(self.environment) :]


def place(environment: Atoms, frame: Atoms, *, most: int) -> Placement:
    """Return an environment of ``Survey.environments`` in its frame, with ``most`` atoms in all.

    Periodic images that are neighbours stay where they are; the other atoms are those of the cell.
    """
    sources = environment.arrays["source"]
    middle = frame.positions[sources[0]]
    positions = environment.positions + middle
    shifts = np.linalg.norm(positions - frame.positions[sources], axis=1)
    others = np.setdiff1d(np.arange(len(frame)), sources[shifts < Tolerance.ONE_PLACE])
    distances = np.linalg.norm(frame.positions[others] - middle, axis=1)
    shown = others[np.argsort(distances, kind="stable")][: max(most - len(positions), 0)]
    every = np.concatenate([sources, shown])
    atoms = Atoms(
        frame.numbers[every],
        np.concatenate([positions, frame.positions[shown]]),
        cell=frame.cell,
        pbc=frame.pbc,
    )
    return Placement(environment, atoms, every, len(others) - len(shown))


def softest_mode(found: Diagnosis, *, causes: bool = True) -> int:
    """Return the mode to which the condition of an environment in ``Survey.worst`` belongs.

    With ``causes``, as in a survey with causes, it has the smallest singular value of the internal
    modes that symmetry does not hide; if symmetry hides all, it is the least visible of these. Its
    singular value over the largest one is the condition.

    Without, it has the smallest value of all internal modes. Each mode has one cause, so where
    symmetry only holds within the tolerance, its value over the largest one exceeds the condition.
    """
    modes = [
        (causes and mode.cause == "symmetry", mode.singular_value, number)
        for number, mode in enumerate(found.modes)
        if not CAUSE_DESCRIPTIONS[mode.cause].trivial
    ]
    return min(modes, default=(False, 0.0, 0))[2]
