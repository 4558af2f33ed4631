"""The nearest singular point from any geometry, and its invisible displacements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.numerics import Array, ReadOnlyArrays, check_integer, check_real, takes_center
from sensitivity.observation import Observation
from sensitivity.progress import Progress, Stop, Stoppable, check_progress
from sensitivity.singular.acceptance import (
    ALL_CAUSES,
    AVOIDABLE,
    CAUSES,
    Acceptance,
    Avoidance,
    FoundPoint,
    PointCause,
    PointQuery,
    check_avoid,
)
from sensitivity.singular.local_modes import LocalModes
from sensitivity.singular.search import search
from sensitivity.structures.neighbors import explain_immobility


@dataclass(frozen=True)
class SingularPoint(ReadOnlyArrays, Stoppable):
    """A geometry at which a center does not see some internal displacement.

    Attributes
    ----------
    atoms
        Structure at the point, N atoms; if the search did not converge, the last one reached.
    center
        Index of the center.
    moved
        Å: distance from the start, root of the summed squares over all atoms.
    condition
        Smallest over largest singular value of the internal displacements; 0 is singular, NaN if
        the search ended before it was known.
    mode
        Shape (N, 3), unit norm: the displacement with the smallest singular value; of several null
        ones, the one least related to symmetry.
    null
        Shape (m, N, 3), orthonormal: all null displacements, ``mode`` first; empty, m = 0, if the
        search did not converge.
    cause
        Cause of ``mode``: "symmetry", "incompleteness" of the order, "truncation" of its basis, or
        "undetermined" if the order is unknown, or wrong: the descriptor sees displacements that no
        basis of that order can see. None if the search did not converge.
    converged
        True if the condition is at most 1e-12, a zero is within 1e-6 Å to first order (root of the
        summed squares), and the geometry is not one to avoid.
    evaluations
        Number of Jacobians, of all attempts.
    path
        Shape (2, N, 3), Å: the positions of the start and of ``atoms``; (1, N, 3) if equal.
    status
        The outcome in a sentence.
    others
        Further points by increasing distance, if more than one was requested; each is a
        ``SingularPoint`` without others.
    ending
        "cancelled", or "interrupted" by Ctrl-C, if the search was stopped; else empty.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, locate, structures
    >>> near = structures.ch4_pair(3.10, 0.0, sign=1)
    >>> point = locate(near, DensityCorrelations(), center=0)
    >>> point.converged, point.cause, point.null.shape
    (True, 'incompleteness', (1, 5, 3))
    >>> f"{point.moved:.3f} Å"
    '0.022 Å'
    """

    atoms: Atoms
    center: int
    moved: float
    condition: float
    mode: Array
    null: Array
    converged: bool
    evaluations: int
    path: Array
    status: str
    cause: PointCause | None = None
    others: tuple[SingularPoint, ...] = ()
    ending: str = ""

    def __repr__(self) -> str:
        return f"SingularPoint({self.atoms.symbols}, center={self.center}: {self.status})"


def _describe_points(result: Acceptance) -> SingularPoint:
    if not result.found:
        here = np.zeros_like(result.query.start.atoms.positions)
        unknown = LocalModes(here, np.full(1, np.nan), here[None], np.empty((0, 1)))
        there = result.nearest_rejected[1] or result.start or unknown
        why = _explain_failure(result)
        return _make_point(result, there, here[None][:0], status=why)
    count = result.query.count
    points = [_describe_found(result, found) for found in result.found[:count]]
    status = points[0].status
    if len(points) < count:
        status += f" Of {count} requested points, the search found {len(points)}."
    if result.descents:
        more = "nearer point" if count == 1 else "other point nearer than the last"
        bounded = ", until its limit" if result.exhausted else ""
        status += f" It found no {more} in {_count_descents(result)}{bounded}."
    elif result.patterns and not result.ending:
        given = "a nearer point" if count == 1 else "another point nearer than the last"
        status += f" None of {result.patterns} patterns of equal pairs gave {given}."
    if result.ending:
        status += f" {result.ending.capitalize()}."
    return replace(points[0], status=status, others=tuple(points[1:]))


def _count_descents(result: Acceptance) -> str:
    return f"{result.descents} descent{'' if result.descents == 1 else 's'}"


def _describe_found(result: Acceptance, found: FoundPoint) -> SingularPoint:
    count, local = len(found.null), found.local
    where = "The start is already singular"
    if local.moved:
        where = f"Converged {local.moved:.3f} Å from the start (root of the summed squares)"
    status = (
        f"{where}: {count} internal displacement{'s are' if count > 1 else ' is'} invisible, "
        f"smallest/largest singular value {local.condition:.0e}, {_say_cause(found.cause)}."
    )
    point = _make_point(result, local, found.null, status=status)
    return replace(point, cause=found.cause)


def _say_cause(cause: str) -> str:
    return "cause undetermined" if cause == "undetermined" else f"by {cause}"


def _explain_failure(result: Acceptance) -> str:
    query = result.query
    if result.ending:
        where = f"after {result.evaluations} Jacobian{'' if result.evaluations == 1 else 's'}"
        where = where if result.evaluations else "at the start"
        return f"{result.ending.capitalize()} {where}, before a singular point was found."
    if query.cannot_tell:
        return (
            f"The order of the descriptor is unknown, so {query.cause} cannot be distinguished "
            "from other causes; leave out the cause."
        )
    if query.always_seen and query.resolved:
        return f"{_name_neighbors(query)}: no other singular point was found."
    status = _where_it_ended(result)
    if result.descents:
        status += f" The search made {_count_descents(result)}."
    if result.exhausted:
        status += " The search reached its limit, and may have missed one."
    if query.always_seen:
        status += f" {_name_neighbors(query)}, but this basis is too small for that."
    return status


def _name_neighbors(query: PointQuery) -> str:
    count = len(query.neighbors.vectors)
    unlike = " of different species" if query.neighbors.all_unlike and count > 1 else ""
    basis = "order" if query.resolved else "a complete basis of order"
    return (
        f"With {count} neighbour{'s' if count != 1 else ''}{unlike}, {basis} "
        f"{query.start.known.order} misses only what symmetry hides"
    )


def _where_it_ended(result: Acceptance) -> str:
    reason, there = result.nearest_rejected
    if there is not None and reason != "coalescence":
        far = f"{there.moved:.3f} Å from the start (root of the summed squares)"
        if reason in ALL_CAUSES:
            return (
                f"No point that is singular by {result.query.cause} was found; the nearest by "
                f"another cause is {far}, {_say_cause(reason)}."
            )
        return (
            f"Stopped at a symmetric point, {reason}, {far}: all singular points found are "
            "symmetric; allow symmetry, or start elsewhere."
        )
    if not result.query.avoidance.permits(result.query.start):
        return (
            "No singular point was found. The start has atoms closer to each other, bonds shorter "
            "or longer, or neighbours closer to the cutoff (0.02 Å) than allowed; start "
            "elsewhere, change the cutoff, widen the bounds of bonds, or allow coalescence."
        )
    return (
        f"No singular point was found within {result.query.reach:g} Å of the start (root of the "
        "summed squares); start elsewhere, or search farther."
    )


def _make_point(result: Acceptance, end: LocalModes, null: Array, *, status: str) -> SingularPoint:
    start = result.query.start
    path = [np.zeros_like(end.displacement), end.displacement][: 2 if end.moved else 1]
    return SingularPoint(
        atoms=start.displaced(end.displacement).atoms,
        center=start.center,
        moved=end.moved,
        condition=end.condition,
        mode=(null[0] if len(null) else end.modes[-1]).copy(),
        null=null,
        converged=len(null) > 0,
        evaluations=result.evaluations,
        path=start.atoms.positions + np.array(path),
        status=status,
        ending=result.ending,
    )


@takes_center
def locate(  # noqa: PLR0913 - one more than usual, for progress
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    center: int,
    avoid: Iterable[str] = AVOIDABLE,
    bonds: tuple[float, float] | None = None,
    count: int = 1,
    reach: float = 2.0,
    cause: PointCause | None = None,
    rng: np.random.Generator | None = None,
    progress: Progress | None = None,
) -> SingularPoint:
    """Find a nearby geometry at which a center does not see some internal displacement.

    For three neighbours, or unlike ones, a basis that is large enough for them (see
    ``completeness``) misses only what symmetry hides. At order 2 singular geometries have pairs of
    neighbours of equal shape (see ``coincidences``): the nearest of many patterns of equal pairs
    are computed from dot products, and the descriptor confirms the nearest one.

    Then, and for every other descriptor, 800 descents by Gauss-Newton steps on J(r) v = 0, with the
    derivative of J along v, search for a nearer one, from the softest modes and from nearby
    geometries; each continues along the zeros to the one nearest to the start. They use a basis
    with few radial functions, which misses whatever a complete one misses; the descriptor confirms
    the results. Zeros due to the radial functions of a larger basis may be missed. Near a symmetric
    geometry up to 300 further descents go to the zero nearest to where each of them begins; which
    of these is found depends on the tolerance of symmetry and on ``rng``. For four neighbours that
    are not near a symmetric geometry the patterns suffice, without descents. The search does not
    prove that no nearer point exists: ``status`` gives the number of descents without one, and says
    if large Jacobians ended them early.

    Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti, Open Research Europe 1:126 (2021),
    doi 10.12688/openreseurope.14156.1, call these geometries singular points.

    Parameters
    ----------
    atoms, descriptor, center
        The start, N atoms; any descriptor; index of the center.
    avoid
        Any of "symmetry", geometries where symmetry hides some displacement, within 0.01 Å (root
        mean square over the atoms of the environment), except a start with further invisible
        displacements; and "coalescence", atoms nearer than 0.2 Å to each other.
    bonds
        Shortest and longest allowed distance, in Å, of a neighbour from the center; None for no
        bounds.
    count
        Number of distinct points to find; ``others`` holds all but the nearest.
    reach
        Å, root of the summed squares: largest displacement of the atoms. Beyond 2 Å nearly every
        bond is a different one.
    cause
        "symmetry", "incompleteness" or "truncation": search for points of this cause only. With
        "symmetry", symmetric geometries are not avoided, whatever ``avoid`` is; in a basis that is
        small for the number of neighbours, points by truncation are often nearer than others. For a
        descriptor without an order, the last two cannot be distinguished: the search then finds
        nothing, and ``status``
        gives the reason.
    rng
        Source of nearby geometries; None for the same ones every time.
    progress
        Called at each step with a sentence such as "12 Jacobians, smallest/largest singular value
        3e-05, moved 0.21 Å" (root of the summed squares), in the thread of the search. It may raise
        ``Cancelled``.

    Returns
    -------
    SingularPoint
        If none is found, ``converged`` is False and ``status`` explains why. A cancelled search
        returns the points found so far.

    Raises
    ------
    TypeError, ValueError
        If the structure, the center or another argument is unusable, or the center has no
        neighbour.
    Interrupted
        On Ctrl-C; ``partial`` is the SingularPoint with the points found so far. Before the first
        Jacobian is known it is the start, with condition NaN. While the arguments are checked,
        Ctrl-C is a plain KeyboardInterrupt.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, locate, structures
    >>> near = structures.ch4_pair(3.10, 0.0, sign=1)
    >>> point = locate(near, DensityCorrelations(), center=0, cause="incompleteness")
    >>> point.status.split(":")[0]
    'Converged 0.022 Å from the start (root of the summed squares)'
    """
    stop = Stop()
    point = find_points(
        Observation.of(atoms, descriptor, centers=(center,)),
        avoidance=Avoidance(
            check_avoid(avoid) - ({"symmetry"} if cause == "symmetry" else set()),
            _check_bonds(bonds),
        ),
        count=check_integer(
            count,
            "count",
            "at least 1",
            accepts=lambda n: n >= 1,
            remedy="give e.g. 1",
        ),
        reach=check_reach(reach),
        cause=_check_cause(cause),
        rng=_check_rng(rng),
        progress=check_progress(progress),
        stop=stop,
    )
    return stop.deliver(point)


def find_points(
    start: Observation,
    *,
    avoidance: Avoidance,
    reach: float,
    progress: Progress,
    stop: Stop,
    count: int = 1,
    cause: PointCause | None = None,
    rng: np.random.Generator | None = None,
) -> SingularPoint:
    """Do the same as ``locate`` with checked arguments; ``stop`` delivers the result."""
    with stop:
        if not (stop.stopped or len(start.internal)):
            cutoff, centers = start.descriptor.cutoff, start.centers
            raise ValueError(
                f"center {start.center} sees no internal displacement: "
                f"{explain_immobility(start.atoms, cutoff=cutoff, centers=centers)}."
            )
    query = PointQuery(start, avoidance, reach, count, cause)
    rng = np.random.default_rng(0) if rng is None else rng
    return _describe_points(search(query, rng=rng, progress=progress, stop=stop))


def check_reach(reach: float) -> float:
    """Return the reach in Å if it is a valid length."""
    remedy, expected = "give a number such as 1.0", "a positive, finite length in Å"
    return check_real(reach, "reach", expected, accepts=lambda x: 0 < x < np.inf, remedy=remedy)


def _check_rng(rng: np.random.Generator | None) -> np.random.Generator | None:
    if rng is None or isinstance(rng, np.random.Generator):
        return rng
    raise TypeError(
        f"rng must be a numpy.random.Generator or None, got {rng!r}; give e.g. "
        "np.random.default_rng(0)."
    )


def _check_cause(cause: PointCause | None) -> PointCause | None:
    if cause is not None and not isinstance(cause, str):
        raise TypeError(f"cause must be text or None, got {cause!r}; give e.g. {CAUSES[1]!r}.")
    if cause is not None and cause not in CAUSES:
        choices = ", ".join(f"'{each}'" for each in CAUSES)
        raise ValueError(f"cause must be one of {choices} or None, got {cause!r}.")
    return cause


def _check_bonds(bonds: tuple[float, float] | None) -> tuple[float, float]:
    if bonds is None:
        return 0.0, np.inf
    got = f"got {bonds!r}; give e.g. (0.9, 1.4)."
    try:
        low, high = (float(length) for length in bonds)
    except (TypeError, ValueError):
        raise TypeError(f"bonds must be two lengths in Å, {got}") from None
    if not 0 <= low < high:
        raise ValueError(f"bonds must be a shorter and a longer length in Å, {got}")
    return low, high
