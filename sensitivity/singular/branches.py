"""Two structures on either side of a singular point, moved until their features are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.jacobian import jacobian
from sensitivity.numerics import Array
from sensitivity.singular.points import SingularPoint

# Fraction of the norm of the features: agreement up to this is rounding.
SAME_FEATURES = 1e-13
# Quadratic convergence takes three to eight steps.
MOST_STEPS = 40
# The amplitude grows by at most so much (Å) at a time, each pair being the start of the next.
STRIDE = 0.05
# Damping, in squared singular values over their largest, for features that differ by their norm.
# It vanishes with the difference, so that convergence is quadratic; without it, displacements that
# have no effect at the solution would be taken where they have one before it.
DAMPING, NO_DAMPING = 10.0, 1e-14


@dataclass(frozen=True)
class Closing:
    """How near to each other the features of the two have come.

    Attributes
    ----------
    sides
        Shape (2, N, 3), Å: displacements of the two from the singular point.
    amplitude
        Å: how far each is from it along the null displacement.
    residual
        Norm of the difference of the features, relative to their norm.
    steps
        Number of Gauss-Newton steps until now.
    """

    sides: Array
    amplitude: float
    residual: float
    steps: int

    @property
    def same(self) -> bool:
        """Whether the features agree to rounding."""
        return self.residual <= SAME_FEATURES

    def better_than(self, other: Closing | None) -> bool:
        """Whether this is rather to be kept than one before: equal features count most."""
        return other is None or self.same or not other.same


@dataclass(frozen=True)
class Branches:
    """The two branches that leave a singular point along a null displacement, ahead and behind."""

    point: SingularPoint
    mode: Array
    descriptor: Descriptor

    def at(self, displacement: Array) -> Atoms:
        """The structure after a displacement, shape (N, 3), from the singular point."""
        atoms: Atoms = self.point.atoms.copy()
        atoms.positions += displacement
        return atoms

    def approach(self, amplitude: float) -> Iterator[Closing]:
        """Give the best pair after every step, at growing amplitude, the last at the whole."""
        count = int(np.ceil(amplitude / STRIDE))
        sides = np.zeros((2, *self.mode.shape))
        steps = 0
        for stride in range(1, count + 1):
            reached = amplitude * stride / count
            sides = sides * stride / max(stride - 1, 1)
            ahead = np.tensordot(sides[0] - sides[1], self.mode, axes=2) / 2
            part = (reached - ahead) * self.mode
            for closing in self.close(sides + np.array([part, -part]), reached, steps):
                yield closing
                sides, steps = closing.sides, closing.steps

    def close(self, sides: Array, amplitude: float, steps: int) -> Iterator[Closing]:
        """Move both sides, shape (2, N, 3), until the features agree."""
        best, lowest = sides, np.inf
        for more in range(MOST_STEPS):
            change, residual = self.step(sides)
            settled = residual > lowest / 2 and min(lowest, residual) < SAME_FEATURES  # rounding
            if residual < lowest:
                best, lowest = sides, residual
            yield Closing(best, amplitude, lowest, steps + more)
            if settled:
                return
            sides = sides + change

    def step(self, sides: Array) -> tuple[Array, float]:
        """Damped Gauss-Newton step of both sides, (2, N, 3), and the relative residual.

        The features of the two differ by ξ+ - ξ-; the mean of the two moves by s, and half their
        distance by t, orthogonal to the mode: (J+ - J-) s + (J+ + J-) t = ξ- - ξ+.
        """
        ahead, behind = (
            jacobian(self.at(side), self.descriptor, centers=(self.point.center,)) for side in sides
        )
        features = ahead.features.ravel(), behind.features.ravel()
        gap = features[0] - features[1]
        residual = float(np.linalg.norm(gap) / np.linalg.norm(features[0]))
        count = self.mode.size
        every = np.eye(count).reshape(count, *self.mode.shape)
        slopes = ahead.apply(every), behind.apply(every)  # [feature, atom xyz]
        flat = self.mode.ravel()
        apart = slopes[0] + slopes[1]
        apart = apart - np.outer(apart @ flat, flat)
        both = np.concatenate([slopes[0] - slopes[1], apart], axis=1)
        triangle, rotated = _reduce(both, gap)
        u, s, v = np.linalg.svd(triangle)
        damping = (DAMPING * residual**2 + NO_DAMPING) * s[0] ** 2
        u = u[:, : len(s)]
        change = -v[: len(s)].T @ (s / (s**2 + damping) * (u.T @ rotated))
        mean, half = change.reshape(2, *self.mode.shape)
        return np.array([mean + half, mean - half]), residual


def _reduce(matrix: Array, column: Array) -> tuple[Array, Array]:
    """A triangle with the singular values of a matrix (rows, k), and the column that goes with it.

    The part of the column that no combination of the others reaches is left out.
    """
    q, triangle = np.linalg.qr(matrix)
    return triangle, q.T @ column
