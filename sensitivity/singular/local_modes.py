"""Singular values and modes of J at one geometry, and Gauss-Newton steps towards J v = 0.

A singular value is like the absolute value of a smooth function where it touches zero. To find
where it does so, one solves J(r) v = 0 for the geometry r and the mode v together, which is smooth:
to first order the geometry moves by dr with J v + H[v] dr = 0, H[v] the derivative of J along v, up
to what a turn of v can take up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensitivity.completeness import CompleteView
from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.spectrum import decompose_matrix

Condition = tuple[Array, Array]
"""Values, shape (rows,), that have to vanish, and their slopes, shape (rows, n)."""


Observed = Observation | CompleteView
"""A structure and what is seen of it, by a descriptor or by complete correlations.

A singular value changes by no more than the largest of all over ``variation``, per Å, so that one
above that times the reach cannot vanish. Of ``mismatch`` the values, shape (e,), have to vanish,
too; its slopes have shape (e, k).
"""


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
        """Smallest over largest singular value; 0 where nothing is seen."""
        return float(self.values[-1] / self.values[0]) if self.values[0] else 0.0

    def null(self, zero: float) -> Array:
        """Modes, shape (m, N, 3), whose value is up to ``zero`` of the largest."""
        return np.asarray(self.modes[self.values <= zero * self.values[0]])

    def condition_of(
        self, observed: Observed, mode: int, moves: Array, *, held: Sequence[int], zero: float
    ) -> Condition:
        """Return J v of a mode, and its slopes along moves, shape (n, N, 3).

        v may turn, so the slopes are projected on the complement of the images of all modes above
        ``zero``, in (feature)/Å, but those that are ``held``.
        """
        slopes = observed.displaced(self.displacement).curvature(self.modes[mode], moves)
        others = np.setdiff1d(np.flatnonzero(self.values > zero), held)
        seen = self.images[:, others] / self.values[others]  # orthonormal columns
        return self.images[:, mode], slopes - seen @ (seen.T @ slopes)


def local_modes(
    there: Observed, directions: Array, *, displacement: Array, scale: float = 0.0
) -> LocalModes:
    """Decompose J within orthonormal directions, shape (k, N, 3).

    ``displacement`` leads from the start to the geometry that is observed. ``scale`` is the largest
    singular value of J, if the directions need not include its mode.
    """
    slopes = there.slopes(directions)
    values, mixing = decompose_matrix(slopes, scale=scale)
    modes = np.tensordot(mixing, directions, axes=1)
    return LocalModes(displacement, values, modes, slopes @ mixing.T)


def internal_modes(
    there: Observation, displacement: Array, *, internal: Array | None = None
) -> LocalModes:
    """Decompose J within the internal displacements of a displaced structure.

    ``displacement``, shape (N, 3), is that from the start; ``internal``, orthonormal, shape
    (k, N, 3), are its internal displacements where they are known already.
    """
    directions = there.internal if internal is None else internal
    return local_modes(there, directions, displacement=displacement)


# Fraction of the largest slope or singular value below which one counts as zero.
FINE = 1e-6


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


def step_to_zero(
    observation: Observation, here: LocalModes, index: int, moves: Array, *, slide: bool
) -> Array:
    """Displacement from the start, (N, 3), that brings J v to zero to first order.

    Of all that do, the nearest to here; to ``slide``, the nearest to the start. Far from a zero it
    is the latter, and need not do all: what it leaves of J v counts against its length.
    """
    image, slopes = _linearize(observation, here, index, moves)
    before = np.tensordot(moves, here.displacement, axes=2)
    squares, axes = np.linalg.eigh(slopes.T @ slopes)
    condition = float(here.values[index] / here.values[0])
    far = condition > 1e-3  # from there on convergence is quadratic
    origin = before if not (far or slide) else np.zeros_like(before)
    force = axes.T @ (slopes.T @ (slopes @ (before - origin) - image))
    kept = squares > (0 if far else 1e-8) * squares[-1]
    damping = 1e-3 * condition * squares[-1] if far else 0.0
    after = origin + axes[:, kept] @ (force[kept] / (squares[kept] + damping))
    step = after - before
    longest = 0.2  # Å; a longer step leaves the range of the linear equations
    step *= min(1.0, longest / max(float(np.linalg.norm(step)), longest))
    return here.displacement + np.tensordot(step, moves, axes=1)


def _linearize(observation: Observation, here: LocalModes, index: int, moves: Array) -> Condition:
    zero = FINE * float(here.values[0])
    return here.condition_of(observation, index, moves, held=[index], zero=zero)
