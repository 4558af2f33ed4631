"""Subspaces of displacements."""

from __future__ import annotations

import numpy as np

from sensitivity.numerics import Array, Tolerance


def complement(
    known: Array, *, within: Array | None = None, angle: float = Tolerance.PARALLEL
) -> Array:
    """Orthonormal basis of the displacements that are orthogonal to the known ones.

    Both have shape (n, N, 3) and orthonormal members; ``within`` spans where to look, all
    displacements by default. A sine of at most ``angle`` still counts as orthogonal.
    """
    atoms = known.shape[1]
    rows = known.reshape(len(known), 3 * atoms)
    if within is None:
        q, _ = np.linalg.qr(rows.T, mode="complete")
        return np.asarray(q.T[len(known) :].reshape(-1, atoms, 3))
    basis = within.reshape(len(within), 3 * atoms)
    mixing, cosines, _ = np.linalg.svd(basis @ rows.T)
    rank = int(np.sum(cosines > angle))
    left = mixing.T[rank:] @ basis
    left -= (left @ rows.T) @ rows  # what the angle allowed for
    q, _ = np.linalg.qr(left.T)
    return np.asarray(q.T.reshape(-1, atoms, 3))
