"""The search for singular points: the strategies, the cheap and near ones first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sensitivity.numerics import Array
from sensitivity.progress import Progress, Stop
from sensitivity.singular.acceptance import Acceptance, FoundPoint
from sensitivity.singular.local_modes import LocalModes
from sensitivity.singular.query import PointQuery
from sensitivity.singular.strategies import try_coincidences, try_descents

MOST_EVALUATIONS = 600
"""Jacobians of a search by descents: all of the usual descents from four neighbours."""


@dataclass(frozen=True)
class SearchResult:
    """The points that a search has found.

    Attributes
    ----------
    query
        What was looked for.
    start
        The modes at the start; None if the search ended before they were known.
    found
        Points, the nearest first.
    rejected
        The nearest point for each reason of rejection: the symbol of a group, or "coalescence".
    evaluations
        Number of Jacobians.
    exhausted
        True if as many Jacobians were computed as a search may take.
    ending
        "cancelled" or "interrupted" if the search was ended, else "".
    """

    query: PointQuery
    start: LocalModes | None
    found: tuple[FoundPoint, ...]
    rejected: dict[str, LocalModes]
    evaluations: int
    exhausted: bool
    ending: str

    @property
    def incomplete(self) -> bool:
        """True if something was left untried, at which there may be another or a nearer point."""
        if self.exhausted and len(self.found) < self.query.count:
            return True
        nearest = self.found[0].local.moved if self.found else np.inf
        if self.query.start.descriptor.order != 2 or nearest == 0:
            return False
        return self.query.candidates.beyond < nearest


def search(
    query: PointQuery, *, rng: np.random.Generator, progress: Progress, stop: Stop
) -> SearchResult:
    """Search for singular points until there are enough, or nothing is left to try.

    ``stop`` guards the search, which does nothing if it has been stopped before; it is to deliver
    what is made of the result.
    """
    accepted, start, exhausted = Acceptance(query, progress), None, False
    if stop.stopped:
        return SearchResult(query, None, (), {}, 0, False, stop.ending)
    with stop:
        start = accepted.examine(np.zeros(query.moves.shape[1:]), internal=query.moves)
        accepted.most = _most_evaluations(start)
        if not accepted.consider(start) or query.count > 1:
            exhausted = _try_all(accepted, start, _nudges(query, rng))
    return SearchResult(
        query=query,
        start=start,
        found=tuple(sorted(accepted.found, key=lambda found: found.local.moved)),
        rejected=accepted.rejected,
        evaluations=accepted.evaluations,
        exhausted=exhausted,
        ending=stop.ending,
    )


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


def _try_all(accepted: Acceptance, start: LocalModes, nudges: list[Array]) -> bool:
    """Try the strategies one by one; True if they have spent all Jacobians."""
    if accepted.query.start.descriptor.order == 2:
        here = [np.zeros(len(accepted.query.moves))]
        # From a singular start the nearest geometry often is itself.
        for starts in [here + nudges] if accepted.rejected else [here, nudges]:
            try_coincidences(accepted, starts)
            if accepted.enough:
                break
    return _needs_descents(accepted, start) and try_descents(accepted, start, nudges)


def _needs_descents(accepted: Acceptance, start: LocalModes) -> bool:
    """Tell whether the coincidences of a complete basis do not settle the matter.

    A zero of one singular value asks for (features - modes + 1) conditions, where features are
    those that answer to any mode. Up to eight more features than modes, a small basis can be
    singular by truncation about as near as by coincidence.
    """
    query = accepted.query
    if "symmetry" not in query.avoidance.avoid or query.start.descriptor.order is None:
        return True
    if query.always_seen:
        return not query.resolved
    answering = int(np.sum(start.images.any(axis=1)))
    return answering - len(query.moves) < 8 or not accepted.enough
