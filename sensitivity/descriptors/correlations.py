"""Rotation-invariant correlations of the expansion coefficients.

A channel q = (species a, radial index n) has coefficients c_{qlm}. Correlations of equal channels
repeat when two factors are exchanged; each is kept once. For the gradient, every factor in turn is
replaced by its gradient, and contracted with the product of the others: for each l one product of
small matrices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from sensitivity.descriptors.expansion import Expansion
from sensitivity.descriptors.harmonics import Y_00
from sensitivity.numerics import Array


class Factors(NamedTuple):
    """The factors c_{q l m} of one feature."""

    channels: tuple[int, ...]  # q of each factor
    degrees: tuple[int, ...]  # none at order 1, the common l at order 2, then l of each, and L


class Correlation(Protocol):
    """A rotation-invariant polynomial of the expansion coefficients."""

    def size(self) -> int:
        """Return the number of features."""

    def features(self, coefficients: Array) -> Array:
        """Return features, shape (centers, size)."""

    def gradient(self, expansion: Expansion, out: Array) -> None:
        """Write the gradient with respect to the neighbours into ``out``.

        ``out``, shape (centers, size, k, 3), is initialised with zeros.
        """

    def bytes_per_pair(self) -> int:
        """Return the size of the intermediate results for one pair of a center and a neighbour."""

    def factors(self) -> Iterator[Factors]:
        """Yield the factors of every feature, in order."""


@dataclass(frozen=True)
class Basis:
    """Channels: ``species`` times ``n_max``, each with all l up to ``l_max``."""

    species: int
    n_max: int
    l_max: int

    @property
    def channels(self) -> int:
        """Number of channels q."""
        return self.species * self.n_max

    def own(self, a: int) -> slice:
        """Return the channels of species a."""
        return slice(a * self.n_max, (a + 1) * self.n_max)


@dataclass(frozen=True)
class RadialSpectrum:
    """Order 1: ξ_q = c_{q00}."""

    basis: Basis

    def size(self) -> int:
        """Return the number of channels: one feature each."""
        return self.basis.channels

    def features(self, coefficients: Array) -> Array:
        """Return the coefficients of l = 0."""
        return coefficients[0, :, :, 0]

    def gradient(self, expansion: Expansion, out: Array) -> None:
        """Write the gradients of the coefficients; the angular part of l = 0 is constant."""
        for a, near in expansion.contributions.items():
            gradient = Y_00 * near.radial_gradient[:, 0].swapaxes(0, 1)  # [center, n, 3p]
            gradient = near.add_images(gradient)
            out[:, self.basis.own(a), near.columns] = gradient.reshape(*gradient.shape[:2], -1, 3)

    def bytes_per_pair(self) -> int:
        """Return bytes of the gradients of the radial functions."""
        return 8 * 3 * self.basis.n_max * (self.basis.l_max + 1)

    def factors(self) -> Iterator[Factors]:
        """Yield the channel of every feature; its degree is always 0."""
        for q in range(self.basis.channels):
            yield Factors((q,), ())


@dataclass(frozen=True)
class ContractedChannels:
    """Correlations of mixed channels, c_{klm} = Σ_{an} U_{k,an} c_{anlm}, possibly fewer.

    The mixture is the same for all l and m, so rotations act as before.
    """

    correlation: Correlation  # of one species, whose channels are the mixed ones
    mixtures: tuple[Array, ...]  # U, one matrix (mixed channels, n_max) for each species

    def size(self) -> int:
        """Return the number of correlations of the mixed channels."""
        return self.correlation.size()

    def features(self, coefficients: Array) -> Array:
        """Correlate the mixed coefficients."""
        return self.correlation.features(self._mixed(coefficients))

    def gradient(self, expansion: Expansion, out: Array) -> None:
        """Write the gradient; every species contributes to all mixed channels."""
        coefficients = self._mixed(expansion.coefficients)
        for a, near in expansion.contributions.items():
            radial, slopes = (
                np.tensordot(self.mixtures[a], each, axes=1)
                for each in (near.radial, near.radial_gradient)
            )
            mixed = replace(near, radial=radial, radial_gradient=slopes)
            self.correlation.gradient(Expansion(coefficients, {0: mixed}), out)

    def bytes_per_pair(self) -> int:
        """Return bytes of the correlation; mixing takes less."""
        return self.correlation.bytes_per_pair()

    def factors(self) -> Iterator[Factors]:
        """Yield the factors of every feature, by their mixed channels."""
        return self.correlation.factors()

    def _mixed(self, coefficients: Array) -> Array:
        return np.concatenate(self.mixtures, axis=1) @ coefficients


@lru_cache(maxsize=1024)
def mixture(number: int, *, n_max: int, channels: int) -> Array:
    """Return U of one species, read-only, shape (channels, n_max): random, but reproducible.

    The matrix is semi-orthogonal, the polar factor of a matrix of normally distributed numbers
    whose seed is the atomic ``number``: it depends neither on the other species nor on the signs
    that a library gives to vectors.
    """
    random = np.random.default_rng(number).normal(size=(channels, n_max))
    left, _, right = np.linalg.svd(random, full_matrices=False)
    out: Array = left @ right
    out.setflags(write=False)
    return out
