"""The nearest singular point from any geometry."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.numerics import check_integer, check_real, takes_center
from sensitivity.observation import Observation
from sensitivity.progress import Progress, Stop, check_progress
from sensitivity.singular.avoidance import AVOIDABLE, Avoidance, check_avoid
from sensitivity.singular.points import SingularPoint, describe_points
from sensitivity.singular.query import PointQuery
from sensitivity.singular.search import search
from sensitivity.structures.neighbors import explain_immobility


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
        On Ctrl-C; ``partial`` is the SingularPoint with the points found until then.
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
    if not len(start.internal):
        cutoff, centers = start.descriptor.cutoff, start.centers
        raise ValueError(
            f"center {start.center} has no internal displacement that it could see: "
            f"{explain_immobility(start.atoms, cutoff=cutoff, centers=centers)}."
        )
    query = PointQuery(start, avoidance, reach, count)
    rng = np.random.default_rng(0) if rng is None else rng
    return describe_points(search(query, rng=rng, progress=progress, stop=stop))


def check_reach(reach: float) -> float:
    """Return how far atoms may go, in Å.

    Raises
    ------
    TypeError, ValueError
        If it is no length.
    """
    return check_real(
        reach,
        "reach",
        "a positive, finite length in Å",
        accepts=lambda length: 0 < length < np.inf,
        remedy="give a number such as 1.0",
    )


def _check_bonds(bonds: tuple[float, float] | None) -> tuple[float, float]:
    if bonds is None:
        return 0.0, np.inf
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
