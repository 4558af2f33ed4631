"""The neighbour density of a center, expanded in radial functions and spherical harmonics.

    c_{anlm} = Σ_{j of species a} f_c(r_ij) R_nl(r_ij) Y_lm(r̂_ij)

The cutoff function f_c is 1 up to ``cutoff - cutoff_width`` and falls to 0 at ``cutoff`` as half
a cosine wave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sphericart import SphericalHarmonics

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
class Expansion:
    """Expansion coefficients around like centers, and their gradients.

    Attributes
    ----------
    coefficients
        For each l an array of shape (centers, species n_max, 2l + 1).
    gradients
        For each channel of species present, by its index, and for each l, an array of shape
        (centers, 2l + 1, n_max, 3 atoms): derivative of the coefficients of that species with
        respect to its atoms. That with respect to the center is minus the sum of all.
    columns
        For each channel of species present, the columns 3 atoms that it stands in.
    """

    coefficients: list[Array]
    gradients: dict[int, list[Array]]
    columns: dict[int, slice]


def expand(around: Neighborhoods, density: Density, *, gradients: bool) -> Expansion:
    """Expand the density around like centers; without ``gradients`` those stay empty."""
    functions = _PairFunctions(around, density, gradients=gradients)
    channels = {density.species.index(z): near for z, near in around.species.items()}
    coefficients = functions.coefficients(channels, species=len(density.species))
    if density.center_weight:
        _add_center(coefficients[0], around, density)
    return Expansion(
        coefficients=coefficients,
        gradients={a: functions.gradients(n) for a, n in channels.items()} if gradients else {},
        columns={a: slice(3 * n.columns.start, 3 * n.columns.stop) for a, n in channels.items()},
    )


class _PairFunctions:
    """f_c R_nl and Y_lm of all pairs, centers first, and what their gradients are made of."""

    def __init__(self, around: Neighborhoods, density: Density, *, gradients: bool) -> None:
        self.shape = around.itself.shape
        vectors = around.vectors.reshape(-1, 3)
        r = np.sqrt(np.einsum("px,px->p", vectors, vectors))
        radial, slopes = density.radial(r)  # [l, n, pair]
        fade, fade_slope = _cutoff_function(r, density.radial.cutoff, density.cutoff_width)
        fade[around.itself.ravel()] = 0.0
        fade_slope[around.itself.ravel()] = 0.0
        self.radial = radial * fade
        if not gradients:
            self.angular = density.harmonics.compute(vectors).T  # [lm, pair]
            return
        angular, gradient = density.harmonics.compute_with_gradients(vectors)
        self.angular = angular.T
        slopes = slopes * fade + radial * fade_slope
        # Every direction x, y, z of a pair is a column of its own from here on.
        self.radial_xyz = np.repeat(self.radial, 3, axis=-1)
        self.slope_xyz = np.repeat(slopes, 3, axis=-1) * (vectors / r[:, None]).ravel()
        self.angular_xyz = np.repeat(self.angular, 3, axis=-1)
        self.gradient_xyz = gradient.transpose(2, 0, 1).reshape(len(self.angular), -1)

    def coefficients(self, channels: dict[int, Neighbors], *, species: int) -> list[Array]:
        l_size, n_max, _ = self.radial.shape
        radial = self.radial.reshape(l_size, n_max, *self.shape).transpose(0, 2, 1, 3)
        angular = self.angular.reshape(-1, *self.shape).transpose(1, 2, 0)
        result = []
        for l in range(l_size):
            m = slice(l * l, (l + 1) ** 2)
            c = np.zeros((self.shape[0], species * n_max, 2 * l + 1))
            for a, near in channels.items():
                channel = slice(a * n_max, (a + 1) * n_max)
                c[:, channel] = radial[l, :, :, near.pairs] @ angular[:, near.pairs, m]
            result.append(c)
        return result

    def gradients(self, near: Neighbors) -> list[Array]:
        columns = slice(3 * near.pairs.start, 3 * near.pairs.stop)
        return [self._gradient(l, columns, near) for l in range(len(self.radial))]

    def _gradient(self, l: int, columns: slice, near: Neighbors) -> Array:
        m = slice(l * l, (l + 1) ** 2)
        centers = self.shape[0]

        def part(array: Array) -> Array:
            split = array.reshape(len(array), centers, -1)[..., columns]
            return split.transpose(1, 0, 2)  # [center, ., pair xyz]

        d = part(self.angular_xyz[m])[:, :, None] * part(self.slope_xyz[l])[:, None]
        d += part(self.gradient_xyz[m])[:, :, None] * part(self.radial_xyz[l])[:, None]
        if near.has_images:
            split = d.reshape(*d.shape[:3], -1, 3)
            d = np.add.reduceat(split, near.starts, axis=3).reshape(*d.shape[:3], -1)
        return d


def _cutoff_function(r: Array, cutoff: float, width: float) -> tuple[Array, Array]:
    """f_c and its derivative in 1/Å."""
    phase = np.pi * np.clip((r - cutoff + width) / width, 0, 1)
    return 0.5 * (1 + np.cos(phase)), -0.5 * np.pi / width * np.sin(phase)


def _add_center(scalar: Array, around: Neighborhoods, density: Density) -> None:
    """Add the center's own density, which has l = 0 only and does not move."""
    radial, _ = density.radial(np.zeros(1))
    n_max = density.radial.shape[1]
    y_00 = np.sqrt(0.25 / np.pi)
    for row, z in enumerate(around.numbers.tolist()):
        a = density.species.index(z)
        scalar[row, a * n_max : (a + 1) * n_max, 0] += density.center_weight * radial[0, :, 0] * y_00
