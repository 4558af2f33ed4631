"""The neighbour density of a center, expanded in radial functions and spherical harmonics.

    c_{anlm} = Σ_{j of species a} f_c(r_ij) R_nl(r_ij) Y_lm(r̂_ij)

The cutoff function f_c is 1 up to ``cutoff - cutoff_width`` and falls to 0 at ``cutoff`` as a
half-cosine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sensitivity.descriptors.cutoff import cutoff_function
from sensitivity.descriptors.harmonics import Y_00, harmonics_gradient, spherical_harmonics
from sensitivity.descriptors.neighborhoods import Neighborhoods, SpeciesNeighbors
from sensitivity.descriptors.radial import RadialFunctions
from sensitivity.numerics import Array


@dataclass(frozen=True)
class Density:
    """A density of neighbours, and its basis functions."""

    radial: RadialFunctions  # R_nl, without the cutoff function
    species: tuple[int, ...]  # atomic numbers of the channels, increasing
    cutoff_width: float  # Å, over which the density falls to zero before the cutoff
    center_weight: float  # of the center's own density

    def channels(self, number: int) -> slice:
        """Return the channels of a species."""
        (n_max, _), a = self.radial.shape, self.species.index(number)
        return slice(a * n_max, (a + 1) * n_max)


@dataclass(frozen=True)
class Contributions:
    """Contributions of the p neighbours and images of one species, around each of the centers.

    A last axis 3p runs over x, y and z of every neighbour in turn. Gradients, in 1/Å, are empty if
    not requested.
    """

    radial: Array  # f_c R_nl, [n, l, center, p]
    angular: Array  # Y_lm, [l, m, center, p]
    radial_gradient: Array  # [n, l, center, 3p]
    angular_gradient: Array  # [l, m, center, 3p]
    columns: slice  # atoms of this species among those seen by each center
    images: tuple[slice, ...]  # places on the axis 3p of the second, third, ... images

    def add_images(self, gradient: Array) -> Array:
        """Sum over the images of each atom, in place: (..., 3p) gives (..., 3 atoms)."""
        columns = 3 * (self.columns.stop - self.columns.start)
        total = gradient[..., :columns]
        for image in self.images:
            total[..., : image.stop - image.start] += gradient[..., image]
        return total

    def coefficient_gradients(self) -> list[Array]:
        """Return the gradient of R_nl Y_lm: per l of shape (centers, 2l + 1, n_max, 3 atoms)."""
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
    """The density around like centers."""

    coefficients: Array  # [l, center, species n, m]
    contributions: dict[int, Contributions]  # by the index of a species, without absent ones


def expand(around: Neighborhoods, density: Density, *, gradients: bool) -> Expansion:
    """Expand the density around like centers."""
    n_max, l_size = density.radial.shape
    centers = len(around.centers)
    coefficients = np.zeros((l_size, centers, len(density.species) * n_max, 2 * l_size - 1))
    functions = _pair_functions(around, density, gradients=gradients)
    contributions = {}
    for number, near in around.species.items():
        part = _of_species(near, functions)
        radial = part.radial.transpose(1, 2, 0, 3)  # [l, center, n, p]
        angular = part.angular.transpose(0, 2, 3, 1)  # [l, center, p, m]
        np.matmul(radial, angular, out=coefficients[:, :, density.channels(number)])
        contributions[density.species.index(number)] = part
    if density.center_weight:  # the center's own density, has only l = 0 and does not move
        values = density.radial(np.zeros(1))[0][:, 0, 0] * Y_00
        for center, number in enumerate(around.numbers.tolist()):
            coefficients[0, center, density.channels(number), 0] += density.center_weight * values
    return Expansion(coefficients, contributions)


def _pair_functions(
    around: Neighborhoods, density: Density, *, gradients: bool
) -> tuple[Array, Array, Array, Array]:
    """Evaluate the first four fields of ``Contributions``, for neighbours of all species."""
    vectors = around.vectors.transpose(2, 0, 1)  # [xyz, center, p]
    r = np.sqrt(np.einsum("xcp,xcp->cp", vectors, vectors))
    units = vectors / r
    radial, slopes = faded_radial(r, density)  # [n, l, center, p]
    radial[..., around.itself] = slopes[..., around.itself] = 0.0
    angular = spherical_harmonics(units, density.radial.shape[1] - 1)
    if not gradients:
        return radial, angular, np.empty(0), np.empty(0)
    radial_gradient = each_direction(slopes) * units.transpose(1, 2, 0).reshape(len(r), -1)
    angular_gradient = harmonics_gradient(angular, units, r).reshape(*angular.shape[:3], -1)
    return radial, angular, radial_gradient, angular_gradient


def faded_radial(r: Array, density: Density) -> tuple[Array, Array]:
    """Return f_c R_nl and its derivative in 1/Å, each of shape (n, l) and that of r."""
    radial, slopes = density.radial(r)
    fade, fade_slope = cutoff_function(r, density.radial.cutoff, density.cutoff_width)
    return radial * fade, slopes * fade + radial * fade_slope


def _of_species(near: SpeciesNeighbors, functions: tuple[Array, ...]) -> Contributions:
    radial, angular, radial_gradient, angular_gradient = functions
    columns = slice(3 * near.pairs.start, 3 * near.pairs.stop)
    return Contributions(
        radial[..., near.pairs],
        angular[..., near.pairs],
        # Contiguous arrays make the following products faster.
        np.ascontiguousarray(radial_gradient[..., columns]),
        np.ascontiguousarray(angular_gradient[..., columns]),
        columns=near.columns,
        images=tuple(slice(3 * image.start, 3 * image.stop) for image in near.images),
    )


def each_direction(values: Array) -> Array:
    """Repeat values of neighbours, the last axis, for x, y and z."""
    out = np.empty((*values.shape, 3))
    for axis in range(3):  # twice as fast as np.repeat
        out[..., axis] = values
    return out.reshape(*values.shape[:-1], -1)
