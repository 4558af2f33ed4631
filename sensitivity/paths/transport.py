"""A direction that rotates gradually with the singular vectors.

A unit direction t is rotated towards the followed singular vector v_k by

    dt/ds = -(1 - t tᵀ) Σ_i a_i v_i v_iᵀ t,   a_i = (s_i² - s_k²)² / (s_i² + s_k²) / C,

where s_i are the singular values as fractions of the largest, and a_k is zero. Other vectors are
removed from t faster the more their singular values differ: t is v_k itself, up to a small angle,
where s_k is separate. Where s_k comes near another value, t hardly rotates, and does not follow
sharp rotations of v_k. So it passes unchanged through a crossing, and in the span of vectors of
equal singular value it is transported in parallel. The equation does not depend on signs or on the
choice of degenerate vectors.

A subspace rotates in the same manner, with the harmonic sum of the a_i for each followed vector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sensitivity.numerics import Array
from sensitivity.spectrum import Spectrum
from sensitivity.tolerances import Tolerance

See = Callable[[Array], Spectrum]
"""Return the spectrum at any positions."""

HALF = 0.5
"""Squared overlap of two unit vectors; below it, they are more than 45° apart."""


@dataclass(frozen=True)
class Place:
    """A spectrum, and the direction of the curve there."""

    spectrum: Spectrum
    basis: Array  # (g, N, 3), orthonormal: transported vectors, the direction first
    followed: tuple[int, ...]  # indices of the g followed modes

    @property
    def direction(self) -> Array:
        """Shape (N, 3), of unit norm."""
        return np.asarray(self.basis[0])

    @property
    def reversed(self) -> Place:
        """Return the place of a curve that goes back along the followed vectors.

        If the direction contains little of these, along those that it contains most.
        """
        followed = self.followed
        if self.held < HALF:
            followed = ()
            for direction in self.basis:
                followed += (_most_alike(direction, self.spectrum, taken=list(followed)),)
        equal = list(with_equals(self.spectrum, set(followed)))
        modes = self.spectrum.modes[equal].reshape(len(equal), -1)
        flat = self.basis.reshape(len(self.basis), -1)
        turned = orthonormal((flat @ modes.T @ modes).reshape(self.basis.shape))
        basis = self.basis if turned is None else turned
        return replace(self, basis=np.concatenate([-basis[:1], basis[1:]]), followed=followed)

    @property
    def held(self) -> float:
        """Squared part of the direction in the span of the followed modes."""
        parts = np.tensordot(self.spectrum.modes[list(self.followed)], self.direction, axes=2)
        return float(np.sum(parts**2))

    @property
    def subspace(self) -> tuple[int, ...]:
        """The followed modes, those that hold the direction, and those equal to them."""
        modes = self.spectrum.modes[: self.spectrum.internal]
        parts = np.tensordot(modes, self.direction, axes=2) ** 2
        order = np.argsort(-parts, kind="stable")
        held = 0.98
        count = int(np.searchsorted(np.cumsum(parts[order]), held)) + 1
        return with_equals(self.spectrum, {*self.followed, *order[:count].tolist()})


def depart(spectrum: Spectrum, modes: tuple[int, ...], *, sign: float) -> Place:
    """Return the start of a curve along the first of some modes."""
    basis = spectrum.modes[list(modes)].copy()
    basis[0] *= sign
    return Place(spectrum, basis, modes)


def turning_rates(spectrum: Spectrum, followed: tuple[int, ...]) -> Array:
    """Return a_i of every internal mode, in 1/Å.

    With C = 1e-6 Å, two vectors whose singular values differ by s, as a fraction of the largest,
    are separated within C/s², that is 0.01 Å for a difference of 1 %. With half or twice this value
    the ring near X+ has the same width within 0.02 Å; a smaller value reduces the change of
    features on it, and makes the direction turn more sharply.
    """
    constant = 1e-6  # Å
    values = spectrum.singular_values[: spectrum.internal]
    squares = (values / (spectrum.scale or 1.0)) ** 2  # all zero if nothing is visible
    own = squares[list(followed)][:, None]  # [followed, mode]
    sums = own + squares
    apart = np.divide((squares - own) ** 2, sums, out=np.zeros_like(sums), where=sums > 0)
    rates = np.zeros(len(squares))
    away = apart.min(axis=0) > 0
    rates[away] = 1 / np.sum(1 / apart[:, away], axis=0)
    return rates / constant


def orthonormal(basis: Array) -> Array | None:
    """Return the nearest orthonormal vectors (the polar factor); None if some are lost."""
    u, values, v = np.linalg.svd(basis.reshape(len(basis), -1), full_matrices=False)
    kept = values.min() > Tolerance.ROUNDING * len(basis)
    return (u @ v).reshape(basis.shape) if kept else None


def with_equals(spectrum: Spectrum, modes: set[int]) -> tuple[int, ...]:
    """Return the modes, and those whose singular values equal one of theirs."""
    values = spectrum.singular_values[: spectrum.internal]
    own = values[sorted(modes)][:, None]
    gap = np.abs(values - own)
    rounding = Tolerance.EQUAL * values.max(initial=0)
    equal = gap <= Tolerance.EQUAL_BY_SYMMETRY * np.maximum(values, own) + rounding
    return tuple(np.flatnonzero(equal.any(axis=0)).tolist())


def track(here: Place, there: Spectrum, see: See) -> tuple[int, ...]:
    """Return the indices of the followed modes at another geometry.

    Modes are numbered in the order of their singular values. Where two values cross, as symmetry
    may allow, the vectors exchange places at one point, and the index follows the vector. Where
    they come near and separate again, each index keeps its place, and its vector rotates.
    """
    found: list[int] = []
    for mode, direction in zip(here.followed, here.basis, strict=True):
        # Among equal values, only the direction itself distinguishes a vector.
        equal = set(with_equals(here.spectrum, {mode})) - set(here.followed)
        index = None if equal else _trace(mode, here.spectrum, there, see)
        if index is None or index in found:
            index = _most_alike(direction, there, taken=found)
        found.append(index)
    return tuple(found)


def _trace(mode: int, here: Spectrum, there: Spectrum, see: See) -> int:
    """Return the index of one mode, after a search for a point of exchange.

    Vectors that are exchanged within the rounding of coordinates cross: the steps resolve any
    length over which vectors rotate.
    """
    if _overlap(mode, here, there) >= HALF:
        return mode
    while np.linalg.norm(there.atoms.positions - here.atoms.positions) > Tolerance.COORDINATES:
        middle = see((here.atoms.positions + there.atoms.positions) / 2)
        if middle.internal != here.internal:
            return mode
        if _overlap(mode, here, middle) < HALF:
            there = middle
        elif _overlap(mode, middle, there) < HALF:
            here = middle
        else:
            return mode
    return _most_alike(here.modes[mode], there, taken=[])


def _overlap(mode: int, here: Spectrum, there: Spectrum) -> float:
    return float(np.sum(here.modes[mode] * there.modes[mode]) ** 2)


def _most_alike(direction: Array, there: Spectrum, *, taken: list[int]) -> int:
    parts = np.tensordot(there.modes[: there.internal], direction, axes=2) ** 2
    parts[taken] = -1
    return int(np.argmax(parts))
