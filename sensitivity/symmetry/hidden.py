"""Displacements that symmetry hides, and those that a center can see.

The features of center i depend only on the vectors x_j = r_j - r_i of its neighbours, up to a
rotation of all of them. D_i maps a displacement of all atoms to one of these vectors, where images
of an atom move together, and Q_i removes the rotations of this environment. If a group G maps the
environment onto itself, the gradient of an invariant lies in the displacements that G leaves
unchanged, with projector P_i. So the visible displacements are spanned by the D_iᵀ Q_i P_i, and the
hidden ones are the null space of Σ_i D_iᵀ Q_i P_i Q_i D_i. Without groups this is the null space of
Σ_i D_iᵀ Q_i D_i: motions that rotate every environment as a rigid body.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensitivity.geometry.motions import rotational_motions
from sensitivity.numerics import Array, Indices, Mask
from sensitivity.symmetry.groups import PointGroup
from sensitivity.symmetry.sites import SiteSymmetry
from sensitivity.tolerances import Tolerance


def smallest_angle(deviation: float) -> float:
    """Return the sine of an angle that counts as zero where symmetry holds within a deviation, Å.

    Such environments have angles between subspaces of about the deviation over 1 Å; up to ten times
    this counts as zero, but no more than 0.3.
    """
    return max(Tolerance.PARALLEL, min(10.0 * deviation, 0.3))


def square_of_zero(deviation: float) -> float:
    """Return the square of a visible part that counts as zero where symmetry holds within d Å.

    Such parts are zero to rounding, or not small at all. Environments that are symmetric only
    within d are rotated against each other, and against their own rotations, by about d over 1 Å.
    """
    return max(Tolerance.ROUNDING, min(10.0 * deviation**2, 1e-2))


def relative(site: SiteSymmetry, displacements: Array) -> Array:
    """Return displacements relative to the center: (n, N, 3) gives (n, neighbours, 3)."""
    return displacements[:, site.atoms[1:]] - displacements[:, site.atoms[:1]]


def seen_part(site: SiteSymmetry, group: PointGroup | None, displacements: Array) -> Array:
    """Return Q P Q times displacements of the m neighbours, (n, m, 3): what the center can see.

    They are relative to the center, which does not see its environment rotate; where the group is
    exact, this is a projector. No group stands for no symmetry.
    """
    turns = _turns(site)
    rows = displacements.reshape(len(displacements), turns.shape[1])
    rows = rows - (rows @ turns.T) @ turns
    if group is not None:
        rows = _average(group, rows.reshape(displacements.shape)).reshape(rows.shape)
        rows = rows - (rows @ turns.T) @ turns
    return rows.reshape(displacements.shape)


def _turns(site: SiteSymmetry) -> Array:
    """Return orthonormal rotations of the neighbours about the center, (0 to 3, 3m)."""
    return rotational_motions(site.vectors[1:], fraction=smallest_angle(site.group.deviation))


def _average(group: PointGroup, displacements: Array) -> Array:
    """Return the invariant part of displacements of the neighbours alone, (n, m, 3)."""
    center = np.zeros_like(displacements, shape=(len(displacements), 1, 3))
    return group.average(np.concatenate([center, displacements], axis=1))[:, 1:]


def seen_displacements(site: SiteSymmetry, group: PointGroup | None) -> Array:
    """Return the matrix Q P Q of ``seen_part``, shape (3m, 3m)."""
    size = 3 * (len(site.atoms) - 1)
    return seen_part(site, group, np.eye(size).reshape(size, size // 3, 3)).reshape(size, size)


def hidden_by_symmetry(
    sites: Sequence[SiteSymmetry], groups: Sequence[PointGroup | None], *, count: int
) -> Array:
    """Return orthonormal displacements, (n, N, 3), that no center sees if it has this group.

    No group stands for no symmetry. Motions that rotate every environment as a rigid body are
    included. ``count`` is the number N of atoms.
    """
    values, vectors = np.linalg.eigh(_seen_by_all(sites, groups, count=count))
    return np.asarray(vectors.T[_null(values, groups)].reshape(-1, count, 3))


def count_hidden(
    sites: Sequence[SiteSymmetry], groups: Sequence[PointGroup | None], *, count: int
) -> int:
    """Return the number of displacements that ``hidden_by_symmetry`` returns, in less memory."""
    from scipy.linalg import eigvalsh

    seen = _seen_by_all(sites, groups, count=count).T  # the same, in the order of LAPACK
    return int(np.count_nonzero(_null(eigvalsh(seen, overwrite_a=True), groups)))


def _seen_by_all(
    sites: Sequence[SiteSymmetry], groups: Sequence[PointGroup | None], *, count: int
) -> Array:
    """Return Σ Dᵀ Q P Q D of all centers, (3N, 3N)."""
    seen = np.zeros((3 * count, 3 * count))
    for site, group in zip(sites, groups, strict=True):
        atoms, block = _seen_from(site, group)
        columns = (3 * atoms[:, None] + np.arange(3)).ravel()
        seen[np.ix_(columns, columns)] += block
    return seen


def _null(values: Array, groups: Sequence[PointGroup | None]) -> Mask:
    """Tell which eigenvalues of it, ascending, count as zero."""
    deviation = max((group.deviation for group in groups if group is not None), default=0.0)
    return np.asarray(values < square_of_zero(deviation) * max(1.0, values[-1]))


def _seen_from(site: SiteSymmetry, group: PointGroup | None) -> tuple[Indices, Array]:
    """Return the k atoms of an environment, and Dᵀ Q P Q D of their displacements, (3k, 3k).

    The matrices of all m neighbours, (3m, 3m), would be too large: Dᵀ P D is a sum over operations
    of numbers of neighbours times matrices, and Q P Q = P - TᵀTP - PTᵀT + TᵀTPTᵀT, with the
    rotations T, needs no more than three displacements.
    """
    atoms, place = np.unique(site.atoms, return_inverse=True)
    links = np.zeros((len(place) - 1, len(atoms)))  # D, the same for x, y and z
    links[np.arange(len(links)), place[1:]] = 1.0
    links[:, place[0]] -= 1.0
    size = 3 * len(atoms)
    rotations = _turns(site)
    turns = rotations.reshape(len(rotations), len(links), 3)
    averaged = turns if group is None else _average(group, turns)
    seen = np.zeros((len(atoms), 3, len(atoms), 3))  # Dᵀ P D
    if group is None:
        seen += np.einsum("ab,xy->axby", links.T @ links, np.eye(3))
    else:
        for matrix, permutation in zip(group.matrices, group.permutations, strict=True):
            pairs = links[permutation[1:] - 1].T @ links / len(group.matrices)
            seen += np.einsum("ab,xy->axby", pairs, matrix)
    turned, fixed = (
        np.einsum("tkx,ka->tax", each, links).reshape(len(turns), size)
        for each in (turns, averaged)
    )
    mixed = turned.T @ fixed
    inner = np.einsum("tkx,ukx->tu", turns, averaged)
    block = seen.reshape(size, size) - mixed - mixed.T + turned.T @ inner @ turned
    return atoms, block
