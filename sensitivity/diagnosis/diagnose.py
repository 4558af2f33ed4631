"""Find the cause of every displacement that is invisible to a descriptor.

A displacement is visible if its singular value is above 1e-5 of the scale (see ``spectrum``) at
every geometry within the tolerance, in Å. The displacements are split into subspaces, one after the
other: rigid motions, and atoms that no center sees; what symmetry hides; what is null without
symmetry, by truncation or incompleteness; and all the rest. Of the rest, what is not above 1e-5 of
the scale is undetermined, and what is above is sensitive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms

from sensitivity.completeness.environments import Environments
from sensitivity.descriptors import REFINABLE, Centers, Descriptor, check_descriptor
from sensitivity.diagnosis.causes import Null, Suspect, find_null
from sensitivity.diagnosis.diagnosis import Cause, DiagnosedMode, Diagnosis, Evidence
from sensitivity.diagnosis.evidence import (
    AMPLITUDES,
    SMALL_AMPLITUDES,
    relative_responses,
    relatives,
    response_exponents,
)
from sensitivity.geometry.motions import TrivialMotions, trivial_motions
from sensitivity.geometry.subspaces import complement
from sensitivity.jacobian import Jacobian, jacobian
from sensitivity.numerics import Array, Tolerance
from sensitivity.singular import DescriptorView
from sensitivity.spectrum import (
    TRIVIAL,
    Spectrum,
    by_kind,
    decompose,
    fix_gauge,
    spectrum,
)
from sensitivity.symmetry import PointGroup, SiteSymmetry, site_symmetry
from sensitivity.symmetry.hidden import hidden_by_symmetry, smallest_angle

# Å. How exact positions are taken to be: published coordinates are to 1e-4 Å or better.
TOLERANCE = 1e-3
# Environments that deviate from symmetry by less than this, in Å, are alike: rounding at 1e-6 Å.
ROUNDED = 1e-5
# Deviations that follow each other by less than this factor belong to one level of symmetry.
NEXT_LEVEL = 3.0
# A deviation d from symmetry leaves up to this times d² of an exact zero, relative, per Å².
CURVATURE = 10.0


@dataclass(frozen=True)
class _Case:
    """What is diagnosed."""

    atoms: Atoms
    descriptor: Descriptor
    spectrum: Spectrum
    sites: tuple[SiteSymmetry, ...]
    tolerance: float

    @cached_property
    def derivative(self) -> Jacobian:
        return jacobian(self.atoms, self.descriptor, centers=self.spectrum.centers)

    @property
    def deviation(self) -> float:
        """Å, the largest of the point groups of the environments."""
        return max(site.group.deviation for site in self.sites)

    @property
    def members(self) -> int:
        """Atoms of the largest environment, over which distances are averaged."""
        return max(len(site.atoms) for site in self.sites)

    def distance(self, displacement: Array) -> float:
        """Å, root mean square over the atoms of an environment."""
        return float(np.linalg.norm(displacement) / np.sqrt(self.members))

    def norms(
        self, displacement: Array, other: Descriptor | None, modes: Array
    ) -> list[float | None]:
        """What another descriptor sees of modes, relative to the largest, after a displacement."""
        atoms = self.atoms.copy()
        atoms.positions += displacement
        responses = relative_responses(atoms, other, modes, centers=self.spectrum.centers)
        if responses is None:
            return [None] * len(modes)
        return list(np.linalg.norm(responses, axis=0).tolist())


@dataclass(frozen=True)
class _Block:
    """A subspace of displacements, shape (n, N, 3), of one cause.

    ``distance`` is that of the geometry where they are null, and ``displacement`` leads there, if
    other descriptors shall look at it from there.
    """

    cause: Cause
    directions: Array
    distance: float | None
    displacement: Array | None = None
    lifted_by: int | None = None


def diagnose(
    atoms: Atoms, descriptor: Descriptor, *, centers: Centers = None, tolerance: float = TOLERANCE
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

    Raises
    ------
    TypeError, ValueError
        If the structure, a center, the tolerance or their combination is unusable.
    """
    check_descriptor(descriptor, REFINABLE)
    result = spectrum(atoms, descriptor, centers=centers)
    sites = tuple(
        site_symmetry(atoms, center=center, cutoff=descriptor.cutoff, tolerance=tolerance)
        for center in result.centers
    )
    case = _Case(result.atoms, descriptor, result, sites, tolerance)
    rigid = _rigid(case)
    internal = [mode for block in _blocks(case, rigid) for mode in _modes(case, block)]
    internal.sort(key=lambda mode: (mode.cause == "unseen", -mode.singular_value))
    return Diagnosis(result, descriptor, (*internal, *rigid), sites, tolerance)


def _rigid(case: _Case) -> list[DiagnosedMode]:
    """Rigid motions and unseen atoms, within the tolerance."""
    trivial = _trivial(case, case.atoms)
    scale = case.spectrum.scale or 1.0
    found = []
    for cause, modes in zip(TRIVIAL, by_kind(trivial), strict=True):
        values = np.linalg.norm(case.derivative.apply(modes), axis=0).tolist()
        found += [
            DiagnosedMode(mode, value, cause, None, Evidence(value / scale))
            for mode, value in zip(modes, values, strict=True)
        ]
    return found


def _trivial(case: _Case, atoms: Atoms) -> TrivialMotions:
    """Rigid motions and unseen atoms of the structure, or of one nearby.

    Atoms that are as near to the cutoff as the tolerance are unseen, and those that are as near to
    an axis do not turn about it.
    """
    return trivial_motions(
        atoms,
        cutoff=max(case.descriptor.cutoff - case.tolerance, case.tolerance),
        centers=case.spectrum.centers,
        rounding=case.tolerance,
    )


def _left_behind(case: _Case, null: Null, known: Array) -> Array:
    """What is null only because an atom has left the cutoff where it is, shape (n, N, 3).

    A complete basis knows no cutoff function, so that this counts as truncation until then. With
    the displacements that are null, all others of the atom are.
    """
    if null.cause != "truncation" or not len(null.modes) or not null.displacement.any():
        return null.modes[:0]
    there = case.atoms.copy()
    there.positions += null.displacement
    unseen = by_kind(_trivial(case, there))[TRIVIAL.index("unseen")]
    return complement(known, within=unseen, angle=smallest_angle(case.tolerance))


def _blocks(case: _Case, rigid: Sequence[DiagnosedMode]) -> Iterator[_Block]:
    """Split all other displacements into subspaces by cause."""
    known = np.array([mode.displacement for mode in rigid])
    internal = complement(known)
    turning = hidden_by_symmetry(case.sites, [None] * len(case.sites), count=len(case.atoms))
    turning = complement(known, within=turning, angle=smallest_angle(case.deviation))
    yield _Block("unseen", turning, 0.0)
    known = np.concatenate([known, turning])
    for hidden, distance in _hidden(case, known):
        yield _Block("symmetry", hidden, distance, np.zeros_like(case.atoms.positions))
        known = np.concatenate([known, hidden])
    suspect = Suspect(
        view=DescriptorView(case.atoms, case.descriptor, case.spectrum.centers),
        environments=Environments(case.sites, case.atoms.numbers),
        directions=complement(known),
        moves=internal,
        tolerance=case.tolerance,
        reach=case.tolerance * np.sqrt(case.members),
    )
    for null in find_null(suspect, zero=max(Tolerance.RANK, CURVATURE * case.deviation**2)):
        distance = case.distance(null.displacement)
        left = _left_behind(case, null, known)
        yield _Block("unseen", left, distance)
        modes = complement(left, within=null.modes) if len(left) else null.modes
        yield _Block(null.cause, modes, distance, null.displacement, null.lifted_by)
        known = np.concatenate([known, left, modes])
    yield from _remaining(case, complement(known))


def _remaining(case: _Case, directions: Array) -> Iterator[_Block]:
    """Split what is left into the visible, and the invisible for which no cause was found."""
    values, modes = decompose(case.derivative, directions, scale=case.spectrum.scale)
    visible = values > case.spectrum.zero_level
    yield _Block("sensitive", modes[visible], None)
    yield _Block("undetermined", modes[~visible], None, np.zeros_like(case.atoms.positions))


def _hidden(case: _Case, known: Array) -> Iterator[tuple[Array, float]]:
    """What symmetry hides, by growing distance to the geometry that has the symmetry."""
    angle = smallest_angle(case.deviation)
    for distance in _levels(case.sites):
        groups = [_group_within(site, distance, case.descriptor) for site in case.sites]
        every = hidden_by_symmetry(case.sites, groups, count=len(case.atoms))
        hidden = complement(known, within=every, angle=angle)
        yield hidden, distance
        known = np.concatenate([known, hidden])


def _levels(sites: Sequence[SiteSymmetry]) -> list[float]:
    """Deviations, in Å, up to which the groups of the environments count, one after the other."""
    deviations = sorted({level.deviation for site in sites for level in site.levels})
    levels = deviations[:1]
    for deviation in deviations[1:]:
        if deviation < max(ROUNDED, NEXT_LEVEL * levels[-1]):
            levels[-1] = deviation
        else:
            levels.append(deviation)
    return levels


def _group_within(
    site: SiteSymmetry, deviation: float, descriptor: Descriptor
) -> PointGroup | None:
    """The largest group that an environment has within a deviation, as the descriptor sees it."""
    groups = [level for level in site.levels if level.deviation <= deviation]
    if not groups:
        return None
    return groups[-1].binding(inversion_invariant=descriptor.inversion_invariant)


def _modes(case: _Case, block: _Block) -> list[DiagnosedMode]:
    """The singular vectors within a subspace, with the evidence for its cause."""
    if not len(block.directions):
        return []
    values, modes = decompose(case.derivative, block.directions, scale=case.spectrum.scale)
    modes = fix_gauge(values, modes, scale=case.spectrum.scale)
    facts = _evidence(case, block, values=values, modes=modes)
    return [
        DiagnosedMode(mode, float(value), block.cause, block.distance, evidence)
        for mode, value, evidence in zip(modes, values, facts, strict=True)
    ]


def _evidence(case: _Case, block: _Block, *, values: Array, modes: Array) -> list[Evidence]:
    """What speaks for the cause of the modes of a block, one by one."""
    scale = case.spectrum.scale or 1.0
    larger: list[float | None] = [None] * len(modes)
    higher = larger
    if block.displacement is not None:
        other, next_order = relatives(case.descriptor)
        larger = case.norms(block.displacement, other, modes)
        if block.cause != "symmetry":
            higher = case.norms(block.displacement, next_order, modes)
    exponents = response_exponents(
        case.atoms,
        case.descriptor,
        modes,
        centers=case.spectrum.centers,
        amplitudes=SMALL_AMPLITUDES if block.cause == "sensitive" else AMPLITUDES,
    )
    return [
        Evidence(*facts, lifted_by=block.lifted_by)
        for facts in zip((values / scale).tolist(), larger, higher, exponents, strict=True)
    ]
