"""Whether a curve is back where it began."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors import Descriptor
from sensitivity.singular import superpose
from sensitivity.structures import environment

Array = NDArray[np.float64]

# Of the step: a closed curve has a frame so near to its start. Half, and some more since it is not
# quite straight in between.
NEAR = 0.6
# Of the step: how far the start may be off the line on which the curve comes back to it.
ASIDE = 0.1
# Frames after which a curve has left its start by more than that.
SOONEST = 3
# A distance between two atoms changes by no more than this times the root of the summed squares.
CHANGE_OF_DISTANCE = 2**0.5
# Cosine of the angle between two directions that are the same, up to a frame's distance.
SAME_WAY = 0.5


@dataclass(frozen=True)
class Returns:
    """The environment at the start, up to rotation, permutation and, where it holds, inversion.

    Attributes
    ----------
    start
        The structure at the start.
    direction
        Shape (N, 3): of the curve at the start.
    descriptor
        It says what the environment is, and whether inversion counts.
    center
        Index of the center.
    step
        Distance between frames, in Å.
    """

    start: Atoms
    direction: Array
    descriptor: Descriptor
    center: int
    step: float

    def closed(self, atoms: Atoms, direction: Array, *, frame: int) -> bool:
        """Whether the curve is back at this frame, counted from the start, and goes the same way.

        A curve that comes back the other way has turned round, and goes on beyond its start.
        """
        if frame < SOONEST:
            return False
        here, there = self._environment(atoms), self._there
        if sorted(here.numbers) != sorted(there.numbers):
            return False
        near = NEAR * self.step
        change = np.abs(_distances(here) - _distances(there)).max(initial=0)
        if change > CHANGE_OF_DISTANCE * near:
            return False
        inversion = self.descriptor.inversion_invariant
        laid = superpose(here, there, center=0, inversion=inversion)
        if laid.rmsd * np.sqrt(len(here)) > near:
            return False
        moves = direction[here.arrays["source"]] @ laid.rotation.T
        moved = self.direction[there.arrays["source"][laid.permutation]]
        if _cosine(moves, moved) <= SAME_WAY:
            return False
        # The curve passes its start between two frames: what is left is along its direction.
        offset = (there.positions[laid.permutation] - there.positions[0]) - (
            (here.positions - here.positions[0]) @ laid.rotation.T
        )
        along = moved - moved[0]
        unit = along / np.linalg.norm(along)
        aside = offset - np.sum(offset * unit) * unit
        return bool(np.linalg.norm(aside) <= ASIDE * self.step)

    @cached_property
    def _there(self) -> Atoms:
        return self._environment(self.start)

    def _environment(self, atoms: Atoms) -> Atoms:
        return environment(atoms, self.center, self.descriptor.cutoff)


def _cosine(first: Array, second: Array) -> float:
    """Of two displacements of an environment, that of the center, atom 0, subtracted."""
    first, second = first - first[0], second - second[0]
    lengths = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.sum(first * second) / lengths)


def _distances(molecule: Atoms) -> Array:
    """All distances between two atoms, sorted."""
    i, j = np.triu_indices(len(molecule), k=1)
    return np.sort(np.linalg.norm(molecule.positions[i] - molecule.positions[j], axis=1))
