"""Find the cause of every displacement that is invisible to a descriptor.

A displacement is visible if its singular value is above 1e-5 of the scale (see ``spectrum``) at
every geometry within the tolerance, in Å. The displacements are split into subspaces, one after the
other: rigid motions, and atoms that no center sees; what symmetry hides; what is null without
symmetry, by truncation or incompleteness; and all the rest. Of the rest, what is not above 1e-5 of
the scale is undetermined, and what is above is sensitive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor, check_descriptor
from sensitivity.diagnosis.case import Case
from sensitivity.diagnosis.causes import Cause
from sensitivity.diagnosis.diagnosis import Diagnosis
from sensitivity.diagnosis.evidence import relative_responses, response_exponents
from sensitivity.diagnosis.findings import DiagnosedMode, Evidence
from sensitivity.diagnosis.subspaces_by_cause import Subspace, split_displacements
from sensitivity.geometry.motions import TrivialMotions
from sensitivity.geometry.subspaces import complement
from sensitivity.numerics import Array, Tolerance, takes_centers
from sensitivity.observation import Observation
from sensitivity.progress import Progress, Stop, check_progress, checkpoint
from sensitivity.spectrum import TRIVIAL, by_kind, decompose, fix_gauge
from sensitivity.symmetry import SiteSymmetry, site_symmetry


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
    ``Spectrum.scale`` at every geometry within the tolerance. So at most ``Spectrum.rank``
    displacements are, which asks this of the geometry as it is.

    Pozdnyakov, Zhang, Ortner, Csányi, Ceriotti, Open Research Europe 1:126 (2021),
    doi 10.12688/openreseurope.14156.1.

    Parameters
    ----------
    atoms
        The structure, N atoms.
    descriptor
        Any descriptor.
    centers
        Indices of the centers whose features are stacked; None takes all atoms.
    tolerance
        Å, root mean square over the atoms of an environment: how far the nearest geometry may be
        at which a displacement is exactly invisible. At most 0.1 Å.
    progress
        Called now and then with a short sentence such as "9 of 15 displacements examined". It may
        raise ``Cancelled``.

    Returns
    -------
    Diagnosis. If it is cancelled once the singular values are known, which are computed first, the
    displacements that were not examined are "undetermined", and its status says so.

    Raises
    ------
    TypeError, ValueError
        If the structure, a center, the tolerance or their combination is unusable.
    Interrupted
        On Ctrl-C after that; ``partial`` is the Diagnosis that a cancelled one would be.
    Cancelled
        If it is cancelled before that.
    """
    check_descriptor(descriptor)
    told, stop = check_progress(progress), Stop()
    observation = Observation.of(atoms, descriptor, centers=centers)
    spectrum, sites = observation.spectrum, list[SiteSymmetry]()
    observation.jacobian  # noqa: B018 - what is left after a cancellation needs it
    rigid, internal = list[DiagnosedMode](), list[DiagnosedMode]()
    with stop:
        for site in _find_sites(observation, tolerance, told):
            sites.append(site)
        case = Case(observation, tuple(sites), tolerance)
        rigid = _name_trivial(observation, case.trivial())
        for subspace in split_displacements(case, _directions(rigid)):
            internal += _diagnose_subspace(case, subspace)
            count = len(rigid) + len(internal)
            told(f"{count} of {len(spectrum.modes)} displacements examined")
            checkpoint()
    unexamined = list[DiagnosedMode]()
    if stop.stopped:
        rigid = rigid or _name_trivial(observation, observation.trivial)
        unexamined = _leave_undetermined(observation, _directions([*rigid, *internal]))
    internal += unexamined
    internal.sort(key=lambda mode: (mode.cause == "unseen", -mode.singular_value))
    modes, ended = (*internal, *rigid), (stop.ending, len(unexamined))
    return stop.deliver(Diagnosis(spectrum, descriptor, modes, tuple(sites), tolerance, *ended))


def _find_sites(
    observation: Observation, tolerance: float, told: Progress
) -> Iterator[SiteSymmetry]:
    atoms, cutoff = observation.atoms, observation.descriptor.cutoff
    for number, center in enumerate(observation.centers, start=1):
        told(f"environment {number} of {len(observation.centers)}: symmetry")
        checkpoint()
        yield site_symmetry(atoms, center=center, cutoff=cutoff, tolerance=tolerance)


def _directions(modes: Sequence[DiagnosedMode]) -> Array:
    return np.array([mode.displacement for mode in modes])


def _name_modes(cause: Cause, modes: Array, values: Array, *, scale: float) -> list[DiagnosedMode]:
    """Modes of one cause, with no evidence but their singular values."""
    return [
        DiagnosedMode(mode, value, cause, None, Evidence(value / (scale or 1.0)))
        for mode, value in zip(modes, values.tolist(), strict=True)
    ]


def _name_trivial(observation: Observation, trivial: TrivialMotions) -> list[DiagnosedMode]:
    """Rigid motions and unseen atoms."""
    scale, found = observation.spectrum.scale, list[DiagnosedMode]()
    for cause, modes in zip(TRIVIAL, by_kind(trivial), strict=True):
        values = np.linalg.norm(observation.slopes(modes), axis=0)
        found += _name_modes(cause, modes, values, scale=scale)
    return found


def _leave_undetermined(observation: Observation, examined: Array) -> list[DiagnosedMode]:
    values, modes = _decompose(observation, complement(examined))
    return _name_modes("undetermined", modes, values, scale=observation.spectrum.scale)


def _diagnose_subspace(case: Case, subspace: Subspace) -> list[DiagnosedMode]:
    """The singular vectors within a subspace, with the evidence for its cause."""
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


def _decompose(observation: Observation, directions: Array) -> tuple[Array, Array]:
    """Singular values and vectors within the span of directions, whatever rounding did."""
    scale = observation.spectrum.scale
    values, modes = decompose(observation.jacobian, directions, scale=scale)
    return values, fix_gauge(values, modes, scale=scale)


def _compare(
    observation: Observation, subspace: Subspace, modes: Array
) -> tuple[list[float | None], list[float | None]]:
    """Responses of a larger basis and a higher order, where modes are null; None if unknown.

    What symmetry hides no higher order sees.
    """
    if subspace.displacement is None:
        return [None] * len(modes), [None] * len(modes)
    there, descriptor = observation.displaced(subspace.displacement), observation.known
    others = descriptor.larger_basis(), descriptor.higher_order()
    symmetric = subspace.cause == "symmetry"
    return _sizes(there, others[0], modes), _sizes(there, None if symmetric else others[1], modes)


def _sizes(there: Observation, other: Descriptor | None, modes: Array) -> list[float | None]:
    responses = relative_responses(there, other, modes)
    if responses is None:
        return [None] * len(modes)
    return list(np.linalg.norm(responses, axis=0).tolist())
