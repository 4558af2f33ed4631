"""Steps along a curve from frame to frame, events on it, and the reason why it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import ceil

import numpy as np
from ase import Atoms

from sensitivity.geometry.motions import rotational_motions
from sensitivity.geometry.superposition import superpose
from sensitivity.numerics import Array, Tolerance
from sensitivity.observation import Observation
from sensitivity.paths.steps import Stride, advance
from sensitivity.paths.transport import HALF, Place, See
from sensitivity.progress import Progress
from sensitivity.spectrum import Spectrum
from sensitivity.structures import environment, neighbor_pairs

# Å. The first step that is tried; and how far ahead the reason is looked for why there is none.
_FIRST_STEP = 0.01


@dataclass
class Walk:
    """A curve that is being followed."""

    see: See
    returns: Returns
    count: int  # of frames after the first
    step: float  # Å, between frames
    repeat: bool  # go on where it closes
    progress: Progress
    found: list[tuple[float, Place]]  # length in Å and place of each frame, the start first
    events: list[tuple[str, float]] = field(default_factory=list)  # with lengths in Å
    closed: bool = False

    def run(self) -> str:
        """Go on to the end, and say what ends the curve before; nothing if it is complete."""
        size = min(_FIRST_STEP, self.step)
        for frame in range(1, self.count + 1):
            obstacle, size = self._next_frame(frame * self.step, size)
            if obstacle:
                return obstacle
        return ""

    def _next_frame(self, end: float, size: float) -> tuple[str, float]:
        """Go on to a length, in Å, by steps of about a size: why not, if so, and the next size."""
        start = self.found[0][1]
        covered, here = self.found[-1]
        rounding = Tolerance.ROUNDING
        while (left := end - covered) > rounding * self.step:
            part = left / ceil(left / size * (1 - rounding))
            stride = advance(self.see, here, part)
            if stride is None:  # the reason may be straight ahead
                ahead = self.see(here.spectrum.atoms.positions + _FIRST_STEP * here.direction)
                lost = "the direction is lost among modes that turn into each other"
                return _obstacle(start, ahead) or lost, size
            if obstacle := _obstacle(start, stride.place.spectrum):
                return obstacle, size
            covered = covered + stride.size if stride.size < left else end
            self.events += [(event, covered) for event in _happened(here, stride)]
            here, size = stride.place, stride.following
            closing = None
            if not self.closed:
                closing = self.returns.close(self.see, here, within=min(size, end - covered))
                self.closed = closing is not None
            if closing and not self.repeat:
                self._keep(covered + closing.size, closing.place)
                return "it is back at the start, after superposition", size
        self._keep(end, here)
        return "", size

    def _keep(self, covered: float, here: Place) -> None:
        self.found.append((covered, here))
        where = f"{covered:.3g} of {self.count * self.step:.3g} Å"
        self.progress(f"{where}, condition {here.spectrum.condition:.0e}")


def _happened(last: Place, stride: Stride) -> list[str]:
    """Events of the modes within one step, as the beginnings of sentences."""
    here = stride.place
    pairs = zip(last.followed, here.followed, strict=True)
    events = [f"Mode {old} became mode {new}" for old, new in pairs if old != new]
    if last.held >= HALF > here.held:
        followed = " and ".join(str(mode) for mode in here.followed)
        events.append(f"Near-crossings of mode {followed} were smoothed")
    if not stride.accurate:
        events.append("The path turned faster than the steps resolve")
    return events


def _obstacle(start: Place, here: Spectrum) -> str:
    """The reason why the curve cannot go on, if there is one."""
    closest = 0.4  # Å: nearer atoms are about to coalesce, which is no structure
    if len(neighbor_pairs(here.atoms, closest).i):
        return f"two atoms are nearer than {closest} Å"
    if here.kinds.count("unseen") != start.spectrum.kinds.count("unseen"):
        return "an atom has crossed the cutoff"
    return ""


# Å. Where the curve is nearest to its start it passes it by no more than this, if it closes: the
# error of a curve of some Å.
_ASIDE = 5e-3


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
        ahead, aside = self._measure(here, within + _ASIDE)
        if not -near <= ahead <= within + near:
            return None
        stride = Stride(here, 0.0, 0.0)
        for _ in range(most_steps):
            if abs(ahead) <= near:
                return stride if aside <= _ASIDE else None
            size = stride.size + ahead
            further = advance(see, here, size) if 0 < size < np.inf else None
            if further is None or further.size < size:  # the curve turns: this is not its line
                return None
            stride = further
            ahead, aside = self._measure(further.place, within + _ASIDE)
        return None

    def _measure(self, place: Place, within: float) -> tuple[float, float]:
        """Distance from the start in Å, along the curve and to the side of it.

        Infinite if it is not about so near, or the direction is another. A distance between two
        atoms changes by at most √2 times the root of the summed squares.
        """
        far = np.inf, np.inf
        here, there = self._environment(place.spectrum.atoms), self._there
        if sorted(here.numbers) != sorted(there.numbers):
            return far
        change = np.abs(_distances(here) - _distances(there)).max(initial=0)
        if change > 2**0.5 * within:
            return far
        inversion = self.start.descriptor.inversion_invariant
        laid = superpose(here, there, center=0, inversion=inversion)
        moves = np.empty_like(there.positions)
        moves[laid.permutation] = place.direction[here.arrays["source"]] @ laid.rotation.T
        along = _without_rigid(moves, laid.atoms.positions)
        began = _without_rigid(self.direction[there.arrays["source"]], there.positions)
        square = float(np.sum(along**2))
        cosine = 0.5  # of the angle between two directions that count as the same
        if np.sum(along * began) <= cosine * np.sqrt(square) * np.linalg.norm(began):
            return far
        offset = there.positions - laid.atoms.positions
        ahead = float(np.sum(offset * along)) / square
        return ahead, float(np.linalg.norm(offset - ahead * along))

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
    from scipy.spatial.distance import pdist

    return np.sort(pdist(molecule.positions))
