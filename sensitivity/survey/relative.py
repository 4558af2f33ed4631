"""Displacements of all atoms of an environment, in terms of its k neighbours.

An environment is invariant to translation, so the derivatives J with respect to its neighbours
suffice. All atoms together have the singular values of J S, S = (1 + β 1 1ᵀ) ⊗ 1₃ with
β = (√(1 + k) - 1)/k, because S Sᵀ = D Dᵀ, where D takes the displacements of all atoms to those
of the neighbours relative to the center. A rotation ω x r is S⁻¹(ω x r) there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices

# Matrices R with r R = ω x r for rotations about x, y and z.
_GENERATORS = np.cross(np.eye(3)[:, None], np.eye(3))[:, None]


class Neighbors(NamedTuple):
    """Neighbours of n environments, k of each."""

    vectors: Array  # (n, k, 3), Å, from the center
    numbers: Indices  # (n, k), atomic numbers

    def only(self, chosen: Indices | slice) -> Neighbors:
        """Return the neighbours of some environments, which may repeat."""
        return Neighbors(self.vectors[chosen], self.numbers[chosen])

    def moved(self, steps: Array) -> Neighbors:
        """Return the neighbours after steps, (n, 3k) in Å."""
        return self._replace(vectors=self.vectors + steps.reshape(self.vectors.shape))

    def molecule(self, number: int) -> Atoms:
        """Return one environment as a molecule, whose first atom stands for any center."""
        near = self.numbers[number].tolist()
        positions = np.concatenate([np.zeros((1, 3)), self.vectors[number]])
        return Atoms(numbers=[near[0], *near], positions=positions)  # not confused with atom 0

    @property
    def distances(self) -> Array:
        """Å, from the center, (n, k)."""
        return np.asarray(np.sqrt(np.einsum("nkx,nkx->nk", self.vectors, self.vectors)))


def mix(gram: Array, frames: Array) -> Array:
    """Return S G S of G along the axes of the neighbours, (e, k, 3, 3); both (e, 3k, 3k).

    There S = 1 + β U Uᵀ, where the rows of U are the axes.
    """
    count, k = frames.shape[:2]
    axes, beta = frames.reshape(count, 3 * k, 3), _beta(k)
    columns = gram @ axes
    inner = axes.swapaxes(1, 2) @ columns
    added = (beta * columns + 0.5 * beta**2 * (axes @ inner)) @ axes.swapaxes(1, 2)
    return np.asarray(gram + added + added.swapaxes(1, 2))


def in_space(directions: Array, frames: Array) -> Array:
    """Return Cartesian directions, of directions along axes; both (e, 3k, m)."""
    count, size, m = directions.shape
    turned = frames.swapaxes(2, 3) @ directions.reshape(count, size // 3, 3, m)
    return np.asarray(turned.reshape(count, size, m))


def along_frames(directions: Array, frames: Array) -> Array:
    """Return directions along axes, of Cartesian directions; both (e, 3k, m)."""
    count, size, m = directions.shape
    turned = frames @ directions.reshape(count, size // 3, 3, m)
    return np.asarray(turned.reshape(count, size, m))


def unmix(directions: Array) -> Array:
    """Return S times directions, shape (e, 3k, m)."""
    count, size, m = directions.shape
    stacked = directions.reshape(count, size // 3, 3, m)
    moved = stacked + _beta(size // 3) * stacked.sum(axis=1, keepdims=True)
    return np.asarray(moved).reshape(directions.shape)


def of_neighbors(displacements: Array) -> Array:
    """Return S⁻¹ D of displacements of all atoms, the center first: (e, m, 1 + k, 3), (e, 3k, m).

    Orthonormal ones that do not translate all atoms stay orthonormal.
    """
    e, m, atoms, _ = displacements.shape
    moves, beta = displacements[:, :, 1:] - displacements[:, :, :1], _beta(atoms - 1)
    moves = moves - beta / (1 + beta * (atoms - 1)) * moves.sum(axis=2, keepdims=True)
    return np.asarray(moves.reshape(e, m, 3 * (atoms - 1)).swapaxes(1, 2))


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
