"""Displacements of all atoms of an environment, in terms of its k neighbours.

An environment is invariant to translation, so the derivatives J with respect to its neighbours
suffice. All atoms together have the singular values of J S, S = (1 + β 1 1ᵀ) ⊗ 1₃ with
β = (√(1 + k) - 1)/k, because S Sᵀ = D Dᵀ, where D takes the displacements of all atoms to those
of the neighbours relative to the center. A rotation ω x r is S⁻¹(ω x r) there.
"""

from __future__ import annotations

import numpy as np

from sensitivity.numerics import Array

# Matrices R with r R = ω x r for rotations about x, y and z.
_GENERATORS = np.cross(np.eye(3)[:, None], np.eye(3))[:, None]


def mix(gram: Array) -> Array:
    """Return S G S of G, both of shape (e, 3k, 3k)."""
    count, size, _ = gram.shape
    blocks, beta = gram.reshape(count, size // 3, 3, size // 3, 3), _beta(size // 3)
    half = blocks + beta * blocks.sum(axis=1, keepdims=True)
    return np.asarray(half + beta * half.sum(axis=3, keepdims=True)).reshape(gram.shape)


def unmix(directions: Array) -> Array:
    """Return S times directions, shape (e, 3k, m)."""
    count, size, m = directions.shape
    stacked = directions.reshape(count, size // 3, 3, m)
    moved = stacked + _beta(size // 3) * stacked.sum(axis=1, keepdims=True)
    return np.asarray(moved).reshape(directions.shape)


def rotations(vectors: Array, turning: int) -> Array:
    """Return orthonormal S⁻¹(ω x r), shape (e, 3k, turning)."""
    count, k, _ = vectors.shape
    beta = _beta(k)
    # S⁻¹ = 1 - β/(1 + βk) 1 1ᵀ
    vectors = vectors - beta / (1 + beta * k) * vectors.sum(axis=1, keepdims=True)
    turned = vectors @ _GENERATORS  # [axis, e, k, xyz]
    columns = turned.transpose(1, 2, 3, 0).reshape(count, 3 * k, 3)
    left, _, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, :, :turning])


def _beta(k: int) -> float:
    return float((np.sqrt(1.0 + k) - 1.0) / k)
