"""The neighbour density of a center, expanded in radial functions and spherical harmonics.

    c_{anlm} = Σ_{j of species a} f_c(r_ij) R_nl(r_ij) Y_lm(r̂_ij)

The cutoff function f_c is 1 up to ``cutoff - cutoff_width`` and falls to 0 at ``cutoff`` as half
a cosine wave. All l stand in one array, with 2l + 1 places for m padded by zeros to 2 l_max + 1:
what the padding costs in arithmetic is less than what a loop over l costs in calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sphericart import SphericalHarmonics

from sensitivity.descriptors.neighborhoods import Neighborhoods, Neighbors
from sensitivity.descriptors.radial import RadialFunctions

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Density:
    """What is expanded, and in which functions.

    Attributes
    ----------
    radial
        Radial functions R_nl, without the cutoff function.
    harmonics
        Real spherical harmonics up to l_max.
    species
        Atomic numbers of the channels, increasing.
    cutoff_width
        Å, over which the density falls to zero before the cutoff.
    center_weight
        Weight of the center's own density.
    """

    radial: RadialFunctions
    harmonics: SphericalHarmonics
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
        Shape (centers, p, l, m): Y_lm.
    radial_gradient
        Shape (n, l, centers, 3p), in 1/Å: gradient of ``radial``. Empty without gradients.
    angular_gradient
        Shape (centers, 3p, l, m), in 1/Å: gradient of ``angular``. Empty without gradients.
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
        angular = part.angular.transpose(2, 0, 1, 3)  # [l, center, p, m]
        np.matmul(radial, angular, out=coefficients[:, :, a * n_max : (a + 1) * n_max])
        contributions[a] = part
    if density.center_weight:
        _add_center(coefficients, around, density)
    return Expansion(coefficients, contributions)


def _contributions(
    around: Neighborhoods, near: Neighbors, density: Density, *, gradients: bool
) -> Contributions:
    vectors = around.vectors[:, near.pairs]  # [center, p, xyz]
    r = np.sqrt(np.einsum("cpx,cpx->cp", vectors, vectors))
    radial, slopes = density.radial(r)  # [n, l, center, p]
    fade, fade_slope = _cutoff_function(r, density.radial.cutoff, density.cutoff_width)
    itself = around.itself[:, near.pairs]
    fade[itself] = fade_slope[itself] = 0.0
    radial_gradient = np.empty(0)
    if gradients:
        slopes = slopes * fade + radial * fade_slope
        units = (vectors / r[:, :, None]).reshape(len(r), -1)
        radial_gradient = each_direction(slopes) * units
    angular, angular_gradient = _angular(vectors, density, gradients=gradients)
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


def _angular(vectors: Array, density: Density, *, gradients: bool) -> tuple[Array, Array]:
    """Y_lm (centers, p, l, m), and the gradient (centers, 3p, l, m) if wanted."""
    flat = vectors.reshape(-1, 3)
    if not gradients:
        return _pad(density.harmonics.compute(flat), vectors.shape[:2], density), np.empty(0)
    values, slopes = density.harmonics.compute_with_gradients(flat)
    centers, p, _ = vectors.shape
    values = _pad(values, (centers, p), density)
    return values, _pad(slopes.reshape(-1, slopes.shape[-1]), (centers, 3 * p), density)


def _pad(values: Array, shape: tuple[int, int], density: Density) -> Array:
    """Give every l its own row: (rows, lm) becomes (\\*shape, l, m), padded by zeros."""
    size = density.radial.shape[1]
    padded = np.zeros((len(values), size, 2 * size - 1))
    padded[:, *_places(size)] = values
    return padded.reshape(*shape, size, 2 * size - 1)


@lru_cache(maxsize=64)
def _places(l_size: int) -> tuple[Indices, Indices]:
    """For each Y_lm, in the usual order, l and the place of m."""
    l = np.repeat(np.arange(l_size), 2 * np.arange(l_size) + 1)
    return l, np.arange(l_size**2) - l**2


def _cutoff_function(r: Array, cutoff: float, width: float) -> tuple[Array, Array]:
    """f_c and its derivative in 1/Å."""
    phase = np.pi * np.clip((r - cutoff + width) / width, 0, 1)
    return 0.5 * (1 + np.cos(phase)), -0.5 * np.pi / width * np.sin(phase)


def _add_center(coefficients: Array, around: Neighborhoods, density: Density) -> None:
    """Add the center's own density, which has l = 0 only and does not move."""
    n_max, _ = density.radial.shape
    values = density.radial(np.zeros(1))[0][:, 0, 0] * np.sqrt(0.25 / np.pi)
    for center, number in enumerate(around.numbers.tolist()):
        a = density.species.index(number)
        own = slice(a * n_max, (a + 1) * n_max)
        coefficients[0, center, own, 0] += density.center_weight * values
