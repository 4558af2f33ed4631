"""One step along the curve, with its direction.

The positions r and the direction t obey dr/ds = t and the equation of ``transport``, which is
stiff: well visible components of t decay within less than any step. Therefore r is advanced
explicitly and t implicitly, by the pair of Runge-Kutta methods ARS(2,2,2) of U. M. Ascher,
S. J. Ruuth and R. J. Spiteri, Appl. Numer. Math. 25, 151 (1997), doi
10.1016/S0168-9274(97)00056-1, section 2.6: of second order, stable for t at any stiffness.

Every step is made as a whole and in two halves. A third of the difference is the error of the
halves, to leading order: it limits the step length, and is subtracted from the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np

from sensitivity.geometry.motions import rotational_motions
from sensitivity.geometry.superposition import sorted_distances, superpose
from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.paths.transport import HALF, Place, See, orthonormal, track, turning_rates
from sensitivity.progress import Progress, checkpoint
from sensitivity.spectrum import Spectrum
from sensitivity.structures import neighbor_pairs
from sensitivity.tolerances import Tolerance

_ORDER = 2  # order of the method: halving a step leaves 2^-2 of its error


@dataclass(frozen=True)
class StepControl:
    """Parameters of the step length."""

    # Å. Longest step; and the shortest, which is accepted with any error.
    longest: float = 0.04
    shortest: float = 5e-6
    # Å of error of the halves per Å of the curve, before subtraction. Where curves from close
    # starts diverge fast, an error grows up to a hundred times within 0.4 Å: with this limit the
    # curves of the soft modes of X0 and C3v end within 1e-3 Å of all finer ones.
    allowed: float = 2e-3
    # Å. Weight of an error of the direction, in radians: about the distance until the direction is
    # that of a mode again.
    lever: float = 0.01
    # Fraction of the allowed step that is tried, and largest growth of a step.
    caution: float = 0.85
    growth: float = 2.0
    # Radians by which the direction may turn within half a step; the step is halved if it turns
    # more. Near a singular point of methane it turns by 1 within 0.01 Å.
    largest_turn: float = 0.5


CONTROL = StepControl()


@dataclass(frozen=True)
class Stride:
    """One completed step."""

    place: Place  # its end
    size: float  # Å, its length
    error: float  # Å, error of its two halves, including that of the direction

    @property
    def accurate(self) -> bool:
        """True if the error is within the limit."""
        return self.error <= CONTROL.allowed * self.size

    @property
    def following(self) -> float:
        """Length of the next step, in Å, assuming that the error grows as size³ at most."""
        ratio = CONTROL.allowed * self.size / max(self.error, np.finfo(float).tiny)
        growth = min(CONTROL.growth, CONTROL.caution * ratio ** (1 / (_ORDER + 1)))
        return float(min(CONTROL.longest, self.size * growth))


def advance(see: See, here: Place, size: float) -> Stride | None:
    """Advance by ``size``, in Å, or a half, a quarter ... of it; None if the direction is lost."""
    checkpoint()
    stride = None
    whole = _step(see, here, size)
    while stride is None or not stride.accurate:
        half = _step(see, here, size / 2)
        there = half and _step(see, half, size / 2)
        stride = _compare(see, whole, there, size) if whole and there else None
        if size / 2 < CONTROL.shortest:
            break
        whole, size = half, size / 2
    return stride


def _compare(see: See, whole: Place, halves: Place, size: float) -> Stride:
    share = 1 / (2**_ORDER - 1)
    shift = share * (halves.spectrum.atoms.positions - whole.spectrum.atoms.positions)
    turn = share * (halves.basis - whole.basis)
    error = float(np.linalg.norm(shift) + CONTROL.lever * np.linalg.norm(turn))
    if error > CONTROL.allowed * size:
        return Stride(halves, size, error)
    spectrum = _see(see, halves, halves.spectrum.atoms.positions + shift)
    basis = orthonormal(halves.basis + turn)
    if spectrum is None or basis is None:
        return Stride(halves, size, error)
    return Stride(Place(spectrum, basis, track(halves, spectrum, see)), size, error)


def _step(see: See, here: Place, size: float) -> Place | None:
    positions = here.spectrum.atoms.positions
    gamma = 1 - 1 / 2**0.5  # coefficients of the method
    delta = 1 - 1 / (2 * gamma)
    within = gamma * size
    middle, change = _turn(here, positions + within * here.direction, here.basis, within, see)
    if middle is None:
        return None
    end = positions + size * (delta * here.direction + (1 - delta) * middle.direction)
    return _turn(middle, end, here.basis - (size - within) * change, within, see)[0]


def _see(see: See, here: Place, positions: Array) -> Spectrum | None:
    spectrum = see(positions)
    return spectrum if spectrum.internal == here.spectrum.internal else None


def _turn(
    last: Place, positions: Array, basis: Array, size: float, see: See
) -> tuple[Place | None, Array]:
    """Return the end of an implicit stage, None if it turns or moves too far; and -dt/ds."""
    spectrum = _see(see, last, positions)
    if spectrum is None:
        return None, basis
    followed = track(last, spectrum, see)
    rates = turning_rates(spectrum, followed)
    modes = spectrum.modes[: spectrum.internal]
    parts = np.tensordot(basis, modes, axes=((1, 2), (1, 2))) / (1 + size * rates)
    turned = orthonormal(np.tensordot(parts, modes, axes=1))
    change = np.tensordot(parts * rates, modes, axes=1)
    if turned is None:
        return None, change
    angle = np.arccos(np.clip(np.sum(last.direction * turned[0]), -1, 1))
    return None if angle > CONTROL.largest_turn else Place(spectrum, turned, followed), change


# Å. First step to try; and distance ahead at which the reason for a failed step is sought.
_FIRST_STEP = 0.01


@dataclass
class Walk:
    """A curve being followed."""

    see: See
    returns: Returns
    count: int  # number of frames after the first
    step: float  # Å, between frames
    repeat: bool  # continue where it closes
    progress: Progress
    found: list[tuple[float, Place]]  # length in Å and place of each frame, the start first
    events: list[tuple[str, float]] = field(default_factory=list)  # with lengths in Å
    closed: bool = False

    def run(self) -> str:
        """Continue to the end; return the reason for an early end, or nothing if complete."""
        size = min(_FIRST_STEP, self.step)
        for frame in range(1, self.count + 1):
            obstacle, size = self._next_frame(frame * self.step, size)
            if obstacle:
                return obstacle
        return ""

    def go_back(self) -> Array | None:
        """Go back from the end; return the positions there, shape (N, 3), or None if impossible."""
        covered, end = self.found[-1]
        count = max(1, round(covered / self.step))
        # It must not end where it passes the start.
        back = replace(
            self,
            count=count,
            step=covered / count,
            found=[(0.0, end.reversed)],
            progress=lambda sentence: self.progress(f"back: {sentence}"),
            events=[],
            closed=True,
            repeat=True,
        )
        return None if back.run() else back.found[-1][1].spectrum.atoms.positions

    def _next_frame(self, end: float, size: float) -> tuple[str, float]:
        """Advance to a length, in Å; return the reason of a failure, and the next step size."""
        start = self.found[0][1]
        covered, here = self.found[-1]
        rounding = Tolerance.ROUNDING
        while (left := end - covered) > rounding * self.step:
            part = left / ceil(left / size * (1 - rounding))
            stride = advance(self.see, here, part)
            if stride is None:  # search the reason straight ahead
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
        where = f"path length {covered:.3g} of {self.count * self.step:.3g} Å"
        self.progress(f"{where}, smallest/largest singular value {here.spectrum.condition:.0e}")


def _happened(last: Place, stride: Stride) -> list[str]:
    here = stride.place
    pairs = zip(last.followed, here.followed, strict=True)
    events = [f"Mode {old} became mode {new}" for old, new in pairs if old != new]
    if last.held >= HALF > here.held:
        followed = " and ".join(str(mode) for mode in here.followed)
        events.append(
            f"The singular value of mode {followed} nearly met another, and the direction turned "
            "gradually,"
        )
    if not stride.accurate:
        events.append("The path turned faster than the steps resolve")
    return events


def _obstacle(start: Place, here: Spectrum) -> str:
    closest = 0.4  # Å: nearer atoms are about to coalesce
    if len(neighbor_pairs(here.atoms, closest).i):
        return f"two atoms are nearer than {closest} Å"
    if here.kinds.count("unseen") != start.spectrum.kinds.count("unseen"):
        return "an atom has crossed the cutoff"
    return ""


# Å. Largest distance at which a closed curve passes its start: the error of a curve of some Å.
_ASIDE = 5e-3


@dataclass(frozen=True)
class Returns:
    """Detection of returns to the start, up to rotation, permutation and, if valid, inversion.

    ``direction`` is that of the curve there, shape (N, 3).
    """

    start: Observation
    direction: Array

    def close(self, see: See, here: Place, *, within: float) -> Stride | None:
        """Advance to the point nearest to the start, if the curve closes within ``within``, in Å.

        A curve that returns in the opposite direction continues beyond its start.
        """
        near = 1e-7  # Å: tolerance at the nearest point
        most_steps = 6  # each leaves a hundredth or less of the gap
        ahead, aside = self._measure(here, within + _ASIDE)
        if not -near <= ahead <= within + near:
            return None
        stride = Stride(here, 0.0, 0.0)
        for _ in range(most_steps):
            if abs(ahead) <= near:
                return stride if aside <= _ASIDE else None
            size = stride.size + ahead
            further = advance(see, here, size) if 0 < size < np.inf else None
            if further is None or further.size < size:  # the curve turns away from this line
                return None
            stride = further
            ahead, aside = self._measure(further.place, within + _ASIDE)
        return None

    def _measure(self, place: Place, within: float) -> tuple[float, float]:
        """Return the distance from the start in Å, along the curve and perpendicular to it.

        Infinite if it is not about this near, or the direction differs. A distance between two
        atoms changes by at most √2 times the root of the summed squares.
        """
        far = np.inf, np.inf
        here = self.start.at(place.spectrum.atoms.positions).environment
        there = self.start.environment
        if sorted(here.numbers) != sorted(there.numbers):
            return far
        lengths = (sorted_distances(molecule, 0) for molecule in (here, there))
        if np.abs(np.subtract(*lengths)).max(initial=0) > 2**0.5 * within:
            return far
        inversion = self.start.descriptor.inversion_invariant
        laid = superpose(here, there, center=0, inversion=inversion)
        moves = np.empty_like(there.positions)
        moves[laid.permutation] = place.direction[here.arrays["source"]] @ laid.rotation.T
        along = _without_rigid(moves, laid.atoms.positions)
        began = _without_rigid(self.direction[there.arrays["source"]], there.positions)
        square = float(np.sum(along**2))
        cosine = 0.5  # smallest cosine between directions that count as equal
        if np.sum(along * began) <= cosine * np.sqrt(square) * np.linalg.norm(began):
            return far
        offset = there.positions - laid.atoms.positions
        ahead = float(np.sum(offset * along)) / square
        return ahead, float(np.linalg.norm(offset - ahead * along))


def _without_rigid(moves: Array, positions: Array) -> Array:
    moves, arms = moves - moves.mean(axis=0), positions - positions.mean(axis=0)
    turns = rotational_motions(arms, fraction=Tolerance.ROUNDING)
    flat = moves.ravel()
    return np.asarray((flat - turns.T @ (turns @ flat)).reshape(moves.shape))
