"""Two ways to look for singular points: coincidences of pairs of neighbours, and descents.

Each offers geometries to an ``Acceptance`` until it has enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from sensitivity.numerics import Array, Tolerance
from sensitivity.singular.acceptance import Acceptance
from sensitivity.singular.descent import descend
from sensitivity.singular.local_modes import LocalModes
from sensitivity.singular.order2_projection import complete, draft
from sensitivity.singular.query import PointQuery


def try_coincidences(accepted: Acceptance, starts: list[Array]) -> None:
    """Offer the nearest geometries at which pairs of neighbours have the same shape.

    ``starts`` are coordinates, shape (k,), of the geometries to which the nearest are sought.
    """
    query = accepted.query
    # An atom near the cutoff can have moved the zero of a complete basis, which then is so near.
    next_to_zero = 1e-6
    for displacement in _coincidences(query, starts):
        if query.avoidance.permits(query.start.displaced(displacement)):
            there = accepted.examine(displacement)
            if Tolerance.SINGULAR < there.condition < next_to_zero:
                there = _best(_descend(accepted, there, there.modes[-1], query.reach))
            accepted.consider(there)
        if accepted.enough:
            return


def _coincidences(query: PointQuery, starts: list[Array]) -> Iterator[Array]:
    """Displacements, (N, 3), the shortest first; those of kinds that are far, only in time."""
    neighbors = query.neighbors
    begun = [
        draft(neighbors, coincidences, start=start)
        for coincidences, start in product(query.candidates.coincidences, starts)
    ]
    begun.sort(key=lambda one: one.beyond, reverse=True)
    candidates: list[tuple[float, Array]] = []
    while begun or candidates:
        if begun and (not candidates or begun[-1].beyond < candidates[-1][0]):
            members = complete(neighbors, begun.pop(), reach=query.reach)
            candidates += zip(members.lengths.tolist(), members.displacements, strict=True)
            candidates.sort(key=lambda candidate: candidate[0], reverse=True)
        else:
            yield candidates.pop()[1]


def try_descents(accepted: Acceptance, start: LocalModes, nudges: list[Array]) -> None:
    """Offer the ends of descents from the softest modes of the start, then of geometries nearby."""
    reach, softest = accepted.query.reach, 4
    for here, within in _beginnings(accepted, start, nudges):
        for mode in here.modes[::-1][:softest]:
            passed = _descend(accepted, here, mode, min(within, reach))
            path = tuple(step.displacement for step in passed[1:-1])
            accepted.consider(_best(passed), path)
            accepted.exhausted = accepted.evaluations >= accepted.most
            if accepted.exhausted:
                return
        if accepted.enough:
            return


def _beginnings(
    accepted: Acceptance, start: LocalModes, nudges: list[Array]
) -> Iterator[tuple[LocalModes, float]]:
    """Beginnings of descents, and how far away they look, in Å, root of the summed squares."""
    distances = (0.05, 0.4, 1.0)
    if start.condition > Tolerance.SINGULAR:
        for within in distances:
            yield start, within
    for nudge in nudges:
        displacement = np.tensordot(nudge, accepted.query.moves, axes=1)
        if accepted.query.admits(accepted.query.start.displaced(displacement)):
            yield accepted.examine(displacement), distances[-1]


def _descend(
    accepted: Acceptance, here: LocalModes, mode: Array, within: float
) -> tuple[LocalModes, ...]:
    def tell(there: LocalModes) -> bool:
        accepted.evaluations += 3
        accepted.tell(there)
        return accepted.evaluations < accepted.most

    return descend(
        accepted.query.start,
        here,
        mode=mode,
        moves=accepted.query.moves,
        zero=Tolerance.SINGULAR,
        within=within,
        admits=accepted.query.admits,
        tell=tell,
    )


def _best(passed: tuple[LocalModes, ...]) -> LocalModes:
    """The geometry with the lowest condition."""
    return min(passed, key=lambda local: local.condition)
