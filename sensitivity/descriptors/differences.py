"""Derivatives of a function without derivatives: central differences that know their error.

Each coordinate is displaced by ±h, ±2h and ±3h. Differences of order 2, 4 and 6 in h tell the error
of truncation; the scatter of the function along a line of close points tells its noise, and so the
error of rounding. Each coordinate gets the step at which their sum is smallest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sensitivity.numerics import Array, Indices, Mask
from sensitivity.progress import checkpoint

Displaced = Callable[[Indices, Array], Array]
"""Return values, shape (m, q), with one coordinate moved by one step in Å: both of shape (m,)."""

_OFFSETS = np.array([1.0, 2.0, 3.0])
# Weights of f(jh) - f(-jh) in h f', for errors of order 2, 4 and 6 in h.
_ORDERS = np.array([[1 / 2, 0, 0], [2 / 3, -1 / 12, 0], [3 / 4, -3 / 20, 1 / 60]])
# f(jh) + f(-jh) - 2 f(0) = a j + b j² + c j⁴, and these give a: h times the jump of the slope.
_KINK = np.linalg.inv(np.stack([_OFFSETS, _OFFSETS**2, _OFFSETS**4], axis=1))[0]
_FIRST, _LEAST, _LARGEST = 2.0**-6, 2.0**-26, 2.0**-4  # steps in Å
_SHORT = 2.0**-20  # Å: a kink nearer than this is here
EPS = float(np.finfo(float).eps)
_SAFETY = 6.0
_LINE, _DEGREE, _SPACING = 12, 6, 1e-5  # points in Å; differences of this degree are noise


class NotSmooth(ValueError):  # noqa: N818 - says what the map is
    """The map has a kink or a jump here, so that it has no Jacobian.

    Examples
    --------
    >>> from sensitivity import jacobian, structures
    >>> from sensitivity.descriptors import NotSmooth
    >>> from sensitivity.descriptors.from_function import Function
    >>> def distances(atoms):
    ...     return sorted(atoms.get_distances(0, range(1, len(atoms))))
    ...
    >>> try:
    ...     jacobian(structures.load("Td"), Function(distances, cutoff=3.0), centers=[0])
    ... except NotSmooth:
    ...     print("all four distances are equal")
    all four distances are equal
    """


@dataclass(frozen=True)
class Differences:
    """Derivatives of q values with respect to n coordinates."""

    slopes: Array  # (q, n)
    error: Array  # (n,): estimated 2-norm of the error of each column
    noise: Array  # (q,): estimated standard deviation of each value


def central_differences(
    displaced: Displaced, values: Array, coordinates: Array, *, precision: float = EPS
) -> Differences:
    """Differentiate at a point with these values, (q,), and coordinates, (n,), in Å.

    ``precision`` is the relative one of the values.

    Raises NotSmooth if the slopes from both sides differ, or differences do not converge.
    """
    count = len(coordinates)
    noise = np.maximum(
        _measure_noise(displaced, values, count=count), precision / 4 * np.abs(values)
    )
    place = float(np.spacing(np.abs(coordinates).max(initial=1.0)))
    best, series = _Columns.empty(len(values), count), 0.0
    steps, waiting = np.full(count, _FIRST), np.arange(count)
    for _ in range(12):
        found = _measure(displaced, values, waiting, steps[waiting], noise, place)
        series = found.extrapolate(series)
        worth = best.take(waiting, found)
        proposed = found.better_steps()
        # A kink or jump within the step may need several shorter steps to be left.
        again = (worth | found.truncated) & (proposed >= _LEAST) & (proposed <= _LARGEST)
        again &= np.abs(np.log2(proposed / found.steps)) >= 1
        waiting, proposed = waiting[again], proposed[again]
        if not len(waiting):
            break
        steps[waiting] = proposed
    _check_smooth(displaced, values, best, noise, place)
    return Differences(best.slopes.T, best.error, noise)


def one_sided_differences(
    displaced: Displaced, values: Array, *, step: float = 1e-4
) -> tuple[Array, Array]:
    """Return the slopes, (q,), ahead and behind along one coordinate; they may differ.

    The error is of the order of the fourth power of the step (Å) over the length of variation.
    """
    weights = np.array([4.0, -3.0, 4 / 3, -1 / 4])
    offsets = np.array([1.0, 2.0, 3.0, 4.0]) * step
    found = displaced(np.zeros(8, dtype=np.intp), np.concatenate([offsets, -offsets]))
    changes = np.tensordot(weights, found.reshape(2, 4, -1) - values, axes=(0, 1)) / step
    return changes[0], -changes[1]


@dataclass
class _Columns:
    """Differences along some coordinates, shape (m,) and (m, q)."""

    steps: Array
    slopes: Array
    kinks: Array  # jump of the slope
    rounding: Array
    coarse: Array  # how much the difference of order 4 differs from that of order 2
    fine: Array  # the same for 6 and 4
    truncation: Array

    @classmethod
    def empty(cls, size: int, count: int) -> _Columns:
        nothing, never = np.zeros((count, size)), np.full(count, np.inf)
        lengths = (never.copy() for _ in range(4))
        return cls(np.zeros(count), nothing, nothing.copy(), *lengths)

    @property
    def error(self) -> Array:
        return self.truncation + self.rounding

    def extrapolate(self, series: float) -> float:
        """Estimate truncation: errors fall as a geometric series, by a ratio of ``series`` h².

        The ratio of one column may be small by accident, so that of all columns counts, too; the
        larger of ``series`` and that ratio is returned.
        """
        noise = self.rounding / _SAFETY
        fine, coarse = (np.maximum(x - noise, 0.0) for x in (self.fine, self.coarse))
        total = float(np.sum(coarse * self.steps**2))
        series = max(series, float(fine.sum()) / total if total else 0.0)
        ratio = np.maximum(series * self.steps**2, fine / np.maximum(coarse, 1e-300))
        ratio[ratio > 0.1] = 1.0  # no such series, as next to a jump of the second derivative
        self.truncation = _SAFETY * ratio * np.maximum(fine, ratio * coarse)
        return series

    @property
    def truncated(self) -> Mask:
        """True where truncation is the larger error."""
        return np.asarray(self.truncation > self.rounding)

    def take(self, places: Indices, found: _Columns) -> Mask:
        """Keep what has a smaller error; return True where it is worth to go on."""
        before, now = self.error[places], found.error
        keep = now < before
        for name, values in vars(self).items():
            values[places[keep]] = getattr(found, name)[keep]
        return np.asarray(keep & (now > 0))

    def better_steps(self) -> Array:
        """Return the steps at which truncation, of order 6 in h, and rounding balance."""
        ratio = self.rounding / np.maximum(6.0 * self.truncation, 1e-300)
        return np.asarray(self.steps * 2.0 ** np.round(np.log2(np.clip(ratio ** (1 / 7), 0.06, 4))))


def _measure(
    displaced: Displaced,
    values: Array,
    columns: Indices,
    steps: Array,
    noise: Array,
    place: float,
) -> _Columns:
    """``place`` is the last place of the coordinates, Å: displaced ones are rounded to it."""
    offsets = np.concatenate([_OFFSETS, -_OFFSETS])
    found = displaced(np.repeat(columns, 6), np.outer(steps, offsets).ravel())
    found = found.reshape(len(columns), 2, 3, len(values))
    still = (found == values).all(axis=(1, 2, 3))
    ahead, behind = found[:, 0], found[:, 1]
    second, fourth, sixth = (
        np.einsum("j,cjq->cq", weights, ahead - behind) / steps[:, None] for weights in _ORDERS
    )
    kinks = np.einsum("j,cjq->cq", _KINK, ahead + behind - 2 * values) / steps[:, None]
    uncertain = np.linalg.norm(noise) + place / 2 * np.linalg.norm(sixth, axis=1)
    rounding = _SAFETY * uncertain * _weight(_ORDERS[2]) / steps
    rounding[still] = 0.0
    coarse, fine = (np.linalg.norm(x, axis=1) for x in (fourth - second, sixth - fourth))
    return _Columns(steps, sixth, kinks, rounding, coarse, fine, np.zeros(len(steps)))


def _weight(weights: Array) -> float:
    """Return the error of a difference for values with an error of 1."""
    return float(np.sqrt(2.0) * np.linalg.norm(weights))


def _measure_noise(displaced: Displaced, values: Array, *, count: int) -> Array:
    """Return the standard deviation of each value, from high differences along lines.

    Moré and Wild, SIAM J. Sci. Comput. 33, 1292 (2011), doi 10.1137/100786125. The points lie ahead
    only, so that a kink here does not count.
    """
    columns = np.unique(np.linspace(0, count - 1, min(count, 3)).astype(np.intp))
    steps = _SPACING * np.arange(1, _LINE + 1)
    found = displaced(np.repeat(columns, _LINE), np.tile(steps, len(columns)))
    high = np.diff(found.reshape(len(columns), _LINE, -1), n=_DEGREE, axis=1)
    binomials = np.prod(np.arange(_DEGREE + 1, 2 * _DEGREE + 1) / np.arange(1, _DEGREE + 1))
    # The noisiest line counts, unless it has a kink or jump.
    squares = (high**2).mean(axis=1)
    scatter = np.sqrt(np.minimum(squares.max(axis=0), 10 * np.median(squares, axis=0)) / binomials)
    return np.asarray(scatter)


def _check_smooth(
    displaced: Displaced, values: Array, found: _Columns, noise: Array, place: float
) -> None:
    scale = float(np.linalg.norm(found.slopes, axis=1).max(initial=0.0))
    floor = 10.0 * np.linalg.norm(noise) * _weight(_KINK)
    kinks, steps = np.linalg.norm(found.kinks, axis=1), found.steps
    kinked = kinks > np.maximum(1e-6 * scale, floor / np.maximum(steps, _LEAST))
    doubtful, steps = np.flatnonzero(kinked), steps[kinked]
    # What remains with ever shorter steps is a kink here, and not one nearby.
    while len(doubtful) and (steps > 8 * _SHORT).any():
        checkpoint("is the map smooth?")
        steps = np.maximum(steps / 8, _SHORT)
        near = _measure(displaced, values, doubtful, steps, noise, place)
        jumps = np.linalg.norm(near.kinks, axis=1)
        kept = jumps > np.maximum(0.3 * kinks[doubtful], floor / steps)
        doubtful, steps = doubtful[kept], steps[kept]
    if len(doubtful):
        raise NotSmooth(
            "the features have a kink at this geometry: their slopes on both sides differ by up to "
            f"{kinks[doubtful].max():.1e} per Å, so there is no Jacobian here; one_sided() gives "
            "both slopes along a displacement."
        )
    rough = found.truncation > np.maximum(1e-2 * scale, found.rounding)
    if rough.any():
        raise NotSmooth(
            "the features jump at this geometry: differences do not converge as the step shrinks, "
            "so there is no Jacobian here; hard cutoffs and selected values do this."
        )
