"""The data of a diagnosis: for every displacement a cause, and the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis.causes import CAUSE_DESCRIPTIONS, CAUSES, Cause
from sensitivity.numerics import Array
from sensitivity.spectrum import Spectrum
from sensitivity.symmetry import PointGroup, SiteSymmetry


@dataclass(frozen=True)
class Evidence:
    """The evidence for a cause. None is what was not measured, or does not apply.

    Attributes
    ----------
    relative
        Singular value over the scale of all (``Spectrum.scale``), with the descriptor as it is.
    larger_basis
        The same with a larger basis, at the nearest geometry where the mode is not seen.
    higher_order
        The same with correlations of one more neighbour.
    response
        Exponent p of the change of the features, |Δξ| ~ amplitude^p: 1 for what is seen, between
        0.001 and 0.002 Å; 2 for what is not seen to first order, between 0.02 and 0.04 Å (root of
        the summed squares).
    lifted_by
        The lowest order of correlations that, in the limit of a complete basis, see the mode.
    """

    relative: float
    larger_basis: float | None = None
    higher_order: float | None = None
    response: float | None = None
    lifted_by: int | None = None


@dataclass(frozen=True)
class DiagnosedMode:
    """A displacement, how well it is seen, and why.

    Attributes
    ----------
    displacement
        Shape (N, 3), of unit norm.
    singular_value
        |J v| in (feature)/Å at the geometry as it is.
    cause
        One of ``CAUSES``.
    distance
        Å, root mean square over the atoms of an environment: to the nearest geometry at which the
        mode is exactly invisible. None for what is visible, for rigid motions, and where no such
        geometry was found within the tolerance.
    evidence
        What speaks for the cause.
    """

    displacement: Array
    singular_value: float
    cause: Cause
    distance: float | None
    evidence: Evidence

    def __post_init__(self) -> None:
        self.displacement.setflags(write=False)

    def __repr__(self) -> str:
        return f"DiagnosedMode({self.cause}, singular_value={self.singular_value:.2e})"


@dataclass(frozen=True, repr=False)
class Findings:
    """The data of a ``Diagnosis``, where they are described."""

    spectrum: Spectrum
    descriptor: Descriptor
    modes: tuple[DiagnosedMode, ...]
    sites: tuple[SiteSymmetry, ...]
    tolerance: float
    ending: str = ""
    unexamined: int = 0

    @property
    def atoms(self) -> Atoms:
        """The structure."""
        return self.spectrum.atoms

    @property
    def centers(self) -> tuple[int, ...]:
        """The centers whose features are stacked."""
        return self.spectrum.centers

    @property
    def counts(self) -> dict[Cause, int]:
        """Number of modes of every cause; they add up to 3N."""
        found = [mode.cause for mode in self.modes]
        return {cause: found.count(cause) for cause in CAUSES}

    @property
    def groups(self) -> dict[int, PointGroup]:
        """For each center the point group of its environment."""
        return {site.center: site.group for site in self.sites}

    @property
    def internal(self) -> int:
        """Number of modes that are neither rigid motions nor unseen."""
        return sum(not CAUSE_DESCRIPTIONS[mode.cause].trivial for mode in self.modes)

    @property
    def spurious(self) -> int:
        """Number of internal modes that are invisible although symmetry allows them to be seen."""
        spurious = sum(CAUSE_DESCRIPTIONS[mode.cause].spurious for mode in self.modes)
        return spurious - self.unexamined

    def of(self, cause: Cause) -> tuple[DiagnosedMode, ...]:
        """Return the modes of one cause."""
        return tuple(mode for mode in self.modes if mode.cause == cause)

    def projector(self, cause: Cause) -> Array:
        """Return the projector, shape (3N, 3N), on the displacements of one cause."""
        size = 3 * len(self.atoms)
        modes = np.array([mode.displacement for mode in self.of(cause)]).reshape(-1, size)
        return np.asarray(modes.T @ modes)
