"""JᵀJ of a large structure as a sparse matrix, and J on a few displacements, without J."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Batch, Descriptor
from sensitivity.jacobian import Jacobian, differentiate
from sensitivity.numerics import Array, Indices, stacked_triangle
from sensitivity.progress import checkpoint
from sensitivity.structures import neighbor_pairs

_CENTERS = 250  # at once: 20 MB of gradients of 100 features and 30 neighbours


@dataclass(frozen=True)
class SparseGram:
    """JᵀJ of all centers, in blocks of 3 x 3 for each pair of atoms that a center sees."""

    matrix: Any  # scipy.sparse.bsr_array, (3N, 3N)
    feature_norm: float  # of all centers
    error: float  # bound on the error of J (2-norm), (feature)/Å

    @classmethod
    def of(cls, atoms: Atoms, descriptor: Descriptor) -> SparseGram:
        """Add the contributions of all centers, a few at a time."""
        from scipy.sparse import bsr_array

        count = len(atoms)
        pattern = _pattern(atoms, descriptor.cutoff)
        blocks, norms, errors = np.zeros((len(pattern), 3, 3)), list[float](), list[float]()
        for derivative in jacobians(atoms, descriptor):
            keys, squares = _sum_blocks(derivative.batches, count)
            place = np.searchsorted(pattern, keys)
            found = np.take(pattern, place, mode="clip") == keys
            _check_local(squares[~found], descriptor)
            blocks[place[found]] += squares[found]
            norms.append(float(np.linalg.norm(derivative.features)))
            errors.append(derivative.error)
        rows = np.searchsorted(pattern, count * np.arange(count + 1))
        matrix = bsr_array((blocks, pattern % count, rows), shape=(3 * count, 3 * count))
        return cls(matrix, float(np.linalg.norm(norms)), float(np.linalg.norm(errors)))


def jacobians(atoms: Atoms, descriptor: Descriptor) -> Iterator[Jacobian]:
    """Yield the Jacobians of all centers, a few at a time."""
    for start in range(0, len(atoms), _CENTERS):
        checkpoint(f"gradients of {start} of {len(atoms)} centers")
        centers = range(start, min(start + _CENTERS, len(atoms)))
        yield differentiate(atoms, descriptor, centers=centers)


def triangle(atoms: Atoms, descriptor: Descriptor, displacements: Array) -> Array:
    """Return R of J V = Q R for displacements V, shape (n, N, 3): (n, n)."""
    parts = (each.triangle(displacements) for each in jacobians(atoms, descriptor))
    return stacked_triangle(parts)


def _pattern(atoms: Atoms, cutoff: float) -> Indices:
    """Return the pairs of atoms that a center sees together, as i N + j, ascending."""
    from scipy.sparse import csr_array

    pairs, every = neighbor_pairs(atoms, cutoff), np.arange(len(atoms))
    i, j = np.append(pairs.i, every), np.append(pairs.j, every)
    sees = csr_array((np.ones(len(i), dtype=np.float32), (i, j)), shape=(len(atoms),) * 2)
    both = (sees.T @ sees).tocoo()
    return np.sort(both.row.astype(np.intp) * len(atoms) + both.col)


def _sum_blocks(batches: tuple[Batch, ...], count: int) -> tuple[Indices, Array]:
    """Return pairs of atoms, as in the pattern, and the sums of their blocks, (pairs, 3, 3)."""
    keys, squares = list[Indices](), list[Array]()
    for batch in batches:
        centers, rows, k, _ = batch.slopes.shape
        slopes = batch.slopes.reshape(centers, rows, 3 * k)
        square = (slopes.swapaxes(1, 2) @ slopes).reshape(centers, k, 3, k, 3)
        squares.append(square.transpose(0, 1, 3, 2, 4).reshape(-1, 3, 3))
        keys.append((batch.atoms[:, :, None] * count + batch.atoms[:, None]).ravel())
    every, blocks = np.concatenate(keys), np.concatenate(squares)
    order = np.argsort(every, kind="stable")
    first = np.flatnonzero(np.diff(every[order], prepend=-1))
    return every[order][first], np.add.reduceat(blocks[order], first, axis=0)


def _check_local(outside: Array, descriptor: Descriptor) -> None:
    if outside.any():
        raise ValueError(
            f"the features of {type(descriptor).__name__} depend on atoms outside its cutoff of "
            f"{descriptor.cutoff:g} Å; give it the cutoff beyond which it sees nothing."
        )
