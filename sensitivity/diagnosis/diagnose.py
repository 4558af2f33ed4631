"""Find the cause of every displacement that is invisible to a descriptor.

A displacement is visible if its singular value is above 1e-5 of the scale (see ``spectrum``) at
every geometry within the tolerance, in Å. The displacements are split into subspaces, one after the
other: rigid motions, and atoms that no center sees; displacements hidden by symmetry; displacements
that are null without symmetry, by truncation or incompleteness; and the rest. In the rest, a
singular value up to 1e-5 of the scale is undetermined, and a larger one is sensitive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Event
from warnings import warn

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.diagnosis.causes import Cause
from sensitivity.diagnosis.diagnosis import Diagnosis
from sensitivity.diagnosis.evidence import (
    Case,
    DiagnosedMode,
    Evidence,
    Nearer,
    relative_responses,
    response_exponents,
)
from sensitivity.diagnosis.null_modes import NullSearch, Subspace, common
from sensitivity.diagnosis.zeros import Budget, Spent
from sensitivity.geometry.motions import TrivialMotions, complement
from sensitivity.notes import SensitivityWarning
from sensitivity.numerics import Array, takes_centers
from sensitivity.observation import Observation
from sensitivity.progress import Progress, Stop, cancellable, check_progress, checkpoint, telling
from sensitivity.spectrum import MANY, TRIVIAL, by_kind, decompose, fix_gauge
from sensitivity.symmetry import SiteSymmetry
from sensitivity.symmetry.groups import Invariance
from sensitivity.symmetry.hidden import hidden_by_symmetry, smallest_angle
from sensitivity.symmetry.sites import site_symmetries
from sensitivity.tolerances import Tolerance


@takes_centers
def diagnose(
    atoms: Atoms,
    descriptor: Descriptor,
    *,
    centers: Centers = None,
    tolerance: float = Tolerance.POSITIONS,
    progress: Progress | None = None,
) -> Diagnosis:
    """Find the cause of every invisible displacement, with evidence.

    A displacement is visible ("sensitive") if its singular value is above 1e-5 of
    ``Spectrum.scale`` at every geometry within the tolerance. ``Spectrum.rank`` applies the same
    rule to the given geometry, so a diagnosis never has more visible displacements.

    All singular values are computed. For more than 216 atoms this takes minutes to hours, and a
    ``SensitivityWarning`` refers to ``smallest``, unless ``centers`` are given:
    ``range(len(atoms))`` for all.

    Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti, Open Research Europe 1:126 (2021),
    doi 10.12688/openreseurope.14156.1.

    Parameters
    ----------
    atoms, descriptor, centers
        As for ``jacobian``.
    tolerance
        Å, root mean square over the atoms of an environment: largest distance to the nearest
        geometry at which a displacement is exactly invisible. At most 0.1 Å.
    progress
        Called regularly with a short sentence such as "9 of 15 displacements examined". It may
        raise ``Cancelled``.

    Returns
    -------
    Diagnosis
        If it is cancelled after the singular values are known, which are computed first, the
        remaining displacements are "undetermined", and the status says so.

    Raises
    ------
    TypeError, ValueError
        If the structure, a center, the tolerance or their combination is unusable.
    Interrupted
        On Ctrl-C after the singular values are known; ``partial`` is the Diagnosis that
        cancelling would return.
    Cancelled
        If it is cancelled before the singular values are known.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, diagnose, structures
    >>> found = diagnose(structures.load("Td"), DensityCorrelations(), centers=[0])
    >>> print(found.status)
    1 of 9 internal displacements is visible, 8 invisible by symmetry, none spurious.
    """
    told, stop = check_progress(progress), Stop()
    observation = Observation.of(atoms, descriptor, centers=centers)
    if centers is None and len(observation.atoms) > MANY:
        _refer_to_smallest(len(observation.atoms))
    start, cutoff, spectrum = observation.atoms, descriptor.cutoff, observation.spectrum
    chosen = observation.centers
    sites, budget = list[SiteSymmetry](), Budget(Budget.MOST)
    observation.jacobian  # noqa: B018 - needed for the result after a cancellation
    rigid, internal, nearer = list[DiagnosedMode](), list[DiagnosedMode](), list[Nearer]()
    wrong_order = False
    with telling(progress), stop:
        coming = site_symmetries(start, centers=chosen, cutoff=cutoff, tolerance=tolerance)
        for number in range(1, len(chosen) + 1):
            told(f"environment {number} of {len(chosen)}: symmetry")
            checkpoint()
            sites.append(next(coming))
        case = Case(observation, tuple(sites), tolerance, budget)
        rigid = _name_trivial(observation, case.trivial())
        for subspace in split_displacements(case, _directions(rigid)):
            wrong_order = wrong_order or subspace.wrong_order
            if subspace.instead_of is None:
                internal += _diagnose_subspace(case, subspace)
            else:
                nearer.append(_mention(subspace, subspace.instead_of))
            count = len(rigid) + len(internal)
            told(f"{count} of {len(spectrum.modes)} displacements examined")
            checkpoint()
    unexamined = list[DiagnosedMode]()
    if stop.stopped:
        rigid = rigid or _name_trivial(observation, observation.trivial)
        left = complement(_directions([*rigid, *internal]))
        with cancellable(Event()):  # it has been cancelled once
            values, modes = _decompose(observation, left)
        unexamined = _name_modes("undetermined", modes, values, scale=spectrum.scale)
    internal += unexamined
    internal.sort(key=lambda mode: (mode.cause == "unseen", -mode.singular_value))
    found, ended = (*internal, *rigid), (stop.ending, len(unexamined))
    settings = spectrum, descriptor, found, tuple(sites), tolerance
    mentioned = tuple(nearer), budget.exceeded
    return stop.deliver(Diagnosis(*settings, *ended, *mentioned, wrong_order=wrong_order))


def _refer_to_smallest(count: int) -> None:
    warn(
        f"diagnose examines all {3 * count} displacements of {count} atoms, which takes long; "
        "smallest(atoms, descriptor) finds the least visible ones, and centers= chooses "
        "environments, all without this note by range(len(atoms)).",
        SensitivityWarning,
        stacklevel=4,  # the caller of diagnose, which is decorated
    )


def _directions(modes: Sequence[DiagnosedMode]) -> Array:
    return np.array([mode.displacement for mode in modes])


def _name_modes(cause: Cause, modes: Array, values: Array, *, scale: float) -> list[DiagnosedMode]:
    """Return modes of one cause, with only their singular values as evidence."""
    return [
        DiagnosedMode(mode, value, cause, None, Evidence(value / (scale or 1.0)))
        for mode, value in zip(modes, values.tolist(), strict=True)
    ]


def _name_trivial(observation: Observation, trivial: TrivialMotions) -> list[DiagnosedMode]:
    scale, found = observation.spectrum.scale, list[DiagnosedMode]()
    for cause, modes in zip(TRIVIAL, by_kind(trivial), strict=True):
        values = np.linalg.norm(observation.slopes(modes), axis=0)
        found += _name_modes(cause, modes, values, scale=scale)
    return found


def _diagnose_subspace(case: Case, subspace: Subspace) -> list[DiagnosedMode]:
    if not len(subspace.directions):
        return []
    observation, scale = case.observation, case.observation.spectrum.scale
    values, modes = _decompose(observation, subspace.directions)
    larger, higher = _compare(observation, subspace, modes)
    exponents = response_exponents(observation, modes, visible=subspace.cause == "sensitive")
    facts = zip((values / (scale or 1.0)).tolist(), larger, higher, exponents, strict=True)
    return [
        DiagnosedMode(
            mode,
            float(value),
            subspace.cause,
            subspace.distance,
            Evidence(*fact, lifted_by=subspace.lifted_by),
        )
        for mode, value, fact in zip(modes, values, facts, strict=True)
    ]


def _mention(other: Subspace, counted: Subspace) -> Nearer:
    there, far = other.distance or 0.0, counted.distance or 0.0
    return Nearer(other.cause, len(other.directions), there, counted.cause, far)


def _decompose(observation: Observation, directions: Array) -> tuple[Array, Array]:
    """Decompose J within the span of directions, made orthonormal first."""
    scale = observation.spectrum.scale
    values, modes = decompose(observation, directions, scale=scale)
    return values, fix_gauge(values, modes, scale=scale)


def _compare(
    observation: Observation, subspace: Subspace, modes: Array
) -> tuple[list[float | None], list[float | None]]:
    """Return responses of a larger basis and a higher order to null modes; None if unknown.

    No higher order sees displacements that symmetry hides.
    """
    sizes: list[list[float | None]] = [[None] * len(modes), [None] * len(modes)]
    if subspace.cause not in {"unseen", "sensitive"}:
        there = observation.displaced(subspace.displacement)
        higher = None if subspace.cause == "symmetry" else observation.higher_order
        for number, other in enumerate((observation.larger_basis, higher)):
            responses = relative_responses(there, other, modes)
            if responses is not None:
                sizes[number] = np.linalg.norm(responses, axis=0).tolist()
    return sizes[0], sizes[1]


def split_displacements(case: Case, rigid: Array, *, mentions: bool = True) -> Iterator[Subspace]:
    """Split all displacements except the rigid ones, shape (n, N, 3), by cause.

    First those of environments that rotate as rigid bodies; those hidden by symmetry; those null
    without symmetry; and the rest, visible or not. ``mentions`` adds causes that are nearer than
    the one that is counted.
    """
    here = np.zeros_like(case.observation.atoms.positions)
    known, internal = rigid, complement(rigid)
    invariance = case.observation.known.invariance
    for hidden, nearest in split_by_symmetry(case.sites, rigid, invariance=invariance):
        yield hidden
        if mentions:
            yield from _nearer(case, hidden, known, distance=nearest)
        known = np.concatenate([known, hidden.directions])
    for null in NullSearch(case, internal).find(complement(known)):
        distance = float(np.linalg.norm(null.displacement)) / case.averaged
        left = _left_behind(case, null, known)
        yield Subspace("unseen", left, null.displacement, distance=distance)
        modes = complement(left, within=null.directions) if len(left) else null.directions
        found = replace(null, directions=modes, distance=distance)
        yield found
        if null.cause == "incompleteness" and mentions:
            yield from _nearer(case, found, known, distance=distance)
        known = np.concatenate([known, left, modes])
    spectrum = case.observation.spectrum
    values, modes = decompose(case.observation, complement(known), scale=spectrum.scale)
    visible = values > spectrum.zero_level
    yield Subspace("sensitive", modes[visible], here)
    yield Subspace("undetermined", modes[~visible], here)


def split_by_symmetry(
    sites: Sequence[SiteSymmetry], rigid: Array, *, invariance: Invariance
) -> Iterator[tuple[Subspace, float]]:
    """Split what the groups of environments hide, except rigid motions, (n, N, 3), by distance.

    First environments that rotate as rigid bodies. Each with the least distance, in Å, of a group
    that hides a part.
    """
    here = np.zeros(rigid.shape[1:])
    angle = smallest_angle(max(site.group.deviation for site in sites))
    turning = hidden_by_symmetry(sites, [None] * len(sites), count=len(here))
    turning = complement(rigid, within=turning, angle=angle)
    yield Subspace("unseen", turning, here, distance=0.0), 0.0
    known = np.concatenate([rigid, turning])
    for nearest, distance in _levels(sites):
        every = _hidden(sites, distance, invariance=invariance, count=len(here))
        hidden = complement(known, within=every, angle=angle)
        yield Subspace("symmetry", hidden, here, distance=distance), nearest
        known = np.concatenate([known, hidden])


def _nearer(case: Case, null: Subspace, known: Array, *, distance: float) -> Iterator[Subspace]:
    """Yield other causes of null displacements, nearer by ``CLEAR_GAP``; distances are in Å.

    Each is a subspace of ``null``, to be mentioned, not counted. Near a symmetric geometry are
    geometries at which a part of the displacements hidden by symmetry is null without it. This
    reports a structure that is meant to be at one of those. A symmetric structure with noise often
    comes near one, so symmetry is counted; and near a geometry within the accuracy of coordinates
    only displacements that are null here are mentioned.
    """
    known_to = Tolerance.COORDINATES
    reach = distance / Tolerance.CLEAR_GAP if distance > Tolerance.POSITIONS else known_to
    if distance <= Tolerance.CLEAR_GAP * known_to or not len(null.directions):
        return  # the structure is at this geometry
    near = case.within(reach)
    moves = complement(known)
    with suppress(Spent):
        for other in NullSearch(near, moves, bounded=True).find(moves):
            part = common(other.directions, null.directions)
            if other.cause not in {null.cause, "undetermined"} and len(part):
                away = float(np.linalg.norm(other.displacement)) / case.averaged
                yield replace(other, directions=part, distance=away, instead_of=null)


def _left_behind(case: Case, null: Subspace, known: Array) -> Array:
    """Return displacements that are null because an atom has crossed the cutoff, (n, N, 3).

    A complete basis has no cutoff function, so these count as truncation until then. All other
    displacements of the atom are returned with the null ones.
    """
    if null.cause != "truncation" or not len(null.directions) or not null.displacement.any():
        return null.directions[:0]
    unseen = by_kind(case.trivial(null.displacement))[TRIVIAL.index("unseen")]
    return complement(known, within=unseen, angle=smallest_angle(case.tolerance))


def _hidden(
    sites: Sequence[SiteSymmetry], distance: float, *, invariance: Invariance, count: int
) -> Array:
    """Return displacements of ``count`` atoms that symmetry hides within a distance in Å."""
    # The largest group of each environment within this distance, as the descriptor sees it.
    within = [[g for g in site.levels if g.deviation <= distance] for site in sites]
    groups = [g[-1].binding(invariance) if g else None for g in within]
    return hidden_by_symmetry(sites, groups, count=count)


def _levels(sites: Sequence[SiteSymmetry]) -> list[tuple[float, float]]:
    """Return the intervals of deviations, in Å, at which groups of environments count.

    Deviations within 1e-5 Å, the rounding at 1e-6 Å, or within a factor of three form one interval.
    """
    levels = list[list[float]]()
    for deviation in sorted({level.deviation for site in sites for level in site.levels}):
        apart = max(Tolerance.COORDINATES, Tolerance.CLEAR_GAP * levels[-1][0]) if levels else 0.0
        if deviation < apart:
            levels[-1].append(deviation)
        else:
            levels.append([deviation])
    return [(level[0], level[-1]) for level in levels]
