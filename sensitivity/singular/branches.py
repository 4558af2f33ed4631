"""Two structures on either side of a singular point, moved until their features are equal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.tolerances import Tolerance

# Steps at one amplitude: quadratic convergence takes three to eight.
MOST_STEPS = 40


@dataclass(frozen=True)
class Closing:
    """Two structures whose features are being made equal."""

    sides: Array  # (2, N, 3), Å: displacements of the two from the singular point
    amplitude: float  # Å, root of the summed squares: of each, along the null displacement
    residual: float  # norm of the difference of the features, relative to their norm
    steps: int  # Gauss-Newton steps so far

    @property
    def same(self) -> bool:
        """True if the features agree to rounding."""
        return self.residual <= Tolerance.SAME_FEATURES


@dataclass(frozen=True)
class Branches:
    """The two branches of a singular point along a null displacement, ahead and behind."""

    point: Observation
    mode: Array

    def approach(self, amplitude: float) -> Iterator[Closing]:
        """Yield the best pair after every step, at growing amplitude, the last at the full one.

        The amplitude grows by at most 0.05 Å at a time; each pair is the start of the next.
        """
        count = int(np.ceil(amplitude / 0.05))
        sides = np.zeros((2, *self.mode.shape))
        steps = 0
        for stride in range(1, count + 1):
            reached = amplitude * stride / count
            sides = sides * stride / max(stride - 1, 1)
            ahead = np.tensordot(sides[0] - sides[1], self.mode, axes=2) / 2
            part = (reached - ahead) * self.mode
            for closing in self._close(sides + np.array([part, -part]), reached, steps):
                yield closing
                sides, steps = closing.sides, closing.steps

    def _close(self, sides: Array, amplitude: float, steps: int) -> Iterator[Closing]:
        best, lowest = sides, np.inf
        for more in range(MOST_STEPS):
            change, residual = self._step(sides)
            rounding = min(lowest, residual) < Tolerance.SAME_FEATURES
            settled = residual > lowest / 2 and rounding
            if residual < lowest:
                best, lowest = sides, residual
            yield Closing(best, amplitude, lowest, steps + more)
            if settled:
                return
            sides = sides + change

    def _step(self, sides: Array) -> tuple[Array, float]:
        """Make a damped Gauss-Newton step of both sides, (2, N, 3); return the relative residual.

        The features of the two differ by ξ+ - ξ-; the mean of the two moves by s, and half their
        distance by t, orthogonal to the mode: (J+ - J-) s + (J+ + J-) t = ξ- - ξ+.
        """
        ahead, behind = (self.point.displaced(side) for side in sides)
        features = ahead.jacobian.features.ravel(), behind.jacobian.features.ravel()
        gap = features[0] - features[1]
        sizes = np.linalg.norm(features, axis=1)
        residual = float(np.linalg.norm(gap) / (sizes[0] or sizes[1] or 1.0))
        count = self.mode.size
        every = np.eye(count).reshape(count, *self.mode.shape)
        slopes = ahead.slopes(every), behind.slopes(every)  # [feature, atom xyz]
        flat = self.mode.ravel()
        apart = slopes[0] + slopes[1]
        apart = apart - np.outer(apart @ flat, flat)
        # R of QR has the same singular values; directions that no displacement reaches are left
        # out.
        q, triangle = np.linalg.qr(np.concatenate([slopes[0] - slopes[1], apart], axis=1))
        u, s, v = np.linalg.svd(triangle, full_matrices=False)
        # The damping, in squared singular values over their largest, vanishes with the difference,
        # so convergence is quadratic. Without it, displacements that have no effect at the solution
        # would be used where they have an effect before it.
        damping = (10.0 * residual**2 + 1e-20) * s.max(initial=0) ** 2
        damping = damping or 1.0  # if nothing is visible, nothing changes
        change = -v.T @ (s / (s**2 + damping) * (u.T @ (q.T @ gap)))
        mean, half = change.reshape(2, *self.mode.shape)
        return np.array([mean + half, mean - half]), residual
