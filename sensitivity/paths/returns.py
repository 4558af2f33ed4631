"""Detection of curves that come back to their start."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.geometry.rotations import rotational_motions
from sensitivity.geometry.superposition import superpose
from sensitivity.numerics import Array, Tolerance
from sensitivity.observation import Observation
from sensitivity.paths.steps import See, Stride, advance
from sensitivity.paths.transport import Place
from sensitivity.structures import environment

# Å. Where the curve is nearest to its start it passes it by no more than this, if it closes: the
# error of a curve of some Å.
_ASIDE = 5e-3


class Gap(NamedTuple):
    """Distance from the start, in Å: along the curve, and to the side of it."""

    ahead: float
    aside: float


@dataclass(frozen=True)
class Returns:
    """The environment at the start, up to rotation, permutation and, where it holds, inversion.

    ``direction`` is that of the curve there, shape (N, 3).
    """

    start: Observation
    direction: Array

    def close(self, see: See, here: Place, *, within: float) -> Stride | None:
        """Go on to the point nearest to the start, if the curve closes within so many Å.

        A curve that comes back in the opposite direction goes on beyond its start.
        """
        near = 1e-7  # Å: at the nearest point
        most_steps = 6  # each leaves a hundredth or less of what was missing
        gap = self._measure(here, within + _ASIDE)
        if gap is None or not -near <= gap.ahead <= within + near:
            return None
        stride = Stride(here, 0.0, 0.0)
        for _ in range(most_steps):
            if abs(gap.ahead) <= near:
                return stride if gap.aside <= _ASIDE else None
            size = stride.size + gap.ahead
            further = advance(see, here, size) if size > 0 else None
            if further is None or further.size < size:  # the curve turns: this is not its line
                return None
            stride, gap = further, self._measure(further.place, within + _ASIDE)
            if gap is None:
                return None
        return None

    def _measure(self, place: Place, within: float) -> Gap | None:
        """Distance from the start, if it is about so near, in Å, and the direction is the same.

        A distance between two atoms changes by at most √2 times the root of the summed squares.
        """
        here, there = self._environment(place.spectrum.atoms), self._there
        if sorted(here.numbers) != sorted(there.numbers):
            return None
        change = np.abs(_distances(here) - _distances(there)).max(initial=0)
        if change > 2**0.5 * within:
            return None
        inversion = self.start.descriptor.inversion_invariant
        laid = superpose(here, there, center=0, inversion=inversion)
        moves = np.empty_like(there.positions)
        moves[laid.permutation] = place.direction[here.arrays["source"]] @ laid.rotation.T
        along = _without_rigid(moves, laid.atoms.positions)
        began = _without_rigid(self.direction[there.arrays["source"]], there.positions)
        square = float(np.sum(along**2))
        cosine = 0.5  # of the angle between two directions that count as the same
        if np.sum(along * began) <= cosine * np.sqrt(square) * np.linalg.norm(began):
            return None
        offset = there.positions - laid.atoms.positions
        ahead = float(np.sum(offset * along)) / square
        return Gap(ahead, float(np.linalg.norm(offset - ahead * along)))

    @cached_property
    def _there(self) -> Atoms:
        return self._environment(self.start.atoms)

    def _environment(self, atoms: Atoms) -> Atoms:
        return environment(atoms, self.start.centers[0], self.start.descriptor.cutoff)


def _without_rigid(moves: Array, positions: Array) -> Array:
    """Displacements, shape (N, 3), without what superposition takes off."""
    moves, arms = moves - moves.mean(axis=0), positions - positions.mean(axis=0)
    turns = rotational_motions(arms, fraction=Tolerance.ROUNDING)
    flat = moves.ravel()
    return np.asarray((flat - turns.T @ (turns @ flat)).reshape(moves.shape))


def _distances(molecule: Atoms) -> Array:
    """All distances between two atoms, sorted."""
    i, j = np.triu_indices(len(molecule), k=1)
    return np.sort(np.linalg.norm(molecule.positions[i] - molecule.positions[j], axis=1))
