"""Assignment of points to like points."""

from __future__ import annotations

import numpy as np

from sensitivity.numerics import Array, Indices


def kinds(labels: Indices) -> list[Indices]:
    """Return the indices of each label, in the order of the labels."""
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def assign(labels: Indices, start: Array, end: Array) -> Indices:
    """Permutation (N,) that takes points to like ones at the least sum of squared distances.

    Both sets have shape (N, 3), and the same labels, (N,).
    """
    from scipy.optimize import linear_sum_assignment

    images = np.empty(len(labels), dtype=np.intp)
    for kind in kinds(labels):
        images[kind] = kind[linear_sum_assignment(-start[kind] @ end[kind].T)[1]]
    return images
