"""Features and gradients of like centers, from the species that they see.

Features with a channel of any other species are always zero. They are not computed, and a batch
holds only the gradients of the others: for the carbon atom of methane, which sees no carbon, an
eighth of those of order 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from sensitivity.descriptors.batches import Batch
from sensitivity.descriptors.correlations import Correlation
from sensitivity.descriptors.expansion import Density, expand
from sensitivity.descriptors.like_gradients import DenseGradients, LikeGradients
from sensitivity.descriptors.local_gradients import bytes_of_gradients, local_gradients
from sensitivity.descriptors.neighborhoods import Neighborhoods, without_center
from sensitivity.descriptors.power_spectrum import PowerSpectrum
from sensitivity.memory import require_memory
from sensitivity.numerics import Array, Indices
from sensitivity.progress import checkpoint

# Environments of different structures, and bytes of their gradients, that are computed at once.
_MOST_AT_ONCE, _LARGEST_STACK = 256, 2**26


@dataclass(frozen=True)
class LikeCenters:
    """Like centers, the density that they see, and its correlations."""

    around: Neighborhoods
    density: Density
    correlation: Correlation
    places: Indices | None  # of these correlations among all features; None: they are all

    def features(self, size: int) -> Array:
        """Return all features, shape (centers, size)."""
        values = np.empty((len(self.around.centers), self.correlation.size()))
        for part, around in self._parts():
            expansion = expand(around, self.density, gradients=False)
            values[part] = self.correlation.features(expansion.coefficients)
        return self._among_all(values, size)

    def batch(self, size: int, *, before: int, count: int) -> Batch:
        """Return all features, shape (centers, size), and their gradients.

        The progress counts the centers ``before`` these, of ``count``.
        """
        centers, k = self.around.atoms.shape
        values = np.empty((centers, self.correlation.size()))
        slopes = np.zeros((*values.shape, k, 3))
        for part, around in self._parts():
            checkpoint(f"gradients: {before + part.start} of {count} centers")
            expansion = expand(around, self.density, gradients=True)
            values[part] = self.correlation.features(expansion.coefficients)
            self.correlation.gradient(expansion, slopes[part])
            _complete_center(slopes[part], around.own)
        names = self.around.centers, self.around.atoms
        if self.places is None:
            return Batch(*names, values, slopes)
        features = self._among_all(values, size)
        return Batch.of_rows(*names, features, rows=self.places, slopes=slopes)

    def _among_all(self, values: Array, size: int) -> Array:
        if self.places is None:
            return values
        out = np.zeros((len(values), size))
        out[:, self.places] = values
        return out

    def _parts(self) -> Iterator[tuple[slice, Neighborhoods]]:
        """Yield a few centers at a time; intermediate results fit into the second-level cache."""
        cache, (centers, pairs) = 2**22, self.around.itself.shape
        step = max(1, cache // (pairs * self.correlation.bytes_per_pair()))
        for start in range(0, centers, step):
            part = slice(start, start + step)
            yield part, self.around if step >= centers else self.around[part]


def like_gradients(
    vectors: Array, species: Indices, density: Density, correlate: Callable[[int], Correlation]
) -> Iterator[tuple[slice, LikeGradients]]:
    """Yield gradients of environments with equally many neighbours, some at a time.

    ``vectors``, shape (e, k, 3) in Å, lead to the neighbours, whose ``species``, (e, k), are those
    of the density, counted from 0, in increasing order; ``correlate`` returns the correlations of
    a number of species.
    """
    k, largest = vectors.shape[1], correlate(int(species.max(initial=0)) + 1)
    together = isinstance(largest, PowerSpectrum)
    alone = 8 * 3 * k * largest.size() + k * largest.bytes_per_pair()
    size = bytes_of_gradients(k, density) if together else alone
    require_memory(
        size,
        purpose=f"the gradients of an environment with {k} neighbours",
        remedy="choose a smaller cutoff, n_max or l_max, or a lower order",
    )
    if together:
        for part in _divide([0, len(vectors)], size):
            yield part, local_gradients(vectors[part], species[part], density)
        return
    new = (species[1:] != species[:-1]).any(axis=1)
    for part in _divide([0, *(np.flatnonzero(new) + 1).tolist(), len(vectors)], size):
        counts = np.bincount(species[part.start]).tolist()
        seen = replace(density, species=density.species[: len(counts)])
        around = without_center(vectors[part], dict(zip(seen.species, counts, strict=True)))
        of_these = correlate(len(counts))
        expansion = expand(around, seen, gradients=True)
        features = of_these.features(expansion.coefficients)
        slopes = np.zeros((*features.shape, k, 3))
        of_these.gradient(expansion, slopes)
        norms = np.linalg.norm(features, axis=1)
        yield part, DenseGradients(norms, slopes.reshape(*features.shape, 3 * k))


def _divide(edges: Sequence[int], size: int) -> Iterator[slice]:
    """Yield slices of environments, of ``size`` bytes each, between two of the edges."""
    step = max(1, min(_MOST_AT_ONCE, _LARGEST_STACK // size))
    for first, last in pairwise(edges):
        for start in range(first, last, step):
            yield slice(start, min(start + step, last))


def _complete_center(gradient: Array, own: Indices) -> None:
    """Set the gradient of the center, ``own`` of the k atoms, to minus the sum over the others.

    An image of the center moves with it, so its contributions cancel. A product with a matrix is
    much faster than a sum.
    """
    centers, features, k, _ = gradient.shape
    here = np.arange(centers)
    minus_others = np.empty((centers, k, 3, 3))
    minus_others[:] = -np.eye(3)
    minus_others[here, own] = 0.0
    matrix = minus_others.reshape(centers, 3 * k, 3)
    gradient[here, :, own] = gradient.reshape(centers, features, 3 * k) @ matrix
