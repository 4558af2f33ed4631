"""Dot products that may coincide, so that order 2 may miss a displacement.

In a complete basis order 2 sees, for every shape of a pair (species, two distances, the dot product
G_ij = x_i·x_j), the sum over the pairs with this shape. A displacement v that changes only the
shapes of equal pairs, by amounts that sum to zero, is invisible. G is quadratic in the positions x,
and its change B(x, v)_ij = x_i·v_j + v_i·x_j is linear in x and in v, so a singular point satisfies
quadratic equations in x and v: some dot products are equal, and the sums of B(x, v) over equal
pairs vanish (see ``order2_projection``).

Equal pairs (i, j) and (k, l) need equal bonds, r_i = r_k and r_j = r_l. Each further equality of
bonds or dot products costs one condition, and replaces two changes by one sum. The fewest known
conditions for n neighbours are n - 1. These patterns are searched:

- one pair of equal bonds, B and B', and any set S of up to n - 3 others with A·B = A·B' for A in S.
  The remaining conditions are that all but S are in a plane with the center, B and B' moving out
  of it to opposite sides; or, for a single A, that all but B and B' are in a plane, with B and B'
  equally far on opposite sides, and A moving out of it.
- more equal bonds, of up to four conditions, and up to four equalities of dot products that these
  allow, such as A·B = C·D and A·D = C·B with r_A = r_C and r_B = r_D, where a rotation by 180° or
  a reflection that the other neighbours do not share exchanges A, B, C, D.

More equalities, and more than eight neighbours, are left to the descents of ``search``, as are all
points of a small basis except those of shells (``find_shells``). Some geometries that satisfy the
conditions are symmetric.

The shapes: Pozdnyakov et al., Phys. Rev. Lett. 125, 166001 (2020),
doi 10.1103/PhysRevLett.125.166001.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.numerics import Array, Indices
from sensitivity.structures import neighbor_pairs

Pair = tuple[int, int]
Groups = tuple[tuple[int, ...], ...]
"""Neighbours with equal bonds: disjoint groups of two or more."""

# Largest number of neighbours for patterns; of sets of more than two equal bonds; and of conditions
# for these. From nine neighbours on, descents alone found the same points.
MOST_NEIGHBORS, MOST_BONDS, MOST_EQUAL = 8, 400, 4
# Equalities of dot products, for each of these, that are examined, and that are combined; for one
# pair of equal bonds as many as symmetry leaves.
MOST_UNITS, MOST_PAIRS = 10, 4
# Patterns with this number of shells, and number of shells beyond one for each species.
MOST_SHELLS, MOST_CUTS = 8, 3


@dataclass(frozen=True)
class MovableNeighbors:
    """The neighbours of a center, and their displacements."""

    vectors: Array  # (n, 3), Å, from the center
    numbers: NDArray[np.intp]  # (n,): their species
    moves: Array  # (k, N, 3), orthonormal: displacements of the atoms
    relative: Array  # (k, n, 3): changes of the vectors by the moves
    bonds: Array  # (2,): shortest and longest distance of a neighbour from the center, Å

    @property
    def all_unlike(self) -> bool:
        """True if all species differ, so that no two shapes are equal."""
        return len(np.unique(self.numbers)) == len(self.numbers)

    def at(self, coordinates: Array) -> Array:
        """Return vectors, shape (P, n, 3), after moves by coordinates, shape (P, k)."""
        moved = coordinates @ self.relative.reshape(len(self.relative), -1)
        return np.asarray(self.vectors + moved.reshape(-1, *self.vectors.shape))


def find_neighbors(
    atoms: Atoms, cutoff: float, *, center: int, moves: Array, bonds: Array
) -> MovableNeighbors:
    """Find the neighbours of a center within the cutoff, and their displacements."""
    pairs = neighbor_pairs(atoms, cutoff)
    own = pairs.i == center
    places = pairs.j[own]
    return MovableNeighbors(
        vectors=pairs.vectors[own],
        numbers=atoms.numbers[places],
        moves=moves,
        relative=moves[:, places] - moves[:, [center]],
        bonds=bonds,
    )


def find_coincidences(neighbors: MovableNeighbors) -> tuple[Indices, Indices]:
    """Return patterns of equal dot products that may be near: one pair of bonds, and more.

    Each is an array of shape (P, e, 2, 2), of P patterns of up to e equalities x_i·x_j = x_k·x_l,
    with i, j and k, l; entries with i, j = k, l are padding.
    """
    most = 3 * most_followed(neighbors)
    pairs, others = (
        _select_nearest(
            _stack([pattern for groups in found for pattern in _equal_pairs(groups, neighbors)]),
            neighbors,
            most=most,
        )
        for found in _equal_bonds(neighbors)
    )
    return pairs, others


def most_followed(neighbors: MovableNeighbors) -> int:
    """Return the number of patterns followed beyond two steps: 600 up to six neighbours.

    Four neighbours have fewer. The time of a step grows as the n (n + 1) / 2 dot products times the
    squared number of moves.
    """
    n, k = len(neighbors.vectors), len(neighbors.relative)
    return int(np.clip(6 * 10**6 // (n * (n + 1) * k**2), 8, 600 if n > 4 else 40))


def _select_nearest(equal: Indices, neighbors: MovableNeighbors, *, most: int) -> Indices:
    near = np.argsort(first_distances(neighbors, equal), kind="stable")[:most]
    return equal[near]


def _equal_bonds(neighbors: MovableNeighbors) -> tuple[list[Groups], list[Groups]]:
    """Return neighbours with equal bonds: one pair, and more, the most nearly equal sets."""
    lengths = np.linalg.norm(neighbors.vectors, axis=1)
    places = [np.flatnonzero(neighbors.numbers == number) for number in set(neighbors.numbers)]
    found: list[Groups] = [()]
    for like in places:
        found = [
            known + more
            for known in found
            for more in _groups(like.tolist(), MOST_EQUAL - _conditions(known))
        ]
    found = [groups for groups in found if groups]

    def cost(groups: Groups) -> float:
        return sum(float(np.var(lengths[list(group)])) * len(group) for group in groups)

    pairs = [groups for groups in found if _conditions(groups) == 1]
    others = sorted((groups for groups in found if _conditions(groups) > 1), key=cost)
    return pairs, others[:MOST_BONDS]


def find_shells(neighbors: MovableNeighbors, l_max: int) -> Indices:
    """Return shells of equal bonds with more pairs than degrees, the nearest of each number.

    Of the pairs between two shells, or within one, a basis sees Σ P_l(x_p) of their cosines x_p,
    l_max numbers. If these are fewer than pairs, it misses displacements earlier than a complete
    basis: usually where all bonds are equal, or where two or three shells form at a few more
    conditions.
    """
    n, lengths = len(neighbors.vectors), np.linalg.norm(neighbors.vectors, axis=1)
    order = np.lexsort((lengths, neighbors.numbers))
    fixed = set((np.flatnonzero(np.diff(neighbors.numbers[order])) + 1).tolist())
    nearest = []
    for count in range(min(MOST_CUTS, n - 1 - len(fixed)) + 1):
        found = []
        for cuts in combinations(sorted(set(range(1, n)) - fixed), count):
            shells = np.split(order, sorted(fixed.union(cuts)))
            sizes = np.array([len(shell) for shell in shells])
            pairs = np.outer(sizes, sizes)
            np.fill_diagonal(pairs, sizes * (sizes - 1) // 2)
            if pairs.max() > l_max and sizes.max() > 1:
                found.append([[((a, a), (b, b)) for shell in shells for a, b in pairwise(shell)]])
        if found:
            equal = np.array(found, dtype=np.intp)[:, 0]
            nearest.append(_select_nearest(equal, neighbors, most=MOST_SHELLS))
    return _stack(nearest)


def _stack(patterns: list[Indices]) -> Indices:
    """Combine patterns in one array, (P, e, 2, 2), padding the shorter ones."""
    most = max((pattern.shape[1] for pattern in patterns), default=1)
    filled = [
        np.pad(pattern, [(0, 0), (0, most - pattern.shape[1]), (0, 0), (0, 0)])
        for pattern in patterns
    ]
    return np.concatenate([np.empty((0, most, 2, 2), dtype=np.intp), *filled])


def _conditions(groups: Groups) -> int:
    return sum(len(group) - 1 for group in groups)


def _groups(places: list[int], most: int) -> Iterator[Groups]:
    """Yield sets of disjoint groups of two or more places with up to ``most`` equal bonds."""
    yield ()
    for first in range(len(places) - 1):
        rest = places[first + 1 :]
        for size in range(1, min(most, len(rest)) + 1):
            for others in combinations(rest, size):
                left = [place for place in rest if place not in others]
                for more in _groups(left, most - size):
                    yield ((places[first], *others), *more)


def _equal_pairs(groups: Groups, neighbors: MovableNeighbors) -> Iterator[Indices]:
    """Yield patterns, (P, e, 2, 2), of such bonds with some of the equalities that they allow."""
    n = len(neighbors.vectors)
    bonds = [((a, a), (b, b)) for group in groups for a, b in pairwise(group)]
    shells = np.arange(n)
    for group in groups:
        shells[list(group)] = group[0]
    alike: dict[tuple[int, int], list[Pair]] = {}
    for i, j in combinations(range(n), 2):
        one, other = sorted((int(shells[i]), int(shells[j])))
        alike.setdefault((one, other), []).append((i, j))
    units = np.array([unit for pairs in alike.values() for unit in combinations(pairs, 2)])
    if not len(units):
        return
    near = np.argsort(first_distances(neighbors, units[:, None]), kind="stable")[:MOST_UNITS]
    most = n - 3 if len(bonds) == 1 else MOST_PAIRS
    for size in range(1, min(most, len(near)) + 1):
        chosen = units[near[np.array(list(combinations(range(len(near)), size)))]]
        fixed = np.broadcast_to(np.array(bonds), (len(chosen), len(bonds), 2, 2))
        yield np.concatenate([fixed, chosen], axis=1)


def first_distances(neighbors: MovableNeighbors, equal: Indices) -> Array:
    """Return distances in Å, (P,), to the equalities, (P, e, 2, 2), to first order."""
    x = neighbors.vectors
    change = np.einsum("ix,kjx->ijk", x, neighbors.relative)
    change = change + change.swapaxes(0, 1)
    (i, j), (k, l) = np.moveaxis(equal, (2, 3), (0, 1))
    product = x @ x.T
    values, slopes = product[i, j] - product[k, l], change[i, j] - change[k, l]
    square = slopes @ slopes.swapaxes(1, 2) + 1e-9 * np.eye(equal.shape[1])
    squares = np.einsum("pe,pe->p", values, np.linalg.solve(square, values[:, :, None])[:, :, 0])
    return np.asarray(np.sqrt(np.maximum(squares, 0)))
