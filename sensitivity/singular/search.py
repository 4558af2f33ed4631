"""The search for singular points: all strategies, cheap and near ones first."""

from __future__ import annotations

import numpy as np

from sensitivity.completeness import resolves_angles
from sensitivity.descriptors import Descriptor
from sensitivity.numerics import Array, Indices, Mask
from sensitivity.progress import Progress, Stop
from sensitivity.singular.acceptance import Acceptance, PointQuery
from sensitivity.singular.coincidences import MOST_NEIGHBORS, find_coincidences, find_shells
from sensitivity.singular.descents import Copies, descend
from sensitivity.singular.local_modes import LocalModes, step_to_zero
from sensitivity.singular.order2_projection import project, project_bonds
from sensitivity.tolerances import Tolerance

# Descents to zeros near the start and, near a symmetry, to zeros near their own beginning; and
# their starting distances, Å, in turn.
MOST_DESCENTS, MOST_NEARBY = 800, 300
NUDGES = (0.1, 0.2, 0.3, 0.4)
# Å, root of the summed squares: geometries this near a rejected zero are not examined.
SAME_ZERO = 5e-3
# Smallest over largest singular value near a zero of a complete or a smaller basis: an atom near
# the cutoff, for example, shifts it a little.
NEXT_TO_ZERO = 1e-6


def search(
    query: PointQuery, *, rng: np.random.Generator, progress: Progress, stop: Stop
) -> Acceptance:
    """Search for singular points by all strategies, within a fixed number of descents.

    ``stop`` guards the search, which does nothing if already stopped; it then delivers the
    result.
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
    """Return coordinates, shape (size,), of the starts of descents, the start first."""
    nudges = [np.zeros(size)]
    for number in range(MOST_DESCENTS):
        direction = rng.normal(size=size)
        nudges.append(direction * NUDGES[number % len(NUDGES)] / np.linalg.norm(direction))
    return nudges


def _try_all(accepted: Acceptance, nudges: list[Array]) -> None:
    query = accepted.query
    start = accepted.examine(np.zeros(query.moves.shape[1:]), internal=query.moves)
    accepted.consider(start)
    if accepted.within == 0 or query.cannot_tell:
        return
    seen = query.start.known.order is not None and query.always_seen and query.resolved
    if seen and "symmetry" in query.avoidance.avoid:
        return
    # With three neighbours, two pairs of one shape imply a mirror plane.
    few = 4 <= len(query.neighbors.vectors) <= MOST_NEIGHBORS
    if few and query.start.known.order == 2 and query.cause in {None, "incompleteness"}:
        patterns = find_coincidences(query.neighbors)
        if not accepted.rejected:
            _try_coincidences(accepted, patterns, nudges, to_nudges=False)
        if _is_next_to_symmetry(accepted):
            _try_coincidences(accepted, patterns, nudges, to_nudges=True)
    if query.start.known.order == 2 and query.cause != "incompleteness":
        _try_shells(accepted)
    # Near a symmetry, patterns start from far fewer geometries than their many minima.
    doubtful = _is_next_to_symmetry(accepted) and accepted.within > NUDGES[1]
    if doubtful or not (accepted.found and _settled(query)):
        _try_descents(accepted, nudges)


def _settled(query: PointQuery) -> bool:
    """Return True if patterns of equal pairs give all singular points: for four neighbours.

    This requires that the basis distinguishes their angles, and that symmetric points do not count.
    """
    few, order = len(query.neighbors.vectors) <= 4, query.start.known.order
    resolved = resolves_angles(query.start.descriptor, query.neighbors.numbers)
    return few and order == 2 and resolved and "symmetry" in query.avoidance.avoid


def _try_coincidences(
    accepted: Acceptance, patterns: tuple[Indices, ...], nudges: list[Array], *, to_nudges: bool
) -> None:
    query = accepted.query
    accepted.patterns = sum(map(len, patterns))
    accepted.progress(f"{accepted.patterns} patterns of equal pairs of neighbours")
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
            accepted.consider(_polish(accepted, accepted.examine(displacement)))


def _try_shells(accepted: Acceptance) -> None:
    """Descend from geometries with equal bonds, where a small basis does not see all angles."""
    query, softest = accepted.query, 3
    _, l_max = query.start.known.expansion or (0, 0)
    if not len(query.neighbors.vectors) or resolves_angles(
        query.start.descriptor, query.neighbors.numbers
    ):
        return
    members = project_bonds(query.neighbors, find_shells(query.neighbors, l_max))
    starts = np.tensordot(members.displacements, query.moves, axes=([1, 2], [1, 2]))
    softness = np.tile(np.arange(softest), len(starts))
    _descend(accepted, np.repeat(starts, softest, axis=0), softness)


def _try_descents(accepted: Acceptance, nudges: list[Array]) -> None:
    """Descend from the start and from near it.

    They begin at the same geometries for any reach, which only ends some earlier.
    """
    softest = 4
    starts = np.array([nudges[0]] * (softest - 1) + nudges)[:MOST_DESCENTS]
    softness = np.arange(len(starts)) % softest
    at_symmetry = 0.01  # Å: all descents from there lead to it
    if not any(end.moved < at_symmetry for end in accepted.rejected.values()):
        _descend(accepted, starts, softness)
    if _is_next_to_symmetry(accepted):
        nearby = starts[:MOST_NEARBY] / 2
        _descend(accepted, nearby, softness[:MOST_NEARBY], origins=nearby)


def _is_next_to_symmetry(accepted: Acceptance) -> bool:
    """Return True if a symmetric geometry is so near that the nearest points are symmetric."""
    nearest = min((end.moved for end in accepted.rejected.values()), default=np.inf)
    return nearest < accepted.within / 4


def _descend(
    accepted: Acceptance, starts: Array, softness: Indices, *, origins: Array | None = None
) -> None:
    """Descend after moves by ``starts``, (P, k), below the nearest point so far.

    The targets are zeros near the start of the search, or near ``origins``, (P, k).
    """
    query, closest = accepted.query, accepted.query.avoidance.closest
    copies = Copies(query.neighbors, query.start.by(_with_few_functions(query)))

    def permits(coordinates: Array) -> Mask:
        return copies.permits(coordinates, closest=closest)

    def go_on(condition: float, moved: float, count: int) -> bool:
        accepted.tell(2 * count, copies.size, condition, moved)
        return not accepted.exhausted

    for zeros in descend(
        copies,
        starts,
        np.minimum(softness, len(query.moves) - 1),
        origins=np.zeros_like(starts) if origins is None else origins,
        within=lambda: accepted.within,
        permits=permits,
        go_on=go_on,
    ):
        accepted.descents += not accepted.exhausted
        _consider_zeros(accepted, zeros)


def _with_few_functions(query: PointQuery) -> Descriptor:
    """Reduce the descriptor to the radial functions that distinguish pairs or triples.

    Displacements invisible in a complete basis are invisible in every basis.
    """
    known = query.start.known
    if known.expansion is None or known.order == 1:
        return query.start.descriptor
    n_max, _ = known.expansion
    return known.with_settings(n_max=min(n_max, 4 if known.order == 2 else 3))


def _consider_zeros(accepted: Acceptance, zeros: list[Array]) -> None:
    """Keep the nearest zero that is invisible to the descriptor and not to be avoided."""
    query = accepted.query
    for coordinates in zeros:
        if np.linalg.norm(coordinates) >= accepted.within:
            return
        failed = accepted.failed
        if failed and (np.linalg.norm(failed - coordinates, axis=1) < SAME_ZERO).any():
            continue
        displacement = np.tensordot(coordinates, query.moves, axes=1)
        if query.admits(query.start.displaced(displacement)) and accepted.consider(
            _polish(accepted, accepted.examine(displacement))
        ):
            return
        failed.append(coordinates)


def _polish(accepted: Acceptance, there: LocalModes) -> LocalModes:
    """Go to the descriptor's zero near one of a complete or a smaller basis."""
    for _ in range(6):
        if not Tolerance.SINGULAR < there.condition < NEXT_TO_ZERO:
            break
        displacement = step_to_zero(accepted.query.start, there, accepted.query.moves)
        accepted.tell(2, there.images.size, there.condition, there.moved)
        if not accepted.query.admits(accepted.query.start.displaced(displacement)):
            break
        there = accepted.examine(displacement)
    return there
