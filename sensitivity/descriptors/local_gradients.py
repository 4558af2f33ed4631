"""Gradients of power spectra of like environments, in the local frames of the neighbours.

In the frame (r̂, t₁, t₂) of a neighbour, each derivative of its term R_n Y_m in c_nm is one product
ρ_n y_m: (R'_n, Y_m), (R_n, t₁·∇Y_m), (R_n, t₂·∇Y_m). With A_q = Σ_m y_m c_qm, times the factor of
l, the derivatives of the features of channels n of its species and q are ρ_n A_q. So JᵀJ follows
from products of small matrices, and J itself is needed only for a few directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from sensitivity.descriptors.expansion import Density, faded_radial
from sensitivity.descriptors.harmonics import spherical_harmonics, tangential_gradients
from sensitivity.descriptors.neighborhoods import Neighborhoods
from sensitivity.descriptors.power_spectrum import scale_of_degrees, upper_pairs
from sensitivity.numerics import Array, Indices


@dataclass(frozen=True)
class LocalGradients:
    """``LikeGradients`` of power spectra; the last axis 3k has a local frame per neighbour."""

    coefficients: Array  # c, [l, e, q, m]
    radial: Array  # ρ, [l, e, n, 3k]
    products: Array  # A, [l, e, q, 3k]
    axes: Array  # [e, k, (r̂, t₁, t₂), xyz]
    columns: tuple[slice, ...]  # of 3k, for each species

    @property
    def norms(self) -> Array:
        """Norms of the features, (e,): equal pairs of like species count once."""
        l_size, count, size, _ = self.coefficients.shape
        scaled = self.coefficients * scale_of_degrees(l_size - 1)
        squares = (scaled @ self.coefficients.swapaxes(2, 3)) ** 2  # [l, e, q, q']
        weights = _pair_weights(size, self.radial.shape[2])
        totals = squares.reshape(l_size, count, -1) @ weights
        return np.asarray(np.sqrt(totals.sum(axis=0)))

    @property
    def norm_bounds(self) -> Array:
        """Norms of c cᵀ are at most the squared norms of c, (e,)."""
        squares = np.einsum("leqm,leqm->le", self.coefficients, self.coefficients)
        scales = scale_of_degrees(len(squares) - 1)[:, :, 0, 0]
        return np.asarray(np.linalg.norm(scales * squares, axis=0))

    @property
    def gram(self) -> Array:
        """JᵀJ of every environment in Cartesian coordinates, shape (e, 3k, 3k).

        Features of two species have a factor √2; those of one species, n ≤ n', are half of all
        pairs, and the diagonal counts double.
        """
        _, count, _, size = self.radial.shape
        crossed = np.empty((*self.radial.shape[:2], size, size))
        for a, columns in enumerate(self.columns):
            own = self.radial[..., columns].swapaxes(2, 3)
            np.matmul(own, self.products[:, :, self._channels(a)], out=crossed[:, :, columns])
        total = 2 * np.einsum("leij,leji->eij", crossed, crossed)
        for a, columns in enumerate(self.columns):
            within = crossed[:, :, columns, columns]
            total[:, columns, columns] -= np.einsum("leij,leji->eij", within, within)
            total[:, columns, columns] += self._within_species(a)
        axes = self.axes
        half = axes.swapaxes(2, 3) @ total.reshape(count, size // 3, 3, size)
        half = half.reshape(count, size, size).swapaxes(1, 2).reshape(count, size // 3, 3, size)
        return np.asarray(axes.swapaxes(2, 3) @ half).reshape(count, size, size)

    def _within_species(self, a: int) -> Array:
        """Return the part of JᵀJ of neighbours of one species that has no exchanged factors."""
        columns, channels = self.columns[a], self._channels(a)
        radial, products = self.radial[..., columns], self.products[..., columns]
        weights = np.full((products.shape[2], 1), 2.0)
        weights[channels] = 1.0
        radials = radial.swapaxes(2, 3) @ radial
        angulars = (weights * products).swapaxes(2, 3) @ products
        diagonal = (radial * products[:, :, channels]).swapaxes(0, 1)  # [e, l, n, 3k]
        diagonal = diagonal.reshape(len(diagonal), -1, diagonal.shape[3])
        doubled = 2 * (diagonal.swapaxes(1, 2) @ diagonal)
        return np.asarray(np.einsum("leij,leij->eij", radials, angulars) + doubled)

    def apply(self, displacements: Array, chosen: Indices) -> Array:
        """Return J times displacements, (n, 3k, m), of the chosen environments: (n, rows, m)."""
        count, size, m = displacements.shape
        l_size, _, n_max, _ = self.radial.shape
        channels = self.products.shape[2]
        local = self.axes[chosen] @ displacements.reshape(count, size // 3, 3, m)
        local = local.reshape(count, size, m).swapaxes(1, 2)[:, :, None]  # [e, m, 1, 3k]
        n, other = upper_pairs(n_max)
        rows = np.empty((count, l_size, channels * (channels + 1) // 2, m))
        for l in range(l_size):  # one degree fits into the cache
            changes = []  # [e, m, n of a species, q]
            for columns in self.columns:
                moved = self.radial[l, chosen, None][..., columns] * local[..., columns]
                products = self.products[l, chosen][..., columns].swapaxes(1, 2)
                moved = moved.reshape(count, m * n_max, -1) @ products
                changes.append(moved.reshape(count, m, n_max, -1))
            parts = []
            for a, change in enumerate(changes):
                one = change[..., self._channels(a)]
                parts.append((one + one.swapaxes(2, 3))[..., n, other])
            for a, b in combinations(range(len(changes)), 2):
                both = changes[a][..., self._channels(b)]
                both = both + changes[b][..., self._channels(a)].swapaxes(2, 3)
                parts.append(2**0.5 * both.reshape(count, m, -1))
            rows[:, l] = np.concatenate(parts, axis=2).swapaxes(1, 2)
        return rows.reshape(count, -1, m)

    def pull(self, changes: Array, owners: Indices) -> Array:
        """Return Jᵀ times changes of the features, (n, rows, m), of all environments: (e, 3k, m).

        ``owners``, (e,), tells which of the n changes are those of each environment.
        """
        l_size, count, n_max, size = self.radial.shape
        n, _, m = changes.shape
        places, factors = _symmetric(len(self.columns), n_max)
        by_degree = changes.reshape(n, l_size, -1, m)
        local = np.zeros((count, m, size))
        for l in range(l_size):  # one degree fits into the cache
            weights = factors * by_degree[:, l].swapaxes(1, 2)[..., places]  # [n, m, q, q']
            for a, columns in enumerate(self.columns):
                own = weights[:, :, self._channels(a)].reshape(n, m * n_max, -1)[owners]
                moved = (own @ self.products[l, ..., columns]).reshape(count, m, n_max, -1)
                local[..., columns] += np.einsum(
                    "emnk,enk->emk", moved, self.radial[l, ..., columns]
                )
        found = local.reshape(count, m, size // 3, 1, 3) @ self.axes[:, None]
        return np.asarray(found.reshape(count, m, size).swapaxes(1, 2))

    def _channels(self, a: int) -> slice:
        n_max = self.radial.shape[2]
        return slice(a * n_max, (a + 1) * n_max)


@lru_cache(maxsize=64)
def _symmetric(species: int, n_max: int) -> tuple[Indices, Array]:
    """Return for channels q and q' their place among the pairs of one degree, and a factor.

    Σ ξ weights changes by Σ ρ_q A_q' W_qq', where W is symmetric.
    """
    size = species * n_max
    places, factors = np.zeros((size, size), dtype=np.intp), np.ones((size, size))
    factors[np.diag_indices(size)] = 2.0
    start = 0
    n, other = upper_pairs(n_max)
    for a in range(species):
        rows = start + np.arange(len(n))
        places[a * n_max + n, a * n_max + other] = places[a * n_max + other, a * n_max + n] = rows
        start += len(n)
    for a, b in combinations(range(species), 2):
        block = start + np.arange(n_max**2).reshape(n_max, n_max)
        first, second = (slice(c * n_max, (c + 1) * n_max) for c in (a, b))
        places[first, second], places[second, first] = block, block.T
        factors[first, second] = factors[second, first] = 2**0.5
        start += n_max**2
    return places, factors


def local_gradients(around: Neighborhoods, density: Density) -> LocalGradients:
    """Differentiate the power spectra of environments without periodic images."""
    vectors = around.vectors.transpose(2, 0, 1)  # [xyz, e, k]
    r = np.sqrt(np.einsum("xek,xek->ek", vectors, vectors))
    units, (n_max, l_size) = vectors / r, density.radial.shape
    values, slopes = faded_radial(r, density)  # [n, l, e, k]
    first, second = _tangents(units)
    angular = spherical_harmonics(units, l_size - 1)  # [l, m, e, k]
    along = tangential_gradients(angular, (first / r, second / r))
    radial = _together(slopes, values, values).transpose(1, 2, 0, 3)  # [l, e, n, 3k]
    angulars = _together(angular, *along).swapaxes(1, 2)  # [l, e, m, 3k]
    shape = l_size, len(r), len(density.species) * n_max, angular.shape[1]
    coefficients = np.empty(shape)
    for number, near in around.species.items():
        parts = values[..., near.pairs].transpose(1, 2, 0, 3)  # [l, e, n, k]
        of_species = angular[..., near.pairs].transpose(0, 2, 3, 1)  # [l, e, k, m]
        np.matmul(parts, of_species, out=coefficients[:, :, density.channels(number)])
    scaled = coefficients * scale_of_degrees(l_size - 1)
    return LocalGradients(
        coefficients=coefficients,
        radial=radial,
        products=scaled @ angulars,
        axes=np.stack([units, first, second]).transpose(2, 3, 0, 1),
        columns=tuple(
            slice(3 * near.pairs.start, 3 * near.pairs.stop) for near in around.species.values()
        ),
    )


@lru_cache(maxsize=64)
def _pair_weights(size: int, n_max: int) -> Array:
    """Return the part of all pairs of channels that are features, flattened."""
    species = np.arange(size) // n_max
    weights = np.where(species[:, None] == species, 0.5, 1.0)
    weights[np.diag_indices(size)] = 1.0
    return weights.ravel()


def _together(*values: Array) -> Array:
    """Return three arrays (..., k) as one, (..., 3k), with the three of a neighbour in turn."""
    out = np.empty((*values[0].shape, 3))
    for axis, each in enumerate(values):
        out[..., axis] = each
    return out.reshape(*values[0].shape[:-1], -1)


def _tangents(units: Array) -> tuple[Array, Array]:
    """Return t₁ and t₂ with t₁ x t₂ = r̂, each (3, ...), of unit vectors (3, ...).

    T. Duff et al., J. Comput. Graph. Tech. 6 (1), 1 (2017): without a branch or a singularity.
    """
    x, y, z = units
    sign = np.copysign(1.0, z)
    a = -1.0 / (sign + z)
    b = x * y * a
    first = np.stack([1.0 + sign * x * x * a, sign * b, -sign * x])
    return first, np.stack([b, sign + y * y * a, -y])
