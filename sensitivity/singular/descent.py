"""Gauss-Newton descent of one singular value of any descriptor to zero.

At a geometry r with mode v one solves J(r) v = 0 for both, which is smooth where the singular value
itself is not: to first order the geometry moves by dr with J v + H[v] dr = 0, up to what a turn of
v can take up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sensitivity.numerics import Array
from sensitivity.singular.nearest_zeros import DescriptorView
from sensitivity.spectrum import decompose_matrix

# Å. A longer step leaves the range of the linear equations.
LONGEST_STEP = 0.3
# Five steps do from anywhere near; what has not come down to rounding after so many goes round.
MOST_STEPS = 25
# A descent that in so many steps does not halve its condition does not converge.
PATIENCE = 6
# Fraction of the largest slope or singular value below which one counts as zero.
FINE = 1e-6
# Fraction of the largest singular value from which on convergence is quadratic.
NEAR = 1e-3
# What a displacement of the whole length that is allowed weighs against all of J v, squared; and
# what keeps the equations regular. Stronger damping is tried where that leads too far.
DAMPING, NO_DAMPING, MOST_DAMPING = 1e-2, 1e-12, 30


@dataclass(frozen=True)
class Look:
    """What is seen at one geometry.

    Attributes
    ----------
    displacement
        Shape (N, 3), Å, from the start.
    values, modes
        Singular values, shape (k,), descending, and right singular vectors, shape (k, N, 3).
    images
        J v of each mode, shape (rows, k).
    """

    displacement: Array
    values: Array
    modes: Array
    images: Array

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


@dataclass(frozen=True)
class Descent:
    """Where a descent has come to, geometry by geometry."""

    looks: tuple[Look, ...]

    @property
    def best(self) -> Look:
        """The geometry with the lowest condition."""
        return min(self.looks, key=lambda look: look.condition)


def look(view: DescriptorView, displacement: Array, *, internal: Array | None = None) -> Look:
    """Decompose J within the internal displacements after a displacement, shape (N, 3).

    ``internal``, orthonormal, shape (k, N, 3), are these where they are known already.
    """
    directions = view.internal(displacement) if internal is None else internal
    slopes = view.slopes(displacement, directions)
    values, mixing = decompose_matrix(slopes)
    return Look(displacement, values, np.tensordot(mixing, directions, axes=1), slopes @ mixing.T)


def descend(
    view: DescriptorView,
    start: Look,
    *,
    mode: Array,
    moves: Array,
    zero: float,
    within: float,
    admits: Callable[[Array], bool],
    tell: Callable[[Look], bool],
) -> Descent:
    """Follow the singular value of the mode most like ``mode``, shape (N, 3), to zero.

    Parameters
    ----------
    view
        What is seen of the structure.
    start
        Where to begin.
    moves
        Orthonormal, shape (n, N, 3): where the atoms may go.
    zero
        Condition at which it is done.
    within
        Å, root of the summed squares: about how far away the zero is looked for.
    admits
        Tells of a displacement, shape (N, 3), whether the atoms may go there.
    tell
        Called with what is seen after each step, which takes three Jacobians; whether to go on.
    """
    looks = [start]
    for _ in range(MOST_STEPS):
        here = looks[-1]
        index = int(np.argmax(np.abs(np.tensordot(here.modes, mode, axes=2))))
        mode = here.modes[index]
        recent = [past.condition for past in looks[-PATIENCE:]]
        stalled = len(looks) > PATIENCE and recent[-1] > 0.5 * recent[0]
        if here.condition <= zero or stalled:
            break
        displacement = _step(view, here, index, moves, within)
        if not admits(displacement):
            break
        looks.append(look(view, displacement))
        if not tell(looks[-1]):
            break
    return Descent(tuple(looks))


def distance_to_zero(view: DescriptorView, here: Look, moves: Array, *, rounding: float) -> float:
    """How far the nearest zero of the smallest singular value is, in Å, to first order.

    Where the value falls as the square of the distance, as next to many a symmetric point, or by a
    higher power, it is half of the distance or less: two Jacobians tell a zero from a value that
    merely fades. ``rounding`` is the part of the largest singular value that is not counted.
    """
    slopes = _free_slopes(view, here, len(here.values) - 1, moves)
    steepest = float(np.sqrt(max(np.linalg.eigvalsh(slopes.T @ slopes)[-1], 0.0)))
    above = max(float(here.values[-1]) - rounding * float(here.values[0]), 0.0)
    if above == 0:
        return 0.0
    return above / steepest if steepest else np.inf


def _step(view: DescriptorView, here: Look, index: int, moves: Array, within: float) -> Array:
    """Displacement from the start, (N, 3), that brings J v to zero to first order.

    Near a zero the shortest from here. Before, the one nearest to the start, which does not have to
    do all: what it leaves of J v counts against its length over ``within``.
    """
    slopes = _free_slopes(view, here, index, moves)
    image = here.images[:, index]
    coordinates = np.tensordot(moves, here.displacement, axes=2)
    squares, axes = np.linalg.eigh(slopes.T @ slopes)
    if here.values[index] < NEAR * here.values[0]:
        kept = squares > FINE**2 * squares[-1]
        step = -axes[:, kept] @ ((axes.T @ (slopes.T @ image))[kept] / squares[kept])
    else:
        force = axes.T @ (slopes.T @ (slopes @ coordinates - image))
        damping = float(DAMPING * (image @ image) / within**2 + NO_DAMPING * squares[-1])
        ends = (axes @ (force / (squares + damping * 4**k)) for k in range(MOST_DAMPING))
        step = next((e for e in ends if np.linalg.norm(e) <= within), coordinates) - coordinates
    step *= min(1.0, LONGEST_STEP / max(float(np.linalg.norm(step)), LONGEST_STEP))
    return here.displacement + np.tensordot(step, moves, axes=1)


def _free_slopes(view: DescriptorView, here: Look, index: int, moves: Array) -> Array:
    """Changes of J v for a mode by moves, (rows, n), up to what a turn of v can take up."""
    slopes = view.curvature(here.displacement, here.modes[index], moves)
    others = np.flatnonzero(here.values > FINE * here.values[0])
    others = others[others != index]
    seen = here.images[:, others] / here.values[others]  # orthonormal columns
    return np.asarray(slopes - seen @ (seen.T @ slopes))
