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

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from typing import Any, Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.numerics import Array, Indices
from sensitivity.structures import neighbor_pairs

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
    """N_A N_B - N_C N_D of Σ N_i x_i = 0 for four vectors; Xᵀ dN = -dXᵀ N gives its change."""
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


@dataclass(frozen=True)
class MovableNeighbors:
    """The neighbours of a center, and how they move."""

    vectors: Array  # (n, 3), Å, from the center
    numbers: NDArray[np.intp]  # (n,): their species
    moves: Array  # (k, N, 3), orthonormal: where the atoms of the structure may go
    relative: Array  # (k, n, 3): what the moves do to the vectors
    bonds: Array  # (2,): shortest and longest distance of a neighbour from the center, Å
    copies: int = 1  # how often one atom is there, at most, as an image of itself or the center

    @property
    def all_unlike(self) -> bool:
        """True if no two are of one species, so that no shape is taken for another."""
        return len(np.unique(self.numbers)) == len(self.numbers)

    def at(self, coordinates: Array) -> Array:
        """Vectors, shape (P, n, 3), after moves by coordinates, shape (P, k)."""
        moved = coordinates @ self.relative.reshape(len(self.relative), -1)
        return np.asarray(self.vectors + moved.reshape(-1, *self.vectors.shape))


def find_neighbors(
    atoms: Atoms, cutoff: float, *, center: int, moves: Array, bonds: Array
) -> MovableNeighbors:
    """Find the neighbours of a center within the cutoff, and how they move."""
    pairs = neighbor_pairs(atoms, cutoff)
    own = pairs.i == center
    places = pairs.j[own]
    return MovableNeighbors(
        vectors=pairs.vectors[own],
        numbers=atoms.numbers[places],
        moves=moves,
        relative=moves[:, places] - moves[:, [center]],
        bonds=bonds,
        copies=int(np.bincount([center, *places]).max()),
    )


@dataclass(frozen=True)
class Candidates:
    """Coincidences that are near, of each kind."""

    coincidences: tuple[Coincidences, ...]
    beyond: float  # Å, root of the summed squares: those left out are no nearer; infinite if none


def find_coincidences(
    neighbors: MovableNeighbors, *, reach: float, small_basis: bool = True, most: int = 400
) -> Candidates:
    """Give the coincidences of low codimension that may be within reach.

    With n neighbours there are about n³ of them, and nearly all are far away, since nearly all
    neighbours would have to be in a plane with the center. How far at least is known before any is
    looked at: to flatten atoms, they have to move by no less than their distances from the plane
    that fits them best; and to make two bonds equal, by no less than a fraction of the difference.

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
        # A, B, C, D such that A is like C and B like D.
        every = permutations((1, 2, 3))
        swaps = [(0, b, c, d) for b, c, d in every if like[0, c] and like[b, d]]
        doubles = list(_doubles(like))
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
    """The nearest coincidences of A, B and B', the others in a plane; and how far the rest is."""
    n = len(like)
    pairs = np.argwhere(np.triu(like, k=1))
    flat = find_flatness(neighbors, np.arange(n)[:, None] if kind == "across" else pairs)
    flat = flat if kind == "across" else flat[:, None]
    # A displacement of unit norm changes the difference of two bonds by at most √8:
    # (e - e')·(u - u0), where the two are images of one atom.
    lengths = np.linalg.norm(neighbors.vectors, axis=1)
    bonds = np.abs(np.diff(lengths[pairs], axis=1)) / np.sqrt(8.0)
    bounds = np.maximum(np.broadcast_to(flat, (len(pairs), n)), bonds)
    bounds[(pairs[:, :, None] == np.arange(n)).any(axis=1)] = np.inf  # A is neither B nor B'
    flat = bounds.ravel()
    near = np.flatnonzero(np.isfinite(flat) & (flat <= reach))
    order = near[np.argsort(flat[near], kind="stable")]
    beyond = float(flat[order[most]]) if len(order) > most else np.inf
    chosen = np.stack(np.unravel_index(order[:most], bounds.shape), axis=1)
    roles = [(int(a), *map(int, pairs[pair])) for pair, a in chosen]  # [pair, A]
    across = kind == "across"
    equalities = [_equalities([(b, c)], [(a, b, a, c)] if across else []) for a, b, c in roles]
    planar = [_without(n, *((a,) if across else (b, c))) for a, b, c in roles]
    return _make(kind, equalities, roles, planar), beyond


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


def _make(kind: Kind, equalities: list[Any], roles: list[Any], planar: list[Any]) -> Coincidences:
    arrays = (np.array(part, dtype=np.intp) for part in (equalities, roles, planar))
    return Coincidences(kind, *arrays)


def _without(n: int, *left_out: int) -> tuple[int, ...]:
    return tuple(k for k in range(n) if k not in left_out)


def _equalities(distances: list[tuple[int, int]], pairs: list[Equality]) -> list[Equality]:
    return [*((i, i, j, j) for i, j in distances), *pairs]


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
