"""A custom descriptor: radial symmetry functions (Behler, Parrinello, PRL 98, 146401, 2007).

sensitivity diagnose CH4 --descriptor examples/own_descriptor.py:SymmetryFunctions
"""

from dataclasses import dataclass

import numpy as np

from sensitivity.descriptors import Descriptor, batches_from_function, features_from_function


@dataclass(frozen=True)
class SymmetryFunctions(Descriptor):
    """G_{Z,i} = Σ_j exp(-η (r_j - R_i)²) (1 + cos(π r_j/r_c))/2 over neighbours j of element Z."""

    n: int = 8  # functions for each element, with centers R_i from 0.5 Å to the cutoff
    cutoff: float = 3.0  # r_c in Å
    inversion_invariant = True
    order = 1  # sums over single neighbours: the descriptor knows distances only
    refinable = ("n",)  # settings that enlarge the basis
    limits = {"n": (2, 16), "cutoff": (1.0, 8.0)}  # the controls of the Explorer

    def features(self, atoms, *, centers=None):
        return features_from_function(self._sum(atoms), atoms, cutoff=self.cutoff, centers=centers)

    def gradients(self, atoms, *, centers=None):
        return batches_from_function(self._sum(atoms), atoms, cutoff=self.cutoff, centers=centers)

    def _sum(self, atoms):
        def function(vectors, numbers):  # of one center's k neighbours, k ≥ 0: (k, 3) and (k,)
            r, fade = np.linalg.norm(vectors, axis=1), np.pi / self.cutoff
            x = r - np.linspace(0.5, self.cutoff, self.n)[:, None]  # [i, j]
            eta, f = (self.n / self.cutoff) ** 2, (1 + np.cos(fade * r)) / 2
            gauss = np.exp(-eta * x**2) * (np.unique(atoms.numbers)[:, None, None] == numbers)
            slope = gauss * (-2 * eta * x * f - fade * np.sin(fade * r) / 2)  # [Z, i, j]
            values, gradient = (gauss * f).sum(axis=-1), slope[..., None] * vectors / r[:, None]
            return values.ravel(), gradient.reshape(values.size, *vectors.shape)

        return function
