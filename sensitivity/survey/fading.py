"""Environments with neighbours near the cutoff, which are barely seen.

A neighbour at a distance g from the cutoff is seen as g² across its direction, and as g along it,
so singular values are small and change quickly. Without this fade D, the derivatives K = J D⁻¹ have
values that change slowly. Where those of K cannot vanish, J has no zeros either.
"""

from __future__ import annotations

import numpy as np

from sensitivity.descriptors import LikeGradients
from sensitivity.numerics import Array, Indices
from sensitivity.survey.margins import Margins, SmallModes, change_within, columns_between
from sensitivity.survey.relative import Neighbors, in_space, mix, unmix

# Å, over which the fade begins: a fraction of usual widths of the cutoff function.
_WIDTH = 0.15
# Fraction of the distance to the cutoff, for finite differences.
_STEP = 1e-3
# Values of K, from KᵀK, over the largest: rounding is below the first, all others above the second.
_ROUNDED, _LEAST = 1e-6, 1e-4


def change_without_fade(
    gradients: LikeGradients,
    neighbors: Neighbors,
    zeros: Indices,
    margins: Margins,
    *,
    cutoff: float,
) -> Array:
    """Return the largest ‖E‖ |δ| within reach (``margins``) for K, (n,).

    It is infinite where K has other zeros than ``zeros``, (n,): rotations, and what symmetry hides.
    The neighbours are all nearer than the ``cutoff``.
    """
    vectors, frames = neighbors.vectors, gradients.frames
    k, every = vectors.shape[1], np.arange(len(vectors))
    widths = _unfade(vectors, cutoff)
    wide, local = map(_block_diagonal, (widths, frames @ widths @ frames.swapaxes(2, 3)))
    squares, modes = np.linalg.eigh(mix(local @ gradients.gram @ local, frames))
    modes = in_space(modes, frames)
    values = np.sqrt(np.maximum(squares, 0.0))
    rounded, low, small = (
        np.count_nonzero(values <= fraction * values[:, -1:], axis=1)
        for fraction in (_ROUNDED, _LEAST, margins.fraction(k))
    )
    regular, end = (rounded == zeros) & (low == zeros), np.maximum(small, zeros)
    if not (regular & (end > zeros)).any():
        return np.where(regular, 0.0, np.inf)
    columns, used = columns_between(zeros, end, most=3 * k)
    values = np.where(used, np.take_along_axis(values, columns, axis=1), 1.0)
    modes = unmix(np.take_along_axis(modes, columns[:, None], axis=2) * used[:, None])
    moves = wide @ modes
    images = moves / values[:, None]
    back = gradients.pull(gradients, every, images)
    gaps = cutoff - neighbors.distances
    steps = _STEP * gaps.min(axis=1)[:, None] / np.maximum(np.linalg.norm(moves, axis=1), 1.0)
    small_modes = SmallModes(used, values, moves, images, unmix(back), steps, gradients, every)
    others = _changes_of_fade(back, modes, vectors, cutoff=cutoff)
    reach, differentiate = margins.reach(k), margins.differentiate
    change = change_within(reach, small_modes, neighbors, differentiate, others=others)
    return np.where(regular, change, np.inf)


def _unfade(vectors: Array, cutoff: float) -> Array:
    """Return D⁻¹ of every neighbour, shape (e, k, 3, 3)."""
    r = np.linalg.norm(vectors, axis=2)
    gaps = cutoff - r
    along = (np.hypot(gaps, _WIDTH) / gaps)[..., None, None]
    units = vectors / r[..., None]
    radial = units[..., :, None] * units[..., None, :]
    return np.asarray(along**2 * np.eye(3) + (along - along**2) * radial)


def _changes_of_fade(back: Array, modes: Array, vectors: Array, *, cutoff: float) -> Array:
    """Return the changes of uᵢᵀ J D⁻¹ S vⱼ with D⁻¹, (e, j, displacement, i), by displacements.

    ``back`` is Jᵀ u, ``modes`` S v, both (e, 3k, q).
    """
    (e, k, _), q = vectors.shape, back.shape[2]
    left, right = back.reshape(e, k, 3, q), modes.reshape(e, k, 3, q)
    steps = _STEP * (cutoff - np.linalg.norm(vectors, axis=2))[..., None]  # [e, k, 1]
    changes = np.empty((e, k, 3, q, q))
    for axis, unit in enumerate(np.eye(3)):
        ahead, behind = (_unfade(vectors + sign * steps * unit, cutoff) for sign in (1, -1))
        slopes = (ahead - behind) / (2 * steps[..., None])
        changes[:, :, axis] = np.einsum("ekxi,ekxy,ekyj->ekji", left, slopes, right)
    together = unmix(changes.reshape(e, 3 * k, q * q))
    return together.reshape(e, 3 * k, q, q).swapaxes(1, 2)


def _block_diagonal(blocks: Array) -> Array:
    """Return matrices (e, 3k, 3k) with blocks (e, k, 3, 3) on the diagonal."""
    e, k, _, _ = blocks.shape
    out = np.zeros((e, k, 3, k, 3))
    every = np.arange(k)
    out[:, every, :, every] = blocks.swapaxes(0, 1)
    return out.reshape(e, 3 * k, 3 * k)
