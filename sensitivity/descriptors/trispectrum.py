"""The trispectrum: correlations of order 4."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from sensitivity.descriptors.correlations import Basis
from sensitivity.descriptors.coupled_pairs import ByDegree, CoupledPair, couple
from sensitivity.descriptors.expansion import Expansion
from sensitivity.descriptors.quadruples import Term, count, rows, spans, terms
from sensitivity.numerics import Array

# By the degrees of the two factors, then by the degree to which they are coupled.
PairTable = dict[tuple[int, int], ByDegree]


@dataclass(frozen=True)
class Trispectrum:
    """Order 4: ξ = √(2L + 1) Σ W_{m1 m2 M} W_{m3 m4 M} c_{q1 l1 m1} ... c_{q4 l4 m4}.

    W is that of ``coupling``; the coefficients of the four factors are normalised to 1, as there.
    Features are sorted by l1 ≤ l2 ≤ l3 ≤ l4, then L, then channels, with q_i ≤ q_j where
    l_i = l_j. None is zero or a sum of others; ``quadruples`` says how they are chosen.
    ``parity_odd`` adds those with odd l1 + l2 + l3 + l4, which change sign under inversion.

    Drautz, Phys. Rev. B 99, 014104 (2019), doi 10.1103/PhysRevB.99.014104.
    """

    basis: Basis
    parity_odd: bool

    def size(self) -> int:
        """Sum over all (l1, l2, l3, l4) and L of the number of distinct quadruples of channels."""
        every = terms(self.basis.l_max, parity_odd=self.parity_odd)
        return sum(count(self.basis.channels, term) for term in every)

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
        """Gradients of all pairs of factors, and of the features of one term.

        What does not grow with the number of neighbours is left out, at most 5 MB per channel.
        Counting it would divide the centers more finely, which costs more in calls than the cache
        saves.
        """
        m = 2 * np.arange(self.basis.l_max + 1) + 1
        components = (int(m.sum()) ** 2 + int((m**2).sum())) // 2  # of two factors, l1 ≤ l2
        pairs = self.basis.channels**2
        return 8 * 3 * pairs * (components + 3 * pairs)

    def _spans(self) -> tuple[tuple[Term, slice], ...]:
        return spans(self.basis.channels, self.basis.l_max, parity_odd=self.parity_odd)

    def _pairs(self, coefficients: Array) -> list[CoupledPair]:
        degrees = combinations_with_replacement(range(self.basis.l_max + 1), 2)
        return [couple(l1, l2, coefficients, basis=self.basis) for l1, l2 in degrees]


def _values(coupled: list[CoupledPair], coefficients: Array) -> PairTable:
    return {pair.l: pair.values(coefficients) for pair in coupled}


def _both(term: Term, table: PairTable) -> tuple[Array, Array]:
    """Entries of a table for the first two factors of a term, and for the last two."""
    l1, l2, l3, l4 = term.l
    return table[l1, l2][term.L], table[l3, l4][term.L]


def _product_rule(term: Term, values: PairTable, gradients: PairTable) -> Array:
    """Gradient of the products of first and second pairs, shape (centers, products, x)."""
    first, second = _both(term, values)  # [center, pair, M]
    first_gradient, second_gradient = _both(term, gradients)  # [center, M, pair, x]
    total = _contract(first, second_gradient)  # [center, first, second, x]
    total += _contract(second, first_gradient).swapaxes(1, 2)
    return total.reshape(len(total), -1, total.shape[-1])


def _contract(values: Array, gradients: Array) -> Array:
    """Contract [center, pair, M] with [center, M, other pair, x]."""
    centers, m, other, x = gradients.shape
    product = values @ gradients.reshape(centers, m, -1)
    return product.reshape(centers, -1, other, x)


def _distinct(products: Array, basis: Basis, term: Term) -> Array:
    """Keep the features of a term of all products of first and second pairs, the second axis."""
    chosen = rows(basis.channels, term)
    return products if chosen is None else np.take(products, chosen, axis=1)
