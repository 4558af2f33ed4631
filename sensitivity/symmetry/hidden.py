"""Displacements that symmetry hides, and those that turn every environment as a rigid body.

The features of center i depend on the vectors x_j = r_j - r_i of its neighbours alone, up to a
rotation of all of them. D_i takes a displacement of all atoms to that of these vectors, images of
an atom moving together, and Q_i removes the rotations of this environment. If a group G maps the
environment onto itself, the gradient of an invariant lies in the displacements that G leaves
unchanged, with projector P_i. So all that the chosen centers can see is spanned by the
D_iᵀ Q_i P_i, and what is hidden is the null space of Σ_i D_iᵀ Q_i P_i Q_i D_i. Without groups that
is the null space of Σ_i D_iᵀ Q_i D_i: motions that turn every environment as a rigid body.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensitivity.geometry.motions import rotational_motions
from sensitivity.numerics import Array
from sensitivity.symmetry.groups import PointGroup
from sensitivity.symmetry.sites import SiteSymmetry
from sensitivity.tolerances import Tolerance


def smallest_angle(deviation: float) -> float:
    """Sine of an angle that counts as none where symmetry holds within a deviation in Å.

    Such environments have angles between subspaces of about the deviation over 1 Å; ten times as
    much counts as none, but no more than 0.3.
    """
    return max(Tolerance.PARALLEL, min(10.0 * deviation, 0.3))


def relative(site: SiteSymmetry, displacements: Array) -> Array:
    """Displacements of the neighbours against their center: (n, N, 3) gives (n, neighbours, 3)."""
    return displacements[:, site.atoms[1:]] - displacements[:, site.atoms[:1]]


def hidden_by_symmetry(
    sites: Sequence[SiteSymmetry], groups: Sequence[PointGroup | None], *, count: int
) -> Array:
    """Orthonormal displacements, shape (n, N, 3), that no center sees if it has this group.

    No group stands for no symmetry. Motions that turn every environment as a rigid body are among
    the displacements. ``count`` is the number N of atoms.
    """
    deviation = max((group.deviation for group in groups if group is not None), default=0.0)
    seen = np.zeros((3 * count, 3 * count))
    for site, group in zip(sites, groups, strict=True):
        neighbors = len(site.atoms) - 1
        links = np.zeros((neighbors, count))  # D_i, the same for x, y and z
        np.add.at(links, (np.arange(neighbors), site.atoms[1:]), 1.0)
        links[:, site.atoms[0]] -= 1.0
        turns = rotational_motions(site.vectors[1:], fraction=smallest_angle(site.group.deviation))
        kept = np.eye(3 * neighbors) - turns.T @ turns
        if group is not None:  # Q P Q: what the center can see of its neighbours
            kept = kept @ group.projector()[3:, 3:] @ kept
        projector = kept.reshape(neighbors, 3, neighbors, 3)
        half = np.einsum("ja,jxky->axky", links, projector, optimize=True)
        seen += np.einsum("axky,kb->axby", half, links, optimize=True).reshape(seen.shape)
    values, vectors = np.linalg.eigh(seen)
    # Zeros up to rounding, or not small at all. Environments that are symmetric within d Å only are
    # turned against each other, and against their own rotations, by about d over 1 Å.
    smallest = max(Tolerance.ROUNDING, min(10.0 * deviation**2, 1e-2))
    null = values < smallest * max(1.0, values[-1])
    return np.asarray(vectors.T[null].reshape(-1, count, 3))
