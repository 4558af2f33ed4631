"""Uncertainty of a structure that features fix: the displacement that they see worst."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sensitivity.inversion.gauss_newton import PRECISION, TINY, Guess, longest_step
from sensitivity.inversion.inversion import NullMode, Stall
from sensitivity.numerics import Array, Tolerance


class SoftMode(NamedTuple):
    """The uncertainty that the softest mode leaves."""

    uncertainty: float  # Å, root of the summed squares
    null: NullMode | None  # the mode itself if it is null
    stall: Stall  # what keeps the features from those wanted, if they are off


def examine_soft_mode(guess: Guess) -> SoftMode:
    """Examine the softest mode v.

    The images of other displacements make up for what lies in their span, so that only the rest
    of J v and of its derivative H[v] counts. The nearest zero of it is found to first order. Along
    v, |ξ - ξ*|²/2 changes by |J v|² + (ξ - ξ*)·H[v, v] to second order: where the second is the
    larger, and ξ - ξ* lies along H[v, v], the features wanted are beyond a fold, and v counts as
    null too; where the sum is negative, the search ended on a saddle.
    """
    soft = 0.1  # of the largest singular value: a mode above is not examined
    along_fold = 0.9  # cosine of ξ - ξ* with H[v, v], if the features wanted are beyond a fold
    values, modes = guess.decomposition
    if not guess.sees:
        return SoftMode(float("nan"), None, "nothing left")
    value, largest = float(values[-1]), float(values[0])
    unnoticed = max(guess.residual, PRECISION)
    if value > soft * largest:
        return SoftMode(unnoticed / value, None, _stall(guess))
    image, curved = _beyond_others(guess)
    # What is not noticed is |J v| a + |H[v, v]| a² / 2.
    bend = float(np.linalg.norm(curved[:, -1]))
    answer = value + np.sqrt(value**2 + 2 * bend * unnoticed)
    distance = 0.0 if value <= Tolerance.ROUNDING * largest else _distance_to_zero(image, curved)
    null = NullMode(
        displacement=modes[-1].copy(),
        singular_value=value * guess.norm,
        condition=value / (largest + TINY),
        distance=distance,
    )
    held = float(guess.mismatch.ravel() @ curved[:, -1])
    folded = held > max(value**2, along_fold * bend * guess.residual)
    stall: Stall = "fold" if folded else "saddle" if held < -(value**2) else _stall(guess)
    is_null = folded or distance <= Tolerance.POSITIONS
    return SoftMode(2 * unnoticed / (answer + TINY), null if is_null else None, stall)


def _stall(guess: Guess) -> Stall:
    """Say if a whole step promises to take away a tenth of the squared residual, to first order."""
    _, promised = guess.step(longest_step(guess.atoms))
    return "unfinished" if promised > 0.1 * guess.residual**2 else "minimum"


def _beyond_others(guess: Guess) -> tuple[Array, Array]:
    """J v of the softest mode v, (rows,), and H[v] of all modes, (rows, n); others left out."""
    values, modes = guess.decomposition
    change = guess.observed.derivative(modes[-1])
    images = guess.observed.jacobian.apply(modes) / guess.norm  # [row, mode]
    others = np.flatnonzero(values[:-1] > Tolerance.ROUNDING * values[0])
    seen = images[:, others] / values[others]
    curved = change.apply(modes) / guess.norm
    return images[:, -1], curved - seen @ (seen.T @ curved)


def _distance_to_zero(image: Array, slopes: Array) -> float:
    """Length of the shortest step x with image + slopes x = 0; infinite if there is none."""
    noise = 1e-6  # of the largest slope, in the differences that second derivatives are
    step, *_ = np.linalg.lstsq(slopes, -image, rcond=noise)
    left = np.linalg.norm(image + slopes @ step)
    return float(np.linalg.norm(step)) if left <= 0.5 * np.linalg.norm(image) else float("inf")
