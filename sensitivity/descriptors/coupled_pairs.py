"""Pairs of factors, coupled to every degree that they allow, and their gradients.

    A_{q1 q2 LM} = (2L + 1)^(1/4) Σ_{m1 m2} W_{m1 m2 M} c_{q1 l1 m1} c_{q2 l2 m2}

with W from ``coupling``. For one pair of degrees all L stand on one axis LM, of as many places as
there are pairs of m1 and m2: the coupling to all of them is one square matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sensitivity.descriptors.correlations import Basis
from sensitivity.descriptors.couplings import coupling
from sensitivity.descriptors.quadruples import pairs
from sensitivity.numerics import Array

# By the degree L.
ByDegree = dict[int, Array]


@dataclass(frozen=True)
class CoupledPair:
    """Two factors of degrees l1 ≤ l2.

    Attributes
    ----------
    l
        The degrees.
    basis
        Channels of each factor.
    first, second
        Shapes (centers, LM, m2, q1) and (centers, LM, m1, q2): what multiplies the other factor.
    """

    l: tuple[int, int]
    basis: Basis
    first: Array
    second: Array

    def values(self, coefficients: Array) -> ByDegree:
        """Return A for every L, shapes (centers, pairs, M)."""
        products = coefficients[self.l[1], :, None, :, : 2 * self.l[1] + 1] @ self.first
        products = products.transpose(0, 3, 2, 1)  # [center, q1, q2, LM]
        products = products.reshape(len(products), -1, products.shape[-1])
        return {
            L: np.take(products[:, :, self._span(L)], self._places(L), axis=1)
            for L in self._degrees()
        }

    def gradients(self, slopes: list[Array], own: slice) -> ByDegree:
        """Return the gradients of A for every L, shapes (centers, M, pairs, x).

        ``slopes``, for each l of shape (centers, m, n, x), are the gradients of the coefficients
        of the ``own`` channels, those of one species; x runs over the directions of its atoms.
        """
        product = self._product_rule(slopes, own)
        product = product.reshape(*product.shape[:2], -1, product.shape[-1])
        return {
            L: np.take(product[:, self._span(L)], self._places(L), axis=2) for L in self._degrees()
        }

    def _product_rule(self, slopes: list[Array], own: slice) -> Array:
        """Gradient of A for all pairs of channels, shape (centers, LM, q1, q2, x)."""
        first = _times(self.first, slopes[self.l[1]])  # [center, LM, q1, n, x]
        second = _times(self.second, slopes[self.l[0]])  # [center, LM, q2, n, x]
        centers, size, channels, _, x = first.shape
        out = np.zeros((centers, size, channels, channels, x))
        out[:, :, :, own] = first
        out[:, :, own] += second.swapaxes(2, 3)
        return out

    def _degrees(self) -> range:
        return range(self.l[1] - self.l[0], self.l[0] + self.l[1] + 1)

    def _span(self, L: int) -> slice:
        """Places of L on the axis LM."""
        start = L**2 - (self.l[1] - self.l[0]) ** 2
        return slice(start, start + 2 * L + 1)

    def _places(self, L: int) -> NDArray[np.intp]:
        q1, q2 = pairs(self.basis.channels, like=self.l[0] == self.l[1], L=L)
        places: NDArray[np.intp] = q1 * self.basis.channels + q2
        return places


def couple(l1: int, l2: int, coefficients: Array, *, basis: Basis) -> CoupledPair:
    """Couple two factors of degrees l1 ≤ l2.

    ``coefficients`` are those of an ``Expansion``.
    """
    w = _couplings(l1, l2)  # [LM, m1, m2]
    c1, c2 = (coefficients[l, :, None, :, : 2 * l + 1].swapaxes(2, 3) for l in (l1, l2))
    return CoupledPair((l1, l2), basis, first=w.swapaxes(1, 2) @ c1, second=w @ c2)


def _times(factor: Array, slopes: Array) -> Array:
    """Contract [center, LM, m, q] with [center, m, n, x] to [center, LM, q, n, x]."""
    centers, size, m, channels = factor.shape
    rows = factor.swapaxes(2, 3).reshape(centers, size * channels, m)
    product = rows @ slopes.reshape(centers, m, -1)
    return product.reshape(centers, size, channels, *slopes.shape[2:])


@lru_cache(maxsize=1024)
def _couplings(l1: int, l2: int) -> Array:
    """Couplings to all L below each other, read-only, shape (LM, 2 l1 + 1, 2 l2 + 1).

    The weight of L is what makes the sum over M of two pairs an invariant with ΣW² = 1.
    """
    out = np.concatenate(
        [
            (2 * L + 1) ** 0.25 * np.moveaxis(coupling(l1, l2, L), 2, 0)
            for L in range(l2 - l1, l1 + l2 + 1)
        ]
    )
    out.setflags(write=False)
    return out
