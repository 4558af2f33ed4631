"""Subspaces of displacements: what moves nothing that is seen, and what symmetry hides.

The features of center i depend on the vectors x_j = r_j - r_i of its neighbours alone. D_i takes a
displacement of all atoms to that of these vectors, images of an atom moving together. If a group G
maps the environment onto itself, the gradient of an invariant lies in the displacements that G
leaves unchanged, with projector P_i. So all that the chosen centers can see is spanned by the
D_iᵀ P_i, and what is hidden by symmetry is the null space of Σ_i D_iᵀ P_i D_i.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from sensitivity.symmetry import PointGroup, SiteSymmetry

Array = NDArray[np.float64]

# Eigenvalues of a sum of projectors are zeros up to rounding, or not small at all.
NULL = 1e-9
# Sines of angles between subspaces below this are rounding; an environment that is symmetric
# within d Å only has angles of about d over 1 Å, of which this is the multiple that counts as none.
PARALLEL, LEEWAY = 1e-6, 10.0


def relative(site: SiteSymmetry, displacements: Array) -> Array:
    """Displacements of the neighbours against their center: (n, N, 3) gives (n, neighbours, 3)."""
    return displacements[:, site.atoms[1:]] - displacements[:, site.atoms[:1]]


def hidden_by_symmetry(
    sites: Sequence[SiteSymmetry], groups: Sequence[PointGroup | None], *, count: int
) -> Array:
    """Orthonormal displacements, shape (n, N, 3), that no center sees if it has this group.

    No group stands for no symmetry. Rigid motions may be among the displacements. ``count`` is the
    number N of atoms.
    """
    seen = np.zeros((3 * count, 3 * count))
    for site, group in zip(sites, groups, strict=True):
        neighbors = len(site.atoms) - 1
        links = np.zeros((neighbors, count))  # D_i, the same for x, y and z
        np.add.at(links, (np.arange(neighbors), site.atoms[1:]), 1.0)
        links[:, site.atoms[0]] -= 1.0
        projector = np.eye(3 * neighbors) if group is None else group.projector()[3:, 3:]
        projector = projector.reshape(neighbors, 3, neighbors, 3)
        half = np.einsum("ja,jxky->axky", links, projector, optimize=True)
        seen += np.einsum("axky,kb->axby", half, links, optimize=True).reshape(seen.shape)
    values, vectors = np.linalg.eigh(seen)
    return np.asarray(vectors.T[values < NULL * max(1.0, values[-1])].reshape(-1, count, 3))


def complement(known: Array, *, within: Array | None = None, angle: float = PARALLEL) -> Array:
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


def rigid_in_every_environment(
    sites: Iterable[SiteSymmetry], directions: Array, *, angle: float = PARALLEL
) -> Array:
    """Orthonormal basis of the directions that move every environment as a rigid body.

    Such are the turns of two environments about the one or two atoms that they share.
    """
    strain = np.zeros((len(directions),) * 2)
    for site in sites:
        moved = relative(site, directions).reshape(len(directions), -1)
        turns = np.cross(np.eye(3)[:, None], site.vectors[1:]).reshape(3, -1)
        _, lengths, axes = np.linalg.svd(turns, full_matrices=False)
        turns = axes[lengths > angle * max(1.0, lengths.max(initial=0.0))]
        rest = moved - (moved @ turns.T) @ turns
        strain += rest @ rest.T
    values, vectors = np.linalg.eigh(strain)
    return np.asarray(np.tensordot(vectors.T[values < angle**2], directions, axes=1))
