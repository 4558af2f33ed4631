"""Whether a curve comes back to where it began."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.geometry.superposition import superpose
from sensitivity.numerics import Array
from sensitivity.paths.steps import See, Stride, advance
from sensitivity.paths.transport import Place
from sensitivity.structures import environment

# Å. Where the curve is nearest to its start it passes it by no more than this, if it closes: the
# error of a curve of some Å.
ASIDE = 5e-3
# Å. So near to the nearest point the curve ends; each step there leaves a hundredth or less of what
# was missing.
NEAREST, MOST_STEPS = 1e-7, 6
# A distance between two atoms changes by no more than this times the root of the summed squares.
CHANGE_OF_DISTANCE = 2**0.5
# Cosine of the angle between two directions that are the same.
SAME_WAY = 0.5
# Of the largest: a rotation whose value is smaller turns nothing, such as that about a bond.
FINE = 1e-9


class Gap(NamedTuple):
    """What is missing until the start, in Å: along the curve, and to the side of it."""

    ahead: float
    aside: float


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
    """

    start: Atoms
    direction: Array
    descriptor: Descriptor
    center: int

    def close(self, see: See, here: Place, *, within: float) -> Stride | None:
        """Go on to the point nearest to the start, if the curve closes within so many Å.

        A curve that comes back the other way has turned round, and goes on beyond its start.
        """
        gap = self._measure(here, within + ASIDE)
        if gap is None or not -NEAREST <= gap.ahead <= within + NEAREST:
            return None
        stride = Stride(here, 0.0, 0.0)
        for _ in range(MOST_STEPS):
            if abs(gap.ahead) <= NEAREST:
                return stride if gap.aside <= ASIDE else None
            size = stride.size + gap.ahead
            further = advance(see, here, size) if size > 0 else None
            if further is None or further.size < size:  # the curve turns: this is not its line
                return None
            stride, gap = further, self._measure(further.place, within + ASIDE)
            if gap is None:
                return None
        return None

    def _measure(self, place: Place, within: float) -> Gap | None:
        """How far the start is, if it is about so near, in Å, and the curve goes the same way."""
        here, there = self._environment(place.spectrum.atoms), self._there
        if sorted(here.numbers) != sorted(there.numbers):
            return None
        change = np.abs(_distances(here) - _distances(there)).max(initial=0)
        if change > CHANGE_OF_DISTANCE * within:
            return None
        inversion = self.descriptor.inversion_invariant
        laid = superpose(here, there, center=0, inversion=inversion)
        moves = np.empty_like(there.positions)
        moves[laid.permutation] = place.direction[here.arrays["source"]] @ laid.rotation.T
        along = _without_rigid(moves, laid.atoms.positions)
        began = _without_rigid(self.direction[there.arrays["source"]], there.positions)
        square = float(np.sum(along**2))
        if np.sum(along * began) <= SAME_WAY * np.sqrt(square) * np.linalg.norm(began):
            return None
        offset = there.positions - laid.atoms.positions
        ahead = float(np.sum(offset * along)) / square
        return Gap(ahead, float(np.linalg.norm(offset - ahead * along)))

    @cached_property
    def _there(self) -> Atoms:
        return self._environment(self.start)

    def _environment(self, atoms: Atoms) -> Atoms:
        return environment(atoms, self.center, self.descriptor.cutoff)


def _without_rigid(moves: Array, positions: Array) -> Array:
    """Displacements, shape (N, 3), without what superposition takes off."""
    moves, arms = moves - moves.mean(axis=0), positions - positions.mean(axis=0)
    turns = np.cross(np.eye(3)[:, None], arms).reshape(3, -1)
    _, lengths, axes = np.linalg.svd(turns, full_matrices=False)
    axes = axes[lengths > FINE * lengths.max(initial=0)]
    flat = moves.ravel()
    return np.asarray((flat - axes.T @ (axes @ flat)).reshape(moves.shape))


def _distances(molecule: Atoms) -> Array:
    """All distances between two atoms, sorted."""
    i, j = np.triu_indices(len(molecule), k=1)
    return np.sort(np.linalg.norm(molecule.positions[i] - molecule.positions[j], axis=1))
