"""The neighbour density of a center, expanded in radial functions and spherical harmonics.

    c_{anlm} = Σ_{j of species a} f_c(r_ij) R_nl(r_ij) Y_lm(r̂_ij)

The cutoff function f_c is 1 up to ``cutoff - cutoff_width`` and falls to 0 at ``cutoff`` as half
a cosine wave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensitivity.descriptors.harmonics import harmonics_gradient, spherical_harmonics
from sensitivity.descriptors.neighborhoods import Neighborhoods, Neighbors
from sensitivity.descriptors.radial import RadialFunctions

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Density:
    """What is expanded, and in which functions.

    Attributes
    ----------
    radial
        Radial functions R_nl, without the cutoff function.
    species
        Atomic numbers of the channels, increasing.
    cutoff_width
        Å, over which the density falls to zero before the cutoff.
    center_weight
        Weight of the center's own density.
    """

    radial: RadialFunctions
    species: tuple[int, ...]
    cutoff_width: float
    center_weight: float


@dataclass(frozen=True)
class Contributions:
    """What the p neighbours and images of one species contribute, around each of the centers.

    A last axis 3p runs over x, y and z of every neighbour in turn.

    Attributes
    ----------
    radial
        Shape (n, l, centers, p): f_c R_nl.
    angular
        Shape (l, m, centers, p): Y_lm.
    radial_gradient
        Shape (n, l, centers, 3p), in 1/Å: gradient of ``radial``. Empty without gradients.
    angular_gradient
        Shape (l, m, centers, 3p), in 1/Å: gradient of ``angular``. Empty without gradients.
    columns
        Which of the atoms seen by each center are of this species.
    images
        Shape (3p, 3 atoms of this species): adds the images of each atom. None if each is seen
        once.
    """

    radial: Array
    angular: Array
    radial_gradient: Array
    angular_gradient: Array
    columns: slice
    images: Array | None


@dataclass(frozen=True)
class Expansion:
    """The density around like centers.

    Attributes
    ----------
    coefficients
        Shape (l, centers, species n_max, m).
    contributions
        By the index of a species, those of its neighbours; species that are absent are left out.
    """

    coefficients: Array
    contributions: dict[int, Contributions]


def expand(around: Neighborhoods, density: Density, *, gradients: bool) -> Expansion:
    """Expand the density around like centers."""
    n_max, l_size = density.radial.shape
    centers = len(around.centers)
    coefficients = np.zeros((l_size, centers, len(density.species) * n_max, 2 * l_size - 1))
    contributions = {}
    for number, near in around.species.items():
        a = density.species.index(number)
        part = _contributions(around, near, density, gradients=gradients)
        radial = part.radial.transpose(1, 2, 0, 3)  # [l, center, n, p]
        angular = part.angular.transpose(0, 2, 3, 1)  # [l, center, p, m]
        np.matmul(radial, angular, out=coefficients[:, :, a * n_max : (a + 1) * n_max])
        contributions[a] = part
    if density.center_weight:
        _add_center(coefficients, around, density)
    return Expansion(coefficients, contributions)


def _contributions(
    around: Neighborhoods, near: Neighbors, density: Density, *, gradients: bool
) -> Contributions:
    vectors = around.vectors[:, near.pairs].transpose(2, 0, 1)  # [xyz, center, p]
    r = np.sqrt(np.einsum("xcp,xcp->cp", vectors, vectors))
    units = vectors / r
    radial, slopes = density.radial(r)  # [n, l, center, p]
    fade, fade_slope = _cutoff_function(r, density.radial.cutoff, density.cutoff_width)
    itself = around.itself[:, near.pairs]
    fade[itself] = fade_slope[itself] = 0.0
    angular = spherical_harmonics(units, density.radial.shape[1] - 1)
    radial_gradient = angular_gradient = np.empty(0)
    if gradients:
        slopes = slopes * fade + radial * fade_slope
        radial_gradient = each_direction(slopes) * np.moveaxis(units, 0, 2).reshape(len(r), -1)
        angular_gradient = harmonics_gradient(angular, units, r)
        angular_gradient = angular_gradient.reshape(*angular.shape[:3], -1)
    return Contributions(
        radial=radial * fade,
        angular=angular,
        radial_gradient=radial_gradient,
        angular_gradient=angular_gradient,
        columns=near.columns,
        images=near.images(),
    )


def each_direction(values: Array) -> Array:
    """Repeat what belongs to a neighbour, the last axis, for its x, y and z."""
    return np.repeat(values, 3, axis=-1)


def _cutoff_function(r: Array, cutoff: float, width: float) -> tuple[Array, Array]:
    """f_c and its derivative in 1/Å."""
    phase = np.pi * np.clip((r - cutoff + width) / width, 0, 1)
    # sin π is not 0 in floating-point numbers, and an atom outside is not to be seen at all.
    slope = np.where(r < cutoff, -0.5 * np.pi / width * np.sin(phase), 0.0)
    return 0.5 * (1 + np.cos(phase)), slope


def _add_center(coefficients: Array, around: Neighborhoods, density: Density) -> None:
    """Add the center's own density, which has l = 0 only and does not move."""
    n_max, _ = density.radial.shape
    values = density.radial(np.zeros(1))[0][:, 0, 0] * np.sqrt(0.25 / np.pi)
    for center, number in enumerate(around.numbers.tolist()):
        a = density.species.index(number)
        own = slice(a * n_max, (a + 1) * n_max)
        coefficients[0, center, own, 0] += density.center_weight * values
