"""The result of ``bands``: singular values and ranks for every wave vector, and causes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from sensitivity.bands.shortfalls import Shortfall
from sensitivity.bands.study import Study
from sensitivity.bands.wave_vectors import check_wave_vector
from sensitivity.bands.waves import Waves, find_waves
from sensitivity.bloch import BlochJacobian, Complex, decompose_bloch
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis.causes import CAUSES, Cause
from sensitivity.numerics import Array, Indices, ReadOnlyArrays
from sensitivity.progress import Stoppable
from sensitivity.tolerances import Tolerance


@dataclass(frozen=True)
class Bands(ReadOnlyArrays, Stoppable):
    """Singular values of J(q), the derivatives of the features of a crystal along waves.

    Attributes
    ----------
    atoms
        The crystal, with the cell to which ``q`` refers; n atoms.
    descriptor
        The descriptor.
    study
        J(q), and what symmetry allows to be seen, for every q.
    q
        Shape (q, 3): wave vectors, in fractions of the reciprocal cell vectors.
    distance
        Shape (q,), 1/Å: length along the path, with a factor 2π and without jumps.
    labels
        Name of the special point at each wave vector, empty at others.
    singular_values
        Shape (q, 3n), in (feature)/Å, descending: the norm of the change of the features of all
        cells for a wave of unit norm, a sum over all cells in both.
    predicted_rank
        Shape (q,): number of waves that the symmetry of the sites allows to be seen, also because
        it holds only nearly. Long waves of which it allows too little for the threshold do not
        count.
    rigid
        Shape (q, 3): number of waves that move every environment as a rigid body, apart from their
        symmetry: "unseen", "rotation" and "translation".
    nearly_hidden
        Shape (q,): number of visible waves that symmetry would hide in the nearest crystal that has
        exactly the symmetry that this one has within 1e-3 Å. They are among the predicted ones.
    shortfalls
        Wave vectors at which fewer waves are visible than predicted, with causes.
    threshold
        Fraction of ``scale`` above which a singular value counts as visible.
    scale
        Reference of the singular values, in (feature)/Å: the largest at all q, or the root mean
        square of the norms of the features of the centers over the cutoff if that is larger, such
        as where all vanish. It does not grow with the cell, but depends on the wave vectors: those
        of only a few long waves have a small one, above which more of them can be visible.
    cells
        Number of primitive cells in the cell. If more than one, the bands are folded.
    ending
        "cancelled", or "interrupted" by Ctrl-C, if the computation was stopped; then only the
        first wave vectors are there. Else empty.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, bands, structures
    >>> found = bands(structures.load("C-diamond"), DensityCorrelations(), path="GX", points=5)
    >>> found.labels, found.rank.tolist()
    (('G', '', '', '', 'X'), [0, 2, 2, 2, 2])
    >>> {cause: found.counts[cause].tolist() for cause in ("symmetry", "translation")}
    {'symmetry': [3, 4, 4, 4, 4], 'translation': [3, 0, 0, 0, 0]}
    """

    atoms: Atoms
    descriptor: Descriptor
    study: Study
    q: Array
    distance: Array
    labels: tuple[str, ...]
    singular_values: Array
    predicted_rank: Indices
    rigid: Indices
    nearly_hidden: Indices
    shortfalls: tuple[Shortfall, ...]
    threshold: float
    scale: float
    cells: int
    ending: str = ""

    @property
    def derivative(self) -> BlochJacobian:
        """J(q) for every q: ``derivative.at(q)`` has shape (q, rows, 3n)."""
        return self.study.derivative

    @property
    def zero_level(self) -> float:
        """Largest singular value, in (feature)/Å, that counts as invisible."""
        return max(self.threshold * self.scale, self.derivative.error)

    @property
    def rank(self) -> Indices:
        """Number of visible waves at each wave vector, shape (q,)."""
        return np.asarray((self.singular_values > self.zero_level).sum(axis=1))

    @property
    def counts(self) -> Mapping[Cause, Indices]:
        """Number of waves of each cause at each wave vector, shape (q,); 3n together."""
        none = np.zeros(len(self.q), dtype=np.intp)
        out: dict[Cause, Indices] = {cause: none.copy() for cause in CAUSES}
        out["sensitive"] = self.rank
        out["unseen"], out["rotation"], out["translation"] = self.rigid.T
        seen = np.maximum(self.rank, self.predicted_rank)
        out["symmetry"] = self.singular_values.shape[1] - seen - self.rigid.sum(axis=1)
        for cause, count in self._lacking.items():
            out[cause] = out[cause] + count
        return out

    @property
    def _lacking(self) -> Mapping[Cause, Indices]:
        """Number of waves of each cause that symmetry allows to be seen at each wave vector."""
        out: dict[Cause, Indices] = {}
        for shortfall in self.shortfalls:
            for cause in shortfall.causes:
                out.setdefault(cause, np.zeros(len(self.q), dtype=np.intp))[shortfall.number] += 1
        return out

    def modes(self, number: int) -> Complex:
        """Return the right singular vectors of J(q) of one wave vector, shape (3n, n, 3).

        Atom s of the cell at R, in numbers of cell vectors, moves by the real part of
        u_s exp(2πi q·R), times any complex number. Each u has unit norm and a real largest
        component. Of equal singular values, only the span of the modes has a meaning.
        """
        _, vectors = decompose_bloch(self.derivative.at(self.q[[number]]))
        return np.asarray(vectors[0].reshape(-1, len(self.atoms), 3))

    def waves(self, q: ArrayLike) -> Waves:
        """Return orthonormal waves of any wave vector, each with its singular value and cause.

        The visible ones are those of ``modes``. ``q`` has shape (3,), in fractions of the
        reciprocal cell vectors.
        """
        q = check_wave_vector(q, self.atoms)
        return find_waves(
            self.study, q, zero=self.zero_level, scale=self.scale, threshold=self.threshold
        )

    @property
    def status(self) -> str:
        """Sentences on the ranks, the causes of shortfalls, and a cell that is not primitive."""
        if not len(self.q):
            return f"{self.ending.capitalize()} before the first wave vector."
        stopped = f"{self.ending.capitalize()} early. " if self.ending else ""
        unequal = f"{self._describe_nearly_hidden()}{self._describe_excess()}"
        return f"{stopped}{self._describe_ranks()}{unequal}{self._describe_cell()}"

    def _describe_ranks(self) -> str:
        found, count = _range(self.rank), len(self.q)
        text = f"Of {self.singular_values.shape[1]} waves {found} are visible"
        text = f"{text} at {count} wave vector{'s' if count > 1 else ''}"
        if np.array_equal(self.rank, self.predicted_rank):
            return f"{text}, as many as symmetry allows."
        if not self.shortfalls:
            return f"{text}."
        known, reasons = self._lacking, dict(_REASONS)
        if not all(len(shortfall.relative) for shortfall in self.shortfalls):
            reasons["undetermined"] += " (the search for causes was stopped)"
        lacking = ", ".join(
            f"{_range(known[cause][known[cause] > 0])} {reasons.get(cause, f'by {cause}')}"
            for cause in CAUSES
            if cause in known
        )
        where = f"at {len(self.shortfalls)} of them" if count > 1 else "there"
        text = f"{text}; {where} more are invisible than symmetry hides: {lacking}."
        return f"{text}{self._describe_nearby()}"

    def _describe_nearly_hidden(self) -> str:
        nearly = self.nearly_hidden[self.nearly_hidden > 0]
        if not len(nearly):
            return ""
        where = f"At {len(nearly)} of them" if len(self.q) > 1 else "There"
        far = self.study.far_from_ideal
        moved = f"; atoms are up to {far:.1g} Å from a crystal with this symmetry" if far else ""
        return (
            f" {where} {_range(nearly)} of the visible ones would be hidden by symmetry, if the "
            f"sites did not deviate from it by up to {self.study.deviation:.0e} Å, root mean "
            f"square over an environment{moved}."
        )

    def _describe_nearby(self) -> str:
        near = [shortfall for shortfall in self.shortfalls if shortfall.nearly_hidden]
        if not near:
            return ""
        counts = _range(np.array([shortfall.nearly_hidden for shortfall in near]))
        moved = max(shortfall.moved for shortfall in near)
        return (
            f" {counts} of those without a known cause would be hidden by symmetry, if atoms moved "
            f"by up to {moved:.1g} Å."
        )

    def _describe_excess(self) -> str:
        excess = int(np.sum(self.rank > self.predicted_rank))
        if not excess:
            return ""
        return (
            f" At {excess} of them more are visible than symmetry allows: an atom is at the "
            "cutoff, or the descriptor is not invariant."
        )

    def _describe_cell(self) -> str:
        if self.cells == 1:
            return ""
        return (
            f" The cell holds {self.cells} primitive cells, so the bands are folded; "
            "structures.primitive_cell(crystal) unfolds them."
        )

    def __repr__(self) -> str:
        return f"Bands({self.atoms.symbols}, q={len(self.q)}: {self.status})"


_REASONS: Mapping[Cause, str] = {
    "symmetry": f"by symmetry without the atoms within {Tolerance.POSITIONS:g} Å of the cutoff, "
    "which fade out (a larger cutoff sees them)",
    "undetermined": "without a known cause",
}


def _range(values: Indices) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"
