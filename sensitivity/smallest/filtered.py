"""Smallest eigenvalues of a large, sparse, positive matrix, with a Chebyshev filter.

A polynomial of the matrix amplifies its eigenvectors below λ_cut and keeps all others, up to λ_max,
at most 1: the Chebyshev polynomial of the interval [λ_cut, λ_max], of even degree. Lanczos' method
soon finds its largest eigenvalues, which belong to the smallest of the matrix. (Y. Zhou, Y. Saad,
M. L. Tiago, J. R. Chelikowsky, J. Comput. Phys. 219, 172 (2006), doi 10.1016/j.jcp.2006.03.017.)

Lanczos' method can miss some of many equal eigenvalues: their subspace meets that of the start in
one vector only, and rounding has to bring in the others. So the search is repeated outside the
vectors that are known, from other random vectors, until two in a row lead to nothing smaller there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt
from typing import NamedTuple

import numpy as np

from sensitivity.numerics import Array
from sensitivity.progress import checkpoint

Apply = Callable[[Array], Array]

NEARLY_ZERO = 1e-6  # of λ_max: far below the least visible long wave of thousands of atoms
SHARP = 1e-12  # relative tolerance of values of the filter
EQUAL = 1e-6  # their relative difference, a million times the tolerance
# Products of JᵀJ with a vector in one search, and these times 3N: 20 minutes for 8000 atoms.
PRODUCTS, NUMBERS = 100_000, 1_200_000_000
CHECKS = 2  # random vectors, besides that of the search, from which nothing smaller is found


class Spent(Exception):  # noqa: N818 - not an error
    """A budget is used up."""


@dataclass
class Budget:
    """The products of the matrix with a vector that a search takes, and may take."""

    most: int
    taken: int = 0
    filters: int = 0

    @classmethod
    def of(cls, size: int) -> Budget:
        """Return the usual budget for a matrix (size, size)."""
        return cls(min(PRODUCTS, NUMBERS // size))

    def spend(self, degree: int) -> None:
        """Add the products of one filter, or raise ``Spent``."""
        if self.taken + degree > self.most:
            raise Spent
        self.taken, self.filters = self.taken + degree, self.filters + 1
        checkpoint(
            f"smallest singular values: product {self.filters} of degree {degree}, "
            f"{self.taken / self.most:.0%} of the most that are tried"
        )


@dataclass(frozen=True)
class Filter:
    """The filter of a matrix whose eigenvalues are from 0 to λ_max."""

    apply: Apply  # multiplies the matrix, (size, size), with a vector
    size: int
    cut: float  # λ_cut
    high: float  # λ_max or more
    budget: Budget

    @property
    def degree(self) -> int:
        """Even degree, which amplifies λ = 0 by 2.6; more would need as many more products."""
        return 2 * max(1, round(0.4 * sqrt(self.high / self.cut)))

    def __call__(self, vector: Array) -> Array:
        """Multiply the filter with a vector, by the recursion of the polynomials.

        In a narrow spectrum, where λ_cut is above 0.3 λ_max, the filter is linear, and above 1.1.
        """
        if self.cut > 0.3 * self.high:
            return 2.2 * vector - self.apply(vector) / self.high
        center, half = (self.high + self.cut) / 2, (self.high - self.cut) / 2
        before, now = vector, (self.apply(vector) - center * vector) / half
        for _ in range(self.degree - 1):
            before, now = now, (self.apply(now) - center * now) * (2 / half) - before
        return now

    def largest(
        self,
        known: Array,
        *,
        count: int,
        tolerance: float,
        restarts: int,
        rng: np.random.Generator,
    ) -> tuple[Array, Array]:
        """Return eigenvalues of the filter, descending, and vectors, (count, size).

        Orthonormal ``known`` vectors, (k, size), are left out. The search starts from a random
        vector. ``tolerance`` is relative. There are fewer than ``count`` if they have not converged
        after some restarts. Raises ``Spent`` if the budget does not suffice.
        """
        from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

        def outside(vector: Array) -> Array:
            self.budget.spend(self.degree)
            vector = vector.ravel() - known.T @ (known @ vector.ravel())
            filtered = self(vector)
            return filtered - known.T @ (known @ filtered)

        try:
            values, vectors = eigsh(
                LinearOperator((self.size, self.size), outside, dtype=float),
                k=count,
                which="LA",
                ncv=min(self.size - 1, 2 * count + 90, 30 * count + 10),
                tol=tolerance,
                v0=rng.normal(size=self.size),
                maxiter=restarts,
            )
        except ArpackNoConvergence as stuck:
            values, vectors = stuck.eigenvalues, stuck.eigenvectors
        order = np.argsort(-values)
        return values[order], np.ascontiguousarray(vectors[:, order].T)

    def nearest(self, known: Array, *, count: int, rng: np.random.Generator) -> Array:
        """Return orthonormal vectors, (count, size) and ``known``, (k, size), without convergence.

        The best combinations of one Krylov space: their eigenvalues are upper bounds.
        """
        steps = min(self.size - len(known), 2 * count + 20)
        rows, images = np.zeros((2, steps, self.size))
        vector = rng.normal(size=self.size)
        for step in range(steps):
            checkpoint()
            for _ in range(2):  # once leaves rounding errors
                vector = vector - known.T @ (known @ vector)
                vector = vector - (rows[:step] @ vector) @ rows[:step]
            rows[step] = vector / np.linalg.norm(vector)
            vector = images[step] = self(rows[step])
        _, mixing = np.linalg.eigh(rows @ images.T)
        return np.concatenate([known, mixing.T[: -count - 1 : -1] @ rows])


class Lowest(NamedTuple):
    """The span of the eigenvectors of the smallest eigenvalues, and the largest one."""

    vectors: Array  # (count, size), orthonormal
    largest: float
    clear: float  # eigenvalue that the filter tells from zero; infinite if it tells none


def find_lowest(
    apply: Apply,
    *,
    size: int,
    count: int,
    known: Array | None = None,
    budget: Budget | None = None,
) -> Lowest:
    """Find the ``count`` smallest eigenvalues of a matrix (size, size).

    If the budget, by default the usual one, does not suffice, a span is returned that need not be
    that of the smallest: ``known`` vectors, (k, size), of a smaller one, and ``count`` more.
    """
    known = np.empty((0, size)) if known is None else known
    low, largest, rest = find_ends(apply, size)
    high = 1.02 * (largest + rest)  # the filter would amplify what is beyond, too
    usual = 1e-3  # of λ_max: where the smallest are zero, λ_cut has to be above others
    cut = 1.6 * low if low > NEARLY_ZERO * high else usual * high
    filtered, rng = (
        Filter(apply, size, cut, high, budget or Budget.of(size)),
        np.random.default_rng(0),
    )
    try:
        return _search(filtered, count=count, largest=largest, rng=rng)
    except Spent:
        vague = replace(filtered, cut=max(cut, usual * high))
        more = min(count, size - len(known))
        return Lowest(vague.nearest(known, count=more, rng=rng), largest, np.inf)


def _search(filtered: Filter, *, count: int, largest: float, rng: np.random.Generator) -> Lowest:
    none, exact, tries, restarts = np.empty((0, filtered.size)), SHARP, 4, 1
    values, found = filtered.largest(none, count=count, tolerance=exact, restarts=restarts, rng=rng)
    # Eigenvalues above λ_cut have no order, and so many are near 1 that the method cannot separate
    # the wanted ones from them.
    clear = 1.1
    while len(values) < count or values[-1] < clear:
        filtered, restarts = replace(filtered, cut=2 * filtered.cut), 2 * restarts
        # Hundreds of values near zero, as in a crystal with noise, have no order either: any span
        # of them will do, but nothing is known of the others.
        exact, tries = (exact, tries - 1) if tries else (100 * exact, 0)
        values, found = filtered.largest(
            none, count=count, tolerance=exact, restarts=restarts, rng=rng
        )
    if exact > SHARP:
        return Lowest(found, largest, np.inf)
    # A start from one vector sees one of equal eigenvalues, or misses one by chance.
    while any(
        filtered.largest(found, count=1, tolerance=1e-3, restarts=filtered.size, rng=rng)[0][0]
        > values[-1] * (1 + EQUAL)
        for _ in range(CHECKS)
    ):
        more, vectors = filtered.largest(
            found, count=count, tolerance=exact, restarts=filtered.size, rng=rng
        )
        order = np.argsort(-np.concatenate([values, more]))[:count]
        values = np.concatenate([values, more])[order]
        found = np.linalg.qr(np.concatenate([found, vectors])[order].T)[0].T
    return Lowest(found, largest, 0.01 * filtered.cut)  # amplified less by a few percent


def find_ends(apply: Apply, size: int) -> tuple[float, float, float]:
    """Return a small eigenvalue, the largest one, and its error, from Lanczos' method."""
    from scipy.linalg import eigvalsh_tridiagonal

    steps, noise = min(120, size), 1e-12
    rows, diagonal, off = np.zeros((steps, size)), np.zeros(steps), np.zeros(steps)
    vector = np.random.default_rng(0).normal(size=size)
    for step in range(steps):
        checkpoint()
        rows[step] = vector / np.linalg.norm(vector)
        vector = apply(rows[step])
        diagonal[step] = rows[step] @ vector
        for _ in range(2):  # once leaves rounding errors
            vector = vector - (rows[: step + 1] @ vector) @ rows[: step + 1]
        off[step] = np.linalg.norm(vector)
        if off[step] <= noise * np.abs(diagonal[: step + 1]).max():
            break  # few different eigenvalues: all are found, and what is left are rounding errors
    values = eigvalsh_tridiagonal(diagonal[: step + 1], off[:step])
    return float(values[0]), float(values[-1]), float(off[step])
