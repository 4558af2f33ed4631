"""Gradients of the features of many like environments, with respect to their neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sensitivity.numerics import Array, Indices


@dataclass(frozen=True)
class LikeGradients:
    """Gradients of e environments with k neighbours each; the center is fixed.

    Attributes
    ----------
    norms
        Shape (e,): norm of the features.
    slopes
        Shape (e, rows, 3k), in (feature)/Å. Rows that are always zero may be missing.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity import DensityCorrelations
    >>> vectors = np.random.default_rng(0).normal(size=(5, 4, 3))  # five centers, four neighbours
    >>> ((part, found),) = DensityCorrelations().like_gradients(vectors, (4,), species=[1, 6])
    >>> part, found.gram.shape
    (slice(0, 5, None), (5, 12, 12))
    """

    norms: Array
    slopes: Array

    @property
    def gram(self) -> Array:
        """JᵀJ of every environment, shape (e, 3k, 3k)."""
        return np.asarray(self.slopes.swapaxes(1, 2) @ self.slopes)

    def apply(self, displacements: Array, chosen: Indices) -> Array:
        """Return J times displacements, (n, 3k, m), of the chosen environments: (n, rows, m)."""
        return np.asarray(self.slopes[chosen] @ displacements)
