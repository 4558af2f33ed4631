"""Gradients of power spectra of environments with equally many neighbours, in local frames.

In the frame (r̂, t₁, t₂) of a neighbour i, each derivative of its term R_n Y_m in c_nm is one
product ρ_n y_m: (R'_n, Y_m), (R_n, t₁·∇Y_m), (R_n, t₂·∇Y_m). With A_q = Σ_m y_m c_qm, times the
factor of l, the derivatives of the features of channels n of its species and q are ρ_n A_q. By the
addition theorem A_q needs no spherical harmonics: it is the sum of R_q K over the neighbours of the
species of q, where K is (2l + 1)/4π P_l of the cosine of the angle, or its derivative. Then JᵀJ
follows from products of small matrices, whatever the species, and J itself is needed only for a few
directions. K has a factor √2 between unlike neighbours, with which all features have the same
weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from sensitivity.descriptors.cutoff import cutoff_function
from sensitivity.descriptors.expansion import Density
from sensitivity.descriptors.workspace import workspace
from sensitivity.numerics import Array, Indices

# Bytes of intermediate results, which fit into the second-level cache.
_CACHE = 2**20


@dataclass(frozen=True)
class LocalGradients:
    """``LikeGradients`` of power spectra; an axis 3k has a local frame per neighbour.

    Rows of J are ordered by the larger channel of a pair, so that environments with fewer species
    have the first rows of the others.
    """

    radial: Array  # ρ, [e, 3k, l, n]
    kernel: Array  # K, [l, e, k, 3k]
    frames: Array  # [e, k, (r̂, t₁, t₂), xyz]
    species: Indices  # [e, k], counted from 0

    @property
    def norms(self) -> Array:
        """Norms of the features, (e,)."""
        _, count, _, size = self.kernel.shape
        totals = np.empty(count)
        kinds = int(self._kinds.max())
        channels = kinds * self._n_max
        for part in self._parts(channels * (channels + size)):
            values = _spread(self.radial[part, 1::3], self.species[part], kinds)  # [l, e, k, q]
            angular = self.kernel[:, part, :, ::3]
            features = values.swapaxes(2, 3) @ (angular @ values)
            diagonal = np.einsum("leqq->leq", features)
            squares = (features**2).sum(axis=(0, 2, 3)) + (diagonal**2).sum(axis=(0, 2))
            totals[part] = 0.5 * squares
        return np.sqrt(totals)

    @property
    def norm_bounds(self) -> Array:
        """Upper bounds on the norms, if all neighbours had the same radial functions, (e,)."""
        values = self.radial[:, 1::3]
        lengths = np.sqrt(np.einsum("ekln,ekln->lek", values, values))[..., None]
        angular = np.abs(self.kernel[..., ::3])
        totals = lengths.swapaxes(2, 3) @ (angular @ lengths)
        return np.asarray(np.sqrt(np.square(totals).sum(axis=(0, 2, 3))))

    @cached_property
    def gram(self) -> Array:
        """JᵀJ of every environment in the ``frames``, shape (e, 3k, 3k)."""
        _, count, _, size = self.kernel.shape
        out = np.empty((count, size, size))
        for part in self._parts(3 * size**2):
            both = self.radial[part], self.kernel[:, part]
            out[part] = _gram(both, both, self._alike(part))
        return out

    def apply(self, displacements: Array, chosen: Indices) -> Array:
        """Return J times displacements, (n, 3k, m), of the chosen environments: (n, rows, m)."""
        count, size, m = displacements.shape
        local = self.frames[chosen] @ displacements.reshape(count, size // 3, 3, m)
        local = local.reshape(count, size, m).swapaxes(1, 2)[:, :, None]  # [e, m, 1, 3k]
        l_size, kinds = self.kernel.shape[0], self._kinds[chosen]
        rows = np.zeros((count, _count_pairs(kinds.max() * self._n_max), l_size, m))
        for kind in np.unique(kinds).tolist():
            channels, same = kind * self._n_max, np.flatnonzero(kinds == kind)
            upper = np.ravel_multi_index(_pairs(channels), (channels, channels))
            for part in _slices(len(same), 8 * m * l_size * channels * (channels + size)):
                places = same[part]
                radial, products = self._factors(chosen[places], kind)
                moved = radial.swapaxes(2, 3)[:, :, None] * local[places]  # [l, e, m, q, 3k]
                changes = moved @ products[:, :, None]  # [l, e, m, q, q']
                changes += changes.swapaxes(3, 4).copy()
                flat = changes.reshape(*changes.shape[:3], channels**2)
                rows[places, : len(upper)] = flat.take(upper, axis=3).transpose(1, 3, 0, 2)
        return rows.reshape(count, -1, m)

    def pull(self, start: LocalGradients, places: Indices, displacements: Array) -> Array:
        """Return Jᵀ times changes of features along displacements, (e, 3k, m), of ``start``.

        ``places``, (e,), tells which of its environments are these at another geometry.
        """
        count, k, size = self.kernel.shape[1:]
        local = start.frames[places] @ displacements.reshape(count, k, 3, -1)
        local = local.reshape(count, size, -1)
        found = np.empty_like(local)
        for part in self._parts(4 * size**2):
            there = places[part]
            products = _gram(
                (start.radial[there], start.kernel[:, there]),
                (self.radial[part], self.kernel[:, part]),
                self._alike(part),
            )
            found[part] = products.swapaxes(1, 2) @ local[part]
        turned = self.frames.swapaxes(2, 3) @ found.reshape(count, k, 3, -1)
        return np.asarray(turned.reshape(found.shape))

    def _alike(self, part: slice) -> Array:
        """Return 1 for two neighbours of the same species, else 0, [e, k, k]."""
        species = self.species[part]
        return np.asarray(species[:, :, None] == species[:, None], dtype=float)

    @cached_property
    def _kinds(self) -> Indices:
        """Number of species around each center, (e,)."""
        return np.asarray(self.species.max(axis=1) + 1)

    @property
    def _n_max(self) -> int:
        return int(self.radial.shape[3])

    def _factors(self, chosen: Indices | slice, kinds: int) -> tuple[Array, Array]:
        """Return ρ and A of chosen environments, [l, e, 3k, q], for a number of species."""
        radial, kernel, species = self.radial[chosen], self.kernel[:, chosen], self.species[chosen]
        values = _spread(radial[:, 1::3], species, kinds)
        every = _spread(radial, np.repeat(species, 3, axis=1), kinds)
        return every, kernel.swapaxes(2, 3) @ values

    def _parts(self, size: int) -> Iterator[slice]:
        """Yield environments whose arrays of a ``size`` for each l fit into the cache."""
        return _slices(self.kernel.shape[1], 8 * size * self.kernel.shape[0])


def _spread(values: Array, species: Indices, kinds: int) -> Array:
    """Return values [e, c, l, n] at the channels of their species, zero elsewhere, [l, e, c, q]."""
    count, columns, l_size, _ = values.shape
    own = np.arange(kinds) == species[..., None]  # [e, c, a]
    spread = values.transpose(2, 0, 1, 3)[..., None, :] * own[..., None]
    return np.asarray(spread.reshape(l_size, count, columns, -1))


def _slices(count: int, size: int) -> Iterator[slice]:
    step = max(1, _CACHE // size)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def _gram(start: tuple[Array, Array], end: tuple[Array, Array], alike: Array) -> Array:
    """Return J'ᵀJ'', [e, 3k, 3k], of ρ and K of the same environments at two geometries.

    ``alike``, [e, k, k], is 1 for two neighbours of the same species, else 0. Features of two
    species change by crossed factors; those of one species, n ≤ n', are half of all pairs, and the
    diagonal counts double.
    """
    (radial, kernel), (other, other_kernel) = start, end
    same, every = end is start, alike.repeat(3, axis=1)  # [e, 3k, k]
    l_size, count, k, size = kernel.shape
    large = l_size, count, size, size
    overlaps, crossed, angular, radials = workspace.arrays((*large[:3], k), large, large, large)
    by_degree, other_by_degree = _by_degree(radial), _by_degree(other)  # equal ones are slower

    def cross(one: Array, two: Array, other_kernel: Array, out: Array) -> None:
        """Write ρ_n A_n, [l, e, 3k, 3k], of ρ, and of R and K at the other geometry."""
        np.matmul(one, two[:, :, 1::3].swapaxes(2, 3), out=overlaps)
        np.multiply(overlaps, every, out=overlaps)
        np.matmul(overlaps, other_kernel, out=out)

    cross(by_degree, other_by_degree, other_kernel, crossed)
    np.matmul(kernel.swapaxes(2, 3), crossed[:, :, 1::3], out=angular)
    np.matmul(by_degree, other_by_degree.swapaxes(2, 3), out=radials)
    found = np.einsum("leij,leij->eij", radials, angular)
    diagonal = _diagonal(radial, by_degree, kernel, alike)
    other_diagonal = diagonal
    if not same:
        other_diagonal = _diagonal(other, other_by_degree, other_kernel, alike)
        cross(other_by_degree, by_degree, kernel, angular)
    found += 2 * (diagonal @ other_diagonal.swapaxes(1, 2))
    found *= every.repeat(3, axis=2)
    found += np.einsum("leij,leji->eij", crossed, crossed if same else angular)
    return np.asarray(found)


def _by_degree(radial: Array) -> Array:
    """Return ρ, [e, 3k, l, n], as [l, e, 3k, n]: contiguous matrices are multiplied faster."""
    return np.ascontiguousarray(radial.transpose(2, 0, 1, 3))


def _diagonal(radial: Array, by_degree: Array, kernel: Array, alike: Array) -> Array:
    """Return derivatives of the features of equal channels, halved, [e, 3k, l n]."""
    out = np.empty_like(radial)
    own = kernel * alike.repeat(3, axis=2)  # [l, e, k, 3k]
    np.matmul(own.swapaxes(2, 3), by_degree[:, :, 1::3], out=out.transpose(2, 0, 1, 3))
    out *= radial
    return out.reshape(*out.shape[:2], -1)


def _count_pairs(channels: int) -> int:
    return channels * (channels + 1) // 2


@lru_cache(maxsize=64)
def _pairs(channels: int) -> tuple[Indices, Indices]:
    """Return both channels of every pair q ≤ q', by q' first."""
    second, first = np.tril_indices(channels)
    return first, second


@lru_cache(maxsize=64)
def _factors_of_degrees(l_size: int) -> Array:
    """Return √(2l + 1)/4π, (l,): (2l + 1)/4π times the factor of the features, up to its sign."""
    return np.asarray(np.sqrt(2 * np.arange(l_size) + 1.0) / (4 * np.pi))


def bytes_of_gradients(k: int, density: Density) -> int:
    """Return bytes of K of an environment with k neighbours, and of its matrices (3k, 3k)."""
    matrices = 3  # JᵀJ, and two that are made from it
    return 8 * 3 * k * k * (density.radial.shape[1] + 3 * matrices)


def local_gradients(vectors: Array, species: Indices, density: Density) -> LocalGradients:
    """Differentiate the power spectra of environments without their centers.

    ``vectors``, shape (e, k, 3) in Å, lead to neighbours of ``species``, (e, k), counted from 0.
    """
    count, k, _ = vectors.shape
    r = np.sqrt(np.einsum("ekx,ekx->ek", vectors, vectors))
    frames = _frames(vectors / r[..., None])
    values, slopes = density.radial.by_pair(r)  # [e, k, l, n]
    fade, fade_slope = (
        each[..., None, None]
        for each in cutoff_function(r, density.radial.cutoff, density.cutoff_width)
    )
    radial = np.empty((count, k, 3, *values.shape[2:]))
    np.multiply(values, fade, out=radial[:, :, 1])
    radial[:, :, 2] = radial[:, :, 1]
    np.multiply(slopes, fade, out=radial[:, :, 0])
    radial[:, :, 0] += values * fade_slope
    return LocalGradients(
        radial=radial.reshape(count, 3 * k, *values.shape[2:]),
        kernel=_kernel(frames, r, species, l_size=values.shape[2]),
        frames=frames,
        species=species,
    )


def _kernel(frames: Array, r: Array, species: Indices, *, l_size: int) -> Array:
    """Return K of each neighbour with the others and their displacements, [l, e, k, 3k]."""
    count, k, _, _ = frames.shape
    cosines = frames[:, :, 0] @ frames.reshape(count, 3 * k, 3).swapaxes(1, 2)
    cosines = cosines.reshape(count, k, k, 3)
    along = cosines[..., 0]
    across = cosines[..., 1:] / r[:, None, :, None]
    weights = np.where(species[:, :, None] == species[:, None], 1.0, 2**0.5)
    values, slopes = _legendre(along, weights, l_size)
    factors = (_factors_of_degrees(l_size) * (-1.0) ** np.arange(l_size)).reshape(-1, 1, 1, 1)
    kernel = np.empty((l_size, count, k, k, 3))
    np.multiply(values, factors, out=kernel[..., 0])
    slopes *= factors
    np.multiply(slopes, across[..., 0], out=kernel[..., 1])
    np.multiply(slopes, across[..., 1], out=kernel[..., 2])
    return kernel.reshape(l_size, count, k, 3 * k)


def _legendre(x: Array, weights: Array, l_size: int) -> tuple[Array, Array]:
    """Return Legendre polynomials and their derivatives, times weights, each (l, ...)."""
    values, slopes = np.zeros((2, l_size, *x.shape))
    values[0] = weights
    if l_size > 1:
        values[1], slopes[1] = weights * x, weights
    for l in range(2, l_size):
        np.multiply(values[l - 1], x, out=values[l])
        values[l] *= (2 * l - 1) / l
        values[l] -= (l - 1) / l * values[l - 2]
        np.multiply(values[l - 1], 2 * l - 1, out=slopes[l])
        slopes[l] += slopes[l - 2]
    return values, slopes


def _frames(units: Array) -> Array:
    """Return (r̂, t₁, t₂), t₁ x t₂ = r̂, of unit vectors (e, k, 3): (e, k, 3, 3).

    T. Duff et al., J. Comput. Graph. Tech. 6 (1), 1 (2017): without a branch or a singularity.
    """
    x, y, z = units[..., 0], units[..., 1], units[..., 2]
    sign = np.copysign(1.0, z)
    a = -1.0 / (sign + z)
    b = x * y * a
    out = np.empty((*units.shape[:2], 3, 3))
    out[..., 0, :] = units
    out[..., 1, 0], out[..., 1, 1], out[..., 1, 2] = 1.0 + sign * x * x * a, sign * b, -sign * x
    out[..., 2, 0], out[..., 2, 1], out[..., 2, 2] = b, sign + y * y * a, -y
    return out
