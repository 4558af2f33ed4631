"""The nearest coincidences that the neighbours of a center can have.

With n neighbours there are about n³ of them, and nearly all are far away, since nearly all
neighbours would have to be in a plane with the center. How far at least is known before any is
looked at: to flatten atoms, they have to move by no less than their distances from the plane that
fits them best; and to make two bonds equal, by no less than a fraction of what they differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sensitivity.numerics import Array, Indices
from sensitivity.singular.coincidences import Coincidences, Equality, Kind
from sensitivity.singular.order2_projection import MovableNeighbors


@dataclass(frozen=True)
class Candidates:
    """Coincidences that are near, of each kind."""

    coincidences: tuple[Coincidences, ...]
    beyond: float  # Å, root of the summed squares: those left out are no nearer; infinite if none


def find_coincidences(
    neighbors: MovableNeighbors, *, reach: float, small_basis: bool = True, most: int = 400
) -> Candidates:
    """Give the coincidences of low codimension that may be within reach.

    ``reach`` is in Å, root of the summed squares. A small basis may be blind where a complete one
    is not, as where distances are equal. Of each kind those that may be the nearest are given, at
    most ``most``: 400 are all up to ten like neighbours, and thirty neighbours that are nearly flat
    then take a second.
    """
    n = len(neighbors.numbers)
    if n < 4:  # two pairs of one shape come with a mirror plane
        return Candidates((), np.inf)
    like = neighbors.numbers[:, None] == neighbors.numbers
    across, beyond = _planar("across", neighbors, like, reach=reach, most=most)
    bisector, further = _planar("bisector", neighbors, like, reach=reach, most=most)
    found = [across, bisector]
    if n == 4:
        swaps, doubles = list(_exchanges(like)), list(_doubles(like))
        equal = [_equalities([(a, c), (b, d)], [(a, b, c, d)]) for a, b, c, d in swaps]
        found.append(_make("exchange", equal, swaps, [()] * len(swaps)))
        found.append(_make("double", doubles, [()] * len(doubles), [()] * len(doubles)))
    if small_basis and like.all():
        found.append(_make("equal", [_equalities(list(pairwise(range(n))), [])], [()], [()]))
    return Candidates(tuple(each for each in found if len(each)), min(beyond, further))


def _planar(
    kind: Literal["across", "bisector"],
    neighbors: MovableNeighbors,
    like: NDArray[np.bool_],
    *,
    reach: float,
    most: int,
) -> tuple[Coincidences, float]:
    """The nearest coincidences of A, B and B', the others in a plane; and how far the rest is.

    All but A, or all but B and B', are in a plane with the center.
    """
    n = len(like)
    pairs = np.argwhere(np.triu(like, k=1))
    flat = find_flatness(neighbors, np.arange(n)[:, None] if kind == "across" else pairs)
    flat = flat if kind == "across" else flat[:, None]
    bounds = np.maximum(
        np.broadcast_to(flat, (len(pairs), n)), _bond_bounds(neighbors, pairs)[:, None]
    )
    bounds[(pairs[:, :, None] == np.arange(n)).any(axis=1)] = np.inf  # A is neither B nor B'
    chosen, beyond = _nearest(bounds, reach, most)
    roles = [(int(a), *map(int, pairs[pair])) for pair, a in chosen]  # [pair, A]
    if kind == "across":
        equalities = [_equalities([(b, c)], [(a, b, a, c)]) for a, b, c in roles]
        planar = [_without(n, a) for a, _, _ in roles]
    else:
        equalities = [_equalities([(b, c)], []) for _, b, c in roles]
        planar = [_without(n, b, c) for _, b, c in roles]
    return _make(kind, equalities, roles, planar), beyond


def _bond_bounds(neighbors: MovableNeighbors, pairs: Indices) -> Array:
    """Least distance in Å that atoms have to move until two bonds are equal, (P,).

    Root of the summed squares. A displacement of unit norm changes the difference of two bonds by
    at most √8: (e - e')·(u - u0), where the two are images of one atom.
    """
    lengths = np.linalg.norm(neighbors.vectors, axis=1)
    return np.asarray(np.abs(np.diff(lengths[pairs], axis=1))[:, 0] / np.sqrt(8.0))


def find_flatness(neighbors: MovableNeighbors, left_out: Indices) -> Array:
    """Return how far all but some, (P, m), have to move to be in a plane with the center, (P,).

    The root of the least eigenvalue of the scatter about their mean, the center among them; an atom
    that is there more than once moves all its images.
    """
    vectors = neighbors.vectors
    rows = vectors[left_out]  # [p, m, xyz]
    total = vectors.sum(axis=0) - rows.sum(axis=1)
    count = len(vectors) + 1 - left_out.shape[1]
    scatter = vectors.T @ vectors - rows.swapaxes(1, 2) @ rows
    scatter -= total[:, :, None] * total[:, None] / count
    least = np.linalg.eigvalsh(scatter)[:, 0]
    return np.asarray(np.sqrt(np.maximum(least, 0) / neighbors.copies))


def _nearest(bounds: Array, reach: float, most: int) -> tuple[Indices, float]:
    """Indices of the lowest bounds, (P, 2), and the lowest of those within reach left out."""
    flat = bounds.ravel()
    near = np.flatnonzero(np.isfinite(flat) & (flat <= reach))
    order = near[np.argsort(flat[near], kind="stable")]
    beyond = float(flat[order[most]]) if len(order) > most else np.inf
    return np.stack(np.unravel_index(order[:most], bounds.shape), axis=1), beyond


def _make(kind: Kind, equalities: list[Any], roles: list[Any], planar: list[Any]) -> Coincidences:
    arrays = (np.array(part, dtype=np.intp) for part in (equalities, roles, planar))
    return Coincidences(kind, *arrays)


def _without(n: int, *left_out: int) -> tuple[int, ...]:
    return tuple(k for k in range(n) if k not in left_out)


def _equalities(distances: list[tuple[int, int]], pairs: list[Equality]) -> list[Equality]:
    return [*((i, i, j, j) for i, j in distances), *pairs]


def _exchanges(like: NDArray[np.bool_]) -> Iterator[tuple[int, int, int, int]]:
    """A, B, C, D of four neighbours, such that A is like C and B like D."""
    for a, b, c, d in permutations(range(4)):
        if a == min(a, b, c, d) and like[a, c] and like[b, d]:
            yield a, b, c, d


def _doubles(like: NDArray[np.bool_]) -> Iterator[list[Equality]]:
    """Equalities of pairs of four neighbours that cost four conditions, and always are enough."""
    for apex in range(4):
        a, b, c = _without(4, apex)
        if like[a, b] and like[b, c]:
            equal = [(a, b), (b, c)]
            yield _equalities(equal, [(apex, a, apex, b), (apex, b, apex, c)])
            yield _equalities(equal, [(a, b, b, c), (b, c, c, a)])
            for x, middle, y in permutations((a, b, c)):
                yield _equalities(equal, [(x, middle, middle, y), (apex, x, apex, middle)])
    for a in (1, 2, 3):
        b, c = _without(4, 0, a)
        if like.all():
            yield _equalities(list(pairwise(range(4))), [(0, a, b, c)])
        if like[0, a] and like[b, c]:
            pairs = [(0, b), (0, c), (a, b), (a, c)]
            for (i, j), (k, l), (p, q) in combinations(pairs, 3):
                yield _equalities([(0, a), (b, c)], [(i, j, k, l), (k, l, p, q)])
