"""The nearest singular point from any geometry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.numerics import Array
from sensitivity.progress import Progress, check_progress
from sensitivity.singular.avoidance import AVOIDABLE, Avoidance, check_avoid
from sensitivity.singular.descent import Look
from sensitivity.singular.nearest_zeros import DescriptorView
from sensitivity.singular.points import SingularPoint
from sensitivity.singular.search import Found, Search
from sensitivity.structures import check_centers
from sensitivity.structures.immobile import explain_immobility

# Å, root of the summed squares. Further away nearly every bond is another one.
USUAL_REACH = 2.0
_BOUNDED = " The search was bounded, and a nearer one may have been missed."
_BOUNDED_FROM_ZERO = " The search was bounded, and further ones may have been missed."


def locate(  # noqa: PLR0913 - one more than else, for progress
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    center: int,
    avoid: Iterable[str] = AVOIDABLE,
    bonds: tuple[float, float] | None = None,
    count: int = 1,
    reach: float = USUAL_REACH,
    rng: np.random.Generator | None = None,
    progress: Progress | None = None,
) -> SingularPoint:
    """Find the nearest geometry at which a center does not see some internal displacement.

    Of three neighbours, or of unlike ones, a basis that is large enough for them (see
    ``resolution``) misses only what symmetry hides. At order 2 such geometries are those at which
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
    atoms
        The start, N atoms.
    descriptor
        Any descriptor.
    center
        Index of the center.
    avoid
        Any of "symmetry", geometries where symmetry hides anything, within 0.01 Å, but for a start
        at which more is not seen than that; and "coalescence", atoms nearer than 0.2 Å to each
        other.
    bonds
        Shortest and longest distance, in Å, that a neighbour may have from the center; None for
        no bounds.
    count
        Number of distinct points that are wanted; ``others`` holds all but the nearest.
    reach
        Å, root of the summed squares: how far the atoms may go.
    rng
        Where nearby geometries come from; None for the same ones every time.
    progress
        Called after each Jacobian with a sentence such as "12 Jacobians, condition 3e-05, 0.21 Å
        from the start", in the thread of the search. If it raises KeyboardInterrupt, the search
        ends as on Ctrl-C: so another thread can call it off.

    Returns
    -------
    SingularPoint. Where none is found, ``converged`` is False and ``status`` says why. Ctrl-C
    ends the search with what was found until then.

    Raises
    ------
    TypeError, ValueError
        If the structure, the center or another argument is unusable, or the center has no
        neighbour.
    """
    (center,) = check_centers(atoms, (center,))
    _check_length("reach", reach)
    _check_count(count)
    limits = (0.0, np.inf) if bonds is None else _check_bonds(bonds)
    avoidance = Avoidance(descriptor, center, check_avoid(avoid), limits)
    view = DescriptorView(atoms.copy(), descriptor, (center,))
    moves = view.internal(np.zeros_like(atoms.positions))
    if not len(moves):
        raise ValueError(
            f"center {center} has no internal displacement that it could see: "
            f"{explain_immobility(atoms, cutoff=descriptor.cutoff, centers=(center,))}."
        )
    told = check_progress(progress)
    search = Search(view, moves, avoidance, float(reach), int(count), told)
    search.run(np.random.default_rng(0) if rng is None else rng)
    return _result(search)


def _result(search: Search) -> SingularPoint:
    """All that was found, the nearest first."""
    if not search.found:
        return _failure(search)
    points = [_describe(search, found) for found in search.found[: search.count]]
    status = points[0].status
    if len(points) < search.count:
        status += f" Of {search.count} points asked for, the search found {len(points)}."
    if search.incomplete:
        status += _BOUNDED if points[0].moved else _BOUNDED_FROM_ZERO
    if search.interrupted:
        status += " Interrupted."
    return replace(points[0], status=status, others=tuple(points[1:]))


def _describe(search: Search, found: Found) -> SingularPoint:
    count, end = len(found.null), found.look
    status = (
        f"{count} internal displacement{'s are' if count > 1 else ' is'} invisible, condition "
        f"{end.condition:.0e}."
    )
    where = f"Converged {end.moved:.3f} Å from the start: "
    if not end.moved:
        where = "The start is already singular: "
    return _point(search, end, found.null, path=found.path, status=where + status)


def _failure(search: Search) -> SingularPoint:
    """Where a search ended without a result, and why."""
    there = min(search.turned_down.values(), key=lambda end: end.moved, default=search.start)
    return _point(search, there, search.moves[:0], path=(), status=_reason(search))


def _reason(search: Search) -> str:
    """Why nothing was found."""
    if search.interrupted:
        evaluations = f"{search.evaluations} Jacobian{'s' if search.evaluations > 1 else ''}"
        return f"Interrupted after {evaluations}, before a singular point was found."
    if search.always_seen and search.resolved:
        return f"{_name_neighbors(search)}: no other singular point was found."
    bounded = " The search was bounded, and one may have been missed." if search.incomplete else ""
    if search.always_seen:
        bounded += f" {_name_neighbors(search)}; this basis is too small for that to hold."
    return _where_it_ended(search) + bounded


def _name_neighbors(search: Search) -> str:
    count = len(search.neighbors.vectors)
    unlike = " of different species" if search.neighbors.all_unlike and count > 1 else ""
    basis = "order" if search.resolved else "a complete basis of order"
    return (
        f"With {count} neighbour{'s' if count != 1 else ''}{unlike}, {basis} "
        f"{search.view.descriptor.order} misses only what symmetry hides"
    )


def _where_it_ended(search: Search) -> str:
    symmetric = {k: there for k, there in search.turned_down.items() if k != "coalescence"}
    if symmetric:
        symbol = min(symmetric, key=lambda k: symmetric[k].moved)
        return (
            f"Stopped at a symmetric point, {symbol}, {symmetric[symbol].moved:.3f} Å from the "
            "start: all singular points that were found are symmetric; allow symmetry, or start "
            "elsewhere."
        )
    if not search.avoidance.permits(search.view.atoms):
        return (
            "No singular point was found, and the start has atoms nearer to each other, bonds "
            "shorter or longer, or neighbours nearer to the cutoff (0.02 Å) than allowed; start "
            "elsewhere, change the cutoff, widen the bounds of bonds, or allow coalescence."
        )
    return (
        f"No singular point was found within {search.reach:g} Å of the start; start elsewhere, or "
        "give a larger reach."
    )


def _point(
    search: Search, end: Look, null: Array, *, path: tuple[Array, ...], status: str
) -> SingularPoint:
    start = search.view.atoms.positions
    steps = [np.zeros_like(start), *path, *([end.displacement] if end.moved else [])]
    return SingularPoint(
        atoms=search.view.at(end.displacement),
        center=search.avoidance.center,
        moved=end.moved,
        condition=end.condition,
        mode=(null[0] if len(null) else end.modes[-1]).copy(),
        null=null,
        converged=len(null) > 0,
        evaluations=search.evaluations,
        path=start + np.array(steps),
        status=status,
        interrupted=search.interrupted,
    )


def _check_length(name: str, value: float) -> None:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a length in Å, got {value!r}; give a number such as 1.0.")
    if not 0 < value < np.inf:
        raise ValueError(
            f"{name} must be a positive, finite length in Å, got {value}; give a number such as "
            "1.0."
        )


def _check_count(count: int) -> None:
    if not isinstance(count, Integral) or isinstance(count, bool):
        raise TypeError(f"count must be a number of points, got {count!r}; give e.g. 1.")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}; give e.g. 1.")


def _check_bonds(bonds: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(length) for length in bonds)
    except (TypeError, ValueError):
        raise TypeError(
            f"bonds must be two lengths in Å, got {bonds!r}; give e.g. (0.9, 1.4)."
        ) from None
    if not 0 <= low < high:
        raise ValueError(
            f"bonds must be a shorter and a longer length in Å, got {bonds!r}; give e.g. "
            "(0.9, 1.4)."
        )
    return low, high
