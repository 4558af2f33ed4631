"""Overlap integrals of normalised Gaussian orbitals, and their derivatives.

Every orbital is a derivative of a Gaussian: with the width σ, a normalised p orbital is √2 σ times
the derivative of the normalised s orbital with respect to its center. So every overlap, and every
derivative of it, is a derivative of that of two s orbitals, a Gaussian of their distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sensitivity.numerics import Array, Indices

# For each set of orbitals, the numbers of derivatives along x, y and z of each: s, then three p.
ORBITALS = {
    "s": np.zeros((1, 3), dtype=np.intp),
    "sp": np.concatenate([np.zeros((1, 3), dtype=np.intp), np.eye(3, dtype=np.intp)]),
}


@dataclass(frozen=True)
class GaussianOverlaps:
    """Overlaps of the orbitals of some atoms, for several sets of equally many atoms."""

    positions: Array  # (sets, p, 3), Å
    widths: Array  # (sets, p), Å: σ of exp(-r²/2σ²)
    orbitals: str  # of each atom, one of ``ORBITALS``

    def matrices(self) -> Array:
        """Return the overlap matrices, shape (sets, n, n), n = p · orbitals."""
        return self._differentiated(np.zeros(3, dtype=np.intp))

    def slopes(self) -> Array:
        """Return their derivatives as the atom of the second orbital moves, (3, sets, n, n), 1/Å.

        The first axis is that of its motion. Diagonal blocks, of an atom that moves against itself,
        are antisymmetric: their contributions to quadratic forms cancel.
        """
        return np.array([self._differentiated(axis) for axis in np.eye(3, dtype=np.intp)])

    def _differentiated(self, more: Indices) -> Array:
        """Return the overlaps after ``more`` derivatives along x, y and z."""
        spheres, polynomials = self._pairs
        derivatives = ORBITALS[self.orbitals]
        power = derivatives[:, None] + derivatives + more  # [a, b, xyz]
        x, y, z = (polynomials[power[..., axis], ..., axis] for axis in range(3))
        product = (x * y * z * spheres).transpose(2, 3, 0, 4, 1)  # [set, i, a, j, b]
        degree = derivatives.sum(axis=1)
        factor = (np.sqrt(2) * self.widths[..., None]) ** degree  # [set, i, a]
        first = factor * (-1.0) ** degree  # the vector from i to j shrinks as i moves along it
        n = factor[0].size
        return np.asarray(product * first[..., None, None] * factor[:, None, None]).reshape(
            -1, n, n
        )

    @cached_property
    def _pairs(self) -> tuple[Array, Array]:
        """Overlaps of s orbitals, [set, i, j], and the polynomials of each derivative and axis."""
        one, other = self.widths[:, :, None], self.widths[:, None]
        q = 1 / (one**2 + other**2)
        between = self.positions[:, None] - self.positions[:, :, None]  # [set, i, j, xyz], i to j
        squares = np.einsum("sijx,sijx->sij", between, between)
        spheres = np.sqrt(2 * one * other * q) ** 3 * np.exp(-0.5 * q * squares)
        q, u = q[..., None], q[..., None] * between
        return spheres, np.array([np.ones_like(u), -u, u**2 - q, (3 * q - u**2) * u])
