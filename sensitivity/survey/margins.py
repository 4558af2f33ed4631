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
from sensitivity.numerics import Array, Indices, Mask
from sensitivity.survey.relative import unmix
from sensitivity.survey.sites import Site
from sensitivity.tolerances import Tolerance

# Å. A value above the largest times the reach over this distance cannot vanish: in 12 000 modes of
# rattled molecules, with smearings from 0 to 0.5 Å and orders 2 and 3, none above it fell by half.
_VARIATION = 0.4
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
        self,
        found: Refined,
        vectors: Array,
        sites: list[Site | None],
        largest: Array,
        scale: Array,
    ) -> Mask:
        """Tell which environments keep all values but those that their site hides within reach.

        ``vectors``, (n, k, 3) in Å, lead to the neighbours. An environment without a site is not
        tested.
        """
        hidden = np.array([-1 if site is None else site.hidden for site in sites])
        values, limit = found.values, self.fraction(vectors.shape[1]) * largest
        small = np.count_nonzero(values <= limit[:, None], axis=1)
        firm = (hidden >= 0) & (hidden <= values.shape[1])
        zeros, places = np.where(firm, hidden, 0), np.arange(len(hidden))
        padded = np.pad(values, ((0, 0), (1, 1)), constant_values=((0, 0), (0, np.inf)))
        least = _CLEAR * Tolerance.RANK * scale
        firm &= padded[places, zeros] <= Tolerance.ROUNDING * scale
        firm &= padded[places, zeros + 1] > least
        tested = np.flatnonzero(firm & (small > zeros))
        if len(tested):
            modes = _Modes.of(found, tested, zeros[tested], small[tested])
            left = self._left(modes, vectors[tested])
            firm[tested] = left > least[tested]
        return np.asarray(firm)

    def _left(self, small: _Modes, vectors: Array) -> Array:
        """Return what is left of the smallest of the small singular values within reach, (n,)."""
        (n, k, _), q = vectors.shape, small.values.shape[1]
        owners, j = np.nonzero(small.used)
        steps = unmix(small.modes)[owners, :, j].reshape(-1, k, 3)
        pulled = np.empty((len(owners), 3 * k, q))
        for part, gradients in self.differentiate(vectors[owners] + _STEP * steps) or ():
            first, last = owners[part][[0, -1]]
            images = small.images[first : last + 1]
            pulled[part] = gradients.pull(images, owners[part] - first)  # Jᵀ u_i after a step
        here = small.values[:, None] * small.modes  # (J S)ᵀ u_i = s_i v_i
        roots = np.sqrt(small.values / self.reach(k))
        relative = np.zeros((n, q, 3 * k, q))
        changes = (unmix(pulled) - here[owners]) / _STEP
        relative[owners, j] = changes / (roots[owners, j, None] * roots[owners])[:, None]
        matrices = relative.swapaxes(1, 2).reshape(n, 3 * k, q * q)
        together = np.linalg.norm(matrices, ord=2, axis=(1, 2))
        return np.where(together <= _MOST, small.values[:, 0] * (1 - together), 0.0)


class _Modes(NamedTuple):
    """The small singular values of n environments, at most q, and their vectors."""

    used: Mask  # (n, q)
    values: Array  # (n, q), ascending; 1 where not used
    modes: Array  # (n, 3k, q), right vectors of J S; 0 where not used
    images: Array  # (n, rows, q), left vectors; 0 where not used

    @classmethod
    def of(cls, found: Refined, chosen: Indices, first: Indices, end: Indices) -> _Modes:
        """Return the vectors of the values from the first to the end, of chosen environments."""
        columns = first[:, None] + np.arange((end - first).max())
        used = columns < end[:, None]
        columns = np.minimum(columns, found.values.shape[1] - 1)
        values = np.where(used, np.take_along_axis(found.values[chosen], columns, axis=1), 1.0)
        rotation = np.take_along_axis(found.rotation[chosen], columns[:, None], axis=2)
        rotation *= used[:, None]
        images = found.products[chosen] @ rotation / values[:, None]
        return cls(used, values, found.modes[chosen] @ rotation, images)
