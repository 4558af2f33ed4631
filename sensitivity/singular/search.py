"""The search for singular points: the strategies, the cheap and near ones first."""

from __future__ import annotations

import numpy as np

from sensitivity.numerics import Array
from sensitivity.progress import Progress, Stop
from sensitivity.singular.acceptance import Acceptance
from sensitivity.singular.local_modes import LocalModes
from sensitivity.singular.query import PointQuery
from sensitivity.singular.strategies import try_coincidences, try_descents

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
            _try_all(accepted, _nudges(query, rng))
    accepted.found.sort(key=lambda found: found.local.moved)
    accepted.ending = stop.ending
    return accepted


def _most_evaluations(start: LocalModes) -> int:
    """Number of Jacobians after which descents end.

    10⁸ numbers in all of them bound the time to some five seconds; 24 are a descent or two.
    """
    return int(np.clip(10**8 // max(start.images.size, 1), 24, MOST_EVALUATIONS))


def _nudges(query: PointQuery, rng: np.random.Generator) -> list[Array]:
    """Coordinates, shape (k,), of geometries at growing distance from the start, in Å."""
    directions = [rng.normal(size=len(query.moves)) for _ in range(4)]
    return [
        direction * length / np.linalg.norm(direction)
        for direction, length in zip(directions, (0.1, 0.2, 0.3, 0.4), strict=True)
    ]


def _try_all(accepted: Acceptance, nudges: list[Array]) -> None:
    """Try the start, then the strategies one by one."""
    query = accepted.query
    start = accepted.examine(np.zeros(query.moves.shape[1:]), internal=query.moves)
    accepted.most = _most_evaluations(start)
    if accepted.consider(start) and accepted.enough:
        return
    if query.start.known.order == 2:
        here = [np.zeros(len(query.moves))]
        # From a singular start the nearest geometry often is itself.
        for starts in [here + nudges] if accepted.rejected else [here, nudges]:
            try_coincidences(accepted, starts)
            if accepted.enough:
                break
    if _needs_descents(accepted, start):
        try_descents(accepted, start, nudges)


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
