"""Soft modes: the least visible displacements of those that symmetry allows to be seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.jacobian import Jacobian
from sensitivity.numerics import Array, check_integer
from sensitivity.spectrum import Spectrum, decompose, fix_gauge
from sensitivity.symmetry.subspaces import allowed_displacements
from sensitivity.tolerances import Tolerance


class AllowedModes(NamedTuple):
    """The singular values of what symmetry allows a descriptor to see."""

    values: Array  # (k,), descending
    modes: Array  # (k, N, 3)
    null: int  # number of values that count as zero
    equal: float  # difference of values that are equal by symmetry

    @classmethod
    def of(
        cls, derivative: Jacobian, descriptor: Descriptor, spectrum: Spectrum, *, tolerance: float
    ) -> AllowedModes:
        """Decompose J within the displacements that symmetry allows the descriptor to see."""
        _, directions = allowed_displacements(
            derivative.atoms,
            cutoff=descriptor.cutoff,
            centers=derivative.centers,
            invariance=with_defaults(descriptor).invariance,
            tolerance=tolerance,
        )
        values, modes = decompose(derivative, directions)
        fixed = fix_gauge(values, modes, scale=spectrum.scale)
        null = int(np.count_nonzero(values <= spectrum.zero_level))
        return cls(values, fixed, null, Tolerance.EQUAL_BY_SYMMETRY * spectrum.scale)

    def softest(self, k: int) -> Array:
        """Return the k softest modes, (k, N, 3), the softest last."""
        return self.modes[len(self.modes) - k :]

    @property
    def condition(self) -> float:
        """Smallest over largest value; 0 if it counts as zero, NaN without values."""
        if not len(self.values):
            return float("nan")
        return 0.0 if self.null else float(self.values[-1] / self.values[0])

    def divides(self, k: int) -> bool:
        """Return True if the k softest modes are a part of several with equal values."""
        if k == len(self.values):
            return False
        above, below = self.values[-k - 1], self.values[-k]
        return bool(above - below <= self.equal)


def choose_soft(allowed: Sequence[AllowedModes]) -> int:
    """Return the number of soft modes for descriptors, as ``compare`` chooses it."""
    most = min(len(each.values) for each in allowed)
    k = min(most, max(each.null for each in allowed) or 3)
    while 0 < k < most and any(each.divides(k) for each in allowed):
        k += 1
    return k


def check_soft(soft: int, allowed: Sequence[AllowedModes]) -> int:
    """Return a given number of soft modes; TypeError or ValueError if there are fewer."""
    most = min(len(each.values) for each in allowed)
    expected = f"an integer from 1 to {most}, the number that symmetry allows each to see"
    return check_integer(soft, "soft", expected, accepts=range(1, most + 1).__contains__)


def principal_angles(modes: Array) -> Array:
    """Return principal angles, degrees, ascending, between all pairs of n spans, (n, n, k).

    ``modes`` are orthonormal within each span, (n, k, N, 3).
    """
    from scipy.linalg import subspace_angles

    n, k, *shape = modes.shape
    spans = modes.reshape(n, k, int(np.prod(shape))).swapaxes(1, 2)  # [descriptor, coordinate, k]
    out = np.zeros((n, n, k))
    for a, b in combinations(range(n), 2) if k else ():
        out[a, b] = out[b, a] = np.degrees(subspace_angles(spans[a], spans[b]))[::-1]
    return out
