"""Rotations of points: the one that lays points on others, and the displacements that rotate."""

from __future__ import annotations

import numpy as np

from sensitivity.numerics import Array


def fit_rotations(start: Array, end: Array, *, sign: int | None = 1) -> tuple[Array, Array]:
    """Orthogonal matrices R that lay points nearest to others, and the overlaps Σ end · R start.

    Points of shape (..., N, 3), with their centroids at the origin if translations are to be fitted
    too, give (..., 3, 3) and (...). ``sign`` is the determinant; None takes the better one.
    W. Kabsch, Acta Cryst. A 32, 922 (1976), doi 10.1107/S0567739476001873.
    """
    u, lengths, v = np.linalg.svd(np.swapaxes(end, -1, -2) @ start)
    if sign is not None:
        flip = np.sign(sign * np.linalg.det(u) * np.linalg.det(v))
        u[..., 2] *= flip[..., None]
        lengths[..., 2] *= flip
    return u @ v, lengths.sum(axis=-1)


def rotate_onto(start: Array, end: Array) -> Array:
    """Points (N, 3) moved and properly rotated to lie nearest to others (N, 3)."""
    centered = start - start.mean(axis=0)
    middle = end.mean(axis=0)
    return np.asarray(centered @ fit_rotations(centered, end - middle)[0].T + middle)


def rotational_motions(
    arms: Array, *, axes: Array | None = None, least: float = 0.0, fraction: float = 0.0
) -> Array:
    """Orthonormal displacements that rotate points (N, 3) about the origin, (0 to 3, 3N).

    ``axes``, (k, 3), are those of rotation, all by default. A rotation by one radian has to
    displace the points by more than ``least`` (Å, root of the summed squares), and by more than a
    ``fraction`` of what the most effective one does: points on a line do not turn about it.
    """
    about = np.eye(3) if axes is None else axes
    generators = np.cross(about[:, None], arms).reshape(len(about), arms.size)
    _, lengths, directions = np.linalg.svd(generators, full_matrices=False)
    return np.asarray(directions[lengths > max(least, fraction * lengths.max(initial=0.0))])
