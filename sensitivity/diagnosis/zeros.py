"""The nearest geometry at which displacements are invisible.

Modes and geometry are solved for together, as in ``singular.local_modes``. Here several modes may
become null at once, and the geometry stays within reach of the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import ClassVar, NamedTuple

import numpy as np

from sensitivity.completeness import CompleteView
from sensitivity.numerics import Array
from sensitivity.observation import Observation
from sensitivity.progress import checkpoint
from sensitivity.spectrum import decompose, largest_singular_value

Observed = Observation | CompleteView
"""A structure, observed by a descriptor or by complete correlations.

A singular value changes by no more than the largest one over ``variation``, per Å, so a value above
that times the reach cannot vanish. The values of ``mismatch``, shape (e,), must vanish too; its
slopes have shape (e, k).
"""

# A step that leaves more than this fraction of J v does not lead to a zero.
STALLED = 0.5


class Misfit(NamedTuple):
    """The square |values + slopes x|² = size + 2 force·x + x·square x of a condition."""

    size: float
    force: Array  # (n,)
    square: Array  # (n, n)

    @classmethod
    def of(cls, values: Array, slopes: Array) -> Misfit:
        """Return the square of a condition."""
        return cls(float(values @ values), slopes.T @ values, slopes.T @ slopes)

    def plus(self, other: Misfit) -> Misfit:
        """Return the sum of both conditions."""
        return Misfit(self.size + other.size, self.force + other.force, self.square + other.square)

    def left(self, step: Array) -> float:
        """Return |values + slopes x| after a step x, shape (n,)."""
        square = self.size + 2.0 * self.force @ step + step @ self.square @ step
        return float(np.sqrt(max(float(square), 0.0)))


class Spent(Exception):  # noqa: N818 - not an error
    """A budget is used up."""


@dataclass
class Budget:
    """A limit on the total cost of searches: modes and geometries that they may examine."""

    # For one diagnosis, for causes much nearer than a symmetry: three times the cost for benzene
    # with noise. The diagnosis reports when it is reached.
    MOST: ClassVar[int] = 600

    left: int
    exceeded: bool = False

    def spend(self, count: int) -> None:
        """Subtract from the budget, or raise ``Spent``."""
        self.exceeded = count > self.left
        if self.exceeded:
            raise Spent
        self.left -= count


@dataclass(frozen=True)
class NearestZeros:
    """The nearest geometry at which singular values vanish."""

    displacement: Array  # (N, 3), Å, from the start
    modes: Array  # (n, N, 3), orthonormal: invisible there; empty if no such geometry is in reach
    small: int  # number of singular values at the start that were small enough to examine


def nearest_zeros(
    observed: Observed,
    directions: Array,
    *,
    moves: Array,
    reach: float,
    zero: float,
    most: int = 16,
    budget: Budget | None = None,
) -> NearestZeros:
    """Find the nearest geometry at which as many small singular values as possible vanish.

    Of orthonormal displacements, ``directions`` (k, N, 3) may be null, and the atoms may move along
    ``moves`` (n, N, 3), up to ``reach``, in Å, root of the summed squares. ``zero`` is the fraction
    of the largest singular value up to which a value counts as zero. The ``most`` smallest are
    followed: if more are this small, as in a large environment with a small basis, only those that
    are already zero are reported. ``Spent`` is raised if a budget does not suffice.
    """
    scale = largest_singular_value(observed, moves)
    search = _ZeroSearch(observed, directions, moves, reach, zero * scale, scale, budget)
    start = np.zeros(directions.shape[1:])
    here = search.observe(start)
    small = np.flatnonzero(here.values <= scale * reach / observed.variation)[::-1].tolist()
    exact = int(np.sum(here.values <= search.zero))
    candidates = list[int]()
    if not search.is_apart(here):
        candidates = search.choose(here, small[: max(exact, most)])
    found = search.descend(here, candidates) if candidates else None
    if found is None:
        return NearestZeros(start, directions[:0], len(small))
    null = found.modes[found.values <= search.zero]
    return NearestZeros(found.displacement, null, len(small))


@dataclass(frozen=True)
class _Trial:
    """A geometry, with singular values and modes of J within the directions that may be null."""

    observed: Observed  # at the displaced geometry
    displacement: Array  # (N, 3), Å, from the start
    values: Array  # (k,), descending
    modes: Array  # (k, N, 3)
    moves: Array  # (n, N, 3)
    zero: float  # (feature)/Å
    _known: dict[int, tuple[Misfit, Array, Array]] = field(default_factory=dict)

    @cached_property
    def apart(self) -> Array:
        """Further values that must vanish there and do not, shape (e,)."""
        values, _ = self.observed.mismatch(self.moves[:0])
        return np.asarray(values[np.abs(values) > 1e-9])  # Å²; less is equal

    @cached_property
    def mismatch(self) -> Misfit:
        """All further values that must vanish, along the moves."""
        return Misfit.of(*self.observed.mismatch(self.moves))

    @cached_property
    def seen(self) -> Array:
        """Orthonormal images of the modes above zero, which come first, shape (rows, seen)."""
        above = self.values > self.zero
        return self.observed.slopes(self.modes[above]) / self.values[above]

    def misfit(self, mode: int, *, held: list[int]) -> Misfit:
        """Return the condition J v of a mode along the moves.

        v may rotate, so the slopes are projected on the complement of the images of all modes above
        zero, except those that are ``held``.
        """
        if mode not in self._known:
            checkpoint()
            slopes = self.observed.curvature(self.modes[mode], self.moves)
            image = self.observed.slopes(self.modes[mode][None])[:, 0]
            along, within = self.seen.T @ slopes, self.seen.T @ image
            rest = Misfit.of(image - self.seen @ within, slopes - self.seen @ along)
            self._known[mode] = rest, along, within
        rest, along, within = self._known[mode]
        kept = [other for other in held if other < len(along)]
        # Adding the held images is exact; subtracting the others would leave rounding errors.
        return rest.plus(Misfit.of(within[kept], along[kept]))


@dataclass(frozen=True)
class _ZeroSearch:  # its fields do not change during a search; see nearest_zeros
    observed: Observed
    directions: Array
    moves: Array
    reach: float
    zero: float
    scale: float
    budget: Budget | None

    def spend(self, count: int) -> None:
        checkpoint()
        if self.budget is not None:
            self.budget.spend(count)

    def observe(self, displacement: Array) -> _Trial:
        self.spend(1)
        # At the start much is known already.
        there = self.observed.displaced(displacement) if displacement.any() else self.observed
        values, modes = decompose(there, self.directions, scale=self.scale)
        return _Trial(there, displacement, values, modes, self.moves, self.zero)

    def is_apart(self, here: _Trial) -> bool:
        """Return True if no step within reach might bring the mismatch to zero."""
        if not len(here.apart):
            return False
        step = self.solve([here.mismatch], np.zeros(len(self.moves)))
        return here.mismatch.left(step) > STALLED * float(np.sqrt(here.mismatch.size))

    def choose(self, here: _Trial, modes: list[int]) -> list[int]:
        """Return the modes whose singular value a step within reach might bring to zero."""
        chosen, count = [], here.observed.at_once
        for start in range(0, len(modes), count):
            part = modes[start : start + count]
            least = self.bound(here, part)
            for number, mode in enumerate(part, start):
                checkpoint(f"nearly invisible displacements: {number} of {len(modes)}")
                if self.leads_to_zero(here, mode, least=least[mode]):
                    chosen.append(mode)
        return chosen

    def bound(self, here: _Trial, modes: list[int]) -> dict[int, float]:
        """Return what a step within reach leaves of each singular value at least.

        No step changes it by more than its gradient times the reach, to first order.
        """
        above = [mode for mode in modes if here.values[mode] > self.zero]
        least = dict.fromkeys(modes, 0.0)
        if above:
            values, vectors = here.values[above], here.modes[above]
            images = here.observed.slopes(vectors) / values
            gradients = np.tensordot(
                here.observed.steepest(vectors, images), self.moves, ([1, 2],) * 2
            )
            left = values - self.reach * np.linalg.norm(gradients, axis=1)
            least.update(zip(above, left.tolist(), strict=True))
        return least

    def leads_to_zero(self, here: _Trial, mode: int, *, least: float) -> bool:
        """Return True if a step within reach, which leaves ``least`` or more, may lead to zero."""
        if self.excess(here, [mode]) == 0:
            return True
        value = here.values[mode]
        enough = max(STALLED * value, self.zero)
        if value > enough:
            self.spend(1)
            if least >= enough:
                return False
        _, left = self.step(here, [mode])
        return bool(left[0] < enough)

    def excess(self, here: _Trial, modes: list[int]) -> float:
        """Return the violation of the conditions."""
        above = np.maximum(here.values[modes] - self.zero, 0)
        return float(np.hypot(np.linalg.norm(above), np.linalg.norm(here.apart)))

    def descend(self, here: _Trial, modes: list[int]) -> _Trial | None:
        """Move to where the modes vanish, dropping those that do not."""
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
        """Return a step, and the modes that it brings to zero; modes that stall are dropped."""
        while modes:
            displacement, left = self.step(here, modes)
            if (left <= np.maximum(STALLED * here.values[modes], self.zero)).all():
                break
            modes = [mode for mode, rest in zip(modes, left, strict=True) if rest < left.max()]
        return displacement, modes

    def shorten(
        self, here: _Trial, modes: list[int], displacement: Array, *, below: float
    ) -> tuple[_Trial, list[int]] | None:
        """Return the result of the step, or a part of it, with a smaller excess, and the modes."""
        start = here.displacement
        for fraction in (1.0, 0.3, 0.1):
            there = self.observe(start + fraction * (displacement - start))
            same = _most_alike(there.modes, here.modes[modes])
            if self.excess(there, same) < below:
                return there, same
        return None

    def step(self, here: _Trial, modes: list[int]) -> tuple[Array, Array]:
        """Return a Gauss-Newton step towards J v = 0, and the fraction of each J v that it leaves.

        It is the total displacement, shape (N, 3), from the start: the shortest that suffices, or
        the best one within reach.
        """
        self.spend(len(modes))
        wanted = [here.misfit(mode, held=modes) for mode in modes]
        before = np.tensordot(self.moves, here.displacement, axes=2)  # [move]
        after = self.solve([here.mismatch, *wanted], before)
        left = [misfit.left(after - before) for misfit in wanted]
        return np.tensordot(after, self.moves, axes=1), np.array(left)

    def solve(self, misfits: list[Misfit], before: Array) -> Array:
        # A solution as long as the reach may leave 1 % of J v behind.
        return _solve_within(misfits, before, reach=self.reach, weight=1e-4, growth=2.0)


def _most_alike(modes: Array, wanted: Array) -> list[int]:
    """Return the modes, as many as wanted, with the largest part in the span of ``wanted``."""
    overlaps = np.einsum("aix,bix->ab", modes, wanted)
    order = np.argsort(-np.sum(overlaps**2, axis=1), kind="stable")
    return sorted(order[: len(wanted)].tolist())


def _solve_within(
    misfits: Sequence[Misfit], before: Array, *, reach: float, weight: float, growth: float
) -> Array:
    """Return coordinates x, shape (n,), that best satisfy conditions, with |x| <= ``reach``.

    Minimizes Σ |values + slopes (x - before)|² + d |x|². The damping d makes a solution as long as
    the reach weigh ``weight`` times the squares of all values; it grows by the factor ``growth``
    until the solution is within reach.
    """
    size, force, square = reduce(Misfit.plus, misfits)
    squares, axes = np.linalg.eigh(square)
    force = axes.T @ (square @ before - force)
    # The second, a thousand times the rounding of squares, keeps the equations regular.
    damping = max(weight * size / reach**2, 1e-12 * float(squares.sum()))
    for _ in range(60):  # 2^60 of the damping leaves no more than rounding of any step
        after = axes @ (force / (squares + damping))
        if np.linalg.norm(after) <= reach:
            return np.asarray(after)
        damping *= growth
    return before
