"""The nearest geometries that fulfil some conditions, for many sets of conditions at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensitivity.numerics import Array
from sensitivity.singular.coincidences import Coincidences, MovableNeighbors

Mask = NDArray[np.bool_]

# So many of each kind are followed to the end.
MOST_FOLLOWED = 8
# The first steps lead to no less than this fraction of the final distance. Of 3000 kinds around
# random starts four ended nearer, at 0.38 of it and more.
NEARER = 0.5
# Steps before the far ones are left behind, which then know their distance to a few per cent.
FIRST_STEPS = 2


class Members(NamedTuple):
    """Geometries that fulfil conditions: displacements (P, N, 3) from the start, in Å."""

    displacements: Array
    lengths: Array


@dataclass(frozen=True)
class Draft:
    """The first steps towards coincidences of one kind, those that are nearest."""

    coincidences: Coincidences  # P of them
    start: Array  # (k,): coordinates of the geometry to which the nearest are sought
    coordinates: Array  # (P, k): as far as the steps have come
    held: Mask  # (P, n): the bonds that are held at a limit

    @cached_property
    def beyond(self) -> float:
        """Å, root of the summed squares: none of them is expected to be nearer."""
        return NEARER * float(np.linalg.norm(self.coordinates, axis=1).min())


def draft(neighbors: MovableNeighbors, coincidences: Coincidences, *, start: Array) -> Draft:
    """Make the first steps from a start to the geometries nearest to it that have a coincidence.

    Each step goes to the geometry nearest to the start at which the conditions vanish to first
    order (sequential quadratic programming with the distance alone as the curvature).

    ``start``, shape (k,), are coordinates along the moves: zero but where the neighbours themselves
    have a symmetry that no step would break.
    """
    coordinates = np.tile(start, (len(coincidences), 1))
    held = np.zeros((len(coincidences), len(neighbors.vectors)), dtype=bool)
    coordinates = _approach(neighbors, coincidences, coordinates, held, start, steps=FIRST_STEPS)
    near = np.argsort(np.linalg.norm(coordinates - start, axis=1))[:MOST_FOLLOWED]
    return Draft(coincidences.take(near), start, coordinates[near], held[near])


def complete(neighbors: MovableNeighbors, begun: Draft, *, reach: float) -> Members:
    """Return the geometries to which further steps lead, by their distance.

    ``reach``, in Å, root of the summed squares: what is further away is left out.
    """
    coincidences, coordinates, held = begun.coincidences, begun.coordinates, begun.held.copy()
    # After eight steps the geometry is the nearest to 1e-3 Å, from 1 Å away; from there four Newton
    # steps converge to rounding.
    for origin, steps in ((begun.start, 8 - FIRST_STEPS), (None, 4)):
        coordinates = _approach(neighbors, coincidences, coordinates, held, origin, steps=steps)
    values, _ = _conditions(neighbors, coincidences, coordinates, held)
    lengths = np.linalg.norm(coordinates, axis=1)
    fulfilled = 1e-12  # Å² and the like: rounding
    good = (np.abs(values).max(axis=1) < fulfilled) & (lengths <= reach)
    order = np.flatnonzero(good)[np.argsort(lengths[good])]
    return Members(np.tensordot(coordinates[order], neighbors.moves, axes=1), lengths[order])


def _approach(
    neighbors: MovableNeighbors,
    coincidences: Coincidences,
    coordinates: Array,
    held: Mask,
    origin: Array | None,
    *,
    steps: int,
) -> Array:
    """Step to the nearest point to an origin, or to each beginning, and mark bonds then held."""
    settled = 1e-9  # Å; the step after one that is shorter would be rounding
    for _ in range(steps):
        here, known = coordinates, int(held.sum())
        coordinates = _step(
            neighbors, coincidences, here, held, origin=here if origin is None else origin
        )
        shortest, longest = neighbors.bonds
        if shortest > 0 or longest < np.inf:
            lengths = np.linalg.norm(neighbors.at(coordinates), axis=2)
            held |= (lengths < shortest) | (lengths > longest)
        if np.abs(coordinates - here).max() < settled and held.sum() == known:
            break
    return coordinates


def _step(
    neighbors: MovableNeighbors,
    coincidences: Coincidences,
    here: Array,
    held: Mask,
    *,
    origin: Array,
) -> Array:
    """The point nearest to the origin where the conditions vanish to first order, (P, k)."""
    values, slopes = _conditions(neighbors, coincidences, here, held)
    wanted = (slopes @ (here - origin)[:, :, None])[:, :, 0] - values
    square = slopes @ slopes.swapaxes(1, 2)
    trace = np.einsum("prk,prk->p", slopes, slopes)[:, None, None]
    # This keeps equations solvable that are dependent at some geometry. It is far below the square
    # of any slope that matters.
    square += 1e-11 * trace * np.eye(square.shape[1])
    multipliers = np.linalg.solve(square, wanted[:, :, None])
    step = origin + (slopes.swapaxes(1, 2) @ multipliers)[:, :, 0] - here
    length = np.linalg.norm(step, axis=1, keepdims=True)
    longest = 0.7  # Å; a longer step leaves the range of the linear equations
    return np.asarray(here + step * np.minimum(1, longest / np.maximum(length, longest)))


def _conditions(
    neighbors: MovableNeighbors, coincidences: Coincidences, coordinates: Array, held: Mask
) -> tuple[Array, Array]:
    vectors = neighbors.at(coordinates)
    values, slopes = coincidences.conditions(vectors, neighbors.relative)
    if not held.any():
        return values, slopes
    squares = np.sum(vectors**2, axis=2)
    shortest, longest = np.minimum(neighbors.bonds, 1e3) ** 2  # Å; no bond is longer
    nearer = squares - shortest < longest - squares
    stretch = np.where(held, squares - np.where(nearer, shortest, longest), 0.0)
    change = 2 * np.einsum("pnx,knx->pnk", vectors, neighbors.relative) * held[:, :, None]
    return np.concatenate([values, stretch], axis=1), np.concatenate([slopes, change], axis=1)
