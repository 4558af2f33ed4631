"""The power spectrum: correlations of order 2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from sensitivity.descriptors.correlations import Array, Basis
from sensitivity.descriptors.expansion import Expansion, each_direction


@dataclass(frozen=True)
class PowerSpectrum:
    """Order 2: ξ_{qq'l} = (-1)^l/√(2l + 1) Σ_m c_{qlm} c_{q'lm}, times √2 for unequal species.

    Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013), doi 10.1103/PhysRevB.87.184115; signs
    and factors are those of featomic. Features are sorted by the pair of species a ≤ a', then l,
    then n, then n', with n ≤ n' for a = a'.
    """

    basis: Basis

    def size(self) -> int:
        """(l_max + 1) times the number of unordered pairs of channels."""
        q = self.basis.channels
        return (self.basis.l_max + 1) * q * (q + 1) // 2

    def features(self, coefficients: Array) -> Array:
        """Contract every pair of channels."""
        scaled = coefficients * _scale(self.basis.l_max)
        products = (scaled @ coefficients.swapaxes(2, 3)).swapaxes(0, 1)  # [center, l, q, q']
        upper, _ = _upper(self.basis.n_max)
        out = np.empty((len(products), self.size()))
        for a, b, rows in self._pairs():
            block = products[:, :, self.basis.own(a), self.basis.own(b)]
            flat = block.reshape(*block.shape[:2], -1)
            flat = flat[:, :, upper] if a == b else np.sqrt(2) * flat
            out[:, rows] = flat.reshape(len(out), -1)
        return out

    def gradient(self, expansion: Expansion, out: Array) -> None:
        """Contract the gradient of one factor with the other factor.

        The gradient of R_n Y_m is ∇R_n Y_m + R_n ∇Y_m, and Y and ∇Y are contracted with the
        coefficients before the radial functions multiply, which is fewer operations.
        """
        scaled = expansion.coefficients * _scale(self.basis.l_max)
        for a, near in expansion.contributions.items():
            # [n of a, q', l, center, 3p]
            gradient = near.radial_gradient[:, None] * each_direction(
                _contract(scaled, near.angular)
            )
            gradient += each_direction(near.radial)[:, None] * _contract(
                scaled, near.angular_gradient
            )
            if near.images is not None:
                gradient = gradient @ near.images
            for b in range(self.basis.species):
                pairs = self._unordered(
                    gradient[:, self.basis.own(b)], a, b
                )  # [pair, l, center, 3k]
                block = self._target(out, min(a, b), max(a, b))[:, :, :, near.columns]
                block[...] = pairs.transpose(2, 1, 0, 3).reshape(block.shape)

    def _unordered(self, products: Array, a: int, b: int) -> Array:
        """Keep each unordered pair of channels once: (n of a, n of b, ...) gives (pairs, ...)."""
        flat = (products.swapaxes(0, 1) if a > b else products).reshape(-1, *products.shape[2:])
        if a != b:
            return np.asarray(np.sqrt(2) * flat)
        upper, lower = _upper(self.basis.n_max)
        pairs: Array = flat[upper]
        pairs += flat[lower]
        return pairs

    def _target(self, out: Array, a: int, b: int) -> Array:
        """Features of species a ≤ b: a view of shape (centers, l, pairs of n, k, 3)."""
        rows = next(rows for first, second, rows in self._pairs() if (first, second) == (a, b))
        return out[:, rows].reshape(len(out), self.basis.l_max + 1, -1, *out.shape[2:])

    def bytes_per_pair(self) -> int:
        """Products of the channels of one species with all, for each l."""
        return 8 * 3 * (self.basis.l_max + 1) * self.basis.n_max * self.basis.channels

    def _pairs(self) -> Iterator[tuple[int, int, slice]]:
        """Pairs of species a ≤ b, and the features that belong to them."""
        start, n_max = 0, self.basis.n_max
        for a, b in combinations_with_replacement(range(self.basis.species), 2):
            size = (self.basis.l_max + 1) * (n_max * (n_max + 1) // 2 if a == b else n_max**2)
            yield a, b, slice(start, start + size)
            start += size


def _contract(scaled: Array, angular: Array) -> Array:
    """Contract Y_lm with the coefficients: (l, m, centers, p) gives (q, l, centers, p)."""
    products = scaled @ angular.swapaxes(1, 2)  # [l, center, q, p]
    return np.ascontiguousarray(products.transpose(2, 0, 1, 3))


@lru_cache(maxsize=64)
def _scale(l_max: int) -> Array:
    """Clebsch-Gordan coefficients that couple two equal l to an invariant, shape (l, 1, 1, 1)."""
    l = np.arange(l_max + 1)
    return ((-1.0) ** l / np.sqrt(2 * l + 1)).reshape(-1, 1, 1, 1)


@lru_cache(maxsize=64)
def _upper(n_max: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places n n_max + n' of the pairs n ≤ n', and of the same pairs exchanged."""
    n, other = np.triu_indices(n_max)
    return n * n_max + other, other * n_max + n
