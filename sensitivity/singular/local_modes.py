"""Singular values and modes of J at one geometry, and Gauss-Newton steps towards J v = 0.

A singular value is like the absolute value of a smooth function where it touches zero. To find
such a point, one solves J(r) v = 0 for the geometry r and the mode v together, which is smooth: to
first order the geometry moves by dr with J v + H[v] dr = 0, where H[v] is the derivative of J along
v, up to terms that a rotation of v can compensate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.spectrum import decompose_matrix, natural_scale
from sensitivity.tolerances import Tolerance

Condition = tuple[Array, Array]
"""Values, shape (rows,), that must vanish, and their slopes, shape (rows, n)."""


@dataclass(frozen=True)
class LocalModes:
    """Singular values and modes of J at one geometry."""

    displacement: Array  # (N, 3), Å, from the start
    values: Array  # (k,), descending
    modes: Array  # (k, N, 3), right singular vectors
    images: Array  # (rows, k), J v of each mode

    @property
    def moved(self) -> float:
        """Distance from the start in Å, root of the summed squares."""
        return float(np.linalg.norm(self.displacement))

    @property
    def condition(self) -> float:
        """Smallest over largest singular value; 0 if nothing is visible."""
        return float(self.values[-1] / self.values[0]) if self.values[0] else 0.0

    def null(self, zero: float) -> Array:
        """Return modes, shape (m, N, 3), with values up to ``zero`` of the largest."""
        return np.asarray(self.modes[self.values <= zero * self.values[0]])


def internal_modes(
    there: Observation, displacement: Array, *, internal: Array | None = None
) -> LocalModes:
    """Decompose J within the internal displacements of a displaced structure.

    ``displacement``, shape (N, 3), is relative to the start; ``internal``, orthonormal, shape
    (k, N, 3), are its internal displacements, if already known.
    """
    directions = there.internal if internal is None else internal
    slopes = there.slopes(directions)
    values, mixing = decompose_matrix(slopes)
    scale = natural_scale(0.0, there.jacobian.features, cutoff=there.descriptor.cutoff)
    if values.max(initial=0) <= Tolerance.ROUNDING * scale:
        values = np.zeros_like(values)
    values[values <= there.jacobian.error] = 0.0  # not resolved
    modes = np.tensordot(mixing, directions, axes=1)
    return LocalModes(displacement, values, modes, slopes @ mixing.T)


# Fraction of the largest slope or singular value below which a value counts as zero.
FINE = 1e-6


def distance_to_zero(
    observation: Observation, here: LocalModes, moves: Array, *, rounding: float
) -> float:
    """Return the distance to the nearest zero of the smallest singular value, in Å, to first order.

    Root of the summed squares. If the value falls as the square of the distance, as near many
    symmetric points, or as a higher power, the result is at most half of the distance: two
    Jacobians distinguish a zero from a value that merely fades. ``rounding`` is the fraction of the
    largest singular value that counts as zero.
    """
    _, slopes = _linearize(observation, here, moves)
    steepest = float(np.sqrt(max(np.linalg.eigvalsh(slopes.T @ slopes)[-1], 0.0)))
    above = max(float(here.values[-1]) - rounding * float(here.values[0]), 0.0)
    if above == 0:
        return 0.0
    return above / steepest if steepest else np.inf


def step_to_zero(observation: Observation, here: LocalModes, moves: Array) -> Array:
    """Return the displacement, (N, 3), that brings the smallest value to zero to first order.

    It is relative to the start; of all solutions, the one nearest to the current geometry.
    """
    image, slopes = _linearize(observation, here, moves)
    squares, axes = np.linalg.eigh(slopes.T @ slopes)
    kept = squares > 1e-8 * squares[-1]
    step = axes[:, kept] @ ((axes[:, kept].T @ (slopes.T @ -image)) / squares[kept])
    return here.displacement + np.tensordot(step, moves, axes=1)


def _linearize(observation: Observation, here: LocalModes, moves: Array) -> Condition:
    """Return J v of the softest mode, and its slopes along moves, shape (n, N, 3).

    v may rotate, so the slopes are projected on the complement of the images of all other visible
    modes.
    """
    changing = here.images.any(axis=1)
    images = here.images[changing]
    slopes = observation.displaced(here.displacement).curvature(here.modes[-1], moves)[changing]
    others = here.values > FINE * here.values[0]
    others[-1] = False
    seen = images[:, others] / here.values[others]  # orthonormal columns
    return images[:, -1], slopes - seen @ (seen.T @ slopes)
