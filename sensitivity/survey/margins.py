"""Environments that are far from every geometry at which one more displacement is invisible.

To first order, J changes along a displacement δ of the atoms by H δ. Among the small singular
values s, with vectors u and v, it becomes the matrix diag(s) + G·δ, G_ij = u_iᵀ H v_j. With
E_ij = G_ij/√(s_i s_j) this is √s (1 + E·δ) √s, whose smallest singular value is at least
min(s) (1 - ‖E‖ |δ|), where ‖E‖ |δ| bounds the norm of E·δ. A large value cannot vanish. Where
this excludes a singular geometry, ``diagnose`` finds none, either.

A value is large compared with the largest, or with the derivatives by the neighbours that its mode
moves, which vary over the smearing, and near the cutoff over the distance to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from sensitivity.descriptors import Descriptor, LikeGradients, with_defaults
from sensitivity.descriptors.protocol import settings_of
from sensitivity.numerics import Array, Indices, Mask
from sensitivity.survey.relative import Neighbors, unmix
from sensitivity.tolerances import Tolerance

# Å. A value above the largest times the reach over a distance between these cannot vanish: see
# ``variation``. The shorter is that of ``diagnose`` for every descriptor.
_SHORTEST, _LONGEST = 0.1, 0.5
# Largest slope of a value, over the derivatives by the neighbours that its mode moves, and over
# ``variation``: at X0 it is at most 2.06, in 525 bases.
_SLOPE = 2.3
# Largest ‖E‖ |δ|: what is left allows for the second order.
MOST = 0.8
# Times ``Tolerance.RANK``: the singular value that must be left.
CLEAR = 1.2
# Norm up to which the Frobenius norm, which takes less time, is as good.
_ENOUGH = 0.4
_STEP = 1e-4  # Å; its error, about 1e-3 of ‖E‖, is covered by ``MOST``


Differentiate = Callable[[Neighbors], Iterator[tuple[slice, LikeGradients]] | None]
"""Gradients of environments: ``like_gradients``."""


def variation(descriptor: Descriptor) -> float:
    """Return the distance, in Å, over which a singular value changes by at most the largest.

    It is the smearing, within limits: at X0, where a value vanishes, in 525 bases, the slope over
    the largest value is at most 0.92 over the smearing, and 7.3 per Å below 0.1 Å.
    """
    smearing = float(settings_of(descriptor).get("smearing", 0.0))
    return min(max(smearing, _SHORTEST), _LONGEST)


def differentiation(descriptor: Descriptor, species: Collection[int]) -> Differentiate:
    """Return a function that differentiates environments in which these species occur."""
    known = with_defaults(descriptor)
    return lambda neighbors: known.like_gradients(*neighbors, species=species)


class Smallest(NamedTuple):
    """The smallest internal singular values of n environments, and their right vectors."""

    gradients: LikeGradients
    places: Indices  # (n,), of the environments among those of the gradients
    values: Array  # (n, m), ascending; infinite where fewer are known
    modes: Array  # (n, 3k, m), of J S; zero where fewer are known

    @classmethod
    def joined(cls, parts: Sequence[Smallest]) -> Smallest:
        """Return some environments after others, of the same gradients."""
        places = np.concatenate([part.places for part in parts])
        most = max(part.values.shape[1] for part in parts)
        values = np.full((len(places), most), np.inf)
        modes = np.zeros((len(places), parts[0].modes.shape[1], most))
        start = 0
        for part in parts:
            count, m = part.values.shape
            values[start : start + count, :m] = part.values
            modes[start : start + count, :, :m] = part.modes
            start += count
        return cls(parts[0].gradients, places, values, modes)

    def only(self, chosen: Indices) -> Smallest:
        """Return the modes of some environments."""
        values, modes = self.values[chosen], self.modes[chosen]
        return Smallest(self.gradients, self.places[chosen], values, modes)

    def refined(self) -> Smallest:
        """Return the singular values within the span of the vectors, from J itself."""
        products = self.gradients.apply(unmix(self.modes), self.places)
        _, refined, mixing = np.linalg.svd(np.linalg.qr(products, mode="r"))
        count, _, m = self.modes.shape
        values = np.zeros((count, m))  # those beyond the rows of J are zero
        values[:, m - refined.shape[1] :] = refined[:, ::-1]
        modes = self.modes @ mixing[:, ::-1].swapaxes(1, 2)
        return self._replace(values=values, modes=modes)

    def up_to(self, limits: Array) -> Indices:
        """Return the number of values up to a limit for each environment, (n,)."""
        return np.asarray(np.count_nonzero(self.values <= limits[:, None], axis=1))


class Margins(NamedTuple):
    """A test of whether singular values can vanish at a geometry within a tolerance."""

    differentiate: Differentiate
    tolerance: float  # Å, root mean square over the atoms of an environment
    variation: float  # Å
    cutoff: float  # Å

    def reach(self, neighbors: int) -> float:
        """Return the root of the summed squares, in Å, of displacements within the tolerance."""
        return float(self.tolerance * np.sqrt(neighbors + 1))

    def fraction(self, neighbors: int) -> float:
        """Return the fraction of the largest singular value above which a value cannot vanish."""
        return self.reach(neighbors) / self.variation

    def hold(
        self,
        found: Smallest,
        neighbors: Neighbors,
        hidden: Indices,
        largest: Array,
        scale: Array,
    ) -> Mask:
        """Tell which environments keep all values but the ``hidden`` ones, (n,), within reach.

        Environments with a negative number of hidden displacements are not tested.
        """
        values, limit = found.values, self.fraction(neighbors.numbers.shape[1]) * largest
        small = np.count_nonzero(values <= limit[:, None], axis=1)
        firm = (hidden >= 0) & (hidden <= values.shape[1])
        zeros, places = np.where(firm, hidden, 0), np.arange(len(hidden))
        padded = np.pad(values, ((0, 0), (1, 1)), constant_values=((0, 0), (0, np.inf)))
        least = CLEAR * Tolerance.RANK * scale
        firm &= padded[places, zeros] <= Tolerance.ROUNDING * scale
        firm &= padded[places, zeros + 1] > least
        tested = np.flatnonzero(firm & (small > zeros))
        if len(tested):
            change = self._changeable(found.only(tested), neighbors.only(tested))
            small[tested] = np.minimum(small[tested], change)
            tested = tested[small[tested] > zeros[tested]]
        if len(tested):
            modes = SmallModes.of(found, tested, zeros[tested], small[tested])
            left = self._left(modes, neighbors.only(tested))
            firm[tested] = left > least[tested]
        return np.asarray(firm)

    def _changeable(self, found: Smallest, neighbors: Neighbors) -> Indices:
        """Return the number of values up to the last one that may vanish within reach, (n,)."""
        (n, k), m = neighbors.numbers.shape, found.values.shape[1]
        squares = np.einsum("eii->ei", found.gradients.gram)[found.places]
        gaps = np.maximum(self.cutoff - neighbors.distances, self.tolerance)
        # A neighbour near the cutoff is seen along its direction alone, of three.
        squares = squares.reshape(n, k, 3).sum(axis=2) * (1 / 3 + (self.variation / gaps) ** 2)
        moved = np.square(unmix(found.modes)).reshape(n, k, 3, m).sum(axis=2)
        varying = _SLOPE / self.variation * np.sqrt(squares[:, None] @ moved)[:, 0]
        changeable = found.values <= self.reach(k) * varying
        return np.asarray((changeable * np.arange(1, m + 1)).max(axis=1))

    def _left(self, small: SmallModes, neighbors: Neighbors) -> Array:
        """Return what is left of the smallest of the small singular values within reach, (n,)."""
        reach = self.reach(neighbors.numbers.shape[1])
        together = change_within(reach, small, neighbors, self.differentiate)
        return np.where(together <= MOST, small.values[:, 0] * (1 - together), 0.0)


def change_within(
    reach: float,
    small: SmallModes,
    neighbors: Neighbors,
    differentiate: Differentiate,
    *,
    others: Array | None = None,
) -> Array:
    """Return a bound on ‖E‖ |δ| within reach (Å), (n,); a close one if above ``_ENOUGH``.

    ``others``, (n, q, 3k, q), are further changes of uᵢᵀ J S vⱼ: [n, j, displacement, i].
    """
    (n, k), q = neighbors.numbers.shape, small.values.shape[1]
    owners, j = np.nonzero(small.used)
    steps = small.steps[owners, j, None]
    moved = neighbors.only(owners).moved(steps * small.moves[owners, :, j])
    pulled = np.empty((len(owners), 3 * k, q))
    for part, gradients in differentiate(moved) or ():
        own = owners[part]
        places, images = small.places[own], small.images[own]
        pulled[part] = gradients.pull(small.gradients, places, images)  # Jᵀ u_i after a step
    roots = np.sqrt(small.values / reach)
    changes = (unmix(pulled) - small.here[owners]) / steps[:, None]
    if others is not None:
        changes += others[owners, j]
    relative = np.zeros((n, q, 3 * k, q))
    relative[owners, j] = changes / (roots[owners, j, None] * roots[owners])[:, None]
    norms = np.linalg.norm(relative.reshape(n, -1), axis=1)
    large = norms > _ENOUGH
    norms[large] = _norms_of_tensors(relative[large])
    return np.asarray(norms)


def _norms_of_tensors(tensors: Array) -> Array:
    """Return a bound on Σ aᵢ bⱼ cₖ Eᵢⱼₖ for unit vectors a, b and c, of each tensor E.

    It is the smallest 2-norm of the three matrices in which two of the indices are combined.
    """
    count, *sizes = tensors.shape
    bound = np.full(count, np.inf)
    for axis, size in enumerate(sizes, 1):
        matrices = np.moveaxis(tensors, axis, 1).reshape(count, size, prod(sizes) // size)
        bound = np.minimum(bound, np.linalg.norm(matrices, ord=2, axis=(1, 2)))
    return bound


class SmallModes(NamedTuple):
    """The small singular values of n environments, at most q, and their vectors."""

    used: Mask  # (n, q)
    values: Array  # (n, q), ascending; 1 where not used
    moves: Array  # (n, 3k, q), of the neighbours: S times right vectors; 0 where not used
    images: Array  # (n, 3k, q), displacements with the left vectors u as images; 0 where not used
    here: Array  # (n, 3k, q), (J S)ᵀ u
    steps: Array  # (n, q), Å, of finite differences for moves of unit norm
    gradients: LikeGradients
    places: Indices  # (n,), of the environments among those of the gradients

    @classmethod
    def of(cls, found: Smallest, chosen: Indices, first: Indices, end: Indices) -> SmallModes:
        """Return the vectors of the values from the first to the end, of chosen environments."""
        columns, used = columns_between(first, end, most=found.values.shape[1])
        values = np.where(used, np.take_along_axis(found.values[chosen], columns, axis=1), 1.0)
        modes = np.take_along_axis(found.modes[chosen], columns[:, None], axis=2) * used[:, None]
        moves, here = unmix(modes), values[:, None] * modes
        images, steps = moves / values[:, None], np.full(used.shape, _STEP)
        places = found.places[chosen]
        return cls(used, values, moves, images, here, steps, found.gradients, places)


def columns_between(first: Indices, end: Indices, *, most: int) -> tuple[Indices, Mask]:
    """Return the columns from the first to the end, of at most ``most``, and which are meant."""
    columns = first[:, None] + np.arange((end - first).max())
    return np.minimum(columns, most - 1), columns < end[:, None]
