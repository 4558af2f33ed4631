"""The search for singular points: the strategies, the cheap and near ones first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from sensitivity.numerics import Array
from sensitivity.progress import Progress, Stop
from sensitivity.singular.acceptance import Acceptance, PointQuery
from sensitivity.singular.local_modes import LocalModes, internal_modes, step_to_zero
from sensitivity.singular.order2_projection import complete, draft
from sensitivity.tolerances import Tolerance

# Jacobians of a search by descents: all of the usual descents from four neighbours.
MOST_EVALUATIONS = 600


def search(
    query: PointQuery, *, rng: np.random.Generator, progress: Progress, stop: Stop
) -> Acceptance:
    """Search for singular points until there are enough, or nothing is left to try.

    ``stop`` guards the search, which does nothing if it has been stopped before; it is to deliver
    what is made of the result.
    """
    accepted = Acceptance(query, progress)
    with stop:
        if not stop.stopped:
            _try_all(accepted, _draw_nudges(rng, len(query.moves)))
    accepted.found.sort(key=lambda found: found.local.moved)
    accepted.ending = stop.ending
    return accepted


def _draw_nudges(rng: np.random.Generator, size: int) -> list[Array]:
    """Coordinates, shape (size,), of geometries at growing distance from the start."""
    distances = (0.1, 0.2, 0.3, 0.4)  # Å
    directions = [rng.normal(size=size) for _ in distances]
    return [
        direction * length / np.linalg.norm(direction)
        for direction, length in zip(directions, distances, strict=True)
    ]


def _try_all(accepted: Acceptance, nudges: list[Array]) -> None:
    query = accepted.query
    start = accepted.examine(np.zeros(query.moves.shape[1:]), internal=query.moves)
    # 10⁸ numbers in all of them bound the time to some five seconds; 24 are a descent or two.
    accepted.most = int(np.clip(10**8 // max(start.images.size, 1), 24, MOST_EVALUATIONS))
    if accepted.consider(start) and accepted.enough:
        return
    if query.start.known.order == 2:
        here = [np.zeros(len(query.moves))]
        # From a singular start the nearest geometry often is itself.
        for starts in [here + nudges] if accepted.rejected else [here, nudges]:
            _try_coincidences(accepted, starts)
            if accepted.enough:
                break
    if _needs_descents(accepted, start):
        _try_descents(accepted, start, nudges)


def _needs_descents(accepted: Acceptance, start: LocalModes) -> bool:
    """Tell whether the coincidences of a complete basis do not settle the matter.

    A zero of one singular value asks for (features - modes + 1) conditions, where features are
    those that answer to any mode. Up to eight more features than modes, a small basis can be
    singular by truncation about as near as by coincidence.
    """
    query = accepted.query
    if "symmetry" not in query.avoidance.avoid or query.start.known.order is None:
        return True
    if query.always_seen:
        return not query.resolved
    answering = int(np.sum(start.images.any(axis=1)))
    return answering - len(query.moves) < 8 or not accepted.enough


def _try_coincidences(accepted: Acceptance, starts: list[Array]) -> None:
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


def _try_descents(accepted: Acceptance, start: LocalModes, nudges: list[Array]) -> None:
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
    distances = (0.05, 0.4, 1.0)  # Å, root of the summed squares: how far away descents look
    if start.condition > Tolerance.SINGULAR:
        for within in distances:
            yield start, within
    for nudge in nudges:
        displacement = np.tensordot(nudge, accepted.query.moves, axes=1)
        if accepted.query.admits(accepted.query.start.displaced(displacement)):
            yield accepted.examine(displacement), distances[-1]


def _descend(
    accepted: Acceptance, start: LocalModes, mode: Array, within: float
) -> tuple[LocalModes, ...]:
    """Follow the singular value of the mode most like ``mode``, shape (N, 3), to zero.

    Gives all geometries, the start first. Five steps, of three Jacobians each, are enough from
    anywhere near; a descent ends after 25 steps, or if 6 do not halve its condition. The zero is
    looked for about as far away as ``within``, in Å, root of the summed squares.
    """
    query, passed, patience = accepted.query, [start], 6
    for _ in range(25):
        here = passed[-1]
        index = int(np.argmax(np.abs(np.tensordot(here.modes, mode, axes=2))))
        mode = here.modes[index]
        stalled = len(passed) > patience and here.condition > 0.5 * passed[-patience].condition
        if here.condition <= Tolerance.SINGULAR or stalled:
            break
        displacement = step_to_zero(query.start, here, index, query.moves, within)
        there = query.start.displaced(displacement)
        if not query.admits(there):
            break
        passed.append(internal_modes(there, displacement))
        accepted.evaluations += 3
        accepted.tell(passed[-1])
        if accepted.evaluations >= accepted.most:
            break
    return tuple(passed)


def _best(passed: tuple[LocalModes, ...]) -> LocalModes:
    return min(passed, key=lambda local: local.condition)
