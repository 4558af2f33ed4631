"""A direction carried from one geometry to the next, within the singular vectors.

An isolated singular vector is known up to its sign, which overlap fixes. Singular vectors whose
values are equal span a subspace, and only that means something: a direction in it is carried to
the nearest subspace at the next geometry by the orthogonal matrix that is nearest to the overlaps
(the polar factor; parallel transport, but for terms of third order in the step).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensitivity.spectrum import Spectrum

Array = NDArray[np.float64]

# Singular values that differ by less than this fraction of the larger one belong together: equal by
# symmetry, up to coordinates that are rounded to 1e-6 Å. Others may come near to each other.
DEGENERATE = 1e-6
# Of the largest: singular values below are rounding, and equal to each other.
ROUNDING = 1e-12
# A vector that holds less than this part of the squared direction no longer takes part. The
# direction then turns by at most the root of it.
LEAVING = 0.02
# Squared part of the direction that the vectors which pass by each other have to hold.
HELD = 0.98
# More vectors than this do not pass by each other at a time; the direction is lost among them.
MOST_TOGETHER = 3


@dataclass(frozen=True)
class Heading:
    """A direction at one geometry.

    Attributes
    ----------
    direction
        Shape (N, 3), of unit norm.
    together
        Indices of the modes in whose span it lies.
    basis
        Shape (g, N, 3): these modes.
    """

    direction: Array
    together: tuple[int, ...]
    basis: Array

    def angle(self, other: Heading) -> float:
        """Angle to another direction, in radians."""
        return float(np.arccos(np.clip(np.sum(self.direction * other.direction), -1, 1)))


def head(spectrum: Spectrum, modes: tuple[int, ...], *, sign: float) -> Heading:
    """Set out along the first of some modes, those of equal singular value going with them."""
    group = _with_equals(spectrum, modes)
    return Heading(sign * spectrum.modes[modes[0]], group, spectrum.modes[list(group)])


def carry(heading: Heading, spectrum: Spectrum, *, fixed: bool) -> Heading | None:
    """Carry a direction to the next geometry; None if that has fewer modes than go together.

    ``fixed`` keeps the number of modes that go together; otherwise modes of equal singular value
    join, and those that hold nothing of the direction leave.
    """
    if spectrum.internal < len(heading.together):
        return None
    modes = spectrum.modes[: spectrum.internal]
    overlaps = np.einsum("kax,gax->kg", modes, heading.basis)
    order = np.argsort(-np.sum(overlaps**2, axis=1), kind="stable")
    nearest = np.sort(order[: len(heading.together)])
    u, _, v = np.linalg.svd(overlaps[nearest], full_matrices=False)
    parts = u @ v @ np.tensordot(heading.basis, heading.direction, axes=2)
    if not fixed:
        keep = parts**2 > LEAVING
        nearest, parts = nearest[keep], parts[keep]
    return _combine(spectrum, tuple(nearest.tolist()), parts, fixed=fixed)


def carry_across(heading: Heading, spectrum: Spectrum) -> Heading | None:
    """Carry a direction straight on where modes pass by each other; None if it is lost.

    Where two singular values nearly cross, their vectors are exchanged within a short distance. The
    direction goes on as it is, in the span of the few vectors that hold it.
    """
    modes = spectrum.modes[: spectrum.internal]
    parts = np.tensordot(modes, heading.direction, axes=2)
    order = np.argsort(-(parts**2), kind="stable")
    count = int(np.searchsorted(np.cumsum(parts[order] ** 2), HELD)) + 1
    if count > min(MOST_TOGETHER, len(order)):
        return None
    held = np.sort(order[:count])
    return _combine(spectrum, tuple(held.tolist()), parts[held], fixed=False)


def _combine(
    spectrum: Spectrum, together: tuple[int, ...], parts: Array, *, fixed: bool
) -> Heading:
    direction = np.tensordot(parts, spectrum.modes[list(together)], axes=1)
    group = together if fixed else _with_equals(spectrum, together)
    basis = spectrum.modes[list(group)]
    return Heading(direction / np.linalg.norm(direction), group, basis)


def _with_equals(spectrum: Spectrum, together: tuple[int, ...]) -> tuple[int, ...]:
    """The modes, and those whose singular values equal one of theirs."""
    values = spectrum.singular_values[: spectrum.internal]
    own = values[list(together)][:, None]
    gap = np.abs(values - own)
    equal = gap <= DEGENERATE * np.maximum(values, own) + ROUNDING * values.max(initial=0)
    return tuple(np.flatnonzero(equal.any(axis=0)).tolist())
