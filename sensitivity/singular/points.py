"""A singular point: where it is, how it was reached, and what is not seen there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array
from sensitivity.singular.acceptance import Acceptance, FoundPoint
from sensitivity.singular.local_modes import LocalModes
from sensitivity.singular.query import PointQuery


@dataclass(frozen=True)
class SingularPoint:
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

    def __post_init__(self) -> None:
        for array in (self.mode, self.null, self.path):
            array.setflags(write=False)

    def __repr__(self) -> str:
        return f"SingularPoint({self.atoms.symbols}, center={self.center}: {self.status})"


def describe_points(result: Acceptance) -> SingularPoint:
    """Return the points that a search has found, the nearest first, and say how it ended."""
    if not result.found:
        return _describe_failure(result)
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


def _describe_failure(result: Acceptance) -> SingularPoint:
    """The geometry at which a search ended without a result, and why."""
    start = result.query.start
    here = np.zeros_like(start.atoms.positions)
    unknown = LocalModes(here, np.full(1, np.nan), here[None], np.empty((0, 1)))
    there = min(
        result.rejected.values(), key=lambda end: end.moved, default=result.start or unknown
    )
    return _make_point(result, there, here[None][:0], path=(), status=_explain_failure(result))


def _explain_failure(result: Acceptance) -> str:
    query = result.query
    if result.ending:
        count = f"{result.evaluations} Jacobian{'' if result.evaluations == 1 else 's'}"
        return f"{result.ending.capitalize()} after {count}, before a singular point was found."
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
