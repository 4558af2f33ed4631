"""The invariants of four factors, each counted once.

Four coefficients with l1 ≤ l2 ≤ l3 ≤ l4 are coupled in pairs, (l1 l2) to L and (l3 l4) to the same
L, and the pairs to an invariant. Each L that both pairs allow gives one; l1 + l2 + L and
l3 + l4 + L may both be odd. Exchanging the second and third factor turns the invariants of all L
into sums of each other. Therefore channels of factors with the same l are sorted; where factors are
equal, some L are sums of others, or zero, and are left out. The kept invariants are independent,
and all others are sums of them. Nigam, Pozdnyakov, Ceriotti, J. Chem. Phys. 153, 121101 (2020),
doi 10.1063/5.0021116, and Dusson et al., J. Comput. Phys. 454, 110946 (2022),
doi 10.1016/j.jcp.2022.110946, sort and select in the same manner.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement, pairwise, product
from math import comb, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensitivity.descriptors.harmonics import coupling
from sensitivity.numerics import Array, Indices

Degrees = tuple[int, int, int, int]
Ties = tuple[bool, ...]


class Term(NamedTuple):
    """Invariants of the same degrees.

    Ties state whether factors 1, 2 and 3 equal the next one, in l and in channel.
    """

    l: Degrees  # l1 ≤ l2 ≤ l3 ≤ l4 of the factors
    L: int  # degree to which both pairs are coupled
    like: Ties  # True if factors 1, 2 and 3 have the same l as the next one
    kept: frozenset[Ties]  # ties for which the invariant is kept


@lru_cache(maxsize=64)
def spans(channels: int, l_max: int, *, parity_odd: bool) -> tuple[tuple[Term, slice], ...]:
    """Return all terms with features, each with its place among all features, sorted by l, L."""
    found, start = [], 0
    for l in combinations_with_replacement(range(l_max + 1), 4):
        for term in _terms(l) if parity_odd or sum(l) % 2 == 0 else ():
            stop = start + sum(_choices(channels, term.like, ties) for ties in term.kept)
            if stop > start:
                found.append((term, slice(start, stop)))
            start = stop
    return tuple(found)


@lru_cache(maxsize=1024)
def pairs(channels: int, *, like: bool, L: int) -> Indices:
    """Return channels of two factors coupled to L, (2, pairs): sorted if the factors are alike.

    The product of two equal factors coupled to an odd L is zero.
    """
    if like:
        return np.stack(np.triu_indices(channels, L % 2))
    return np.indices((channels, channels)).reshape(2, -1)


def quadruples(channels: int, term: Term) -> Indices:
    """Return the channels of the four factors of every feature of a term, (4, features)."""
    first, second = (pairs(channels, like=like, L=term.L) for like in term.like[::2])
    repeated = np.repeat(first, second.shape[1], axis=1), np.tile(second, first.shape[1])
    table, chosen = np.concatenate(repeated), rows(channels, term)
    return table if chosen is None else table[:, chosen]


def rows(channels: int, term: Term) -> Indices | None:
    """Return the places of the distinct quadruples in the table of first and second ``pairs``.

    None stands for all of them: without l2 = l3 all pairs are distinct.
    """
    return _rows(channels, term.like, term.L % 2, term.kept) if term.like[1] else None


@lru_cache(maxsize=1024)
def _rows(channels: int, like: Ties, parity: int, kept: frozenset[Ties]) -> Indices:
    q1, q2 = pairs(channels, like=like[0], L=parity)[:, :, None]
    q3, q4 = pairs(channels, like=like[2], L=parity)[:, None]
    factors = np.broadcast_arrays(q1, q2, q3, q4)  # [first pair, second pair]
    chosen = [_in_order(factors, like, ties) for ties in kept]
    return np.flatnonzero(np.logical_or.reduce(chosen))


def _in_order(factors: tuple[Indices, ...], like: Ties, ties: Ties) -> NDArray[np.bool_]:
    chosen = np.ones(factors[0].shape, dtype=bool)
    for (q, after), same_l, tie in zip(pairwise(factors), like, ties, strict=True):
        if same_l:
            chosen &= (q == after) if tie else (q < after)
    return chosen


@lru_cache(maxsize=4096)
def _terms(l: Degrees) -> tuple[Term, ...]:
    degrees = _intermediate(l)
    if not degrees:
        return ()
    like = tuple(one == other for one, other in pairwise(l))
    possible = product(*((False, True) if same_l else (False,) for same_l in like))
    kept = {ties: _independent(l, ties) for ties in possible}
    found = (
        Term(l, L, like, frozenset(ties for ties, chosen in kept.items() if chosen[i]))
        for i, L in enumerate(degrees)
    )
    return tuple(term for term in found if term.kept)


def _intermediate(l: Degrees) -> range:
    return range(max(l[1] - l[0], l[3] - l[2]), min(l[0] + l[1], l[2] + l[3]) + 1)


@lru_cache(maxsize=4096)
def _choices(channels: int, like: Ties, ties: Ties) -> int:
    distinct = [1]  # number of different channels among factors of the same l, for each l
    for same_l, tie in zip(like, ties, strict=True):
        if not same_l:
            distinct.append(1)
        elif not tie:
            distinct[-1] += 1
    return prod(comb(channels, different) for different in distinct)


def _independent(l: Degrees, ties: Ties) -> list[bool]:
    """Return for each L if its invariant is no sum of those of lower L for tied factors."""
    degrees = _intermediate(l)
    if not any(ties):
        return [True] * len(degrees)
    exchanges = [_exchange(l, place) for place in range(3) if ties[place]]
    values, vectors = np.linalg.eigh(np.mean(exchanges, axis=0))
    # The invariants that no exchange of equal factors changes remain: for them the mean of the
    # exchanges has the eigenvalue 1, and the next one is at most 1 - (2 - √2)/3 = 0.80.
    remaining = vectors[:, values > 0.9]
    threshold = 1e-6  # up to l = 12 independent ones have at least 4e-3, others 3e-12
    chosen = []
    for row in range(len(degrees)):
        length = np.linalg.norm(remaining[row])
        chosen.append(bool(length > threshold))
        if chosen[-1]:
            direction = remaining[row] / length
            remaining = remaining - np.outer(remaining @ direction, direction)
    return chosen


def _exchange(l: Degrees, place: int) -> Array:
    """Return the matrix (L, L) of the exchange of a factor with the next one, of the same l."""
    degrees = np.array(_intermediate(l))
    if place != 1:
        return np.diag((-1.0) ** degrees)
    invariants = np.array([_invariant(l, L) for L in degrees])  # [L, m1, m2, m3]
    products = np.tensordot(invariants, invariants, axes=((1, 2, 3), (1, 3, 2)))
    return np.asarray((2 * l[3] + 1) * products)


def _invariant(l: Degrees, L: int) -> Array:
    """Return coefficients [m1, m2, m3] for one m4: sums of products are the same for each."""
    first, second = coupling(l[0], l[1], L), coupling(l[2], l[3], L)[:, 0]  # [m1, m2, M], [m3, M]
    return np.asarray(np.sqrt(2 * L + 1) * np.tensordot(first, second, axes=(2, 1)))
