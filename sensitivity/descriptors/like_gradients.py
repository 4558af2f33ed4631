"""Gradients of the features of many like environments, with respect to their neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np

from sensitivity.numerics import Array, Indices


class LikeGradients(Protocol):
    """Gradients of e environments with k neighbours each; the center is fixed.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import DensityCorrelations
    >>> from sensitivity.descriptors import LikeGradients
    >>> vectors = np.random.default_rng(0).normal(size=(5, 4, 3))  # five centers, four neighbours
    >>> found: LikeGradients
    >>> hydrogens = np.ones((5, 4), dtype=int)
    >>> ((part, found),) = DensityCorrelations().like_gradients(vectors, hydrogens, species=[1, 6])
    >>> part, found.gram.shape
    (slice(0, 5, None), (5, 12, 12))
    """

    @property
    def norms(self) -> Array:
        """Norm of the features of every environment, shape (e,)."""

    @property
    def norm_bounds(self) -> Array:
        """Upper bounds on the norms, which may take less time, shape (e,)."""

    @property
    def frames(self) -> Array:
        """Orthonormal axes of every neighbour, shape (e, k, 3, 3): rows are vectors."""

    @property
    def gram(self) -> Array:
        """JᵀJ of every environment along the ``frames``, shape (e, 3k, 3k), in (feature)²/Å²."""

    def apply(self, displacements: Array, chosen: Indices) -> Array:
        """Return J times displacements, (n, 3k, m), of the chosen environments: (n, rows, m)."""

    def pull(self, start: Self, places: Indices, displacements: Array) -> Array:
        """Return Jᵀ times changes of features along displacements, (e, 3k, m), of ``start``.

        ``places``, (e,), tells which of its environments are these at another geometry.
        """


@dataclass(frozen=True)
class DenseGradients:
    """``LikeGradients`` from J itself; rows that are always zero may be missing."""

    norms: Array  # (e,)
    slopes: Array  # (e, rows, 3k), in (feature)/Å

    @property
    def norm_bounds(self) -> Array:
        """The norms."""
        return self.norms

    @property
    def frames(self) -> Array:
        """Cartesian axes, shape (e, k, 3, 3)."""
        count, _, size = self.slopes.shape
        return np.broadcast_to(np.eye(3), (count, size // 3, 3, 3))

    @cached_property
    def gram(self) -> Array:
        """JᵀJ of every environment, shape (e, 3k, 3k)."""
        return np.asarray(self.slopes.swapaxes(1, 2) @ self.slopes)

    def apply(self, displacements: Array, chosen: Indices) -> Array:
        """Return J times displacements, (n, 3k, m), of the chosen environments: (n, rows, m)."""
        return np.asarray(self.slopes[chosen] @ displacements)

    def pull(self, start: DenseGradients, places: Indices, displacements: Array) -> Array:
        """Return Jᵀ times changes of features along displacements, (e, 3k, m), of ``start``.

        ``places``, (e,), tells which of its environments are these at another geometry.
        """
        return np.asarray(self.slopes.swapaxes(1, 2) @ start.apply(displacements, places))
