"""Ranks of complete bases, without any basis: from the dot products of neighbour vectors."""

from __future__ import annotations

from itertools import combinations, product

import cases
import numpy as np
import pytest
from ase import Atoms

SEEN = 2e-5  # of s_max; above what Spectrum.rank counts, far above every rounding
EQUAL = 1e-13  # of the largest feature: the same to rounding
SAME_INVARIANTS = 7  # decimals, Å² or Å³: equal in an exact structure, far apart otherwise

ENVIRONMENT_ROWS = [
    pytest.param(case, order, id=f"{case.name}, order {order}")
    for case in cases.ENVIRONMENTS
    for order in case.ranks
]


def complete_rank(atoms: Atoms, order: str) -> int:
    """Rank of a complete basis for the environment of atom 0, from dot products alone.

    Features of order ν are sums, over all ordered ν-tuples of neighbours, of a symmetric function
    of the dot products of their vectors (and, with the odd part, of the determinant of a triple).
    A complete basis holds all such functions, so it sees, for each set of tuples with the same
    invariants, the sum of the gradients of each invariant, and nothing else.
    """
    x = atoms.positions[1:] - atoms.positions[0]
    tuples = product(range(len(x)), repeat=int(order[0]))
    pairs = (invariants(x, which, odd="odd" in order) for which in tuples)
    values, gradients = zip(*pairs, strict=True)
    rounded = np.round(values, SAME_INVARIANTS) + 0.0  # no negative zeros
    _, group = np.unique(rounded, axis=0, return_inverse=True)
    sums = np.zeros((group.max() + 1, *np.shape(gradients)[1:]))
    np.add.at(sums, group.ravel(), gradients)
    return int(np.linalg.matrix_rank(sums.reshape(-1, 3 * len(x)), rtol=1e-9))


def invariants(x: np.ndarray, which: tuple[int, ...], *, odd: bool) -> tuple[list, list]:
    """Invariants of a tuple of neighbours, and the gradient of each, shape (neighbours, 3)."""
    values, gradients = [], []
    for i, j in [*((i, i) for i in which), *combinations(which, 2)]:
        gradient = np.zeros_like(x)
        gradient[i] += x[j]
        gradient[j] += x[i]
        values.append(x[i] @ x[j])
        gradients.append(gradient)
    if odd:
        gradient = np.zeros_like(x)
        for i, j, k in (np.roll(which, -shift) for shift in range(3)):
            gradient[i] += np.cross(x[j], x[k])
        values.append(np.linalg.det(x[list(which)]))
        gradients.append(gradient)
    return values, gradients
