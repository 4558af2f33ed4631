"""How well features fix a structure: the displacement that they see worst."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sensitivity.inversion.gauss_newton import FIRST_STEP, INVISIBLE, ROUNDING, TINY, Guess
from sensitivity.inversion.inversion import NullMode, Stall
from sensitivity.jacobian import second_derivative
from sensitivity.numerics import Array

# Å. A mode is null if its singular value vanishes at a geometry so near: as for ``diagnose``.
NULL_WITHIN = 1e-3
# A mode whose singular value is above this fraction of the largest is not examined.
SOFT = 0.1
# How much of J v the nearest zero may leave.
UNEXPLAINED = 0.5
# Of the largest slope: those below are noise of the differences that second derivatives are.
SLOPE_KNOWN = 1e-6
# Cosine: so much of what the features are off has to lie along H[v, v], if they are beyond a fold.
ALONG_FOLD = 0.9
# Fraction of the squared residual: where a whole step promises to take away more, to first order,
# the search has not come to an end of its own.
PROMISING = 0.1


class Softness(NamedTuple):
    """What the softest mode leaves open.

    An uncertainty in Å, the mode itself if it is null, and what keeps the features from those
    wanted, if they are off.
    """

    uncertainty: float
    null: NullMode | None
    stall: Stall


def soften(guess: Guess) -> Softness:
    """Examine the softest mode v.

    The images of other displacements make up for what lies in their span, so that only the rest
    of J v and of its derivative H[v] counts. The nearest zero of it is found to first order. Along
    v, |ξ - ξ*|²/2 changes by |J v|² + (ξ - ξ*)·H[v, v] to second order: where the second is the
    larger, and ξ - ξ* lies along H[v, v], the features wanted are beyond a fold, and v counts as
    null too; where the sum is negative, the search ended on a saddle.
    """
    values, modes = guess.decomposition
    if not guess.sees:
        return Softness(float("nan"), None, "nothing left")
    value, largest = float(values[-1]), float(values[0])
    unnoticed = max(guess.residual, ROUNDING)
    if value > SOFT * largest:
        return Softness(unnoticed / value, None, _stall(guess))
    image, curved = _beyond_others(guess)
    # What is not noticed is |J v| a + |H[v, v]| a² / 2.
    bend = float(np.linalg.norm(curved[:, -1]))
    answer = value + np.sqrt(value**2 + 2 * bend * unnoticed)
    distance = 0.0 if value <= INVISIBLE * largest else _distance_to_zero(image, curved)
    null = NullMode(
        displacement=modes[-1].copy(),
        singular_value=value * guess.problem.norm,
        condition=value / (largest + TINY),
        distance=distance,
    )
    held = float(guess.mismatch.ravel() @ curved[:, -1])
    folded = held > max(value**2, ALONG_FOLD * bend * guess.residual)
    stall: Stall = "fold" if folded else "saddle" if held < -(value**2) else _stall(guess)
    is_null = folded or distance <= NULL_WITHIN
    return Softness(2 * unnoticed / (answer + TINY), null if is_null else None, stall)


def _stall(guess: Guess) -> Stall:
    """Whether a step still promises something, as far as first derivatives tell."""
    _, promised = guess.step(FIRST_STEP * np.sqrt(len(guess.atoms)))
    return "unfinished" if promised > PROMISING * guess.residual**2 else "minimum"


def _beyond_others(guess: Guess) -> tuple[Array, Array]:
    """J v of the softest mode v, (rows,), and H[v] of all modes, (rows, n); others left out."""
    values, modes = guess.decomposition
    norm, centers = guess.problem.norm, guess.derivative.centers
    change = second_derivative(guess.atoms, guess.problem.descriptor, modes[-1], centers=centers)
    images = guess.derivative.apply(modes) / norm  # [row, mode]
    others = np.flatnonzero(values[:-1] > INVISIBLE * values[0])
    seen = images[:, others] / values[others]
    curved = change.apply(modes) / norm
    return images[:, -1], curved - seen @ (seen.T @ curved)


def _distance_to_zero(image: Array, slopes: Array) -> float:
    """Length of the shortest step x with image + slopes x = 0; infinite if there is none."""
    step, *_ = np.linalg.lstsq(slopes, -image, rcond=SLOPE_KNOWN)
    left = np.linalg.norm(image + slopes @ step)
    if left > UNEXPLAINED * np.linalg.norm(image):
        return float("inf")
    return float(np.linalg.norm(step))
