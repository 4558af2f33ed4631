"""The infinite groups: of environments on a line, and of a lone atom."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from sensitivity.geometry.assignment import kinds
from sensitivity.numerics import Array, Indices
from sensitivity.symmetry.groups import PointGroup, align

# All changes of sign along three axes, the identity first: D2h. Those that keep the last: C2v.
_SIGNS = np.array(list(product([1.0, -1.0], repeat=3)))


def sphere() -> PointGroup:
    """Return Kh, the group of an atom without neighbours; D2h already leaves no displacement."""
    matrices = _SIGNS[:, :, None] * np.eye(3)
    return PointGroup("Kh", math.inf, matrices, np.zeros((8, 1), dtype=np.intp), 0.0)


def linear_groups(labels: Indices, vectors: Array, *, reach: float) -> tuple[PointGroup, ...]:
    """Return C∞v and, if the kinds of atoms allow it, D∞h, with deviations (Å) up to ``reach``.

    ``labels`` and ``vectors`` are as of ``find_levels``, of at least two atoms.
    """
    centered = vectors - vectors.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centered)
    if np.linalg.norm(lengths[1:]) > reach * np.sqrt(len(vectors)):
        return ()  # no line is nearer than the one along the longest direction
    axes = directions[::-1]
    matrices = np.einsum("gi,ix,iy->gxy", _SIGNS, axes, axes)
    upright = _SIGNS[:, 2] > 0
    permutations = np.tile(np.arange(len(vectors)), (8, 1))
    groups = [_group("C∞v", centered, matrices[upright], permutations[upright])]
    reversal = reverse(labels, centered @ axes[2])
    if reversal[0] == 0 and not np.array_equal(reversal, permutations[0]):
        permutations[~upright] = reversal
        groups.append(_group("D∞h", centered, matrices, permutations))
    return tuple(group for group in groups if group.deviation <= reach)


def reverse(labels: Indices, heights: Array) -> Indices:
    """Return the permutation, shape (m,), that exchanges up and down within each kind."""
    reversal = np.empty(len(heights), dtype=np.intp)
    for kind in kinds(labels):
        upwards = kind[np.argsort(heights[kind], kind="stable")]
        reversal[upwards] = upwards[::-1]
    return reversal


def _group(symbol: str, vectors: Array, matrices: Array, permutations: Indices) -> PointGroup:
    matrices, deviation = align(vectors, matrices, permutations)
    return PointGroup(symbol, math.inf, matrices, permutations, deviation)
