"""Gauss-Newton descent of one singular value of any descriptor to zero."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.singular.local_modes import Condition, LocalModes, internal_modes, solve_within

# Fraction of the largest slope or singular value below which one counts as zero.
FINE = 1e-6


def descend(
    observation: Observation,
    start: LocalModes,
    *,
    mode: Array,
    moves: Array,
    zero: float,
    within: float,
    admits: Callable[[Observation], bool],
    tell: Callable[[LocalModes], bool],
) -> tuple[LocalModes, ...]:
    """Follow the singular value of the mode most like ``mode``, shape (N, 3), to zero.

    Gives all geometries, the start first. Five steps are enough from anywhere near; a descent ends
    at the condition ``zero``, after 25 steps, or if 6 do not halve its condition.

    The atoms go along ``moves``, orthonormal, shape (n, N, 3), to where ``admits`` allows. The zero
    is looked for about as far away as ``within``, in Å, root of the summed squares. ``tell`` is
    called after each step, which takes three Jacobians, and says whether to go on.
    """
    passed, patience = [start], 6
    for _ in range(25):
        here = passed[-1]
        index = int(np.argmax(np.abs(np.tensordot(here.modes, mode, axes=2))))
        mode = here.modes[index]
        stalled = len(passed) > patience and here.condition > 0.5 * passed[-patience].condition
        if here.condition <= zero or stalled:
            break
        displacement = _step(observation, here, index, moves, within)
        there = observation.displaced(displacement)
        if not admits(there):
            break
        passed.append(internal_modes(there, displacement))
        if not tell(passed[-1]):
            break
    return tuple(passed)


def distance_to_zero(
    observation: Observation, here: LocalModes, moves: Array, *, rounding: float
) -> float:
    """Return how far the nearest zero of the smallest singular value is, in Å, to first order.

    Root of the summed squares. Where the value falls as the square of the distance, as next to many
    a symmetric point, or by a higher power, it is half of the distance or less: two Jacobians tell
    a zero from a value that merely fades. ``rounding`` is the part of the largest singular value
    that is not counted.
    """
    _, slopes = _linearize(observation, here, len(here.values) - 1, moves)
    steepest = float(np.sqrt(max(np.linalg.eigvalsh(slopes.T @ slopes)[-1], 0.0)))
    above = max(float(here.values[-1]) - rounding * float(here.values[0]), 0.0)
    if above == 0:
        return 0.0
    return above / steepest if steepest else np.inf


def _step(
    observation: Observation, here: LocalModes, index: int, moves: Array, within: float
) -> Array:
    """Displacement from the start, (N, 3), that brings J v to zero to first order.

    Near a zero the shortest from here. Before, the one nearest to the start, which does not have to
    do all: what it leaves of J v counts against its length over ``within``.
    """
    image, slopes = _linearize(observation, here, index, moves)
    if here.values[index] < 1e-3 * here.values[0]:  # from here on convergence is quadratic
        squares, axes = np.linalg.eigh(slopes.T @ slopes)
        kept = squares > FINE**2 * squares[-1]
        step = -axes[:, kept] @ ((axes.T @ (slopes.T @ image))[kept] / squares[kept])
    else:
        before = np.tensordot(moves, here.displacement, axes=2)
        # A step as long as ``within`` weighs as much as a tenth of J v.
        conditions = [(image, slopes)]
        step = solve_within(conditions, before, reach=within, weight=1e-2, growth=4.0) - before
    longest = 0.3  # Å; a longer step leaves the range of the linear equations
    step *= min(1.0, longest / max(float(np.linalg.norm(step)), longest))
    return here.displacement + np.tensordot(step, moves, axes=1)


def _linearize(observation: Observation, here: LocalModes, index: int, moves: Array) -> Condition:
    return here.condition_of(
        observation, index, moves, held=[index], zero=FINE * float(here.values[0])
    )
