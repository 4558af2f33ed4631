"""Fewer channels: the coefficients are mixed before they are correlated.

    c_{klm} = Σ_{an} U_{k,an} c_{anlm}

The mixture is the same for all l and m, so that rotations act as before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from sensitivity.descriptors.correlations import Correlation
from sensitivity.descriptors.expansion import Contributions, Expansion
from sensitivity.numerics import Array


@dataclass(frozen=True)
class ContractedChannels:
    """Correlations of mixed channels.

    Attributes
    ----------
    correlation
        Of one species, whose channels are the mixed ones.
    mixtures
        U, one matrix (mixed channels, n_max) for each species.
    """

    correlation: Correlation
    mixtures: tuple[Array, ...]

    def size(self) -> int:
        """Number of correlations of the mixed channels."""
        return self.correlation.size()

    def features(self, coefficients: Array) -> Array:
        """Correlate the mixed coefficients."""
        return self.correlation.features(self._mixed(coefficients))

    def gradient(self, expansion: Expansion, out: Array) -> None:
        """Every species contributes to all mixed channels; each has its own columns."""
        coefficients = self._mixed(expansion.coefficients)
        for a, near in expansion.contributions.items():
            mixed = {0: _mix(near, self.mixtures[a])}
            self.correlation.gradient(Expansion(coefficients, mixed), out)

    def bytes_per_pair(self) -> int:
        """Mixing takes less than what follows it."""
        return self.correlation.bytes_per_pair()

    def _mixed(self, coefficients: Array) -> Array:
        return np.concatenate(self.mixtures, axis=1) @ coefficients


def _mix(near: Contributions, mixture: Array) -> Contributions:
    """Contributions to the mixed channels, which only the radial functions tell apart."""
    return replace(
        near,
        radial=np.tensordot(mixture, near.radial, axes=1),
        radial_gradient=np.tensordot(mixture, near.radial_gradient, axes=1),
    )


@lru_cache(maxsize=1024)
def mixture(number: int, *, n_max: int, channels: int) -> Array:
    """U of one species, read-only, shape (channels, n_max): random, and always the same.

    The matrix is semi-orthogonal, the polar factor of a matrix of normally distributed numbers
    whose seed is the atomic ``number``: it depends neither on what other species there are nor on
    the signs that a library gives to vectors.
    """
    random = np.random.default_rng(number).normal(size=(channels, n_max))
    left, _, right = np.linalg.svd(random, full_matrices=False)
    out: Array = left @ right
    out.setflags(write=False)
    return out
