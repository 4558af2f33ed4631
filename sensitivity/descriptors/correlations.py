"""Correlations of the expansion coefficients that rotations leave unchanged.

A channel q = (species a, radial index n) carries coefficients c_{qlm}. Correlations of equal
channels repeat themselves when two factors are exchanged; each is kept once. For the gradient,
every factor in turn is replaced by its own gradient, and what multiplies it is contracted with
it: for each l one product of small matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sensitivity.descriptors.expansion import Expansion
from sensitivity.descriptors.harmonics import Y_00
from sensitivity.numerics import Array


class Correlation(Protocol):
    """A polynomial of the expansion coefficients that rotations leave unchanged."""

    def size(self) -> int:
        """Number of features."""

    def features(self, coefficients: Array) -> Array:
        """Features, shape (centers, size)."""

    def gradient(self, expansion: Expansion, out: Array) -> None:
        """Write the gradient with respect to the neighbours into ``out``.

        ``out``, shape (centers, size, k, 3), comes filled with zeros.
        """

    def bytes_per_pair(self) -> int:
        """Size of the intermediate results for one pair of a center and a neighbour."""


@dataclass(frozen=True)
class Basis:
    """Channels: ``species`` times ``n_max`` of them, each with all l up to ``l_max``."""

    species: int
    n_max: int
    l_max: int

    @property
    def channels(self) -> int:
        """Number of channels q."""
        return self.species * self.n_max

    def own(self, a: int) -> slice:
        """Channels of species a."""
        return slice(a * self.n_max, (a + 1) * self.n_max)


@dataclass(frozen=True)
class RadialSpectrum:
    """Order 1: ξ_q = c_{q00}."""

    basis: Basis

    def size(self) -> int:
        """One feature per channel."""
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
        """Gradients of the radial functions."""
        return 8 * 3 * self.basis.n_max * (self.basis.l_max + 1)
