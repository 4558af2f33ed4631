"""Environments that are far from every geometry at which one more displacement is invisible.

To first order, J changes along a displacement δ of the atoms by H δ. Among the small singular
values s, with vectors u and v, it becomes the matrix diag(s) + G·δ, G_ij = u_iᵀ H v_j. With
E_ij = G_ij/√(s_i s_j) this is √s (1 + E·δ) √s, whose smallest singular value is at least
min(s) (1 - ‖E‖ |δ|). A large value cannot vanish. Where this excludes a singular geometry,
``diagnose`` finds none, either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from sensitivity.descriptors import LikeGradients
from sensitivity.diagnosis.zeros import STALLED
from sensitivity.numerics import Array, Indices, Mask
from sensitivity.survey.relative import unmix
from sensitivity.tolerances import Tolerance

# Å. A singular value changes by no more than the largest over this distance, per Å: over a third of
# an Å in 30 000 modes of rattled molecules, with smearings from 0 to 0.5 Å and orders 1 to 3.
_VARIATION = 0.25
# Largest ‖E‖ |δ|: what is left allows for the second order.
_MOST = 0.8
# Times ``Tolerance.RANK``: the singular value that must be left.
_CLEAR = 1.2
_STEP = 1e-4  # Å; its error, about 1e-3 of ‖E‖, is covered by ``_MOST``


class Refined(NamedTuple):
    """The smallest internal singular values of n environments, and their vectors.

    The right vectors of J S are ``modes`` times ``rotation``, the left ones, times the values, are
    ``products`` times ``rotation``.
    """

    places: Indices  # (n,)
    values: Array  # (n, m), ascending
    modes: Array  # (n, 3k, m)
    products: Array  # (n, rows, m)
    rotation: Array  # (n, m, m)


class Margins(NamedTuple):
    """A test of whether singular values can vanish at a geometry within a tolerance."""

    differentiate: Callable[[Array], Iterator[tuple[slice, LikeGradients]] | None]
    tolerance: float  # Å, root mean square over the atoms of an environment

    def reach(self, neighbors: int) -> float:
        """Return the root of the summed squares, in Å, of displacements within the tolerance."""
        return float(self.tolerance * np.sqrt(neighbors + 1))

    def fraction(self, neighbors: int) -> float:
        """Return the fraction of the largest singular value above which a value cannot vanish."""
        return self.reach(neighbors) / _VARIATION

    def hold(
        self, found: Refined, vectors: Array, hidden: Indices, largest: Array, scale: Array
    ) -> Mask:
        """Tell which environments keep all but the ``hidden`` smallest values within reach.

        ``vectors``, (n, k, 3) in Å, lead to the neighbours. An environment without a known number
        of hidden displacements, below 0, is not tested.
        """
        values, limit = found.values, self.fraction(vectors.shape[1]) * largest
        small = np.count_nonzero(values <= limit[:, None], axis=1)
        count, places = np.maximum(small - hidden, 0), np.arange(len(hidden))
        padded = np.pad(values, ((0, 0), (1, 1)), constant_values=((0, 0), (0, np.inf)))
        firm = (hidden >= 0) & (hidden <= values.shape[1])
        zeros = np.where(firm, hidden, 0)
        firm &= padded[places, zeros] <= Tolerance.ROUNDING * scale
        least = _CLEAR * Tolerance.RANK * scale
        firm &= padded[places, zeros + 1] > least
        for q, first in set(zip(count[firm].tolist(), zeros[firm].tolist(), strict=True)):
            if q:
                chosen = np.flatnonzero(firm & (count == q) & (zeros == first))
                part = slice(first, first + q)
                left = self._left(found, chosen, part, vectors[chosen])
                firm[chosen] = left > least[chosen]
        return np.asarray(firm)

    def _left(self, found: Refined, chosen: Indices, part: slice, vectors: Array) -> Array:
        """Return what is left of the smallest of q small singular values within reach, (n,).

        Zero if a search would be needed, since a value alone may fall by ``STALLED``.
        """
        (n, k, _), q = vectors.shape, part.stop - part.start
        values, rotation = found.values[chosen, part], found.rotation[chosen, :, part]
        images = found.products[chosen] @ rotation / values[:, None]
        modes = found.modes[chosen] @ rotation  # [n, 3k, i]
        slopes = self._slopes(vectors, images, unmix(modes))  # [n, 3k, j, i]
        there = unmix(slopes.reshape(n, 3 * k, q * q)).reshape(n, 3 * k, q, q)
        here = values[:, None, None] * modes[:, :, None]  # (J S)ᵀ u = s v
        changes = ((there - here) / _STEP).reshape(n, 3 * k, q * q)
        roots = self.reach(k) ** -0.5 * np.sqrt(values)
        relative = changes / (roots[:, :, None] * roots[:, None]).reshape(n, 1, q * q)
        together = np.linalg.norm(relative, ord=2, axis=(1, 2))
        alone = np.linalg.norm(relative[..., :: q + 1], axis=1).max(axis=1)
        held = (together <= _MOST) & (alone <= 1 - STALLED)
        return np.where(held, values[:, 0] * (1 - together), 0.0)

    def _slopes(self, vectors: Array, images: Array, steps: Array) -> Array:
        """Return Jᵀ u_i after a step along each v_j, [n, 3k, j, i]."""
        (n, k, _), q = vectors.shape, steps.shape[2]
        moves = steps.swapaxes(1, 2).reshape(n, q, k, 3)
        moved = (vectors[:, None] + _STEP * moves).reshape(-1, k, 3)
        owners = np.repeat(np.arange(n), q)
        pulled = np.empty((len(moved), 3 * k, q))
        for part, gradients in self.differentiate(moved) or ():
            pulled[part] = gradients.pull(images[owners[part]])
        return pulled.reshape(n, q, 3 * k, q).swapaxes(1, 2)
