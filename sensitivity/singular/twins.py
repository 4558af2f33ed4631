"""Two distinct structures with equal features, which demonstrate an invisible displacement.

Along a null displacement v of a singular point the features change quadratically, so they are equal
ahead and behind up to third order. The remaining difference is removed by moving both structures
until the features are equal to rounding.

Pozdnyakov, Willatt, Bartók, Ortner, Csányi, Ceriotti, Phys. Rev. Lett. 125, 166001 (2020),
doi 10.1103/PhysRevLett.125.166001, give such pairs; Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti,
Open Research Europe 1:126 (2021), doi 10.12688/openreseurope.14156.1, show that they meet at
singular points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from sensitivity.completeness import complete_difference
from sensitivity.descriptors import Descriptor
from sensitivity.geometry.superposition import superpose
from sensitivity.numerics import Array, check_real, takes_center
from sensitivity.observation import Observation
from sensitivity.progress import Progress, Stop, Stoppable, check_progress, checkpoint
from sensitivity.singular.acceptance import AVOIDABLE, Avoidance, PointCause, find_site
from sensitivity.singular.branches import Branches, Closing
from sensitivity.singular.local_modes import internal_modes
from sensitivity.singular.locate import SingularPoint, check_reach, find_points
from sensitivity.tolerances import Tolerance


@dataclass(frozen=True)
class Twin(Stoppable):
    """A pair of structures with equal features of a center.

    Attributes
    ----------
    pair
        The two structures; without a twin, the nearest pair found.
    center
        Index of the center.
    point
        The singular point between them.
    amplitude
        Å, root of the summed squares: half the distance of the two along the null displacement; 0
        if no pair was tried. If the search was stopped, the amplitude reached.
    residual
        Norm of the difference of their features, relative to the norm of the features.
    rmsd
        Å, root mean square distance of the atoms of the two environments after the best
        superposition, over rotations, permutations of like atoms, and inversion if the descriptor
        is invariant to it.
    larger_basis
        Norm of the difference of the features in a larger basis of the same order, relative to
        their norm; None if none could be compared, or if the search was stopped.
    complete_basis
        Norm of the difference of complete correlations of the order (``complete_difference``); None
        if the order is unknown or wrong, there are too many neighbours, or the search was
        stopped.
    cause
        Cause of the equal features: "truncation" if one of these two is above 1e-10,
        "incompleteness" of the order if a complete basis does not distinguish the two;
        "undetermined" if neither is known. None if no twins were found, or the search was stopped.
    next_order
        Relative norm of the difference of the features of the next order.
    next_descriptor
        Descriptor of the next order that was compared, in a separate basis; or None.
    found
        True if the two are distinct and their features agree to rounding. Distinct means further
        apart than rounding and the residual can explain.
    steps
        Number of Gauss-Newton steps.
    status
        The outcome in a sentence.
    ending
        "cancelled", or "interrupted" by Ctrl-C, if the search was stopped; else empty.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, find_twin, structures
    >>> twin = find_twin(structures.load("X0"), DensityCorrelations(), center=0)
    >>> one, other = twin.pair
    >>> twin.found, twin.cause, bool(twin.residual < 1e-13)
    (True, 'incompleteness', True)
    >>> f"{twin.rmsd:.2f} Å"
    '0.09 Å'
    """

    pair: tuple[Atoms, Atoms]
    center: int
    point: SingularPoint
    amplitude: float = 0.0
    residual: float = 0.0
    rmsd: float = 0.0
    larger_basis: float | None = None
    complete_basis: float | None = None
    cause: PointCause | None = None
    next_order: float | None = None
    next_descriptor: Descriptor | None = None
    found: bool = False
    steps: int = 0
    status: str = ""
    ending: str = ""

    def __repr__(self) -> str:
        return f"Twin({self.pair[0].symbols}, center={self.center}: {self.status})"


def _describe_no_pair(point: SingularPoint, status: str, *, ending: str) -> Twin:
    pair = (point.atoms.copy(), point.atoms.copy())
    return Twin(pair, point.center, point, status=status, ending=ending)


def _find_cause(lifted: float | None, complete: float | None) -> PointCause:
    """Return the cause, from the differences in a larger and in a complete basis."""
    if max(lifted or 0.0, complete or 0.0) > Tolerance.DIFFERENT_FEATURES:
        return "truncation"
    return "undetermined" if complete is None else "incompleteness"


def _say_why(twin: Twin) -> str:
    lifted, complete = twin.larger_basis, twin.complete_basis
    larger = "no larger basis is available to compare"
    if lifted is not None:
        larger = f"a larger basis does not distinguish them ({lifted:.0e})"
    if twin.cause == "undetermined":
        return larger if lifted is None else f"{larger}, but a complete one may: cause undetermined"
    if twin.cause == "incompleteness":
        same = f"no basis of this order distinguishes them ({complete:.0e})"
        return f"{same if lifted is None else larger}: incompleteness"
    if lifted is not None and lifted > Tolerance.DIFFERENT_FEATURES:
        return f"by truncation: in a larger basis they differ by {lifted:.1e}"
    return f"by truncation: in a complete basis they differ by {complete:.1e}, but {larger}"


def _say_found(twin: Twin) -> str:
    why = _say_why(twin)
    apart = "no higher order is available to compare"
    if twin.next_order is not None:
        apart = f"at the next order they differ by {twin.next_order:.1e}"
    return f"Two structures {_same(twin)}; {why}; {apart}."


def _say_not_found(residual: float, rmsd: float, *, same: bool, congruent: bool) -> str:
    if not same:
        return (
            f"No twin was found: the features of the two branches agree only to {residual:.0e} of "
            "their norm; try a smaller amplitude."
        )
    if congruent:
        return (
            "There is no twin: the two branches are the same structure, rotated or with like atoms "
            "exchanged."
        )
    return (
        f"No twin was found: the two branches are {rmsd:.0e} Å apart (root mean square), no more "
        "than the remaining difference of their features may explain; try a larger amplitude."
    )


def _say_ended(ending: str, twin: Twin) -> str:
    """Return the progress of a search that was "cancelled" or "interrupted"."""
    where = f"{ending.capitalize()} at an amplitude of {twin.amplitude:.3f} Å"
    known = f"the features of the two branches agree to {twin.residual:.0e} of their norm so far"
    if twin.found:
        known = f"two structures {_same(twin)}"
    return f"{where} (root of the summed squares): {known}."


def _say_ended_early(ending: str) -> str:
    return f"{ending.capitalize()} before the first step from the singular point."


def _same(twin: Twin) -> str:
    agreement = f"have features that agree to {twin.residual:.0e} of their norm"
    return f"{twin.rmsd:.3f} Å apart (root mean square) {agreement}"


@takes_center
def find_twin(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    center: int,
    amplitude: float = 0.1,
    reach: float = 0.5,
    progress: Progress | None = None,
) -> Twin:
    """Find two distinct structures that the descriptor cannot distinguish from a center.

    They lie on either side of the singular point nearest to the structure, or of the structure
    itself if it is singular. Both are moved by Gauss-Newton steps of minimum norm on the difference
    of their features, at a fixed distance along the null displacement.

    Parameters
    ----------
    atoms, descriptor, center
        A structure at or near a singular point, N atoms; any descriptor; the index of the center.
    amplitude
        Å, root of the summed squares: distance of each from the singular point along the null
        displacement. At least 0.001 Å: below, the features of the two are nearly equal to rounding
        anyway, and prove nothing; at most 1 Å.
    reach
        Å, root of the summed squares: largest distance from the structure to the singular point,
        the geometry with an invisible displacement at which the two meet.
    progress
        Called regularly with a short sentence, in the thread of the search. It may raise
        ``Cancelled``.

    Returns
    -------
    Twin
        The status says if a larger basis of the same order, or a complete one, distinguishes the
        two, which are then twins by truncation only; if neither does, the order is incomplete, or
        the cause is undetermined if there is nothing to compare with. If there is no twin, as at a
        point that is singular by symmetry alone, ``found`` is False and ``status`` explains why. A
        cancelled search returns the best pair so far: twins at a smaller amplitude, if any.

    Raises
    ------
    TypeError, ValueError
        If the structure, the center, the amplitude or the reach is unusable, or the center has no
        neighbour.
    Interrupted
        On Ctrl-C; ``partial`` is the Twin that cancelling would return. Before the first Jacobian
        is known it is the start, twice. While the arguments are checked, Ctrl-C is a plain
        KeyboardInterrupt.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, find_twin, structures
    >>> twin = find_twin(structures.load("X0"), DensityCorrelations(), center=0)
    >>> twin.found, bool(twin.next_order > 1e-3)
    (True, True)
    """
    amplitude, reach = _check_amplitude(amplitude), check_reach(reach)
    start = Observation.of(atoms, descriptor, centers=(center,))
    told, stop = check_progress(progress), Stop()
    point, reason = _find_meeting_point(start, reach, told, stop)
    if reason:
        return stop.deliver(_describe_no_pair(point, reason, ending=stop.ending))
    meeting = replace(start, atoms=point.atoms)
    tried: list[Twin] = []
    for mode in point.null:
        branches = Branches(meeting, mode)
        tried.append(_close(point, branches, amplitude, told, stop))
        if (tried[-1].found and tried[-1].cause != "truncation") or stop.stopped:
            return stop.deliver(tried[-1])
    return max(tried, key=lambda twin: twin.found)


def _find_meeting_point(
    start: Observation, reach: float, told: Progress, stop: Stop
) -> tuple[SingularPoint, str]:
    """Return the singular point where the twins meet; without one, also the reason."""
    symbol = ""
    with stop:
        symbol = find_symmetric_cause(start)
    avoidance = Avoidance(frozenset(() if symbol else AVOIDABLE))
    point = find_points(start, avoidance=avoidance, reach=reach, progress=told, stop=stop)
    if stop.stopped:
        return point, point.status
    if symbol:
        return point, (
            f"The structure is singular by its symmetry {symbol}, where no twins are searched for; "
            "start at a point found by locate."
        )
    if not point.converged:
        return point, f"No twin was found: {point.status}"
    reason = ""
    with stop:
        reason = _why_blind(replace(start, atoms=point.atoms))
    return point, _say_ended_early(stop.ending) if stop.stopped else reason


def _why_blind(meeting: Observation) -> str:
    """Return the reason if all structures are equal to this descriptor; else empty."""
    jacobian = meeting.jacobian
    if jacobian.features.any() and not jacobian.unseen.all():
        return ""
    what = "change with no displacement" if jacobian.features.any() else "are zero"
    return (
        f"No twin was found: all features of center {meeting.center} {what}, so their "
        "agreement proves nothing; choose another descriptor."
    )


def find_symmetric_cause(start: Observation) -> str:
    """Return the group if the structure is singular only by symmetry; else ""."""
    here = internal_modes(start, np.zeros_like(start.atoms.positions))
    if not len(here.values):
        return ""  # the search reports that the center sees nothing
    null = here.null(Tolerance.RANK)
    if not len(null):
        return ""
    kept, symbol, _ = Avoidance(frozenset({"symmetry"})).select(start, null, site=find_site(start))
    return "" if len(kept) else symbol


def _close(
    point: SingularPoint, branches: Branches, amplitude: float, told: Progress, stop: Stop
) -> Twin:
    """Return the pair at some amplitude along one null displacement."""
    kept: Closing | None = None
    twin: Twin | None = None
    values = np.empty(0)
    with stop:
        values = internal_modes(branches.point, np.zeros_like(point.mode)).values
        for closing in branches.approach(amplitude):
            if kept is None or closing.same or not kept.same:  # equal features have priority
                kept = closing
            told(
                f"step {closing.steps}, amplitude {closing.amplitude:.2f} of {amplitude:.2f} Å, "
                f"features differ by {closing.residual:.0e}"
            )
            checkpoint()
        kept = closing
        twin = _compare(_judge(point, values, branches.point, kept), branches.point, kept)
    if kept is None:
        return _describe_no_pair(point, _say_ended_early(stop.ending), ending=stop.ending)
    if twin is None:
        twin = _judge(point, values, branches.point, kept)
        return replace(twin, status=_say_ended(stop.ending, twin), ending=stop.ending)
    return twin


def _judge(point: SingularPoint, values: Array, observation: Observation, closing: Closing) -> Twin:
    """Decide whether the two are twins.

    Congruent structures, up to 1e-2 of the amplitude, root mean square, count as one. Twins are a
    thousand times further apart than the remaining difference of their features explains, along the
    least visible displacement of those that are visible. ``values`` are the singular values at the
    point.
    """
    one, other = (observation.displaced(side) for side in closing.sides)
    rmsd = _measure(one, other)
    congruent = rmsd <= 1e-2 * closing.amplitude
    seen = values[values > Tolerance.SINGULAR * values[0]]
    # Å, root of the summed squares, that change the features by their norm.
    size = np.linalg.norm(observation.jacobian.features) / seen[-1] if len(seen) else 0.0
    explained = size * closing.residual / np.sqrt(len(one.atoms))
    return Twin(
        pair=(one.atoms, other.atoms),
        center=point.center,
        point=point,
        amplitude=closing.amplitude,
        residual=closing.residual,
        rmsd=rmsd,
        found=bool(closing.same and not congruent and rmsd > 1e3 * explained),
        steps=closing.steps,
        status=_say_not_found(closing.residual, rmsd, same=closing.same, congruent=congruent),
    )


def _measure(one: Observation, other: Observation) -> float:
    """Return the root mean square distance of two environments; infinite for other atoms."""
    here, there, inversion = one.environment, other.environment, one.descriptor.inversion_invariant
    if sorted(here.numbers) != sorted(there.numbers):
        return np.inf
    return superpose(here, there, center=0, inversion=inversion).rmsd


def _compare(twin: Twin, observation: Observation, closing: Closing) -> Twin:
    larger, higher = observation.larger_basis, observation.higher_order
    lifted, difference = (_difference(observation, closing, other) for other in (larger, higher))
    order_known = twin.point.cause != "undetermined"
    complete = _complete_difference(observation, closing) if order_known else None
    twin = replace(
        twin,
        larger_basis=lifted,
        complete_basis=complete,
        cause=_find_cause(lifted, complete) if twin.found else None,
        next_order=difference,
        next_descriptor=None if difference is None else higher,
    )
    return replace(twin, status=_say_found(twin)) if twin.found else twin


def _difference(
    observation: Observation, closing: Closing, other: Descriptor | None
) -> float | None:
    """Return the difference of the features of another descriptor, relative to their norm.

    None without one, or if it cannot analyse these, for example for lack of memory.
    """
    if other is None:
        return None
    try:
        one, two = (observation.by(other).displaced(side).features for side in closing.sides)
    except ValueError:
        return None
    return float(np.linalg.norm(one - two) / (np.linalg.norm(one) or 1.0))


def _complete_difference(observation: Observation, closing: Closing) -> float | None:
    """Return the difference of complete correlations of the order; None if it is unknown."""
    known = observation.known
    if known.order is None:
        return None
    one, two = (observation.displaced(side).environment for side in closing.sides)
    odd = not known.inversion_invariant
    return complete_difference(one, two, order=known.order, parity_odd=odd, cutoff=known.cutoff)


def _check_amplitude(amplitude: float) -> float:
    # Before anything is solved, the features of the two differ by the third power of the amplitude:
    # from 1e-3 Å on this is at least a thousand times rounding, so their agreement is a result, not
    # given. Beyond a bond, 1 Å, the two are unrelated to the singular point.
    least, most = 1e-3, 1.0
    name, expected, remedy = "amplitude", "a length in Å", "give a number such as 0.1"
    length = check_real(amplitude, name, expected, accepts=lambda _: True, remedy=remedy)
    if least <= length <= most:
        return length
    reason = "nearer to the singular point, rounding hides the difference of twins"
    if length > most:
        reason = "further away, the two are unrelated to the singular point"

    raise ValueError(
        f"amplitude must be from {least:g} to {most:g} Å, got {length}: {reason}; {remedy}."
    )
