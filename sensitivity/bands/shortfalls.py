"""Displacements that symmetry allows to be seen and J(q) does not see: the cause, with evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sensitivity.bands.ideal import idealize, largest_move, nearly_symmetric_sites
from sensitivity.bloch import (
    BlochJacobian,
    BlochMatrix,
    Complex,
    bloch_jacobian,
    decompose_bloch,
    seen_by_symmetry,
)
from sensitivity.diagnosis.causes import CRITERIA, Cause
from sensitivity.numerics import Array, ReadOnlyArrays
from sensitivity.observation import Observation
from sensitivity.spectrum import natural_scale
from sensitivity.structures import neighbor_pairs
from sensitivity.symmetry.hidden import smallest_angle
from sensitivity.tolerances import Tolerance


@dataclass(frozen=True)
class Shortfall(ReadOnlyArrays):
    """Waves at one wave vector that are invisible although symmetry allows them to be seen.

    Attributes
    ----------
    number
        Index of the wave vector.
    relative
        Singular values of J(q) on these waves, over the scale, descending.
    causes
        Cause of each wave, in no relation to the order of the values: "truncation" if a larger
        basis sees it, "incompleteness" if a higher order does, "symmetry" if that of the
        environments without atoms within 1e-3 Å of the cutoff hides it, "width" for as many of the
        rest as there are too few features, else "undetermined". If the symmetry holds only nearly,
        it is the cause of the corresponding waves of the nearest crystal with exact symmetry:
        coordinates that are rounded show some more to every descriptor.
    larger_basis
        Singular values in the largest basis compared, of up to three, over its scale and the part
        of the waves that symmetry allows, which is small for long waves; None if there is none.
    higher_order
        Of correlations of one more neighbour; None if not compared.
    nearly_hidden
        Number of waves of undetermined cause that symmetry hides in a crystal from which this one
        deviates by 1e-3 to 0.01 Å, root mean square over an environment.
    moved
        Å: largest distance of an atom from its place in that crystal; 0 if there is none.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, bands, structures
    >>> small = DensityCorrelations(n_max=1, l_max=0, cutoff=4.5)
    >>> found = bands(structures.load("C-diamond"), small, path=[[0.1, 0.2, 0.3]])
    >>> found.shortfalls[0].causes
    ('truncation',)
    """

    number: int
    relative: Array
    causes: tuple[Cause, ...] = ()
    larger_basis: Array | None = None
    higher_order: Array | None = None
    nearly_hidden: int = 0
    moved: float = 0.0

    def explained(self, found: Sorted, relative: Array) -> Shortfall:
        """Return the shortfall with the causes of its waves and their singular values."""
        larger, higher = (found.responses.get(name) for name in ("larger basis", "higher order"))
        near = found.nearly_hidden, found.moved
        return Shortfall(self.number, relative, found.causes, larger, higher, *near)


class Sorted(NamedTuple):
    """Waves in the order of their causes, and the responses of other descriptors to them."""

    causes: tuple[Cause, ...]
    waves: Complex  # (k, 3n), orthonormal rows
    responses: dict[str, Array]  # "larger basis" and "higher order", over their scales
    nearly_hidden: int  # of the undetermined
    moved: float  # Å


@dataclass(frozen=True)
class Comparison:
    """Larger bases and a higher order on the ideal crystal, analysed when first needed."""

    observation: Observation
    ideal: Observation  # of the nearest crystal with exact groups, or the same
    _known: dict[str, list[BlochJacobian]] = field(default_factory=dict)

    def sort(
        self, q: Array, waves: Complex, exact: Complex, *, lacking: int, threshold: float
    ) -> Sorted:
        """Return combinations of invisible waves at q, shape (3,), each with its cause.

        ``waves`` are rows, (k, 3n), and ``exact`` the corresponding ones of the ideal crystal, over
        the part that symmetry allows. ``lacking`` is how many more waves symmetry allows to be seen
        than there are features; ``threshold`` is the fraction of the scale above which a singular
        value counts as visible.
        """
        causes, responses = list[Cause](), dict[str, Array]()
        known, rest = list[Complex](), np.eye(len(waves), dtype=complex)  # combinations
        for name, others in (("larger basis", self._larger()), ("higher order", self._higher())):
            criterion = CRITERIA[f"{name}, order unknown"]
            while len(rest) and (other := next(others, None)) is not None:
                responses[name] = self._respond(other, q, exact)[0]
                values, mixing = self._respond(other, q, rest @ exact)
                seen = values > max(criterion.threshold, threshold)
                causes += [criterion.cause] * int(seen.sum())
                known.append(mixing[seen] @ rest)
                rest = mixing[~seen] @ rest
        if len(rest) and self._atoms_fade:
            values, mixing = decompose_bloch(self._allowed_within.at(q[None]) @ (rest @ exact).T)
            little = 0.1  # of the part that all atoms within the cutoff allow
            hidden = values[0] < little
            causes += ["symmetry"] * int(hidden.sum())
            known.append(mixing[0, hidden] @ rest)
            rest = mixing[0, ~hidden] @ rest
        narrow = min(len(rest), max(lacking - len(causes), 0))
        left: tuple[Cause, Cause] = ("width", "undetermined")
        causes += left[:1] * narrow + left[1:] * (len(rest) - narrow)
        # Orthogonal to the waves that others see less.
        combined = np.concatenate([*known, rest]) @ waves
        found = np.linalg.qr(combined[::-1].T)[0].T[::-1]
        unknown = found[[cause == "undetermined" for cause in causes]]
        return Sorted(tuple(causes), found, responses, *self._count_nearly_hidden(q, unknown))

    def _count_nearly_hidden(self, q: Array, waves: Complex) -> tuple[int, float]:
        """Return how many waves, (k, 3n), a nearby symmetric crystal hides, and its distance."""
        if not len(waves):
            return 0, 0.0
        allowed, moved = self._nearby
        sizes = np.linalg.svd(allowed.at(q[None])[0] @ waves.T, compute_uv=False)
        seen = int((sizes > smallest_angle(moved)).sum())
        return (len(waves) - seen, moved) if seen < len(waves) else (0, 0.0)

    @cached_property
    def _nearby(self) -> tuple[BlochMatrix, float]:
        """F(q) of the nearest crystal with the groups within 0.01 Å, and its distance in Å."""
        here, tolerance = self.observation, Tolerance.NEARLY_EQUAL
        cutoff = here.descriptor.cutoff
        sites = nearly_symmetric_sites(here, cutoff=cutoff, tolerance=tolerance)
        ideal, sites = idealize(here, sites)
        groups = [site.group.binding(here.known.invariance) for site in sites]
        moved = largest_move(here.atoms, ideal.atoms)
        return seen_by_symmetry(ideal.atoms, sites, groups), moved

    @cached_property
    def _atoms_fade(self) -> bool:
        """True if atoms are so near the cutoff that they count as unseen in a diagnosis."""
        cutoff = self.ideal.descriptor.cutoff
        vectors = neighbor_pairs(self.ideal.atoms, cutoff).vectors
        return bool((np.linalg.norm(vectors, axis=1) > cutoff - Tolerance.POSITIONS).any())

    @cached_property
    def _allowed_within(self) -> BlochMatrix:
        """F(q) of the environments without atoms that fade."""
        here = self.ideal
        sites = nearly_symmetric_sites(here, cutoff=here.descriptor.cutoff - Tolerance.POSITIONS)
        groups = [site.group.binding(here.known.invariance) for site in sites]
        return seen_by_symmetry(here.atoms, sites, groups)

    def _larger(self) -> Iterator[BlochJacobian]:
        """Yield up to three larger bases: the first may see too little more."""
        here = self.ideal
        for number in range(3):
            larger = here.larger_basis
            if larger is None:
                return
            here = here.by(larger)
            yield from self._analyze(f"larger basis {number}", here)

    def _higher(self) -> Iterator[BlochJacobian]:
        higher = self.ideal.higher_order
        if higher is not None:
            yield from self._analyze("higher order", self.ideal.by(higher))

    def _analyze(self, name: str, there: Observation) -> list[BlochJacobian]:
        """Return the Jacobian; nothing if the descriptor cannot analyse this crystal."""
        if name not in self._known:
            try:
                self._known[name] = [bloch_jacobian(there.atoms, there.descriptor)]
            except ValueError:  # such as for lack of memory
                self._known[name] = []
        return self._known[name]

    def _respond(self, other: BlochJacobian, q: Array, waves: Complex) -> tuple[Array, Complex]:
        """Return singular values of another J(q) on waves, over its scale, and their mixing."""
        matrix = other.at(q[None])
        largest = float(np.linalg.norm(matrix[0], ord=2))
        cutoff = self.observation.descriptor.cutoff
        scale = natural_scale(largest, np.array(other.center_norm), cutoff=cutoff)
        values, mixing = decompose_bloch(matrix @ waves.T)
        return values[0] / (scale or 1.0), mixing[0]
