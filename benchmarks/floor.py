"""The least time of the matrix products required for an order-3 Jacobian."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

REPEATS = 20


@dataclass(frozen=True)
class Product:
    """A matrix product (rows, inner) @ (inner, columns)."""

    rows: int
    inner: int
    columns: int

    @property
    def flops(self) -> int:
        """The number of multiplications and additions."""
        return 2 * self.rows * self.inner * self.columns


def degrees(l_max: int) -> Iterator[tuple[int, int, int]]:
    """Return all l1 <= l2 <= l3 that couple to an invariant of even parity."""
    for l1 in range(l_max + 1):
        for l2 in range(l1, l_max + 1):
            for l3 in range(l2, min(l1 + l2, l_max) + 1):
                if (l1 + l2 + l3) % 2 == 0:
                    yield l1, l2, l3


def count_features(n_max: int, l_max: int, *, unique: bool) -> int:
    """Count the order-3 features of one species, with all n1, n2, n3 or with distinct ones."""
    full, pairs = n_max**3, n_max * n_max * (n_max + 1) // 2
    alike = n_max * (n_max + 1) * (n_max + 2) // 6
    sizes = {3: full, 2: pairs, 1: alike} if unique else {3: full, 2: full, 1: full}
    return sum(sizes[len(set(l))] for l in degrees(l_max))


def necessary_products(n_max: int, l_max: int, *, columns: int) -> Iterator[Product]:
    """Return the products of the Jacobian for ``columns`` = 3 neighbours and one species.

    For each (l1, l2, l3) and each different l among them: the multiplier of the gradient of that
    factor, first coupled from the two other factors and then applied. If these have equal l, each
    unordered pair of channels counts once; factors of equal l share their product by exchange. The
    couplings are counted as full matrices, although some of their elements are zero.
    """
    for l in degrees(l_max):
        for s in sorted({l.index(degree) for degree in l}):
            own, first, second = (2 * degree + 1 for degree in (l[s], *l[:s], *l[s + 1 :]))
            pairs = n_max**2 if first != second else n_max * (n_max + 1) // 2
            yield Product(n_max, first, own * second)
            yield Product(n_max * own, second, max(1, pairs // n_max))
            yield Product(pairs, own, n_max * columns)


def time_products(products: list[Product]) -> float:
    """Return the time in s of all products in sequence with numpy, best of several rounds."""
    rng = np.random.default_rng(0)
    factors = [
        (
            rng.normal(size=(p.rows, p.inner)),
            rng.normal(size=(p.inner, p.columns)),
            np.empty((p.rows, p.columns)),
        )
        for p in products
    ]
    best = np.inf
    for _ in range(REPEATS):
        start = time.perf_counter()
        for a, b, out in factors:
            np.matmul(a, b, out=out)
        best = min(best, time.perf_counter() - start)
    return best


def measure_peak_rate(size: int = 1000) -> float:
    """Return floating-point operations per second of one large product on one thread."""
    product = Product(size, size, size)
    return product.flops / time_products([product])
