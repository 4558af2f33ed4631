"""Descents of small singular values to zero, many at once.

A center usually sees only its neighbours. Copies of these, each with a different displacement, are
observed as one molecule whose parts are far from each other, so the Jacobians form one stack of
matrices. For the equations see ``local_modes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.jacobian import Jacobian, differentiate
from sensitivity.numerics import Array, Indices, Mask
from sensitivity.observation import Observation
from sensitivity.progress import Cancelled
from sensitivity.singular.coincidences import MovableNeighbors

# Largest number of steps of a descent; and of steps within which they must halve its condition.
MOST_STEPS, PATIENCE = 40, 12
# Smallest over largest singular value: above, steps are damped; below, the geometry is a zero.
FAR, ZERO = 3e-5, 1e-9
# Å: the longest step within the range of the linear equations; a step of a descent that still moves
# along the zeros; and of one that has converged.
LONGEST, SLIDING, SETTLED = 0.2, 1e-2, 1e-5
# Å: how much longer than the distance of its end a descent may be.
DETOUR = 0.2


@dataclass(frozen=True)
class Copies:
    """Copies of a structure, each with a different displacement, seen from the center.

    If the descriptor sees the same in the neighbours alone as in the structure, the neighbours are
    copied. Otherwise structures are observed one by one, which keeps their properties, such as the
    cell, charges or names of atoms.
    """

    neighbors: MovableNeighbors
    start: Observation  # the structure, seen by the descriptor of the descents

    @property
    def size(self) -> int:
        """Numbers in the Jacobian of one copy."""
        return int(self._first.size)

    @property
    def at_once(self) -> int:
        """Number of copies whose gradients take up to 32 MiB, at most 50."""
        rows, _ = self._first.shape
        return int(np.clip(2**22 // (rows * self.neighbors.vectors.size), 1, 50))

    def slopes(self, coordinates: Array) -> Array:
        """J along the moves, shape (P, rows, k), after moves by coordinates, shape (P, k), Å."""
        if self._separable:
            return self._slopes_of_neighbors(coordinates)
        moves = self.neighbors.moves
        displaced = (self.start.displaced(np.tensordot(x, moves, axes=1)) for x in coordinates)
        return np.array([self._slopes_of_structure(there) for there in displaced])

    @cached_property
    def _first(self) -> Array:
        """J along the moves at the start, shape (rows, k)."""
        return self._slopes_of_structure(self.start)

    def _slopes_of_structure(self, there: Observation) -> Array:
        """Return J along the moves, without features that are always zero."""
        return there.slopes(self.neighbors.moves)[_rows_of(self.start.jacobian)]

    @cached_property
    def _separable(self) -> bool:
        """True if the descriptor sees the same in the neighbours alone."""
        try:
            alone = self._slopes_of_neighbors(np.zeros((self.at_once, len(self.neighbors.moves))))
        except Cancelled:
            raise
        except Exception:  # it may raise any error without the data it needs
            return False
        rounding = 1e-9 * np.abs(self._first).max(initial=0)
        return alone.shape[1:] == self._first.shape and np.allclose(
            alone, self._first, rtol=0, atol=rounding
        )

    @cached_property
    def _rows(self) -> Indices:
        """Features that are not always zero, with all neighbours present."""
        return _rows_of(self._see(np.zeros((1, len(self.neighbors.moves)))))

    def _slopes_of_neighbors(self, coordinates: Array) -> Array:
        (k, n, _), rows = self.neighbors.relative.shape, self._rows
        moves = np.zeros((n + 1, 3, k))
        moves[1:] = self.neighbors.relative.transpose(1, 2, 0)
        found = np.zeros((len(coordinates), len(rows), k))
        for batch in self._see(coordinates).batches:
            slopes = batch.slopes.reshape(*batch.slopes.shape[:2], -1)  # [center, feature, 3 atoms]
            moved = slopes @ moves[batch.atoms % (n + 1)].reshape(len(slopes), -1, k)
            copies = batch.centers // (n + 1)
            if batch.rows is None or len(batch.rows) == len(rows):
                found[copies] = moved
            else:  # no neighbour of some species remains
                found[copies[:, None], np.searchsorted(rows, batch.rows)] = moved
        return found

    def _see(self, coordinates: Array) -> Jacobian:
        """Return the Jacobian of copies of center and neighbours that do not see each other."""
        vectors, cutoff = self.neighbors.at(coordinates), self.start.descriptor.cutoff
        positions = np.zeros((len(vectors), vectors.shape[1] + 1, 3))
        positions[:, 1:] = vectors
        apart = 2 * (cutoff + float(np.abs(vectors).max()))
        positions[:, :, 0] += apart * np.arange(len(vectors))[:, None]
        center = self.start.atoms.numbers[self.start.center]
        atoms = Atoms(
            np.tile([center, *self.neighbors.numbers], len(vectors)), positions.reshape(-1, 3)
        )
        centers = range(0, len(atoms), vectors.shape[1] + 1)
        return differentiate(atoms, self.start.descriptor, centers=centers)

    def permits(self, coordinates: Array, *, closest: float) -> Mask:
        """Mark copies, (P,), with no atoms nearer than ``closest``, Å, and bonds in bounds."""
        vectors = self.neighbors.at(coordinates)
        lengths = np.linalg.norm(vectors, axis=2)
        first, second = np.triu_indices(vectors.shape[1], k=1)
        gaps = np.linalg.norm(vectors[:, first] - vectors[:, second], axis=2)
        shortest, longest = self.neighbors.bonds
        apart = np.minimum(lengths.min(axis=1), gaps.min(axis=1, initial=np.inf)) >= closest
        inside = (lengths >= shortest - 1e-9) & (lengths <= longest + 1e-9)
        return np.asarray(apart & inside.all(axis=1))


def _rows_of(jacobian: Jacobian) -> Indices:
    """Return features of the centers of a Jacobian that are not always zero."""
    batch = max(jacobian.batches, key=lambda batch: batch.slopes.shape[1])
    return np.arange(batch.slopes.shape[1]) if batch.rows is None else batch.rows


class _Softest(NamedTuple):
    """One mode of each copy, and its image."""

    slopes: Array  # (P, rows, k): J
    modes: Array  # (P, k), unit vectors
    images: Array  # (P, rows): J v
    seen: Array  # (P, rows, k): orthonormal images of the other visible modes; else zero
    conditions: Array  # (P,): length of J v over the largest singular value


def descend(
    copies: Copies,
    starts: Array,
    softness: Indices,
    *,
    origins: Array,
    within: Callable[[], float],
    permits: Callable[[Array], Mask],
    go_on: Callable[[float, float, int], bool],
) -> Iterator[list[Array]]:
    """Follow soft modes of displaced copies to zero, and then to the zero nearest to an origin.

    The descents begin after moves by ``starts``, shape (P, k), in Å, with the softest mode where
    ``softness`` is 0, the next where it is 1, and so on; the number run at once is chosen for
    speed. Those that would end at once are left out. Each ends at the zero nearest to its origin,
    of ``origins``, shape (P, k), or if it no longer approaches one nearer than ``within()``, or if
    ``permits`` of the coordinates is False. All end if ``go_on``, called with the smallest
    condition, the distance there and the number of copies, is False. For each that ends, yields the
    coordinates of its zeros, the nearest to the start of the search first.
    """

    def reach(origins: Array) -> Array:
        return np.asarray(within() + np.linalg.norm(origins, axis=1))

    def beyond(places: Array, origins: Array) -> Mask:
        return np.asarray(np.linalg.norm(places - origins, axis=1) > DETOUR + reach(origins))

    coordinates, modes = starts.copy(), np.full_like(starts, np.nan)
    zeros: list[list[Array]] = [[] for _ in starts]
    steps = np.zeros(len(starts), dtype=int)
    moved, last_zero = np.full((2, len(starts)), np.inf)
    conditions = np.full((len(starts), MOST_STEPS), np.inf)
    going, begun, more = np.arange(0), 0, True
    while more and (len(going) or begun < len(starts)):
        waiting = slice(begun, begun + copies.at_once - len(going))
        useful = permits(starts[waiting]) & ~beyond(starts[waiting], origins[waiting])
        going = np.append(going, begun + np.flatnonzero(useful))
        begun += len(useful)
        if not len(going):
            continue
        here, origin, step = coordinates[going], origins[going], steps[going]
        softest = _find_softest(copies.slopes(here), modes[going], softness[going])
        condition = softest.conditions
        modes[going], conditions[going, step] = softest.modes, condition
        lowest = int(np.argmin(condition))
        distance = float(np.linalg.norm(here[lowest]))
        more = go_on(float(condition[lowest]), distance, len(going))
        at_zero = condition < ZERO
        for place in np.flatnonzero(at_zero):
            zeros[going[place]].append(here[place])
        sliding = (condition > FAR) | at_zero | (moved[going] > SLIDING)
        nearest_to = np.where(sliding[:, None], origin, here)
        changes = _steps_to_zero(copies, here, softest, nearest_to)
        moved[going] = lengths = np.linalg.norm(changes, axis=1)
        away = np.linalg.norm(here - origin, axis=1)
        # Each zero is nearer than the last by a decreasing amount.
        hopeless = away - 3 * (last_zero[going] - away) > reach(origin)
        last_zero[going] = np.where(at_zero, away, last_zero[going])
        before = np.where(step < PATIENCE, np.inf, conditions[going, step - PATIENCE])
        here = here + changes * np.minimum(1, LONGEST / np.maximum(lengths, LONGEST))[:, None]
        coordinates[going], steps[going] = here, step + 1
        ended = at_zero & ((lengths < SETTLED) | hopeless)
        ended |= condition > np.maximum(0.5 * before, FAR)
        ended |= beyond(here, origin)
        ended |= ~permits(here) | (steps[going] == MOST_STEPS) | (not more)
        for name in going[ended]:
            yield sorted(zeros[name], key=lambda zero: float(np.linalg.norm(zero)))
        going = going[~ended]


def _find_softest(slopes: Array, modes: Array, softness: Indices) -> _Softest:
    """Find the modes most similar to ``modes``, (P, k), or, where NaN, of the given softness."""
    each, k = np.arange(len(slopes)), slopes.shape[2]
    _, axes = np.linalg.eigh(slopes.swapaxes(1, 2) @ slopes)
    alike = np.abs(np.einsum("pki,pk->pi", axes, modes)).argmax(axis=1)
    like = np.where(np.isnan(modes[:, 0]), softness, alike)
    found, images = axes[each, :, like], slopes @ axes
    lengths = np.linalg.norm(images, axis=1)
    largest = lengths.max(axis=1)
    largest = np.where(largest > 0, largest, np.inf)  # if nothing is visible, the condition is 0
    others = lengths > 1e-6 * largest[:, None]
    others[each, like] = False
    # J² gives small singular vectors only to 1e-8: with the images available, the others are made
    # orthonormal, and the wanted one orthogonal to them.
    inverse = others / np.where(others, lengths, 1)
    seen = images * inverse[:, None]
    overlap = seen.swapaxes(1, 2) @ seen
    overlap[:, range(k), range(k)] = 1
    mixing = np.linalg.inv(np.linalg.cholesky(overlap))
    seen = seen @ mixing.swapaxes(1, 2)
    image = images[each, :, like]
    parts = np.einsum("prk,pr->pk", seen, image)
    image = image - np.einsum("prk,pk->pr", seen, parts)
    turns = np.einsum("pij,pi->pj", mixing, parts) * inverse
    found = found - np.einsum("pki,pi->pk", axes, turns)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return _Softest(slopes, found, image, seen, np.linalg.norm(image, axis=1) / largest)


def _steps_to_zero(copies: Copies, coordinates: Array, softest: _Softest, origins: Array) -> Array:
    """Return steps, shape (P, k), that bring J v to zero to first order.

    Of all such steps, those to the coordinates nearest to ``origins``, (P, k). Far from a zero they
    need not reach it: the remaining J v counts against the distance.
    """
    step = 1e-5  # Å: the derivative of J need not be exact, since J itself is, at each step
    slopes = (copies.slopes(coordinates + step * softest.modes) - softest.slopes) / step
    slopes -= softest.seen @ (softest.seen.swapaxes(1, 2) @ slopes)
    far = softest.conditions > FAR
    squares, axes = np.linalg.eigh(slopes.swapaxes(1, 2) @ slopes)
    wanted = np.einsum("prk,pk->pr", slopes, coordinates - origins) - softest.images
    force = np.einsum("pki,pk->pi", axes, np.einsum("prk,pr->pk", slopes, wanted))
    largest = squares[:, -1:]
    kept = squares > np.where(far, 0, 1e-8)[:, None] * largest
    damping = np.where(far, 1e-3 * softest.conditions, 0)[:, None] * largest
    lengths = np.where(kept, force / np.where(kept, squares + damping, 1), 0)
    return np.asarray(origins + np.einsum("pki,pi->pk", axes, lengths) - coordinates)
