"""The evidence for a cause, and its measurement on a structure under diagnosis."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sensitivity.completeness import CompleteView, Environments
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis.causes import Cause
from sensitivity.diagnosis.zeros import Budget
from sensitivity.geometry.motions import TrivialMotions, trivial_motions
from sensitivity.numerics import Array, ReadOnlyArrays
from sensitivity.observation import Observation, feature_changes
from sensitivity.progress import checkpoint
from sensitivity.spectrum import natural_scale
from sensitivity.symmetry import PointGroup, SiteSymmetry


@dataclass(frozen=True)
class Evidence:
    """The evidence for a cause. None means not measured or not applicable.

    Attributes
    ----------
    relative
        Singular value over the scale (``Spectrum.scale``), with the given descriptor.
    larger_basis
        The same with a larger basis, at the nearest geometry where the mode is invisible.
    higher_order
        The same with correlations of one more neighbour.
    response
        Exponent p of the change of the features, ‖Δξ‖ ~ amplitude^p: 1 for a visible mode, between
        0.001 and 0.002 Å; 2 for a mode invisible to first order, between 0.02 and 0.04 Å (root of
        the summed squares).
    lifted_by
        Lowest order of correlations that see the mode in the limit of a complete basis.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, diagnose, structures
    >>> found = diagnose(structures.load("X0"), DensityCorrelations(), centers=[0])
    >>> evidence = found.of("incompleteness")[0].evidence
    >>> bool(evidence.larger_basis < 1e-12), bool(evidence.higher_order > 1e-2)
    (True, True)
    >>> evidence.lifted_by, round(evidence.response, 1)
    (3, 2.0)
    """

    relative: float
    larger_basis: float | None = None
    higher_order: float | None = None
    response: float | None = None
    lifted_by: int | None = None


@dataclass(frozen=True)
class DiagnosedMode(ReadOnlyArrays):
    """A displacement, its visibility, and the cause.

    Attributes
    ----------
    displacement
        Shape (N, 3), of unit norm.
    singular_value
        ‖J v‖ in (feature)/Å at the given geometry.
    cause
        One of ``CAUSES``.
    distance
        Å, root mean square over the atoms of an environment: distance to the nearest geometry at
        which the mode is exactly invisible, to 1e-5 of the scale; ``locate`` goes on to 1e-12,
        which can be farther. None for visible modes, for rigid motions, and if no such geometry
        was found within the tolerance.
    evidence
        Evidence for the cause.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, diagnose, structures
    >>> found = diagnose(structures.load("X0"), DensityCorrelations(), centers=[0])
    >>> mode = found.of("incompleteness")[0]
    >>> mode.displacement.shape, mode.cause, bool(mode.singular_value < 1e-12)
    ((5, 3), 'incompleteness', True)
    """

    displacement: Array
    singular_value: float
    cause: Cause
    distance: float | None
    evidence: Evidence

    def __repr__(self) -> str:
        return f"DiagnosedMode({self.cause}, singular_value={self.singular_value:.2e})"


@dataclass(frozen=True)
class Nearer:
    """A cause that is much nearer than the cause that was counted.

    Attributes
    ----------
    cause
        "incompleteness" or "truncation".
    count
        Number of displacements.
    distance
        Å, root mean square over the atoms of an environment: distance to the geometry at which they
        are invisible by this cause.
    counted
        The cause that was counted for them: "symmetry" or "incompleteness".
    counted_distance
        Å: distance for the counted cause, at least ``CLEAR_GAP`` times as far.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, diagnose, structures
    >>> from sensitivity.diagnosis import Nearer
    >>> found = diagnose(structures.load("X0"), DensityCorrelations(), centers=[0])
    >>> found.nearer
    ()
    >>> Nearer("incompleteness", 1, 3e-4, "symmetry", 8e-3).counted
    'symmetry'
    """

    cause: Cause
    count: int
    distance: float
    counted: Cause
    counted_distance: float


@dataclass(frozen=True)
class Case:
    """A structure under diagnosis."""

    observation: Observation
    sites: tuple[SiteSymmetry, ...]  # of the environment of each center
    tolerance: float  # Å, root mean square over the atoms of an environment
    budget: Budget  # of the search for causes that are much nearer than others

    @property
    def environments(self) -> Environments:
        """The environments of the centers."""
        return Environments(self.sites, self.observation.atoms.numbers)

    @property
    def deviation(self) -> float:
        """Largest deviation of the point groups of the environments; Å, root mean square."""
        return max(site.group.deviation for site in self.sites)

    @property
    def averaged(self) -> float:
        """Root of the number of atoms in the largest environment, for averages over them."""
        return float(np.sqrt(max(len(site.atoms) for site in self.sites)))

    def within(self, tolerance: float) -> Case:
        """Return the case with a smaller tolerance, in Å."""
        sites = tuple(replace(site, levels=_levels_within(site, tolerance)) for site in self.sites)
        return replace(self, sites=sites, tolerance=tolerance)

    def trivial(self, displacement: Array | None = None) -> TrivialMotions:
        """Return rigid motions and unseen atoms, after a displacement, within the tolerance.

        Atoms within the tolerance of the cutoff are unseen, and atoms within the tolerance of an
        axis do not rotate about it.
        """
        observation = self.observation
        there = observation if displacement is None else observation.displaced(displacement)
        return trivial_motions(
            there.atoms,
            cutoff=max(observation.descriptor.cutoff - self.tolerance, self.tolerance),
            centers=observation.centers,
            rounding=self.tolerance,
        )

    def complete(
        self, environments: Environments, *, more: int = 0, within: float
    ) -> CompleteView | None:
        """Return complete correlations of the descriptor's order, or of ``more`` neighbours.

        Positions that differ by less than the fraction ``within`` of the tolerance count as equal.
        None if the order is unknown, or there are too many tuples of neighbours.
        """
        descriptor = self.observation.known
        if descriptor.order is None:
            return None
        return environments.view(
            order=descriptor.order + more,
            parity_odd=not descriptor.inversion_invariant,
            same=within * self.tolerance,
        )


def _levels_within(site: SiteSymmetry, tolerance: float) -> tuple[PointGroup, ...]:
    """Return the groups within a deviation in Å, of at least the rounding error."""
    return tuple(level for level in site.levels if level.deviation <= tolerance) or site.levels[:1]


def response_exponents(
    observation: Observation, modes: Array, *, visible: bool
) -> list[float | None]:
    """Measure the exponent p of the feature change ~ a^p between two amplitudes, for each mode.

    For visible modes, the amplitudes are small enough for the first order to dominate. Only the
    first 24 modes are measured, fewer with more than 32 centers: each mode takes four times the
    features of all centers.
    """
    most = max(4, min(24, 24 * 32 // len(observation.centers)))
    small, large = (0.001, 0.002) if visible else (0.02, 0.04)  # Å
    atoms, descriptor, centers = observation.atoms, observation.descriptor, observation.centers
    changes = feature_changes(
        atoms, descriptor, modes[:most], centers=centers, amplitudes=(small, large)
    )
    exponents: list[float | None] = [
        float(np.log(far / near) / np.log(large / small)) if near > 0 else None
        for near, far in changes
    ]
    return exponents + [None] * (len(modes) - len(exponents))


def relative_responses(
    observation: Observation, descriptor: Descriptor | None, modes: Array
) -> Array | None:
    """Return R of J V = Q R over the scale of J, of another descriptor; None without one.

    R, at most (modes, modes), has the singular values and column norms of J V, which takes 17 GB
    for 400 displacements of 500 atoms with 10 000 features each. Also None if the descriptor cannot
    analyse this structure, for example for lack of memory.
    """
    if descriptor is None or not len(modes):
        return None
    checkpoint()
    try:
        derivative = observation.by(descriptor).jacobian
    except ValueError:
        return None
    largest = float(np.sqrt(np.linalg.eigvalsh(derivative.gram)[-1]))
    scale = natural_scale(largest, derivative.features, cutoff=descriptor.cutoff)
    return derivative.triangle(modes) / (scale or 1.0)
