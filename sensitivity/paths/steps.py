"""One step along the curve, and the direction with it.

The positions r and the direction t obey dr/ds = t and the equation of ``transport``, which is
stiff: directions that are seen well are removed within less than any step. So r is advanced
explicitly and t implicitly, by the pair of Runge-Kutta methods ARS(2,2,2) of U. M. Ascher,
S. J. Ruuth and R. J. Spiteri, Appl. Numer. Math. 25, 151 (1997), doi
10.1016/S0168-9274(97)00056-1, section 2.6: of second order, and t keeps up however stiff it is.

Every step is made at once and in two halves. A third of what these differ by is the error of the
halves, to leading order: it says how long the step may be, and is taken off the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sensitivity.numerics import Array
from sensitivity.paths.transport import Place, See, orthonormal, track, turning_rates
from sensitivity.progress import checkpoint
from sensitivity.spectrum import Spectrum

_ORDER = 2  # of the method: halving a step leaves 2^-2 of its error


@dataclass(frozen=True)
class StepControl:
    """Numbers that decide how long a step is."""

    # Å. No step is longer, and none is shortened below; there it is taken with the error it has.
    longest: float = 0.04
    shortest: float = 5e-6
    # Å of error per Å of the curve, of the halves, before it is taken off. Where curves that start
    # next to each other part fast, an error grows up to a hundred times within 0.4 Å: with this the
    # curves of the soft modes of X0 and C3v then end within 1e-3 Å of where all finer ones do.
    allowed: float = 2e-3
    # Å. Weight of an error of the direction, in radians: the curve goes about so far until the
    # direction is that of a mode again.
    lever: float = 0.01
    # Fraction that is tried of the step that would just be allowed, and largest growth of a step.
    caution: float = 0.85
    growth: float = 2.0
    # Radians by which the direction may turn within half a step; the step is halved where it does
    # more. Near a singular point of methane it turns by 1 within 0.01 Å.
    largest_turn: float = 0.5


CONTROL = StepControl()


@dataclass(frozen=True)
class Stride:
    """One step that was made."""

    place: Place  # where it ends
    size: float  # Å, its length
    error: float  # Å, of its two halves, the error of the direction included

    @property
    def accurate(self) -> bool:
        """True if the error is no more than is allowed."""
        return self.error <= CONTROL.allowed * self.size

    @property
    def following(self) -> float:
        """Length of the next step, in Å, from the error, which grows as size³ at most."""
        ratio = CONTROL.allowed * self.size / max(self.error, np.finfo(float).tiny)
        growth = min(CONTROL.growth, CONTROL.caution * ratio ** (1 / (_ORDER + 1)))
        return float(min(CONTROL.longest, self.size * growth))


def advance(see: See, here: Place, size: float) -> Stride | None:
    """Go on by ``size``, in Å, or a half, a quarter ... of it; None if the direction is lost."""
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
    """The error of two halves, and where they lead without it."""
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
    """The spectrum ahead, unless an atom has crossed the cutoff."""
    spectrum = see(positions)
    return spectrum if spectrum.internal == here.spectrum.internal else None


def _turn(
    last: Place, positions: Array, basis: Array, size: float, see: See
) -> tuple[Place | None, Array]:
    """Solve for what is transported at the end of an implicit stage; also -dt/ds there.

    None if the direction turns too far, or an atom has crossed the cutoff.
    """
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
