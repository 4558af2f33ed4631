"""The nearest geometries with displacements invisible at order 2, for many patterns at once.

For each pattern the equations are (see ``coincidences``): the dot products of the pattern are
equal, and a displacement v of unit norm exists for which the sums of B(x, v) over equal pairs
vanish. The derivative of B(x, v) along a change dx of the positions is B(dx, v), so one linear map
gives both the rows that act on v and the slopes of the condition.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from sensitivity.numerics import Array, Indices, Mask
from sensitivity.progress import checkpoint
from sensitivity.singular.coincidences import MovableNeighbors, most_followed

# Number of nearest geometries kept after the second step.
MOST_COMPLETED = 400
# Number of singular vectors from which v starts, the softest first.
BRANCHES = 3
# Number of steps before distant geometries are dropped.
FIRST_STEPS, SECOND_STEPS = 2, 3


class Members(NamedTuple):
    """Geometries that satisfy conditions: displacements (P, N, 3) from the start, in Å."""

    lengths: Array
    displacements: Array


def project(
    neighbors: MovableNeighbors,
    equal: Indices,
    nudges: list[Array],
    *,
    reach: float,
    to_nudges: bool,
) -> Members:
    """Return geometries near the start with a displacement invisible at order 2, by distance.

    Each step goes to the geometry nearest to the start at which the conditions vanish to first
    order (sequential quadratic programming with the distance alone as the curvature). Such steps
    end in a local minimum, so they begin from the start and from ``nudges``, shape (k,) each, in Å
    along the moves, with ``BRANCHES`` candidates for the invisible displacement. With ``to_nudges``
    they go to geometries near each nudge instead. Geometries beyond ``reach``, in Å, root of the
    summed squares, are left out.
    """
    if not len(equal):
        return Members(np.empty(0), np.empty((0, *neighbors.moves.shape[1:])))
    starts = [*nudges] if to_nudges else [np.zeros(len(neighbors.moves)), *nudges]
    drafted = _Projection.begin(neighbors, equal, starts[:1]).branch(1).advance(FIRST_STEPS)
    most = most_followed(neighbors)
    near = np.argsort(drafted.lengths, kind="stable")[:most]
    enough = 1000 // len(near) if to_nudges else 0  # four neighbours have few patterns
    starts = starts[: max(int(np.clip(4 * most // len(near), 3, 12)), enough)]
    begun = _Projection.begin(neighbors, equal[near], starts).branch(BRANCHES)
    if not to_nudges:
        begun = replace(begun, origins=np.zeros_like(begun.origins))
    # After eight steps the geometry is the nearest to 1e-3 Å, from 1 Å away; from there four Newton
    # steps converge to rounding.
    completed = MOST_COMPLETED if to_nudges else min(4 * most, MOST_COMPLETED)
    nearest = begun.advance(SECOND_STEPS).nearest(completed)
    done = nearest.advance(8 - SECOND_STEPS).advance(4, exact=True)
    good = (done.excess() < 1e-10) & (done.lengths <= reach)  # Å²
    coordinates, lengths = done.coordinates[good], done.lengths[good]
    order = np.argsort(lengths, kind="stable")
    kept = order[:0]
    for each in order:  # different patterns lead to the same geometries
        if not (np.abs(coordinates[kept] - coordinates[each]).max(axis=1) < 1e-6).any():
            kept = np.append(kept, each)
    return Members(lengths[kept], np.tensordot(coordinates[kept], neighbors.moves, axes=1))


@dataclass(frozen=True)
class _Projection:
    """Geometries during the projection, P of them."""

    neighbors: MovableNeighbors
    equal: Indices  # (P, e, 2, 2): see find_coincidences
    sums: Array  # (P, T, T): sums of changes of the T dot products that must vanish
    origins: Array  # (P, k): targets of the distance
    coordinates: Array  # (P, k): current ones
    unseen: Array  # (P, k): v
    held: Mask  # (P, n): the bonds that are held at a limit

    @classmethod
    def begin(cls, neighbors: MovableNeighbors, equal: Indices, starts: list[Array]) -> _Projection:
        """Begin with every pattern from every start."""
        count, (k, n) = len(equal), neighbors.relative.shape[:2]
        return cls(
            neighbors,
            np.tile(equal, (len(starts), 1, 1, 1)),
            np.tile(_sums(equal, n), (len(starts), 1, 1)),
            np.repeat(starts, count, axis=0),
            np.repeat(starts, count, axis=0),
            np.zeros((len(starts) * count, k)),
            np.zeros((len(starts) * count, n), dtype=bool),
        )

    def branch(self, count: int) -> _Projection:
        """Go on with each of the softest displacements."""
        seen = self._seen(self._changes(self.vectors))
        softest = np.linalg.eigh(seen.swapaxes(1, 2) @ seen)[1][:, :, :count].swapaxes(1, 2)
        parts = (np.concatenate([part] * softest.shape[1]) for part in self._parts)
        begun = _Projection(self.neighbors, *parts)
        return replace(begun, unseen=np.concatenate(list(softest.swapaxes(0, 1))))

    def nearest(self, most: int) -> _Projection:
        """Return those nearest to the start."""
        away = np.linalg.norm(self.coordinates - self.origins, axis=1)
        chosen = np.argsort(away, kind="stable")[:most]
        return _Projection(self.neighbors, *(part[chosen] for part in self._parts))

    @property
    def _parts(self) -> tuple[Any, ...]:
        return self.equal, self.sums, self.origins, self.coordinates, self.unseen, self.held

    @property
    def lengths(self) -> Array:
        """Distance from the start, shape (P,), in Å."""
        return np.asarray(np.linalg.norm(self.coordinates, axis=1))

    @property
    def vectors(self) -> Array:
        """Vectors of the neighbours, (P, n, 3)."""
        return self.neighbors.at(self.coordinates)

    def excess(self) -> Array:
        """Return the violation of the conditions, shape (P,), in Å² and Å."""
        changes = self._changes(self.vectors)
        values, _ = self._equalities(self.vectors, changes)
        softest = np.linalg.svd(self._seen(changes), compute_uv=False)[:, -1]
        return np.asarray(np.maximum(np.abs(values).max(axis=1), softest))

    def advance(self, steps: int, *, exact: bool = False) -> _Projection:
        """Step to the geometries nearest to the origins or, if exact, to the current ones."""
        here = self
        for _ in range(steps):
            checkpoint()
            here = here._step(here.coordinates if exact else here.origins)
        return here

    def _step(self, origin: Array) -> _Projection:
        """Go to the nearest point where the conditions vanish to first order, and hold bonds.

        They are linear in the changes of the coordinates and of v. v is free, except for its norm:
        a rotation counts a hundredth of an equally large change in Å.
        """
        here, vectors, lever = self.coordinates, self.vectors, 100.0
        changes = self._changes(vectors)
        moved = np.tensordot(self.unseen, self.neighbors.relative, axes=1)
        seen = self._seen(changes)
        image = (seen @ self.unseen[:, :, None])[:, :, 0]
        invisible = image, self._seen(self._changes(moved))
        parts = [self._equalities(vectors, changes), invisible, self._stretch(vectors, changes)]
        values = np.concatenate([part for part, _ in parts], axis=1)
        slopes = np.concatenate([part for _, part in parts], axis=1)
        wanted = (slopes @ (here - origin)[:, :, None])[:, :, 0] - values
        turns = np.zeros_like(slopes)
        first = parts[0][0].shape[1]
        turns[:, first : first + image.shape[1]] = lever * seen
        both = np.concatenate([slopes, turns], axis=2)
        transposed = both.swapaxes(1, 2)
        square, k = transposed @ both, here.shape[1]
        # This keeps equations solvable that are dependent at some geometry. It is far below the
        # square of any relevant slope.
        square[:, range(2 * k), range(2 * k)] += (
            1e-11 * np.einsum("pkk->p", square[:, :k, :k])[:, None]
        )
        square[:, k:, k:] += lever**2 * self.unseen[:, :, None] * self.unseen[:, None]
        found = np.linalg.solve(square, transposed @ wanted[:, :, None])[:, :, 0]
        step, turn = origin + found[:, :k] - here, lever * found[:, k:]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        longest = 0.7  # Å; a longer step leaves the range of the linear equations
        part = np.minimum(1, longest / np.maximum(length, longest))
        coordinates, unseen = here + step * part, self.unseen + turn * part
        unseen /= np.linalg.norm(unseen, axis=1, keepdims=True)
        shortest, furthest = self.neighbors.bonds
        lengths = np.linalg.norm(self.neighbors.at(coordinates), axis=2)
        held = self.held | (lengths < shortest) | (lengths > furthest)
        return replace(self, coordinates=coordinates, unseen=unseen, held=held)

    def _seen(self, changes: Array) -> Array:
        """Return the rows that act on v, (P, T, k), which are linear in the vectors."""
        return np.asarray(self.sums @ changes[:, *np.triu_indices(changes.shape[1])])

    def _changes(self, vectors: Array) -> Array:
        """Return the changes of x_i·x_j by the moves, (P, n, n, k)."""
        (count, n, _), k = vectors.shape, len(self.neighbors.relative)
        flat = self.neighbors.relative.transpose(2, 1, 0).reshape(3, n * k)
        mixed = (vectors @ flat).reshape(count, n, n, k)
        return np.asarray(mixed + mixed.swapaxes(1, 2))

    def _equalities(self, vectors: Array, changes: Array) -> tuple[Array, Array]:
        """Return differences of the dot products that must be equal, and their slopes."""
        every = np.arange(len(vectors))[:, None]
        (i, j), (k, l) = np.moveaxis(self.equal, (2, 3), (0, 1))
        products = vectors @ vectors.swapaxes(1, 2)
        values = products[every, i, j] - products[every, k, l]
        return np.asarray(values), np.asarray(changes[every, i, j] - changes[every, k, l])

    def _stretch(self, vectors: Array, changes: Array) -> tuple[Array, Array]:
        """Return the excess of held bonds over their limits, in Å², and the slopes."""
        squares = np.sum(vectors**2, axis=2)
        shortest, longest = np.minimum(self.neighbors.bonds, 1e3) ** 2  # Å; no bond is longer
        nearer = squares - shortest < longest - squares
        stretch = np.where(self.held, squares - np.where(nearer, shortest, longest), 0.0)
        every = np.arange(vectors.shape[1])
        return stretch, changes[:, every, every] * self.held[:, :, None]


def project_bonds(neighbors: MovableNeighbors, equal: Indices) -> Members:
    """Return the nearest geometries that satisfy the equalities, visible or not."""
    begun = _Projection.begin(neighbors, equal, [np.zeros(len(neighbors.moves))])
    done = (
        replace(begun, sums=np.zeros_like(begun.sums)).branch(1).advance(4).advance(3, exact=True)
    )
    displacements = np.tensordot(done.coordinates, neighbors.moves, axes=1)
    order = np.argsort(done.lengths, kind="stable")
    return Members(done.lengths[order], displacements[order])


def _sums(coincidences: Indices, n: int) -> Array:
    """Return the sums of changes of the dot products that order 2 sees, (P, T, T).

    For r_i², those that the sums over all pairs of a shape imply: n rows with the same span as all
    these sums. For x_i·x_j, those over equal pairs.
    """
    rows, columns = np.triu_indices(n)
    number = np.zeros((n, n), dtype=np.intp)
    number[rows, columns] = number[columns, rows] = np.arange(len(rows))
    count, bond = len(coincidences), rows == columns
    shape = np.tile(np.arange(len(rows)), (count, 1))  # for each pair the first equal one
    for one, other in np.moveaxis(coincidences, (1, 2), (0, 1)):
        first, second = (
            shape[np.arange(count), number[tuple(pair.T)]][:, None] for pair in (one, other)
        )
        shape = np.where(shape == second, first, shape)
    member = (shape[:, None] == np.arange(len(rows))[:, None]).astype(float)  # [p, shape, pair]
    ends = np.zeros((len(rows), n))
    ends[np.arange(len(rows)), rows] = 1
    ends[np.arange(len(rows)), columns] += ~bond
    inside = member @ ends  # [p, shape, neighbour]: number of pairs of the shape
    # Pairs of one shape have equal bonds; changes of these are summed for each length.
    equal = shape[:, bond][:, :, None] == shape[:, bond][:, None]
    squares, axes = np.linalg.eigh((inside.swapaxes(1, 2) @ inside) * equal)
    squares = np.where(squares > 1e-9, squares, 0)  # they are sums of integers
    spans = np.sqrt(squares / n)[:, :, None] * axes.swapaxes(1, 2)
    found = member * ~bond
    found[:, bond] = 0
    found[:, np.flatnonzero(bond)[:, None], bond] = spans
    return np.asarray(found)
