"""The neighbour density of a center, expanded in radial functions and spherical harmonics.

    c_{anlm} = Σ_{j of species a} f_c(r_ij) R_nl(r_ij) Y_lm(r̂_ij)

The cutoff function f_c is 1 up to ``cutoff - cutoff_width`` and falls to 0 at ``cutoff`` as half
a cosine wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sensitivity.descriptors.harmonics import Y_00, harmonics_gradient, spherical_harmonics
from sensitivity.descriptors.neighborhoods import Neighborhoods, SpeciesNeighbors
from sensitivity.descriptors.radial import RadialFunctions
from sensitivity.numerics import Array


@dataclass(frozen=True)
class Density:
    """A density of neighbours, and the functions in which it is expanded.

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

    def channels(self, a: int) -> slice:
        """Channels of the species with index a."""
        n_max, _ = self.radial.shape
        return slice(a * n_max, (a + 1) * n_max)


@dataclass(frozen=True)
class Contributions:
    """Contributions of the p neighbours and images of one species, around each of the centers.

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
        Where on the axis 3p the second, third, ... images of atoms stand.
    """

    radial: Array
    angular: Array
    radial_gradient: Array
    angular_gradient: Array
    columns: slice
    images: tuple[slice, ...]

    def add_images(self, gradient: Array) -> Array:
        """Sum what belongs to the images of one atom, in place: (..., 3p) gives (..., 3 atoms)."""
        columns = 3 * (self.columns.stop - self.columns.start)
        total = gradient[..., :columns]
        for image in self.images:
            total[..., : image.stop - image.start] += gradient[..., image]
        return total

    def coefficient_gradients(self) -> list[Array]:
        """Gradient of R_nl Y_lm, for each l of shape (centers, 2l + 1, n_max, 3 atoms)."""
        radial = each_direction(self.radial).transpose(1, 2, 0, 3)[:, :, None]  # [l, c, 1, n, 3p]
        slopes = self.radial_gradient.transpose(1, 2, 0, 3)[:, :, None]
        angular = each_direction(self.angular.swapaxes(1, 2))[..., None, :]  # [l, c, m, 1, 3p]
        angular_slopes = self.angular_gradient.swapaxes(1, 2)[..., None, :]
        gradients = []
        for l in range(len(radial)):
            m = slice(0, 2 * l + 1)
            gradient = slopes[l] * angular[l, :, m] + radial[l] * angular_slopes[l, :, m]
            gradients.append(self.add_images(gradient))
        return gradients


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
    functions = _pair_functions(around, density, gradients=gradients)
    contributions = {}
    for number, near in around.species.items():
        a = density.species.index(number)
        part = _of_species(functions, near)
        radial = part.radial.transpose(1, 2, 0, 3)  # [l, center, n, p]
        angular = part.angular.transpose(0, 2, 3, 1)  # [l, center, p, m]
        np.matmul(radial, angular, out=coefficients[:, :, density.channels(a)])
        contributions[a] = part
    if density.center_weight:
        _add_center(coefficients, around, density)
    return Expansion(coefficients, contributions)


class _PairFunctions(NamedTuple):
    """As ``Contributions`` names them, for the neighbours of all species."""

    radial: Array
    angular: Array
    radial_gradient: Array
    angular_gradient: Array


def _pair_functions(around: Neighborhoods, density: Density, *, gradients: bool) -> _PairFunctions:
    vectors = around.vectors.transpose(2, 0, 1)  # [xyz, center, p]
    r = np.sqrt(np.einsum("xcp,xcp->cp", vectors, vectors))
    units = vectors / r
    radial, slopes = density.radial(r)  # [n, l, center, p]
    fade, fade_slope = _cutoff_function(r, density.radial.cutoff, density.cutoff_width)
    fade[around.itself] = fade_slope[around.itself] = 0.0
    angular = spherical_harmonics(units, density.radial.shape[1] - 1)
    if not gradients:
        return _PairFunctions(radial * fade, angular, np.empty(0), np.empty(0))
    slopes = slopes * fade + radial * fade_slope
    radial_gradient = each_direction(slopes) * np.moveaxis(units, 0, 2).reshape(len(r), -1)
    angular_gradient = harmonics_gradient(angular, units, r).reshape(*angular.shape[:3], -1)
    return _PairFunctions(radial * fade, angular, radial_gradient, angular_gradient)


def _of_species(functions: _PairFunctions, near: SpeciesNeighbors) -> Contributions:
    columns = slice(3 * near.pairs.start, 3 * near.pairs.stop)
    return Contributions(
        radial=functions.radial[..., near.pairs],
        angular=functions.angular[..., near.pairs],
        # Without gaps, what multiplies these runs through in one go.
        radial_gradient=np.ascontiguousarray(functions.radial_gradient[..., columns]),
        angular_gradient=np.ascontiguousarray(functions.angular_gradient[..., columns]),
        columns=near.columns,
        images=tuple(slice(3 * image.start, 3 * image.stop) for image in near.images),
    )


def each_direction(values: Array) -> Array:
    """Repeat what belongs to a neighbour, the last axis, for its x, y and z."""
    out = np.empty((*values.shape, 3))
    for axis in range(3):  # twice as fast as np.repeat
        out[..., axis] = values
    return out.reshape(*values.shape[:-1], -1)


def _cutoff_function(r: Array, cutoff: float, width: float) -> tuple[Array, Array]:
    """f_c and its derivative in 1/Å."""
    phase = np.pi * np.clip((r - cutoff + width) / width, 0, 1)
    # sin π is not 0 in floating-point numbers, and an atom outside is not to be seen at all.
    slope = np.where(r < cutoff, -0.5 * np.pi / width * np.sin(phase), 0.0)
    return 0.5 * (1 + np.cos(phase)), slope


def _add_center(coefficients: Array, around: Neighborhoods, density: Density) -> None:
    """Add the center's own density, which has l = 0 only and does not move."""
    values = density.radial(np.zeros(1))[0][:, 0, 0] * Y_00
    for center, number in enumerate(around.numbers.tolist()):
        own = density.channels(density.species.index(number))
        coefficients[0, center, own, 0] += density.center_weight * values
