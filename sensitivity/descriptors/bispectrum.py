"""The bispectrum: correlations of order 3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

from sensitivity.descriptors.correlations import Basis, Factors
from sensitivity.descriptors.expansion import Expansion
from sensitivity.descriptors.harmonics import coupling
from sensitivity.numerics import Array, Indices

Degrees = tuple[int, int, int]


@dataclass(frozen=True)
class Bispectrum:
    """Order 3: ξ = Σ W_{m1 m2 m3} c_{q1 l1 m1} c_{q2 l2 m2} c_{q3 l3 m3}, W from ``coupling``.

    Bartók, Payne, Kondor, Csányi, Phys. Rev. Lett. 104, 136403 (2010),
    doi 10.1103/PhysRevLett.104.136403. Features are sorted by l1 ≤ l2 ≤ l3, then by channels, with
    q_i ≤ q_j where l_i = l_j. ``parity_odd`` adds those with odd l1 + l2 + l3: they change sign
    under inversion, and vanish if two of their factors are equal, so there q_i < q_j.
    """

    basis: Basis
    parity_odd: bool

    def size(self) -> int:
        """Return the sum over all (l1, l2, l3) of the number of distinct triples of channels."""
        return int(self._spans()[-1][1].stop)

    def features(self, coefficients: Array) -> Array:
        """Contract every triple of channels."""
        return np.concatenate([self._values(l, coefficients) for l, _ in self._spans()], axis=1)

    def gradient(self, expansion: Expansion, out: Array) -> None:
        """Contract the gradient of each factor with the product of the two others."""
        gradients = {a: near.coefficient_gradients() for a, near in expansion.contributions.items()}
        for l, span in self._spans():
            # None if equal to that of the previous factor: exchanging two of equal l changes only
            # the sign, and only for odd l1 + l2 + l3.
            factors = [
                _other_factors(l, s, expansion.coefficients) if s == 0 or l[s] != l[s - 1] else None
                for s in range(3)
            ]
            for a, near in expansion.contributions.items():
                rows = self._rows(l, a, factors, gradients[a])  # [center, feature, 3k]
                block = out[:, span, near.columns]
                block[...] = rows.reshape(block.shape)

    def bytes_per_pair(self) -> int:
        """Return bytes of gradients, products with the two other factors, and features."""
        basis = self.basis
        products = basis.n_max * ((basis.l_max + 1) ** 2 + 2 * basis.channels**2)
        return 8 * 3 * (products + 3 * basis.channels**3)

    def factors(self) -> Iterator[Factors]:
        """Yield the three channels and degrees of every feature."""
        for l, _ in self._spans():
            for channels in _distinct(self.basis.channels, *_pattern(l)).T.tolist():
                yield Factors(tuple(channels), l)

    def _spans(self) -> tuple[tuple[Degrees, slice], ...]:
        return _spans_of(self.basis.channels, self.basis.l_max, parity_odd=self.parity_odd)

    def _values(self, l: Degrees, coefficients: Array) -> Array:
        last = coefficients[l[2], :, :, : 2 * l[2] + 1]
        products = _other_factors(l, 2, coefficients) @ last.swapaxes(1, 2)
        q1, q2, q3 = _distinct(self.basis.channels, *_pattern(l))
        flat = (q1 * self.basis.channels + q2) * self.basis.channels + q3
        return np.asarray(products.reshape(len(products), -1)[:, flat])

    def _rows(
        self, l: Degrees, a: int, factors: list[Array | None], gradients: list[Array]
    ) -> Array:
        product, terms = np.empty(0), []
        for s, factor in enumerate(factors):
            if factor is not None:
                product = _with_zero_row(factor, gradients[l[s]])
            elif sum(l) % 2:
                product = -product
            places = _places(self.basis, s, a, _pattern(l))
            terms.append(np.take(product, places, axis=1, mode="clip"))
        rows = np.add(terms[0], terms[1], out=terms[0])
        return np.add(rows, terms[2], out=rows)


def _other_factors(l: Degrees, s: int, coefficients: Array) -> Array:
    """Multiply W and the two factors other than s: shape (centers, q q', 2 l_s + 1)."""
    w = coupling(*l)
    c1, c2, c3 = (coefficients[degree, :, :, : 2 * degree + 1] for degree in l)
    centers, channels, _ = c1.shape
    if s == 2:
        half = (c1 @ w.reshape(len(w), -1)).reshape(centers, channels, *w.shape[1:])
        product = c2[:, None] @ half  # [center, q1, q2, m3]
    else:
        half = w @ c3.swapaxes(1, 2)[:, None]  # [center, m1, m2, q3]
        if s == 0:
            product = (c2[:, None] @ half).transpose(0, 2, 3, 1)  # [center, q2, q3, m1]
        else:
            product = (c1[:, None] @ half.swapaxes(1, 2)).transpose(0, 2, 3, 1)
    return product.reshape(centers, channels**2, -1)


def _with_zero_row(factors: Array, gradient: Array) -> Array:
    """Return the product [center, q q' n, columns] for one species, with a final row of zeros."""
    centers, m, n_max, columns = gradient.shape
    pairs = factors.shape[1]
    product = np.empty((centers, pairs * n_max + 1, columns))
    product[:, -1] = 0.0
    target = product[:, :-1].reshape(centers, pairs, n_max * columns)
    np.matmul(factors, gradient.reshape(centers, m, -1), out=target)
    return product


@lru_cache(maxsize=256)
def _spans_of(channels: int, l_max: int, *, parity_odd: bool) -> tuple[tuple[Degrees, slice], ...]:
    found, start = [], 0
    for l in combinations_with_replacement(range(l_max + 1), 3):
        if l[2] <= l[0] + l[1] and (parity_odd or sum(l) % 2 == 0):
            stop = start + _count(channels, l)
            found.append((l, slice(start, stop)))
            start = stop
    return tuple(found)


def _count(channels: int, l: Degrees) -> int:
    step = -1 if sum(l) % 2 else 1
    if l[0] == l[2]:
        return channels * (channels + step) * (channels + 2 * step) // 6
    if l[1] in (l[0], l[2]):
        return channels * channels * (channels + step) // 2
    return channels**3


@lru_cache(maxsize=256)
def _distinct(channels: int, first_equal: bool, last_equal: bool, gap: int) -> Indices:
    """Return triples (3, triples) with q1 + gap ≤ q2 if the first two l are equal; so the last."""
    q1, q2, q3 = np.indices((channels, channels, channels)).reshape(3, -1)
    kept = np.ones(len(q1), dtype=bool)
    if first_equal:
        kept &= q1 + gap <= q2
    if last_equal:
        kept &= q2 + gap <= q3
    return np.stack([q1[kept], q2[kept], q3[kept]])


def _pattern(l: Degrees) -> tuple[bool, bool, int]:
    """Return which adjacent l are equal, and the parity; these fix the distinct triples."""
    return l[0] == l[1], l[1] == l[2], sum(l) % 2


@lru_cache(maxsize=1024)
def _places(basis: Basis, s: int, a: int, pattern: tuple[bool, bool, int]) -> Indices:
    """Return for every feature its row in the product of ``_with_zero_row``."""
    q = _distinct(basis.channels, *pattern)
    other, last = (q[i] for i in range(3) if i != s)
    n = q[s] - a * basis.n_max
    row = (other * basis.channels + last) * basis.n_max + n
    return np.where((n >= 0) & (n < basis.n_max), row, basis.channels**2 * basis.n_max)
