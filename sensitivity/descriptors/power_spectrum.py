"""The power spectrum: correlations of order 2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from sensitivity.descriptors.correlations import Array, Basis
from sensitivity.descriptors.expansion import Expansion


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

    def features(self, coefficients: list[Array]) -> Array:
        """Contract every pair of channels."""
        out = np.empty((len(coefficients[0]), self.size()))
        upper, _ = _upper(self.basis.n_max)
        for l, c in enumerate(coefficients):
            products = _scale(l) * (c @ c.swapaxes(1, 2))  # [center, q, q']
            for a, b, rows in self._pairs(l):
                block = products[:, self.basis.own(a), self.basis.own(b)]
                flat = block.reshape(len(out), -1)
                out[:, rows] = flat[:, upper] if a == b else np.sqrt(2) * flat
        return out

    def gradient(self, expansion: Expansion, out: Array) -> None:
        """Contract the gradient of one factor with the other factor, for each l."""
        n_max = self.basis.n_max
        upper, lower = _upper(n_max)
        for l, c in enumerate(expansion.coefficients):
            scaled = _scale(l) * c
            for a, d in expansion.gradients.items():
                columns = expansion.columns[a]
                g = scaled @ d[l].reshape(*d[l].shape[:2], -1)
                g = g.reshape(len(out), self.basis.channels, n_max, -1)  # [center, q', n, xyz]
                for first, second, rows in self._pairs(l):
                    if a == first == second:
                        own = g[:, self.basis.own(a)].reshape(len(out), n_max**2, -1)
                        np.add(own[:, upper], own[:, lower], out=out[:, rows, columns])
                    elif a in (first, second):
                        other = g[:, self.basis.own(second if a == first else first)]
                        block = out[:, rows].reshape(len(out), n_max, n_max, -1)[..., columns]
                        order = (0, 2, 1, 3) if a == first else (0, 1, 2, 3)
                        np.multiply(other.transpose(order), np.sqrt(2), out=block)

    def bytes_per_pair(self) -> int:
        """Gradients of the coefficients, and one product for each l."""
        per_radial = (self.basis.l_max + 1) ** 2 + self.basis.channels
        return 8 * 3 * self.basis.n_max * per_radial

    def _pairs(self, l: int) -> Iterator[tuple[int, int, slice]]:
        """Pairs of species a ≤ b, and the features that belong to them at this l."""
        start, n_max = 0, self.basis.n_max
        for a, b in combinations_with_replacement(range(self.basis.species), 2):
            size = n_max * (n_max + 1) // 2 if a == b else n_max**2
            yield a, b, slice(start + l * size, start + (l + 1) * size)
            start += (self.basis.l_max + 1) * size


def _scale(l: int) -> float:
    """Clebsch-Gordan coefficient that couples two equal l to an invariant."""
    return float((-1) ** l / np.sqrt(2 * l + 1))


@lru_cache(maxsize=64)
def _upper(n_max: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places n n_max + n' of the pairs n ≤ n', and of the same pairs exchanged."""
    n, other = np.triu_indices(n_max)
    return n * n_max + other, other * n_max + n
