"""Singular values of many like environments at once, as accurate as those of ``spectrum``.

An environment is invariant to translation, so the derivatives J with respect to its k neighbours
suffice. All atoms together have the singular values of J S, S = (1 + β 1 1ᵀ) ⊗ 1₃ with
β = (√(1 + k) - 1)/k, because S Sᵀ = D Dᵀ, where D takes the displacements of all atoms to those
of the neighbours relative to the center. A rotation ω x r is S⁻¹(ω x r) there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sensitivity.descriptors import Descriptor, LikeGradients, with_defaults
from sensitivity.numerics import Array, Indices
from sensitivity.progress import checkpoint
from sensitivity.survey.environments import Environment
from sensitivity.tolerances import Tolerance

# Fractions of the largest singular value. Square roots of eigenvalues of JᵀJ have an error of
# eps/2s: they are refined if one is below the first, where it is 5e-14. Eigenvectors mix with an
# error of eps/s: the vectors up to the second are refined together, so that an error of 1e-15 is
# left.
_SUFFICIENT, _TOGETHER = 2e-3, 1e-1


class Values(NamedTuple):
    """Internal singular values of one environment, descending, and how many are visible."""

    values: Array
    rank: int


def group_alike(environments: Sequence[Environment]) -> dict[tuple[int, ...], list[int]]:
    """Return the places of environments with equally many neighbours of each species.

    The keys are the numbers of neighbours of the species, increasing.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, environment in enumerate(environments):
        counts = np.bincount(environment.numbers[1:])
        groups.setdefault(tuple(sorted(counts[counts > 0].tolist())), []).append(place)
    return groups


def decompose_alike(
    environments: Sequence[Environment], counts: tuple[int, ...], descriptor: Descriptor
) -> Iterator[Values] | None:
    """Yield the singular values of like environments; None if the descriptor takes them singly."""
    species = frozenset[int]().union(*(each.numbers.tolist() for each in environments))
    vectors = _stack(environments)
    parts = with_defaults(descriptor).like_gradients(vectors, counts, species=species)
    if parts is None:
        return None
    return _decompose_parts(parts, vectors, cutoff=descriptor.cutoff)


def _stack(environments: Sequence[Environment]) -> Array:
    """Return the vectors to the neighbours, (e, k, 3), rarer species first."""
    numbers = np.array([each.numbers[1:] for each in environments])
    vectors = np.array([each.places[1:] for each in environments])
    frequency = (numbers[:, :, None] == numbers[:, None]).sum(axis=2)
    order = np.lexsort((numbers, frequency))
    return vectors[np.arange(len(numbers))[:, None], order]


def _decompose_parts(
    parts: Iterator[tuple[slice, LikeGradients]], vectors: Array, *, cutoff: float
) -> Iterator[Values]:
    for part, gradients in parts:
        checkpoint()
        yield from _decompose(gradients, vectors[part], cutoff=cutoff)


def _decompose(gradients: LikeGradients, vectors: Array, *, cutoff: float) -> Iterator[Values]:
    count, k, _ = vectors.shape
    mixed = _mix(gradients.gram.reshape(count, k, 3, k, 3))
    squares = np.linalg.eigvalsh(mixed)
    rotations = _count_rotations(vectors)
    values = np.sqrt(np.maximum(squares, 0.0))
    largest = values[:, -1]
    inexact, near = (
        (values < fraction * largest[:, None]).sum(axis=1) for fraction in (_SUFFICIENT, _TOGETHER)
    )
    refined = np.flatnonzero(inexact > rotations)
    exact = _refine(gradients, mixed, vectors, rotations, refined, near[refined])
    # ``natural_scale`` of each environment
    scale = np.maximum(largest, gradients.norms / cutoff)
    for place in range(count):
        row = values[place, rotations[place] :]
        if place in exact:
            row[: len(exact[place])] = exact[place]
        row = np.sort(row)[::-1]
        yield Values(row, int(np.count_nonzero(row > Tolerance.RANK * scale[place])))


def _mix(gram: Array) -> Array:
    """Return S G S, shape (e, 3k, 3k), of G, shape (e, k, 3, k, 3)."""
    count, k = gram.shape[:2]
    beta = _beta(k)
    half = gram + beta * gram.sum(axis=1, keepdims=True)
    return np.asarray(half + beta * half.sum(axis=3, keepdims=True)).reshape(count, 3 * k, 3 * k)


def _beta(k: int) -> float:
    return float((np.sqrt(1.0 + k) - 1.0) / k)


def _count_rotations(vectors: Array) -> Indices:
    """Return the number of independent rotations, as ``trivial_motions`` counts them, (e,)."""
    count, k, _ = vectors.shape
    arms = np.concatenate([np.zeros((count, 1, 3)), vectors], axis=1)
    arms -= arms.mean(axis=1, keepdims=True)
    spread = np.einsum("ekx,eky->exy", arms, arms)
    inertia = np.trace(spread, axis1=1, axis2=2)[:, None, None] * np.eye(3) - spread
    least = Tolerance.COORDINATES**2 * (k + 1)
    return np.asarray((np.linalg.eigvalsh(inertia) > least).sum(axis=1), dtype=np.intp)


def _refine(
    gradients: LikeGradients,
    mixed: Array,
    vectors: Array,
    rotations: Indices,
    places: Indices,
    small: Indices,
) -> dict[int, Array]:
    """Return the smallest internal singular values of some environments from J itself, ascending.

    ``small`` is how many are small with the rotations; neighbours of equally many are refined
    together.
    """
    exact: dict[int, Array] = {}
    for m, turning in set(zip(small.tolist(), rotations[places].tolist(), strict=True)):
        chosen = places[(small == m) & (rotations[places] == turning)]
        _, modes = np.linalg.eigh(mixed[chosen])
        kept = _without_rotations(modes[:, :, :m], _rotations(vectors[chosen], turning))
        products = gradients.apply(_unmix(kept), chosen)
        triangles = np.linalg.qr(products, mode="r")
        found = np.linalg.svd(triangles, compute_uv=False)
        values = np.zeros((len(chosen), m - turning))  # those beyond the rows of J are zero
        values[:, values.shape[1] - found.shape[1] :] = found[:, ::-1]
        exact.update(zip(chosen.tolist(), values, strict=True))
    return exact


def _unmix(directions: Array) -> Array:
    """Return S times directions, shape (e, 3k, m)."""
    count, size, m = directions.shape
    stacked = directions.reshape(count, size // 3, 3, m)
    moved = stacked + _beta(size // 3) * stacked.sum(axis=1, keepdims=True)
    return np.asarray(moved).reshape(directions.shape)


def _rotations(vectors: Array, turning: int) -> Array:
    """Return orthonormal S⁻¹(ω x r), shape (e, 3k, turning)."""
    count, k, _ = vectors.shape
    turned = np.cross(np.eye(3)[None, :, None], vectors[:, None])  # [e, axis, k, xyz]
    beta = _beta(k)
    # S⁻¹ = 1 - β/(1 + βk) 1 1ᵀ
    turned = turned - beta / (1 + beta * k) * turned.sum(axis=2, keepdims=True)
    columns = turned.reshape(count, 3, 3 * k).swapaxes(1, 2)
    left, _, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, :, :turning])


def _without_rotations(modes: Array, rotations: Array) -> Array:
    """Return an orthonormal basis, (e, 3k, m - turning), of modes (e, 3k, m) across rotations."""
    overlaps = modes.swapaxes(1, 2) @ rotations
    basis, _ = np.linalg.qr(overlaps, mode="complete")
    kept = modes @ basis[:, :, rotations.shape[2] :]
    return np.asarray(kept - rotations @ (rotations.swapaxes(1, 2) @ kept))
