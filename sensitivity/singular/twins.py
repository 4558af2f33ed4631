"""Two distinct structures with the same features: the visible proof that something is not seen.

Along a null displacement v of a singular point the features change quadratically, so that they are
the same ahead and behind up to third order. What is left is taken away by moving both structures,
until the features are the same to rounding.

Pozdnyakov, Willatt, Bartók, Ortner, Csányi, Ceriotti, Phys. Rev. Lett. 125, 166001 (2020),
doi 10.1103/PhysRevLett.125.166001, give such pairs; Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti,
Open Research Europe 1:126 (2021), doi 10.12688/openreseurope.14156.1, show that they meet at
singular points.
"""

from __future__ import annotations

from numbers import Real

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.geometry.superposition import superpose
from sensitivity.numerics import Tolerance
from sensitivity.progress import Progress, check_progress
from sensitivity.singular.avoidance import Avoidance
from sensitivity.singular.branches import Branches, Closing
from sensitivity.singular.descent import look
from sensitivity.singular.locate import locate
from sensitivity.singular.nearest_zeros import DescriptorView
from sensitivity.singular.pairs import (
    Twin,
    describe_no_pair,
    say_found,
    say_interrupted,
    say_not_found,
)
from sensitivity.singular.points import SingularPoint, describe_unsearched
from sensitivity.structures import check_centers, environment

# Å, root of the summed squares; a tenth of a bond.
USUAL_AMPLITUDE = 0.1
# Å. Before anything is solved, the features of the two differ by the third power of it: from here
# on that is a thousand times rounding and more, so that their agreement is found, not given.
SMALLEST_AMPLITUDE = 1e-3
# Å. Beyond a bond the two have little to do with the singular point.
LARGEST_AMPLITUDE = 1.0
# Å, root mean square, as a fraction of the amplitude: congruent structures are the same one.
CONGRUENT = 1e-2
# So many times the displacement that explains what is left of the difference of the features, along
# the displacement that is seen least of all that are seen, the two have to be apart.
EVIDENT = 1e3
# Å: from how far away a singular point is looked for.
NEARBY = 0.5


def find_twin(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    center: int,
    amplitude: float = USUAL_AMPLITUDE,
    reach: float = NEARBY,
    progress: Progress | None = None,
) -> Twin:
    """Find two distinct structures that the descriptor cannot tell apart from a center.

    They lie on either side of the singular point that is nearest to the structure, or of the
    structure itself if it is one. Both are moved by Gauss-Newton steps of minimum norm on the
    difference of their features, while their distance along the null displacement is kept.

    Parameters
    ----------
    atoms
        A structure at or near a singular point, N atoms.
    descriptor
        Any descriptor.
    center
        Index of the center.
    amplitude
        Å, root of the summed squares: how far each is from the singular point along the null
        displacement. At least 0.001 Å: nearer, the features of the two are nearly equal to
        rounding as they stand, and prove nothing; at most 1 Å.
    reach
        Å, root of the summed squares: how far away the singular point may be.
    progress
        Called now and then with a short sentence, in the thread of the search. If it raises
        KeyboardInterrupt, the search ends as on Ctrl-C: so another thread can call it off.

    Returns
    -------
    Twin. Its status says whether a larger basis of the same order tells the two apart, which are
    then twins by truncation only; if it does not, the order is incomplete. Where there is none, as
    at a point that is singular by symmetry alone, ``found`` is False and ``status`` says why.
    Ctrl-C ends the search with the best pair until then: twins at a smaller amplitude, if there
    were any.

    Raises
    ------
    TypeError, ValueError
        If the structure, the center, the amplitude or the reach is unusable, or the center has no
        neighbour.
    """
    _check_amplitude(amplitude)
    (center,) = check_centers(atoms, (center,))
    told = check_progress(progress)
    point, reason = _meeting_point(atoms, descriptor, center, reach, told)
    if reason:
        return describe_no_pair(point, reason, interrupted=point.interrupted)
    tried: list[Twin] = []
    for mode in point.null:
        tried.append(_solve(Branches(point, mode, descriptor), float(amplitude), told))
        if tried[-1].found or tried[-1].interrupted:
            return tried[-1]
    return tried[0]


def _meeting_point(
    atoms: Atoms, descriptor: Descriptor, center: int, reach: float, told: Progress
) -> tuple[SingularPoint, str]:
    """The singular point where the twins would meet; and if there is none, why not."""
    try:
        symbol = _symmetric_cause(atoms, descriptor, center)
    except KeyboardInterrupt:
        reason = "Interrupted before a singular point was looked for."
        return describe_unsearched(atoms, center=center, status=reason), reason
    if symbol is not None:
        return (
            locate(atoms, descriptor, center=center, reach=reach, avoid=(), progress=told),
            f"The structure is singular by its symmetry {symbol}: the invisible modes lead to "
            "images of one structure under it, not to a twin; start at a point that locate finds.",
        )
    point = locate(atoms, descriptor, center=center, reach=reach, progress=told)
    if point.converged:
        return point, ""
    why = point.status if point.interrupted else f"There is no twin to be found: {point.status}"
    return point, why


def _symmetric_cause(atoms: Atoms, descriptor: Descriptor, center: int) -> str | None:
    """The group, if the structure is singular and symmetry asks for all of it; else None."""
    view = DescriptorView(atoms, descriptor, (center,))
    here = look(view, np.zeros_like(atoms.positions))
    if not len(here.values):
        return None  # locate says that the center sees nothing
    null = here.null(Tolerance.RANK)
    if not len(null):
        return None
    avoidance = Avoidance(descriptor, center, frozenset({"symmetry"}), (0.0, np.inf))
    kept, symbol = avoidance.sort(atoms, null)
    return None if len(kept) else symbol


def _solve(branches: Branches, amplitude: float, told: Progress) -> Twin:
    """The pair at some amplitude along one null displacement."""
    kept: Closing | None = None
    try:
        for closing in branches.approach(amplitude):
            if closing.better_than(kept):
                kept = closing
            told(
                f"step {closing.steps} at {closing.amplitude:.2f} of {amplitude:.2f} Å, features "
                f"of the two differ by {closing.residual:.0e}"
            )
        return _judge(branches, closing, interrupted=False)
    except KeyboardInterrupt:
        if kept is not None:
            return _judge(branches, kept, interrupted=True)
    reason = "Interrupted before the first step from the singular point."
    return describe_no_pair(branches.point, reason, interrupted=True)


def _judge(branches: Branches, closing: Closing, *, interrupted: bool) -> Twin:
    """Whether the two are twins. After an interrupt other descriptors are not asked."""
    pair = branches.at(closing.sides[0]), branches.at(closing.sides[1])
    point, residual = branches.point, closing.residual
    rmsd = _measure(branches, pair)
    explained = residual * _displacement_of_norm(branches, pair[0]) / np.sqrt(len(pair[0]))
    congruent = rmsd <= CONGRUENT * closing.amplitude
    found = bool(closing.same and not congruent and rmsd > EVIDENT * explained)
    descriptor = branches.descriptor
    larger, higher = (
        (None, None) if interrupted else (descriptor.larger_basis(), descriptor.higher_order())
    )
    lifted, difference = (_difference(branches, pair, other) for other in (larger, higher))
    if interrupted:
        status = say_interrupted(residual, rmsd, closing.amplitude, found=found)
    elif found:
        status = say_found(residual, rmsd, larger_basis=lifted, next_order=difference)
    else:
        status = say_not_found(residual, rmsd, same=closing.same, congruent=congruent)
    return Twin(
        pair=pair,
        center=point.center,
        point=point,
        amplitude=closing.amplitude,
        residual=residual,
        rmsd=rmsd,
        larger_basis=lifted,
        next_order=difference,
        next_descriptor=None if difference is None else higher,
        found=found,
        steps=closing.steps,
        status=status,
        interrupted=interrupted,
    )


def _measure(branches: Branches, pair: tuple[Atoms, Atoms]) -> float:
    """Root mean square distance of the two environments; infinite if they have other atoms."""
    center, cutoff = branches.point.center, branches.descriptor.cutoff
    here, there = (environment(atoms, center, cutoff) for atoms in pair)
    if sorted(here.numbers) != sorted(there.numbers):
        return np.inf
    inversion = branches.descriptor.inversion_invariant
    return superpose(here, there, center=0, inversion=inversion).rmsd


def _displacement_of_norm(branches: Branches, atoms: Atoms) -> float:
    """Å, root of the summed squares, that change the features by their norm, where seen least."""
    point = branches.point
    view = DescriptorView(point.atoms, branches.descriptor, (point.center,))
    values = look(view, np.zeros_like(point.atoms.positions)).values
    seen = values[: len(values) - len(point.null)]
    features = branches.descriptor.features(atoms, centers=(point.center,))
    return float(np.linalg.norm(features) / seen[-1]) if len(seen) else 0.0


def _difference(
    branches: Branches, pair: tuple[Atoms, Atoms], other: Descriptor | None
) -> float | None:
    """How much the features of another descriptor differ, relative to their norm.

    None without one, or if it cannot look at these, as where memory does not suffice.
    """
    if other is None:
        return None
    centers = (branches.point.center,)
    try:
        one, two = (other.features(atoms, centers=centers) for atoms in pair)
    except ValueError:
        return None
    return float(np.linalg.norm(one - two) / np.linalg.norm(one))


def _check_amplitude(amplitude: float) -> None:
    if not isinstance(amplitude, Real) or isinstance(amplitude, bool):
        raise TypeError(
            f"amplitude must be a length in Å, got {amplitude!r}; give a number such as 0.1."
        )
    if not SMALLEST_AMPLITUDE <= amplitude <= LARGEST_AMPLITUDE:
        reason = "further away the two have little to do with the singular point"
        if not amplitude > LARGEST_AMPLITUDE:
            reason = "nearer to the singular point nothing tells twins from rounding"
        raise ValueError(
            f"amplitude must be from {SMALLEST_AMPLITUDE:g} to {LARGEST_AMPLITUDE:g} Å, got "
            f"{amplitude}: {reason}; give a number such as 0.1."
        )
