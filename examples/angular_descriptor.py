"""Weighted angular symmetry functions (Gastegger et al., J. Chem. Phys. 148, 241709, 2018).

sensitivity diagnose X0 --center 0 --descriptor examples/angular_descriptor.py:AngularFunctions
"""

from dataclasses import dataclass

import numpy as np

from sensitivity.descriptors import Descriptor, batches_from_function, features_from_function


@dataclass(frozen=True)
class AngularFunctions(Descriptor):
    """Σ_{jk} Z_j Z_k g_i(r_j) g_i(r_k) (1 ± cos θ_jk)^ζ over pairs of neighbours, ζ = 1, 2, ..."""

    n: int = 6  # radial functions g_i: Gaussians that fade to zero at the cutoff
    powers: int = 4  # the largest ζ
    cutoff: float = 3.5  # in Å
    inversion_invariant = True
    order = 2  # sums over pairs of neighbours
    refinable = ("n", "powers")
    limits = {"n": (1, 16), "powers": (1, 12), "cutoff": (1.0, 8.0)}

    def features(self, atoms, *, centers=None):
        return features_from_function(self._sum, atoms, cutoff=self.cutoff, centers=centers)

    def gradients(self, atoms, *, centers=None):
        return batches_from_function(self._sum, atoms, cutoff=self.cutoff, centers=centers)

    def _sum(self, vectors, numbers):  # of the neighbours of one center, (k, 3) and (k,)
        r, fade = np.linalg.norm(vectors, axis=1), np.pi / self.cutoff
        x, eta = r - np.linspace(0.5, self.cutoff, self.n)[:, None], (self.n / self.cutoff) ** 2
        gauss, f = np.exp(-eta * x**2), (1 + np.cos(fade * r)) / 2
        slope = gauss * (-2 * eta * x * f - fade * np.sin(fade * r) / 2)  # [i, j]
        units = vectors / r[:, None]
        cosine = units @ units.T
        weight = np.outer(numbers, numbers) * (1 - np.eye(len(r)))
        zeta = np.arange(1, self.powers + 1)[:, None, None]
        sign = np.array([1, -1])[:, None, None, None]
        base = np.maximum(1 + sign * cosine, 0.0)  # [±, j, k]
        shape = 2 * self.powers, *cosine.shape  # not -1, which fails without neighbours
        angular = (weight * base**zeta).reshape(shape)  # [±ζ, j, k]
        turning = (weight * sign * zeta * base ** (zeta - 1)).reshape(shape)
        across = (units - cosine[..., None] * units[:, None]) / r[:, None, None]  # [j, k, xyz]
        g = gauss * f
        values = np.einsum("ij,ik,zjk->iz", g, g, angular)
        gradient = np.einsum("ij,ik,zjk,jx->izjx", slope, g, angular, units, optimize=True)
        gradient += np.einsum("ij,ik,zjk,jkx->izjx", g, g, turning, across, optimize=True)
        return values.ravel(), 2 * gradient.reshape(values.size, *vectors.shape)
