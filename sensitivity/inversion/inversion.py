"""The result of an inversion."""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf, isnan
from typing import Literal

from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.geometry.superposition import superpose
from sensitivity.numerics import Array, ReadOnlyArrays
from sensitivity.progress import Stoppable
from sensitivity.structures import environment

# Reasons for a search to stall before the target features.
Stall = Literal["fold", "saddle", "minimum", "unfinished", "composition", "nothing left", "blind"]


# Explanation of each reason, and its remedy.
_REASONS: dict[Stall, str] = {
    "composition": (
        ", because these atoms cannot have them: {missing}; give a start with the atoms of the "
        "features"
    ),
    "fold": (
        " because of a null mode of relative singular value {condition}: along it the features "
        "change in one direction only, at most quadratically; add centers or raise the order"
    ),
    "saddle": (
        ", on a saddle: along the softest mode they improve only to second order, as from a "
        "symmetric start; displace the start a little, or allow more restarts"
    ),
    "minimum": (
        ", in a local minimum, to first order: no small displacement improves them, "
        "and no null mode is the cause; check that atoms and centers match the "
        "features, start nearer, or allow more restarts"
    ),
    "unfinished": (
        ", before a minimum, and no null mode is the cause; start where it ended, or nearer"
    ),
    "nothing left": (
        ", because no neighbour remains within the cutoff; check that atoms and centers match the "
        "features, or start nearer"
    ),
    "blind": ", because no displacement of the atoms changes them; use another descriptor",
}


@dataclass(frozen=True)
class NullMode(ReadOnlyArrays):
    """A displacement to which the features do not respond to first order.

    Attributes
    ----------
    displacement
        Shape (N, 3), unit norm.
    singular_value
        Singular value in (feature)/Å, where the search ended.
    condition
        Singular value over the largest one.
    distance
        Distance to the nearest geometry at which it vanishes, in Å, root of the summed squares, to
        first order; infinite if there is no such geometry.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, invert, structures
    >>> X0, descriptor = structures.load("X0"), DensityCorrelations()
    >>> start = X0.copy()
    >>> start.positions[1:] *= 1.02
    >>> wanted = descriptor.features(X0, centers=[0])
    >>> mode = invert(wanted, descriptor, start=start, centers=[0]).stalled_along
    >>> mode.displacement.shape, mode.distance < 1e-3
    ((5, 3), True)
    """

    displacement: Array
    singular_value: float
    condition: float
    distance: float


@dataclass(frozen=True)
class Inversion(ReadOnlyArrays, Stoppable):
    """A structure found from features.

    Attributes
    ----------
    atoms
        Of all tried structures, the one whose features are nearest to the target.
    centers
        Centers of the features.
    converged
        True if the features agree within ``tolerance``.
    residuals
        Shape (steps + 1,): ‖ξ - ξ*‖ over ‖ξ*‖ after every step of the attempt that led to
        ``atoms``.
    evaluations
        Number of Jacobians computed, over all attempts.
    attempts
        Number of attempts: the first from the start, the others from the best stalled one.
    uncertainty
        Distance that the atoms can move along the softest mode before the features change by their
        residual, or by rounding if larger: to second order, in Å, root of the summed squares;
        infinite if nothing changes them. NaN if the search was interrupted.
    stalled_along
        The softest mode, if it is null where the search ended; else None. Null means that its
        singular value vanishes within 1e-3 Å, or that the target is beyond a fold.
    stalled_by
        Reason, if the search did not converge. "fold": the target is beyond a fold, where the
        features along the null mode turn back. "saddle": they improve along the softest mode to
        second order only. "minimum": a local minimum, to first order. "unfinished": a further step
        promised an improvement. "nothing left": no neighbour remains within the cutoff.
        "composition": these atoms cannot have the features. "blind": the descriptor does not
        respond, to second order too. None if it converged, or was interrupted.
    missing_neighbors
        A sentence on missing neighbours, if the composition is the cause; else empty.
    lost_atoms
        Indices of the atoms that a center saw at the start and that none sees at the end: within
        0.02 Å of the cutoff, or beyond.
    tolerance
        The given tolerance.
    ending
        "cancelled", or "interrupted" by Ctrl-C, if the search was stopped; else empty.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, invert, structures
    >>> atoms, descriptor = structures.load("H2O"), DensityCorrelations()
    >>> wanted = descriptor.features(atoms)
    >>> atoms.rattle(0.05)
    >>> found = invert(wanted, descriptor, start=atoms)
    >>> found.converged, bool(found.residual < 1e-12)
    (True, True)
    >>> found.status.split(":")[0]
    'Recovered after 3 steps'
    """

    atoms: Atoms
    centers: tuple[int, ...]
    converged: bool
    residuals: Array
    evaluations: int
    attempts: int
    uncertainty: float
    stalled_along: NullMode | None
    stalled_by: Stall | None
    missing_neighbors: str
    lost_atoms: tuple[int, ...]
    tolerance: float
    ending: str

    @property
    def residual(self) -> float:
        """‖ξ - ξ*‖ over ‖ξ*‖."""
        return float(self.residuals[-1])

    @property
    def steps(self) -> int:
        """Number of steps of the attempt that led to ``atoms``."""
        return len(self.residuals) - 1

    @property
    def status(self) -> str:
        """One sentence on the outcome, and what to do next."""
        off = f"{self.residual:.0e} of their norm"
        if self.ending:
            return (
                f"{self.ending.capitalize()} after {count(self.evaluations, 'evaluation')}: the "
                f"features of the best structure so far are off by {off}."
            )
        if self.converged:
            return self._say_recovered(off)
        null = self.stalled_along
        reason = _REASONS[self.stalled_by or "minimum"].format(
            missing=self.missing_neighbors, condition=f"{null.condition:.0e}" if null else ""
        )
        attempts = count(self.attempts, "attempt")
        return f"Stalled in {attempts} with features off by {off}{reason}."

    def _say_recovered(self, off: str) -> str:
        found = f"Recovered after {count(self.steps, 'step')}: the features agree to {off}"
        if isnan(self.uncertainty):
            return f"{found}, but no center sees a neighbour: they determine nothing."
        if self.lost_atoms:
            names = " ".join(f"{self.atoms.symbols[atom]}{atom}" for atom in self.lost_atoms)
            are = "it is" if len(self.lost_atoms) == 1 else "they are"
            return (
                f"{found}, but {names} left the cutoff: the features do not determine where {are}, "
                f"nor that {are} there."
            )
        if isinf(self.uncertainty):
            return f"{found}, but no displacement changes them: they determine nothing."
        fixed = f"determine the positions to {self.uncertainty:.0e} Å (root of the summed squares)"
        if self.stalled_along is None:
            return f"{found} and {fixed}."
        return (
            f"{found}, but respond at most quadratically to a mode of relative singular value "
            f"{self.stalled_along.condition:.0e}, and only {fixed}."
        )

    def __repr__(self) -> str:
        return f"Inversion({self.atoms.symbols}, centers={len(self.centers)}: {self.status})"


def count(number: int, what: str) -> str:
    """Return the number and the noun, in the plural if needed."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def measure_recovery(
    result: Inversion, descriptor: Descriptor, *, target: Atoms, start: Atoms
) -> tuple[float | None, float | None]:
    """Return the distances of the found structure, and of the start, from a target.

    In Å, root mean square over atoms after superposition of the environment of one center, or of
    the whole molecule if there are several centers, the first center on itself. A distance is None
    for a crystal with several centers, and if the two environments have different atoms.
    """
    inversion, center = descriptor.inversion_invariant, result.centers[0]
    structures = [result.atoms, start, target]
    if len(result.centers) == 1:
        structures = [environment(atoms, center, descriptor.cutoff) for atoms in structures]
        center = 0
    *others, target = structures
    found, began = (
        None
        if target.pbc.any() or sorted(atoms.numbers) != sorted(target.numbers)
        else superpose(atoms, target, center=center, inversion=inversion).rmsd
        for atoms in others
    )
    return found, began
