"""The search for singular points: the strategies, the cheap and near ones first."""

from __future__ import annotations

import numpy as np

from sensitivity.completeness import resolves_angles
from sensitivity.numerics import Array, Indices
from sensitivity.progress import Progress, Stop
from sensitivity.singular.acceptance import Acceptance, PointQuery
from sensitivity.singular.coincidences import find_coincidences, find_shells
from sensitivity.singular.local_modes import LocalModes, step_to_zero
from sensitivity.singular.order2_projection import project, project_bonds
from sensitivity.tolerances import Tolerance

# Descents in one search.
MOST_DESCENTS = 100
# Descents from each geometry with equal bonds.
SOFTEST_OF_SHELLS = 3
# Jacobians of a search by descents, as long as it has found nothing, and in all.
MOST_EVALUATIONS, MOST_IN_ALL = 600, 6000


def search(
    query: PointQuery, *, rng: np.random.Generator, progress: Progress, stop: Stop
) -> Acceptance:
    """Search for singular points by all strategies, within a stated number of descents.

    ``stop`` guards the search, which does nothing if it has been stopped before; it is to deliver
    what is made of the result.
    """
    accepted = Acceptance(query, progress)
    with stop:
        if not stop.stopped:
            _try_all(accepted, _draw_nudges(rng, len(query.moves)))
    accepted.found.sort(key=lambda found: found.local.moved)
    del accepted.found[query.count :]
    accepted.ending = stop.ending
    return accepted


def _draw_nudges(rng: np.random.Generator, size: int) -> list[Array]:
    """Coordinates, shape (size,), of the geometries where descents begin, the start first."""
    distances = (0.05, 0.1, 0.2, 0.4)  # Å
    nudges = [np.zeros(size)]
    for number in range(MOST_DESCENTS):
        direction = rng.normal(size=size)
        nudges.append(direction * distances[number % 4] / np.linalg.norm(direction))
    return nudges


def _try_all(accepted: Acceptance, nudges: list[Array]) -> None:
    query = accepted.query
    start = accepted.examine(np.zeros(query.moves.shape[1:]), internal=query.moves)
    accepted.consider(start)
    if accepted.within == 0:
        return
    seen = query.start.known.order is not None and query.always_seen and query.resolved
    if seen and "symmetry" in query.avoidance.avoid:
        return
    if query.start.known.order == 2 and query.cause in {None, "incompleteness"}:
        patterns = find_coincidences(query.neighbors)
        if not accepted.rejected:
            _try_coincidences(accepted, patterns, nudges, to_nudges=False)
        # Next to a symmetric geometry the nearest ones mostly are as symmetric.
        symmetric = min((end.moved for end in accepted.rejected.values()), default=np.inf)
        if symmetric < accepted.within / 4:
            _try_coincidences(accepted, patterns, nudges, to_nudges=True)
    if query.start.known.order == 2 and query.cause != "incompleteness":
        _try_shells(accepted)
    if not (accepted.found and _settled(query)):
        _try_descents(accepted, start, nudges)


def _settled(query: PointQuery) -> bool:
    """Tell whether patterns of equal pairs are all that is singular: of four neighbours they are.

    If the basis tells their angles apart, and symmetric points, which are not tried, do not count.
    """
    few, order = len(query.neighbors.vectors) <= 4, query.start.known.order
    resolved = resolves_angles(query.start.descriptor, query.neighbors.numbers)
    return few and order == 2 and resolved and "symmetry" in query.avoidance.avoid


def _try_coincidences(
    accepted: Acceptance, patterns: tuple[Indices, ...], nudges: list[Array], *, to_nudges: bool
) -> None:
    query = accepted.query
    # An atom near the cutoff can have moved the zero of a complete basis, which then is so near.
    next_to_zero = 1e-6
    parts = [
        project(query.neighbors, equal, nudges[1:], reach=query.reach, to_nudges=to_nudges)
        for equal in patterns
    ]
    lengths, displacements = map(np.concatenate, zip(*parts, strict=True))
    for place in np.argsort(lengths, kind="stable"):
        displacement = displacements[place]
        if lengths[place] >= accepted.within:
            return
        if query.avoidance.permits(query.start.displaced(displacement)):
            there = accepted.examine(displacement)
            if Tolerance.SINGULAR < there.condition < next_to_zero:
                _consider_descent(accepted, _descend(accepted, there, there.modes[-1]))
            accepted.consider(there)


def _try_shells(accepted: Acceptance) -> None:
    """Try geometries with equal bonds, of which a small basis does not see all angles."""
    query = accepted.query
    _, l_max = query.start.known.expansion or (0, 0)
    if not len(query.neighbors.vectors) or resolves_angles(
        query.start.descriptor, query.neighbors.numbers
    ):
        return
    members = project_bonds(query.neighbors, find_shells(query.neighbors, l_max))
    for displacement, length in zip(members.displacements, members.lengths, strict=True):
        if length < accepted.within and query.admits(query.start.displaced(displacement)):
            there = accepted.examine(displacement)
            for mode in there.modes[::-1][:SOFTEST_OF_SHELLS]:
                _consider_descent(accepted, _descend(accepted, there, mode))


def _try_descents(accepted: Acceptance, start: LocalModes, nudges: list[Array]) -> None:
    """Descend from the start and from near it, below the nearest point so far.

    From where descents begin, and how far they go, does not depend on how far points may be: a
    search with a smaller reach finds nothing nearer.
    """
    query, softest = accepted.query, 4
    for number in range(MOST_DESCENTS):
        nudge = nudges[max(0, number - softest + 1)]
        if _is_bounded(accepted):
            return
        accepted.descents += 1
        if np.linalg.norm(nudge) >= accepted.within:
            continue
        here = start
        if nudge.any():
            displacement = np.tensordot(nudge, query.moves, axes=1)
            if not query.admits(query.start.displaced(displacement)):
                continue
            here = accepted.examine(displacement)
        if here.condition <= Tolerance.SINGULAR:
            continue
        mode = here.modes[-1 - number % min(softest, len(here.modes))]
        _consider_descent(accepted, _descend(accepted, here, mode))


def _descend(accepted: Acceptance, start: LocalModes, mode: Array) -> tuple[LocalModes, ...]:
    """Follow the singular value of the mode most like ``mode``, shape (N, 3), to zero.

    Gives all geometries, the start first: to a zero, and then along the zeros to the one nearest to
    where the search began. Five steps, of three Jacobians each, are enough from anywhere near; a
    descent ends after 30 steps, if 6 do not halve its condition, or where it is further away than a
    point that is wanted.
    """
    query, passed, patience = accepted.query, [start], 6
    settled, detour = 1e-7, 1.3  # Å; how much further than to its end a descent may lead
    for _ in range(30):
        here = passed[-1]
        index = int(np.argmax(np.abs(np.tensordot(here.modes, mode, axes=2))))
        mode = here.modes[index]
        at_zero = here.condition <= Tolerance.SINGULAR
        stalled = len(passed) > patience and here.condition > 0.5 * passed[-patience].condition
        if stalled and not at_zero:
            break
        displacement = step_to_zero(query.start, here, index, query.moves, slide=at_zero)
        accepted.evaluations += 2
        moved = float(np.linalg.norm(displacement - here.displacement))
        there = query.start.displaced(displacement)
        further = float(np.linalg.norm(displacement)) > detour * accepted.within
        if (at_zero and moved < settled) or further or not query.admits(there):
            break
        passed.append(accepted.examine(displacement))
        if _is_bounded(accepted):
            break
    return tuple(passed)


def _is_bounded(accepted: Acceptance) -> bool:
    """Tell whether no more Jacobians are to be computed, and note it."""
    size = accepted.start.images.size if accepted.start else 0
    # 3 * 10⁸ numbers in all of them bound the time to some fifteen seconds.
    most = int(np.clip(3 * 10**8 // max(size, 1), 24, MOST_IN_ALL))
    most = most if accepted.found else min(most, MOST_EVALUATIONS)
    accepted.exhausted = accepted.evaluations >= most
    return accepted.exhausted


def _consider_descent(accepted: Acceptance, passed: tuple[LocalModes, ...]) -> None:
    """Keep the nearest singular geometry of a descent that is not to be avoided."""
    zeros = [place for place, local in enumerate(passed) if local.condition <= Tolerance.SINGULAR]
    for place in sorted(zeros, key=lambda place: passed[place].moved):
        path = tuple(step.displacement for step in passed[1:place])
        if accepted.consider(passed[place], path):
            return
