"""A basis that refinement does not complete, and a structure of which it misses much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity import DensityCorrelations
from sensitivity.descriptors import Batch, Centers, Descriptor


@dataclass(frozen=True)
class DegreeOne(Descriptor):
    """A power spectrum of l_max = 1 that can be refined in its radial functions only."""

    n: int = 3
    order: int | None = None
    cutoff: float = 3.0
    inversion_invariant, refinable = True, ("n",)

    def features(self, atoms: Atoms, *, centers: Centers = None) -> np.ndarray:
        return self._inner.features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        return self._inner.gradients(atoms, centers=centers)

    @property
    def _inner(self) -> DensityCorrelations:
        return DensityCorrelations(order=2, cutoff=self.cutoff, n_max=self.n, l_max=1)


def equal_bonds() -> Atoms:
    """Four neighbours at one distance, in general directions."""
    directions = np.random.default_rng(4).normal(size=(4, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    return Atoms("CH4", [[0, 0, 0], *(1.09 * directions)])
