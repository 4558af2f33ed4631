"""One step along the curve, and the direction with it.

The positions r and the direction t obey dr/ds = t and the equation of ``transport``, which is
stiff: directions that are seen well are removed within less than any step. So r is advanced
explicitly and t implicitly, by the pair of Runge-Kutta methods ARS(2,2,2) of U. M. Ascher,
S. J. Ruuth and R. J. Spiteri, Appl. Numer. Math. 25, 151 (1997), doi
10.1016/S0168-9274(97)00056-1, section 2.6: of second order, and t keeps up however stiff it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sensitivity.paths.crossings import track
from sensitivity.paths.transport import Place, orthonormal, turning_rates
from sensitivity.spectrum import Spectrum

Array = NDArray[np.float64]
See = Callable[[Array], Spectrum]

# Coefficients γ and δ of the method.
GAMMA = 1 - 1 / 2**0.5
DELTA = 1 - 1 / (2 * GAMMA)
# Radians by which the direction may turn within half a step; the step is halved where it does more.
# Near a singular point of methane it turns by 1 within 0.01 Å, by 0.5 in a step of 0.005 Å.
LARGEST_TURN = 0.5
# A step is halved no more often than this: 0.005 Å down to 5e-6 Å.
MOST_HALVINGS = 10


def advance(see: See, here: Place, size: float, *, halvings: int = MOST_HALVINGS) -> Place | None:
    """Go on by ``size``, in Å; None where the direction is lost.

    ``see`` gives the spectrum at any positions.
    """
    there = _step(see, here, size)
    if there is not None or halvings == 0:
        return there
    half = advance(see, here, size / 2, halvings=halvings - 1)
    return half and advance(see, half, size / 2, halvings=halvings - 1)


def _step(see: See, here: Place, size: float) -> Place | None:
    """One step; None if the direction turns too far in it."""
    positions = here.spectrum.atoms.positions
    within = GAMMA * size
    early = _see(see, here, positions + within * here.direction)
    if early is None:
        return None
    middle, change = _turn(here, early, here.basis, within, see)
    if middle is None or _angle(here, middle) > LARGEST_TURN:
        return None
    mean = DELTA * here.direction + (1 - DELTA) * middle.direction
    late = _see(see, middle, positions + size * mean)
    if late is None:
        return None
    there, _ = _turn(middle, late, here.basis - (size - within) * change, within, see)
    if there is None or _angle(middle, there) > LARGEST_TURN:
        return None
    return there


def _see(see: See, here: Place, positions: Array) -> Spectrum | None:
    """The spectrum ahead, unless an atom has crossed the cutoff."""
    spectrum = see(positions)
    return spectrum if spectrum.internal == here.spectrum.internal else None


def _turn(
    last: Place, spectrum: Spectrum, basis: Array, size: float, see: See
) -> tuple[Place | None, Array]:
    """Solve for what is transported at the end of an implicit stage; also -dt/ds there."""
    followed = track(last, spectrum, see)
    rates = turning_rates(spectrum, followed)
    modes = spectrum.modes[: spectrum.internal]
    parts = np.tensordot(basis, modes, axes=((1, 2), (1, 2))) / (1 + size * rates)
    turned = orthonormal(np.tensordot(parts, modes, axes=1))
    place = None if turned is None else Place(spectrum, turned, followed)
    return place, np.tensordot(parts * rates, modes, axes=1)


def _angle(here: Place, there: Place) -> float:
    return float(np.arccos(np.clip(np.sum(here.direction * there.direction), -1, 1)))
