"""The power spectrum: correlations of order 2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

from sensitivity.descriptors.correlations import Basis, Factors
from sensitivity.descriptors.expansion import Contributions, Expansion, each_direction
from sensitivity.descriptors.workspace import workspace
from sensitivity.numerics import Array, Indices


@dataclass(frozen=True)
class PowerSpectrum:
    """Order 2: ξ_{qq'l} = (-1)^l/√(2l + 1) Σ_m c_{qlm} c_{q'lm}, times √2 for unequal species.

    Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013), doi 10.1103/PhysRevB.87.184115; signs
    and factors are those of featomic. Features are sorted by the pair of species a ≤ a', then l,
    then n, then n', with n ≤ n' for a = a'.
    """

    basis: Basis

    def size(self) -> int:
        """Return (l_max + 1) times the number of unordered pairs of channels."""
        q = self.basis.channels
        return (self.basis.l_max + 1) * q * (q + 1) // 2

    def features(self, coefficients: Array) -> Array:
        """Contract every pair of channels."""
        scaled = coefficients * scale_of_degrees(self.basis.l_max)
        products = (scaled @ coefficients.swapaxes(2, 3)).swapaxes(0, 1)  # [center, l, q, q']
        n, other = upper_pairs(self.basis.n_max)
        out = np.empty((len(products), self.size()))
        for a, b, rows in self._pairs():
            block = products[:, :, self.basis.own(a), self.basis.own(b)]
            pairs = block[:, :, n, other] if a == b else 2**0.5 * block
            out[:, rows] = pairs.reshape(len(out), -1)
        return out

    def gradient(self, expansion: Expansion, out: Array) -> None:
        """Contract the gradient of one factor with the other factor.

        The gradient of R_n Y_m is ∇R_n Y_m + R_n ∇Y_m. Y and ∇Y are contracted with the
        coefficients before multiplying by the radial functions, which takes fewer operations.
        """
        scaled = expansion.coefficients * scale_of_degrees(self.basis.l_max)
        places = {(a, b): rows for a, b, rows in self._pairs()}
        for a, near in expansion.contributions.items():
            products, scratch = self._products(scaled, near)  # [n of a, q', l, center, 3p]
            for b in range(self.basis.species):
                own = products[:, self.basis.own(b)]
                if a == b:
                    pairs = _like_pairs(own, scratch)
                else:
                    own *= 2**0.5
                    ordered = own.swapaxes(0, 1) if a > b else own
                    pairs = ordered.reshape(-1, *own.shape[2:])
                pairs = near.add_images(pairs)  # [pair, l, center, 3k]
                rows = out[:, places[min(a, b), max(a, b)]]
                rows = rows.reshape(len(out), self.basis.l_max + 1, -1, *out.shape[2:])
                block = rows[:, :, :, near.columns]  # a view: [center, l, pair, k, 3]
                block[...] = pairs.transpose(2, 1, 0, 3).reshape(block.shape)

    def _products(self, scaled: Array, near: Contributions) -> tuple[Array, Array]:
        """Return gradient of one factor times the other, and a work array of the same size."""
        angular = each_direction(_contract(scaled, near.angular))
        angular_gradient = _contract(scaled, near.angular_gradient)
        shape = (self.basis.n_max, *angular.shape)
        products, scratch = workspace.arrays(shape, shape)
        np.multiply(near.radial_gradient[:, None], angular, out=products)
        np.multiply(each_direction(near.radial)[:, None], angular_gradient, out=scratch)
        return np.add(products, scratch, out=products), scratch

    def bytes_per_pair(self) -> int:
        """Return bytes of products of the channels of one species with all, for each l."""
        return 8 * 3 * (self.basis.l_max + 1) * self.basis.n_max * self.basis.channels

    def factors(self) -> Iterator[Factors]:
        """Yield the two channels of every feature, and their common degree."""
        n_max = self.basis.n_max
        for a, b, _ in self._pairs():
            pairs = upper_pairs(n_max) if a == b else np.indices((n_max, n_max)).reshape(2, -1)
            channels = np.transpose(pairs) + np.array([a, b]) * n_max
            for l in range(self.basis.l_max + 1):
                for q, other in channels.tolist():
                    yield Factors((q, other), (l,))

    def _pairs(self) -> tuple[tuple[int, int, slice], ...]:
        return _pairs_of(self.basis)


@lru_cache(maxsize=64)
def _pairs_of(basis: Basis) -> tuple[tuple[int, int, slice], ...]:
    """Return pairs of species a ≤ b, each with its place among all features."""
    found, start, n_max = [], 0, basis.n_max
    for a, b in combinations_with_replacement(range(basis.species), 2):
        size = (basis.l_max + 1) * (n_max * (n_max + 1) // 2 if a == b else n_max**2)
        found.append((a, b, slice(start, start + size)))
        start += size
    return tuple(found)


def like_products(row: Array, basis: Basis) -> Iterator[Array]:
    """Yield products c_n c_n' of degree 0, n ≤ n', of each species, shape (n_max, n_max).

    ``row`` holds the features of one center.
    """
    upper = upper_pairs(basis.n_max)
    for a, b, rows in PowerSpectrum(basis)._pairs():
        if a == b:
            products = np.zeros((basis.n_max, basis.n_max))
            products[upper] = row[rows][: len(upper[0])]
            yield products


def _contract(scaled: Array, angular: Array) -> Array:
    """Contract Y_lm with the coefficients: (l, m, centers, p) gives (q, l, centers, p)."""
    products = scaled @ angular.swapaxes(1, 2)  # [l, center, q, p]
    return np.ascontiguousarray(products.transpose(2, 0, 1, 3))


@lru_cache(maxsize=64)
def scale_of_degrees(l_max: int) -> Array:
    """Return coefficients that couple two equal l to an invariant, shape (l, 1, 1, 1)."""
    l = np.arange(l_max + 1)
    return ((-1.0) ** l / np.sqrt(2 * l + 1)).reshape(-1, 1, 1, 1)


def _like_pairs(products: Array, out: Array) -> Array:
    """Sum both factors of pairs n ≤ n' of one species: (n, n', ...) gives (pairs, ...)."""
    n_max, start = len(products), 0
    pairs = out.reshape(-1, *products.shape[2:])
    for n in range(n_max):
        stop = start + n_max - n
        np.add(products[n, n:], products[n:, n], out=pairs[start:stop])
        start = stop
    return pairs[:start]


@lru_cache(maxsize=64)
def upper_pairs(n_max: int) -> tuple[Indices, Indices]:
    """Return the radial functions n ≤ n' of the pairs of one species."""
    return np.triu_indices(n_max)
