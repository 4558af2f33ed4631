"""The trispectrum: correlations of order 4."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

from sensitivity.descriptors.correlations import Basis, Factors
from sensitivity.descriptors.expansion import Expansion
from sensitivity.descriptors.harmonics import coupling
from sensitivity.descriptors.quadruples import Term, pairs, quadruples, rows, spans
from sensitivity.numerics import Array, Indices

# By the degree L to which two factors are coupled.
ByDegree = dict[int, Array]
# By the degrees of the two factors, then by that degree.
PairTable = dict[tuple[int, int], ByDegree]


@dataclass(frozen=True)
class Trispectrum:
    """Order 4: ξ = √(2L + 1) Σ W_{m1 m2 M} W_{m3 m4 M} c_{q1 l1 m1} ... c_{q4 l4 m4}.

    W is that of ``coupling``; the coefficients of the four factors are normalised to 1, as there.
    Features are sorted by l1 ≤ l2 ≤ l3 ≤ l4, then L, then channels, with q_i ≤ q_j where
    l_i = l_j. None is zero or a sum of others; ``quadruples`` explains the choice.
    ``parity_odd`` adds those with odd l1 + l2 + l3 + l4, which change sign under inversion.

    Drautz, Phys. Rev. B 99, 014104 (2019), doi 10.1103/PhysRevB.99.014104.
    """

    basis: Basis
    parity_odd: bool

    def size(self) -> int:
        """Return the sum over all (l1, l2, l3, l4) and L of distinct quadruples of channels."""
        return int(self._spans()[-1][1].stop)

    def features(self, coefficients: Array) -> Array:
        """Contract every pair of factors with every other."""
        values = _values(self._pairs(coefficients), coefficients)
        out = np.empty((coefficients.shape[1], self.size()))
        for term, span in self._spans():
            first, second = _both(term, values)  # [center, pair, M]
            products = (first @ second.swapaxes(1, 2)).reshape(len(out), -1)
            out[:, span] = _distinct(products, self.basis, term)
        return out

    def gradient(self, expansion: Expansion, out: Array) -> None:
        """Contract the gradient of each pair with the other pair."""
        coupled = self._pairs(expansion.coefficients)
        values = _values(coupled, expansion.coefficients)
        for a, near in expansion.contributions.items():
            slopes = near.coefficient_gradients()
            gradients = {pair.l: pair.gradients(slopes, self.basis.own(a)) for pair in coupled}
            for term, span in self._spans():
                total = _distinct(_product_rule(term, values, gradients), self.basis, term)
                out[:, span, near.columns] = total.reshape(*total.shape[:2], -1, 3)

    def bytes_per_pair(self) -> int:
        """Return bytes of gradients of all pairs of factors, and of the features of one term.

        Terms independent of the number of neighbours are left out, at most 5 MB per channel.
        Counting them would divide the centers more finely, which costs more in calls than the cache
        saves.
        """
        m = 2 * np.arange(self.basis.l_max + 1) + 1
        components = (int(m.sum()) ** 2 + int((m**2).sum())) // 2  # of two factors, l1 ≤ l2
        pairs = self.basis.channels**2
        return 8 * 3 * pairs * (components + 3 * pairs)

    def factors(self) -> Iterator[Factors]:
        """Yield the four channels and degrees of every feature, and L after the degrees."""
        for term, _ in self._spans():
            for channels in quadruples(self.basis.channels, term).T.tolist():
                yield Factors(tuple(channels), (*term.l, term.L))

    def _spans(self) -> tuple[tuple[Term, slice], ...]:
        return spans(self.basis.channels, self.basis.l_max, parity_odd=self.parity_odd)

    def _pairs(self, coefficients: Array) -> list[_CoupledPair]:
        degrees = combinations_with_replacement(range(self.basis.l_max + 1), 2)
        return [_CoupledPair.of(l, coefficients, self.basis) for l in degrees]


def _values(coupled: list[_CoupledPair], coefficients: Array) -> PairTable:
    return {pair.l: pair.values(coefficients) for pair in coupled}


def _both(term: Term, table: PairTable) -> tuple[Array, Array]:
    l1, l2, l3, l4 = term.l
    return table[l1, l2][term.L], table[l3, l4][term.L]


def _product_rule(term: Term, values: PairTable, gradients: PairTable) -> Array:
    first, second = _both(term, values)  # [center, pair, M]
    first_gradient, second_gradient = _both(term, gradients)  # [center, M, pair, x]
    total = _contract(first, second_gradient)  # [center, first, second, x]
    total += _contract(second, first_gradient).swapaxes(1, 2)
    return total.reshape(len(total), -1, total.shape[-1])


def _contract(values: Array, gradients: Array) -> Array:
    centers, m, other, x = gradients.shape
    product = values @ gradients.reshape(centers, m, -1)
    return product.reshape(centers, -1, other, x)


def _distinct(products: Array, basis: Basis, term: Term) -> Array:
    chosen = rows(basis.channels, term)
    return products if chosen is None else np.take(products, chosen, axis=1)


@dataclass(frozen=True)
class _CoupledPair:
    """Two factors of degrees l1 ≤ l2, coupled to every degree L that they allow.

        A_{q1 q2 LM} = (2L + 1)^(1/4) Σ_{m1 m2} W_{m1 m2 M} c_{q1 l1 m1} c_{q2 l2 m2}

    with W from ``coupling``. All L are on one axis LM, with as many places as pairs of m1 and m2:
    the coupling to all of them is one square matrix.
    """

    l: tuple[int, int]
    basis: Basis  # channels of each factor
    first: Array  # (centers, LM, m2, q1): multiplies the second factor
    second: Array  # (centers, LM, m1, q2): multiplies the first factor

    @classmethod
    def of(cls, l: tuple[int, int], coefficients: Array, basis: Basis) -> _CoupledPair:
        w = _couplings(*l)  # [LM, m1, m2]
        c1, c2 = (coefficients[each, :, None, :, : 2 * each + 1].swapaxes(2, 3) for each in l)
        return cls(l, basis, first=w.swapaxes(1, 2) @ c1, second=w @ c2)

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

        ``slopes``, (centers, m, n, x) for each l, are those of the ``own`` channels.
        """
        product = self._product_rule(slopes, own)
        product = product.reshape(*product.shape[:2], -1, product.shape[-1])
        return {
            L: np.take(product[:, self._span(L)], self._places(L), axis=2) for L in self._degrees()
        }

    def _product_rule(self, slopes: list[Array], own: slice) -> Array:
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
        start = L**2 - (self.l[1] - self.l[0]) ** 2
        return slice(start, start + 2 * L + 1)

    def _places(self, L: int) -> Indices:
        q1, q2 = pairs(self.basis.channels, like=self.l[0] == self.l[1], L=L)
        return np.asarray(q1 * self.basis.channels + q2)


def _times(factor: Array, slopes: Array) -> Array:
    centers, size, m, channels = factor.shape
    rows = factor.swapaxes(2, 3).reshape(centers, size * channels, m)
    return _contract(rows, slopes).reshape(centers, size, channels, *slopes.shape[2:])


@lru_cache(maxsize=1024)
def _couplings(l1: int, l2: int) -> Array:
    """Stack the couplings to all L, read-only, weighted so that two pairs have ΣW² = 1."""
    degrees = range(l2 - l1, l1 + l2 + 1)
    every = [(2 * L + 1) ** 0.25 * np.moveaxis(coupling(l1, l2, L), 2, 0) for L in degrees]
    out = np.concatenate(every)
    out.setflags(write=False)
    return out
