"""Geometries at which order 2 is blind, because pairs of neighbours have the same shape.

In a complete basis order 2 sees, for every shape of a pair (species, two distances, the dot product
G_ij = x_i·x_j), the sum over the pairs that have it. A displacement that changes only the shapes
of pairs that were equal, by amounts that add up to zero, is invisible. With n neighbours, the
changes of G that a displacement can make are those with Nᵀ dG N = 0, where the columns of N span
the linear dependences of the neighbours, Xᵀ N = 0. The conditions are:

- "across": A·B = A·B' and r_B = r_B'. dG_AB = -dG_AB' is possible if all neighbours but A are in a
  plane with the center; B and B' then move out of it, to opposite sides.
- "bisector": the same equalities because A is on the bisector of B and B'; possible if all others
  are in a plane with it. A moves out of it.
- "exchange": A·B = C·D, r_A = r_C, r_B = r_D. Of four neighbours, possible if N_A N_B = N_C N_D.
- "double": two equalities of pairs of four neighbours, some combination of which is possible; or
  one of two pairs without a common neighbour, if all distances are equal. Then (i, j) has the shape
  of (j, i), and the difference of r_A + r_B and r_C + r_D is not seen either.
- "equal": all distances are equal. This matters in a small basis only: with fewer degrees than
  there are pairs it cannot tell all angles apart.

For four neighbours the first two have codimension 3, "exchange" and "double" 4. Descents that know
nothing of this end at none that is not among them, or symmetric. For more neighbours, only the
first two are looked for. Some members are symmetric too.

The shapes: Pozdnyakov et al., Phys. Rev. Lett. 125, 166001 (2020),
doi 10.1103/PhysRevLett.125.166001.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sensitivity.numerics import Array, Indices

Kind = Literal["across", "bisector", "exchange", "double", "equal"]

# Two equal pairs (i, j), (k, l): G_ij = G_kl.
Equality = tuple[int, int, int, int]


@dataclass(frozen=True)
class Coincidences:
    """Coincidences of one kind, P of them, whose conditions are evaluated together."""

    kind: Kind  # what makes the displacement possible
    equalities: Indices  # (P, e, 4): neighbours i, j, k, l with x_i·x_j = x_k·x_l
    roles: Indices  # (P, 3 or 4): neighbours A, B, B' or A, B, C, D
    planar: Indices  # (P, m): neighbours that are in a plane with the center

    def __len__(self) -> int:
        return len(self.equalities)

    def take(self, which: Indices) -> Coincidences:
        """Some of them."""
        parts = (self.equalities[which], self.roles[which], self.planar[which])
        return Coincidences(self.kind, *parts)

    def conditions(self, vectors: Array, directions: Array) -> tuple[Array, Array]:
        """Return conditions that have to vanish, shape (P, rows), and slopes, shape (P, rows, k).

        ``vectors``, shape (P, n, 3), in Å, are the neighbours from the center; ``directions``,
        shape (k, n, 3), move them.
        """
        parts = [_differences(vectors, directions, self.equalities)]
        if self.kind in {"across", "bisector"}:
            parts.append(_out_of_plane(vectors, directions, self.planar))
        if self.kind == "bisector":
            parts.append(_off_bisector(vectors, directions, self.roles))
        if self.kind == "exchange":
            parts.append(_dependence(vectors, directions, self.roles))
        values, slopes = zip(*parts, strict=True)
        return np.concatenate(values, axis=1), np.concatenate(slopes, axis=1)


def _differences(vectors: Array, directions: Array, equalities: Indices) -> tuple[Array, Array]:
    """x_i·x_j - x_k·x_l, and its slopes."""
    every = np.arange(len(vectors))[:, None, None]
    # Each vector is multiplied by its partner, with the sign of the product.
    signs = np.array([1.0, 1.0, -1.0, -1.0])[:, None]
    factors = signs * vectors[every, equalities[:, :, [1, 0, 3, 2]]]  # [p, e, 4, xyz]
    values = 0.5 * np.einsum("peax,peax->pe", factors, vectors[every, equalities])
    k, (count, e, _) = len(directions), equalities.shape
    moved = directions[:, equalities].transpose(1, 2, 0, 3, 4).reshape(count, e, k, 12)
    return values, (moved @ factors.reshape(count, e, 12, 1))[:, :, :, 0]


def _out_of_plane(vectors: Array, directions: Array, planar: Indices) -> tuple[Array, Array]:
    """Distances of vectors from the nearest plane through the center.

    With the singular value decomposition of the vectors as rows, U S Wᵀ, it is all of U but the
    first two columns, times the vectors, times the last column of W. To first order in the
    distance the plane may be held.
    """
    k, (count, m) = len(directions), planar.shape
    if m <= 2:  # in a plane with the center, wherever they are
        return np.empty((count, 0)), np.empty((count, 0, k))
    every = np.arange(len(vectors))[:, None]
    rows = vectors[every, planar]  # [p, m, xyz]
    u, _, w = np.linalg.svd(rows)
    left, normal = u[:, :, 2:], w[:, 2]
    transposed = left.swapaxes(1, 2)
    heights = (rows @ normal[:, :, None])[:, :, 0]
    # [p, k m] as one product for each coincidence
    moved = directions[:, planar].swapaxes(0, 1).reshape(count, k * m, 3)
    changes = (moved @ normal[:, :, None]).reshape(count, k, m).swapaxes(1, 2)
    return (transposed @ heights[:, :, None])[:, :, 0], transposed @ changes


def _off_bisector(vectors: Array, directions: Array, roles: Indices) -> tuple[Array, Array]:
    """The part of A that is orthogonal to B + B', in two directions."""
    a, b, c = (vectors[np.arange(len(vectors)), role] for role in roles.T)
    along = b + c
    share = np.sum(a * along, axis=1) / np.maximum(np.sum(along**2, axis=1), np.finfo(float).tiny)
    across = np.linalg.svd(along[:, None])[2][:, 1:]  # [p, 2, xyz]
    values = np.einsum("prx,px->pr", across, a - share[:, None] * along)
    moved = [directions[:, role] for role in roles.T]  # [k, p, xyz]
    change = moved[0] - share[:, None] * (moved[1] + moved[2])
    return values, np.einsum("prx,kpx->prk", across, change)


def _dependence(vectors: Array, directions: Array, roles: Indices) -> tuple[Array, Array]:
    """N_A N_B - N_C N_D of the linear dependence Σ N_i x_i = 0 of four vectors.

    Its change follows from Xᵀ dN = -dXᵀ N.
    """
    u, lengths, w = np.linalg.svd(vectors)
    null = u[:, :, 3]  # [p, n]
    moved = np.tensordot(null, directions, axes=(1, 1))  # [p, k, xyz]
    lengths = np.maximum(lengths, 1e-15 * lengths[:, :1])  # finite where all are in a plane
    inverse = (u[:, :, :3] / lengths[:, None]) @ w  # [p, n, xyz]
    change = inverse @ moved.swapaxes(1, 2)
    every = np.arange(len(vectors))
    a, b, c, d = (null[every, role][:, None] for role in roles.T)
    da, db, dc, dd = (-change[every, role] for role in roles.T)
    return a * b - c * d, (a * db + da * b - c * dd - dc * d)[:, None]
