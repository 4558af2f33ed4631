"""A diagnosis, which says in words and as HTML what it has found."""

from __future__ import annotations

from dataclasses import dataclass

from sensitivity.diagnosis.findings import Findings
from sensitivity.diagnosis.html import to_html
from sensitivity.diagnosis.summary import describe_status, summarize


@dataclass(frozen=True, repr=False)
class Diagnosis(Findings):
    """The displacements that the chosen centers do not see, and why.

    Attributes
    ----------
    spectrum
        The singular value decomposition, with the structure and the centers.
    descriptor
        What looked at the structure.
    modes
        One per degree of freedom, 3N, orthonormal: internal ones in the order of their singular
        values, then unseen ones, rotations and translations. They are the singular vectors within
        the subspace of each cause. Where symmetry is exact, these are singular vectors of J.
    sites
        Symmetry of the environment of each center, in the order of the centers; if the diagnosis
        was ended, of those that were examined.
    tolerance
        Å, root mean square over the atoms of an environment: how exact the positions were taken to
        be.
    ending
        "cancelled" or "interrupted" if the diagnosis was ended, else "".
    unexamined
        Number of modes that were not examined then. They are undetermined, with no evidence but
        their singular value.
    """

    @property
    def status(self) -> str:
        """One sentence: how much is seen, and what of the rest is spurious."""
        return describe_status(self)

    @property
    def summary(self) -> str:
        """Several sentences: the environments, what is visible, what is not, and why."""
        return summarize(self)

    def __str__(self) -> str:
        return self.summary

    def _repr_html_(self) -> str:
        return to_html(self)

    def __repr__(self) -> str:
        return f"Diagnosis({self.atoms.symbols}, centers={len(self.centers)}: {self.status})"
