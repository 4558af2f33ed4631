"""The nearest singular point from any geometry: where it is, and what is not seen there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.numerics import Array, ReadOnlyArrays, check_integer, check_real, takes_center
from sensitivity.observation import Observation
from sensitivity.progress import Progress, Stop, check_progress
from sensitivity.singular.acceptance import (
    AVOIDABLE,
    Acceptance,
    Avoidance,
    FoundPoint,
    PointQuery,
    check_avoid,
)
from sensitivity.singular.local_modes import LocalModes
from sensitivity.singular.search import search
from sensitivity.structures.neighbors import explain_immobility


@dataclass(frozen=True)
class SingularPoint(ReadOnlyArrays):
    """A geometry at which a center does not see some internal displacement.

    Attributes
    ----------
    atoms
        The structure there, N atoms; if the search did not converge, as far as it came.
    center
        Index of the center.
    moved
        Å: distance from the start, root of the summed squares over all atoms.
    condition
        Smallest over largest singular value of the internal displacements; 0 is singular, NaN if
        the search ended before it was known.
    mode
        Shape (N, 3), unit norm: the displacement with the smallest singular value; of several that
        are null, the one that symmetry has least to do with.
    null
        Shape (m, N, 3), orthonormal: all that are null, ``mode`` the first. None if the search did
        not converge.
    converged
        True if the condition is at most 1e-12, a zero is at most 1e-6 Å away to first order (root
        of the summed squares), and nothing is there that was to be avoided.
    evaluations
        Number of Jacobians, of all that was tried.
    path
        Shape (steps, N, 3), Å: positions on the way, the start first and ``atoms`` last.
    status
        The outcome in a sentence.
    others
        Further points by growing distance, if more than one was asked for; each is a
        ``SingularPoint`` without others.
    interrupted
        True if the search was ended, by Ctrl-C or by a caller; ``status`` says by which.
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
    others: tuple[SingularPoint, ...] = ()
    interrupted: bool = False

    def __repr__(self) -> str:
        return f"SingularPoint({self.atoms.symbols}, center={self.center}: {self.status})"


def _describe_points(result: Acceptance) -> SingularPoint:
    if not result.found:
        here = np.zeros_like(result.query.start.atoms.positions)
        unknown = LocalModes(here, np.full(1, np.nan), here[None], np.empty((0, 1)))
        ends, start = result.rejected.values(), result.start or unknown
        there, why = min(ends, key=lambda end: end.moved, default=start), _explain_failure(result)
        return _make_point(result, there, here[None][:0], path=(), status=why)
    count = result.query.count
    points = [_describe_found(result, found) for found in result.found[:count]]
    status = points[0].status
    if len(points) < count:
        status += f" Of {count} points asked for, the search found {len(points)}."
    if result.incomplete:
        missed = "a nearer one" if points[0].moved else "further ones"
        status += f" The search was bounded, and {missed} may have been missed."
    if result.ending:
        status += f" {result.ending.capitalize()}."
    return replace(points[0], status=status, others=tuple(points[1:]))


def _describe_found(result: Acceptance, found: FoundPoint) -> SingularPoint:
    count, local = len(found.null), found.local
    where = "The start is already singular"
    if local.moved:
        where = f"Converged {local.moved:.3f} Å from the start (root of the summed squares)"
    status = (
        f"{where}: {count} internal displacement{'s are' if count > 1 else ' is'} invisible, "
        f"condition {local.condition:.0e}."
    )
    return _make_point(result, local, found.null, path=found.path, status=status)


def _explain_failure(result: Acceptance) -> str:
    query = result.query
    if result.ending:
        where = f"after {result.evaluations} Jacobian{'' if result.evaluations == 1 else 's'}"
        where = where if result.evaluations else "at the start"
        return f"{result.ending.capitalize()} {where}, before a singular point was found."
    if query.always_seen and query.resolved:
        return f"{_name_neighbors(query)}: no other singular point was found."
    status = _where_it_ended(result)
    if result.incomplete:
        status += " The search was bounded, and one may have been missed."
    if query.always_seen:
        status += f" {_name_neighbors(query)}; this basis is too small for that to hold."
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
    symmetric = {k: there for k, there in result.rejected.items() if k != "coalescence"}
    if symmetric:
        symbol = min(symmetric, key=lambda k: symmetric[k].moved)
        return (
            f"Stopped at a symmetric point, {symbol}, {symmetric[symbol].moved:.3f} Å from the "
            "start (root of the summed squares): all singular points that were found are "
            "symmetric; allow symmetry, or start elsewhere."
        )
    if not result.query.avoidance.permits(result.query.start):
        return (
            "No singular point was found, and the start has atoms nearer to each other, bonds "
            "shorter or longer, or neighbours nearer to the cutoff (0.02 Å) than allowed; start "
            "elsewhere, change the cutoff, widen the bounds of bonds, or allow coalescence."
        )
    return (
        f"No singular point was found within {result.query.reach:g} Å of the start (root of the "
        "summed squares); start elsewhere, or give a larger reach."
    )


def _make_point(
    result: Acceptance, end: LocalModes, null: Array, *, path: tuple[Array, ...], status: str
) -> SingularPoint:
    start = result.query.start
    steps = [np.zeros_like(start.atoms.positions), *path]
    steps += [end.displacement] if end.moved else []
    return SingularPoint(
        atoms=start.displaced(end.displacement).atoms,
        center=start.center,
        moved=end.moved,
        condition=end.condition,
        mode=(null[0] if len(null) else end.modes[-1]).copy(),
        null=null,
        converged=len(null) > 0,
        evaluations=result.evaluations,
        path=start.atoms.positions + np.array(steps),
        status=status,
        interrupted=bool(result.ending),
    )


@takes_center
def locate(  # noqa: PLR0913 - one more than else, for progress
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    center: int,
    avoid: Iterable[str] = AVOIDABLE,
    bonds: tuple[float, float] | None = None,
    count: int = 1,
    reach: float = 2.0,
    rng: np.random.Generator | None = None,
    progress: Progress | None = None,
) -> SingularPoint:
    """Find the nearest geometry at which a center does not see some internal displacement.

    Of three neighbours, or of unlike ones, a basis that is large enough for them (see
    ``completeness``) misses only what symmetry hides. At order 2 such geometries are those at which
    pairs of neighbours have the same shape (see ``coincidences``): the nearest of every kind is
    computed from dot products, and the descriptor confirms the nearest of all. Other descriptors,
    and small bases, which are also blind by truncation, are searched by Gauss-Newton steps on
    J(r) v = 0 with the derivative of J along v, from the softest modes and then from geometries
    nearby; what that finds is near, but need not be the nearest. That takes 600 Jacobians at most,
    and fewer where each is large, so that it ends within seconds; ``status`` says if that was the
    reason to end.

    Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti, Open Research Europe 1:126 (2021),
    doi 10.12688/openreseurope.14156.1, call these geometries singular points.

    Parameters
    ----------
    atoms, descriptor, center
        The start, N atoms; any descriptor; the index of the center.
    avoid
        Any of "symmetry", geometries where symmetry hides anything, within 0.01 Å (root mean square
        over the atoms of the environment), but for a start at which more is not seen than that; and
        "coalescence", atoms nearer than 0.2 Å to each other.
    bonds
        Shortest and longest distance, in Å, that a neighbour may have from the center; None for
        no bounds.
    count
        Number of distinct points that are wanted; ``others`` holds all but the nearest.
    reach
        Å, root of the summed squares: how far the atoms may go. Further away than 2 Å nearly every
        bond is another one.
    rng
        Where nearby geometries come from; None for the same ones every time.
    progress
        Called after each Jacobian with a sentence such as "12 Jacobians, condition 3e-05, 0.21 Å
        from the start", in the thread of the search. It may raise ``Cancelled``.

    Returns
    -------
    SingularPoint. Where none is found, ``converged`` is False and ``status`` says why. A search
    that is cancelled returns the points found until then.

    Raises
    ------
    TypeError, ValueError
        If the structure, the center or another argument is unusable, or the center has no
        neighbour.
    Interrupted
        On Ctrl-C; ``partial`` is the SingularPoint with the points found until then. Before the
        first Jacobian is known it is the start, its condition NaN; only while the arguments are
        checked is Ctrl-C a plain KeyboardInterrupt.
    """
    stop = Stop()
    point = find_points(
        Observation.of(atoms, descriptor, centers=(center,)),
        avoidance=Avoidance(check_avoid(avoid), _check_bonds(bonds)),
        count=check_integer(
            count, "count", "at least 1", accepts=lambda n: n >= 1, remedy="give e.g. 1"
        ),
        reach=check_reach(reach),
        rng=rng,
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
    rng: np.random.Generator | None = None,
) -> SingularPoint:
    """Do the same with arguments that are checked; ``stop`` is to deliver the result."""
    with stop:
        if not (stop.stopped or len(start.internal)):
            cutoff, centers = start.descriptor.cutoff, start.centers
            raise ValueError(
                f"center {start.center} has no internal displacement that it could see: "
                f"{explain_immobility(start.atoms, cutoff=cutoff, centers=centers)}."
            )
    query = PointQuery(start, avoidance, reach, count)
    rng = np.random.default_rng(0) if rng is None else rng
    return _describe_points(search(query, rng=rng, progress=progress, stop=stop))


def check_reach(reach: float) -> float:
    """Return how far atoms may go, in Å, if it is a length."""
    remedy, expected = "give a number such as 1.0", "a positive, finite length in Å"
    return check_real(reach, "reach", expected, accepts=lambda x: 0 < x < np.inf, remedy=remedy)


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
