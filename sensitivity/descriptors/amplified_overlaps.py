"""Overlaps of the orbitals around centers, reduced towards the cutoff, and their eigenvalues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.descriptors.gaussian_overlaps import GaussianOverlaps
from sensitivity.numerics import Array, Indices, Mask
from sensitivity.structures import neighbor_pairs

# Eigenvalues that differ by less than this fraction of them count as equal. Rounding changes the
# gradients of two eigenvalues by 1e-16 over their difference: 1e-10 at 1e-6, and 1e-8 here, far
# below what counts as visible. Only geometries within about 1e-8 Å of a crossing are taken to be at
# it, which is nearer than coordinates are known.
EQUAL = 1e-8
# Fraction of the largest eigenvalue that is added to each, since all have its rounding errors:
# EQUAL times this is 50 of these.
ADDED = 1e-6


@dataclass(frozen=True)
class Surroundings:
    """Several centers with equally many neighbours, images, and atoms that these belong to."""

    centers: Indices  # (centers,)
    members: Indices  # (centers, p): atoms that carry orbitals, the center first
    positions: Array  # (centers, p, 3), Å, relative to the center
    atoms: Indices  # (centers, k): the distinct members
    places: Indices  # (centers, p): of the members among these

    def of_atoms(self, slopes: Array) -> Array:
        """Sum gradients (centers, q, p, 3) over the images of each atom, to (centers, q, k, 3)."""
        count, q, p, _ = slopes.shape
        total = np.zeros((count, q, self.atoms.shape[1], 3))
        rows = np.arange(count)
        for member in range(p):
            total[rows, :, self.places[:, member]] += slopes[:, :, member]
        return total


def surroundings(
    atoms: Atoms, *, cutoff: float, centers: tuple[int, ...], most: int
) -> Iterator[Surroundings]:
    """Yield all centers, at most some of them, with ``most`` members, together."""
    pairs = neighbor_pairs(atoms, cutoff)
    edges = np.searchsorted(pairs.i, np.arange(len(atoms) + 1)).tolist()
    alike: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for center in centers:
        span = slice(edges[center], edges[center + 1])
        members = np.concatenate([[center], pairs.j[span]])
        positions = np.concatenate([np.zeros((1, 3)), pairs.vectors[span]])
        distinct, places = np.unique(members, return_inverse=True)
        found = np.array(center), members, positions, distinct, places
        alike.setdefault((len(members), len(distinct)), []).append(found)
    for (p, _), stack in alike.items():
        step = max(1, most // p)
        for start in range(0, len(stack), step):
            parts = zip(*stack[start : start + step], strict=True)
            yield Surroundings(*(np.array(part) for part in parts))


@dataclass(frozen=True)
class AmplifiedOverlaps:
    """The overlaps of orbitals around centers, times an amplitude for each of the two atoms.

    The amplitude of an atom at the distance r from the center is (1 - r²/cutoff²)².
    """

    overlaps: GaussianOverlaps
    cutoff: float

    @cached_property
    def eigenvalues(self) -> Array:
        """Shape (centers, n), in descending order."""
        return self._decomposed[0]

    def slopes(self) -> Array:
        """Return the gradients of the eigenvalues, shape (centers, n, p, 3), in 1/Å.

        By Hellmann and Feynman's theorem, they are vᵀ M' v with the eigenvectors v. Of equal
        eigenvalues, each gets the mean.
        """
        vectors, (_, p, _) = self._decomposed[1], self.overlaps.positions.shape
        count, n, _ = vectors.shape
        moved = self._moved.swapaxes(-1, -2) @ vectors * vectors  # [xyz, center, orbital, which]
        slopes = 2 * moved.reshape(3, count, p, n // p, n).sum(axis=3).transpose(1, 3, 2, 0)
        slopes[:, :, 0] = -slopes[:, :, 1:].sum(axis=2)  # the center, against all others
        equal = self._equal
        if equal.sum() > count * n:  # not each to itself alone
            mean = equal / equal.sum(axis=2, keepdims=True)
            slopes = (mean @ slopes.reshape(count, n, 3 * p)).reshape(slopes.shape)
        return np.asarray(slopes)

    def one_sided(self, displacements: Array) -> tuple[Array, Array]:
        """Return the derivatives of the eigenvalues of the only center, forward and backward.

        ``displacements``, shape (1, p, 3), are relative to the center. Both have shape (1, n).
        """
        _, vectors = self._decomposed
        each = np.repeat(displacements, vectors.shape[1] // displacements.shape[1], axis=1)
        half = np.einsum("xcij,cjx->cij", self._moved, each)
        change = vectors[0].T @ (half + half.swapaxes(1, 2))[0] @ vectors[0]
        ahead = np.empty((2, 1, len(change)))
        starts = np.flatnonzero(np.diff(self._equal[0].argmax(axis=0), prepend=-1))
        for first, last in pairwise([*starts.tolist(), len(change)]):
            split = np.linalg.eigvalsh(change[first:last, first:last])
            ahead[:, 0, first:last] = split[::-1], split
        return ahead[0], ahead[1]

    @cached_property
    def _overlap(self) -> Array:
        return self.overlaps.matrices()

    @cached_property
    def _nearness(self) -> Array:
        """1 - r²/cutoff² of each atom, shape (centers, p)."""
        positions = self.overlaps.positions
        return np.asarray(1 - np.einsum("cpx,cpx->cp", positions, positions) / self.cutoff**2)

    def _of_orbitals(self, values: Array) -> Array:
        """Repeat values of the atoms, along the last axis, for each of their orbitals."""
        return np.repeat(values, self._overlap.shape[-1] // values.shape[-1], axis=-1)

    @cached_property
    def _decomposed(self) -> tuple[Array, Array]:
        amplitudes = self._of_orbitals(self._nearness**2)
        matrix = amplitudes[..., None] * self._overlap * amplitudes[:, None]
        values, vectors = np.linalg.eigh(matrix)
        return values[:, ::-1], vectors[:, :, ::-1]

    @cached_property
    def _moved(self) -> Array:
        """Derivative of the matrices, [xyz, center, i, j], as the atom of orbital j moves."""
        fading = -4 / self.cutoff**2 * self._nearness * self.overlaps.positions.transpose(2, 0, 1)
        amplitudes = self._of_orbitals(self._nearness**2)
        column = self.overlaps.slopes() * amplitudes[:, None]
        column += self._overlap * self._of_orbitals(fading)[:, :, None]
        return amplitudes[..., None] * column

    @cached_property
    def _equal(self) -> Mask:
        """True for each pair of eigenvalues, [center, one, other], without a gap between them."""
        values = self.eigenvalues
        least = EQUAL * (values[:, :-1] + ADDED * values[:, :1])
        number = np.cumsum(values[:, :-1] - values[:, 1:] > least, axis=1)
        number = np.pad(number, ((0, 0), (1, 0)))
        return np.asarray(number[:, :, None] == number[:, None])
