"""Singular values and modes of J at one geometry, and Gauss-Newton steps towards J v = 0.

A singular value is like the absolute value of a smooth function where it touches zero. To find
where it does so, one solves J(r) v = 0 for the geometry r and the mode v together, which is smooth:
to first order the geometry moves by dr with J v + H[v] dr = 0, H[v] the derivative of J along v, up
to what a turn of v can take up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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


def solve_within(
    conditions: Sequence[Condition], before: Array, *, reach: float, weight: float, growth: float
) -> Array:
    """Return coordinates x, shape (n,), that fulfil conditions best, with |x| at most ``reach``.

    Minimizes Σ |values + slopes (x - before)|² + d |x|². The damping d makes a solution as long as
    the reach weigh ``weight`` times the squares of all values; it grows by the factor ``growth``
    until the solution is within reach.
    """
    square = sum(slopes.T @ slopes for _, slopes in conditions)
    force = sum(slopes.T @ (slopes @ before - values) for values, slopes in conditions)
    size = sum(float(values @ values) for values, _ in conditions)
    squares, axes = np.linalg.eigh(square)
    force = axes.T @ force
    # The second, a thousand times the rounding of squares, keeps the equations regular.
    damping = max(weight * size / reach**2, 1e-12 * float(squares.sum()))
    for _ in range(60):  # 2^60 of the damping leaves no more than rounding of any step
        after = axes @ (force / (squares + damping))
        if np.linalg.norm(after) <= reach:
            return np.asarray(after)
        damping *= growth
    return before


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
    zero = FINE * float(here.values[0])
    return here.condition_of(observation, index, moves, held=[index], zero=zero)


# A step that leaves more than this fraction of J v as it is does not lead to a zero.
STALLED = 0.5


@dataclass(frozen=True)
class NearestZeros:
    """The nearest geometry at which singular values vanish."""

    displacement: Array  # (N, 3), Å, from the start
    modes: Array  # (n, N, 3), orthonormal: not seen there; none if no such geometry is in reach
    small: int  # how many singular values at the start were small enough to be looked at


def nearest_zeros(
    observed: Observed,
    directions: Array,
    *,
    moves: Array,
    reach: float,
    zero: float,
    most: int = 16,
) -> NearestZeros:
    """Find the nearest geometry at which small singular values vanish, as many as possible.

    Of orthonormal displacements, ``directions`` (k, N, 3) may be null, and the atoms may go along
    ``moves`` (n, N, 3), as far as ``reach``, in Å, root of the summed squares. ``zero`` is the
    fraction of the largest singular value up to which one counts as zero. The ``most`` smallest are
    followed: where more are as small, as in a large environment seen with a small basis, only those
    that are zero as they stand are reported.
    """
    start = np.zeros(directions.shape[1:])
    slopes = observed.slopes(moves)
    scale = float(np.sqrt(np.linalg.eigvalsh(slopes.T @ slopes)[-1]))
    search = _ZeroSearch(observed, directions, moves, reach, zero * scale, scale)
    here = search.observe(start)
    small = np.flatnonzero(here.local.values <= scale * reach / observed.variation)[::-1].tolist()
    exact = int(np.sum(here.local.values <= search.zero))
    candidates = [mode for mode in small[: max(exact, most)] if search.leads_to_zero(here, mode)]
    found = search.descend(here, candidates) if candidates else None
    if found is None:
        return NearestZeros(start, directions[:0], len(small))
    null = found.local.modes[found.local.values <= search.zero]
    return NearestZeros(found.local.displacement, null, len(small))


class _Trial(NamedTuple):
    local: LocalModes
    mismatch: Condition  # what else has to vanish there


@dataclass(frozen=True)
class _ZeroSearch:  # its fields do not change during a search; see nearest_zeros
    observed: Observed
    directions: Array
    moves: Array
    reach: float
    zero: float
    scale: float

    def observe(self, displacement: Array) -> _Trial:
        there = self.observed.displaced(displacement)
        local = local_modes(there, self.directions, displacement=displacement, scale=self.scale)
        return _Trial(local, there.mismatch(self.moves))

    def leads_to_zero(self, here: _Trial, mode: int) -> bool:
        """Tell whether a step within reach might bring this singular value to zero."""
        if self.excess(here, [mode]) == 0:
            return True
        _, left = self.step(here, [mode])
        return bool(left[0] < max(STALLED * here.local.values[mode], self.zero))

    def excess(self, here: _Trial, modes: list[int]) -> float:
        """Return by how much the conditions are missed."""
        above = np.maximum(here.local.values[modes] - self.zero, 0)
        apart = np.abs(here.mismatch[0])
        apart = apart[apart > 1e-9]  # Å²; invariants that differ by less are equal
        return float(np.hypot(np.linalg.norm(above), np.linalg.norm(apart)))

    def descend(self, here: _Trial, modes: list[int]) -> _Trial | None:
        """Go to where the modes vanish, leaving behind those that do not."""
        for _ in range(12):  # quadratic convergence takes five from the largest reach
            excess = self.excess(here, modes)
            if excess == 0:
                return here
            displacement, modes = self.choose_step(here, modes)
            if not modes:
                return None
            nearer = self.shorten(here, modes, displacement, below=excess)
            if nearer is None:
                return None
            here, modes = nearer
        return None

    def choose_step(self, here: _Trial, modes: list[int]) -> tuple[Array, list[int]]:
        """Return a step, and the modes that it brings to zero: those that stall are dropped."""
        while modes:
            displacement, left = self.step(here, modes)
            if (left <= np.maximum(STALLED * here.local.values[modes], self.zero)).all():
                break
            modes = [mode for mode, rest in zip(modes, left, strict=True) if rest < left.max()]
        return displacement, modes

    def shorten(
        self, here: _Trial, modes: list[int], displacement: Array, *, below: float
    ) -> tuple[_Trial, list[int]] | None:
        """Return where the step, or a part of it, has an excess below this, and the modes there."""
        start = here.local.displacement
        for fraction in (1.0, 0.3, 0.1):
            there = self.observe(start + fraction * (displacement - start))
            same = _most_alike(there.local.modes, here.local.modes[modes])
            if self.excess(there, same) < below:
                return there, same
        return None

    def step(self, here: _Trial, modes: list[int]) -> tuple[Array, Array]:
        """Return a Gauss-Newton step towards J v = 0, and how much of each J v it leaves.

        The whole displacement, shape (N, 3), from the start: the shortest that will do, or one
        within reach that does most.
        """
        wanted = [
            here.local.condition_of(self.observed, mode, self.moves, held=modes, zero=self.zero)
            for mode in modes
        ]
        before = np.tensordot(self.moves, here.local.displacement, axes=2)  # [move]
        # A solution as long as the reach may leave 1 % of J v behind.
        after = solve_within(
            [here.mismatch, *wanted], before, reach=self.reach, weight=1e-4, growth=2.0
        )
        left = [np.linalg.norm(values + slopes @ (after - before)) for values, slopes in wanted]
        return np.tensordot(after, self.moves, axes=1), np.array(left)


def _most_alike(modes: Array, wanted: Array) -> list[int]:
    """As many of the modes as are wanted, those with the largest part in the span of these."""
    overlaps = np.einsum("aix,bix->ab", modes, wanted)
    order = np.argsort(-np.sum(overlaps**2, axis=1), kind="stable")
    return sorted(order[: len(wanted)].tolist())
