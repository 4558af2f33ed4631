"""The result of ``smallest``: singular values and modes, with their errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.numerics import Array, Mask, ReadOnlyArrays
from sensitivity.tolerances import Tolerance

Method = Literal["dense", "waves", "filter"]

# Relative error of a singular value above which it counts as an upper bound.
RESOLVED = 1e-3


@dataclass(frozen=True)
class Smallest(ReadOnlyArrays):
    """The smallest singular values of J of all centers, and their displacements.

    Attributes
    ----------
    atoms
        The structure (a copy), N atoms.
    descriptor
        The descriptor.
    singular_values
        Shape (k,), in (feature)/Å, ascending: the smallest of the internal displacements.
    modes
        Shape (k, N, 3): right singular vectors, orthonormal.
    residuals
        Shape (k,): ‖JᵀJ v - s² v‖ over the square of ``largest``.
    errors
        Shape (k,), in (feature)/Å: how much a value can be too large, if no smaller one was missed.
    largest
        Largest singular value, in (feature)/Å.
    scale
        Reference of the singular values, in (feature)/Å: the largest, or the root mean square of
        the norms of the features of the centers over the cutoff if that is larger. It does not grow
        with the structure.
    threshold
        Fraction of ``scale`` above which a singular value counts as visible.
    internal
        Number of internal displacements.
    null
        Number of invisible internal displacements. With the method "filter", of those found: if
        ``first_visible`` is None, there can be more.
    hidden
        Number of internal displacements that symmetry hides, also if it holds only to 1e-3 Å, so
        that some of them can be visible; with "filter", of those found that are invisible.
    first_visible
        Smallest singular value that counts as visible; None if none is found, or if so many are
        nearly zero that a smaller one can be missing.
    method
        "dense" for all singular values, "waves" for those of all wave vectors of a crystal that
        exactly repeats a smaller cell, "filter" for only the smallest.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, smallest, structures
    >>> silicon = structures.load("Si-diamond").repeat((3, 3, 4))
    >>> found = smallest(silicon, DensityCorrelations(cutoff=4.5), count=3)
    >>> found.null, found.hidden, found.method
    (351, 351, 'waves')
    """

    atoms: Atoms
    descriptor: Descriptor
    singular_values: Array
    modes: Array
    residuals: Array
    errors: Array
    largest: float
    scale: float
    threshold: float
    internal: int
    null: int
    hidden: int
    first_visible: float | None
    method: Method

    @property
    def zero_level(self) -> float:
        """Largest singular value, in (feature)/Å, that counts as invisible."""
        return self.threshold * self.scale

    @property
    def relative(self) -> Array:
        """Singular values as fractions of the scale, shape (k,)."""
        return np.asarray(self.singular_values / (self.scale or 1.0))

    @property
    def upper_bounds(self) -> Mask:
        """True for values with an error above 0.1 %: these are upper bounds; shape (k,)."""
        return np.asarray(self.errors > RESOLVED * self.singular_values)

    @property
    def complete(self) -> bool:
        """False if invisible displacements, or smaller singular values, can be missing."""
        found = self.first_visible is not None or self.null == self.internal
        return found or self.method != "filter"

    @property
    def status(self) -> str:
        """Sentences on invisible displacements, and on the smallest visible value."""
        if not self.internal:
            return "There is no internal displacement."
        return f"{self._describe_null()} {self._describe_visible()}"

    def _describe_null(self) -> str:
        are = "is" if self.null == 1 else "are"
        text = f"{self.null} of {self.internal} internal displacements {are} invisible"
        if not self.complete:
            if not self.null:
                return (
                    f"Of {self.internal} internal displacements no invisible one was found, but "
                    "there can be some."
                )
            return f"At least {text}; symmetry hides {self.hidden} of those that were found."
        if self.null == self.hidden:
            return f"{text}, as many as symmetry hides." if self.null else f"{text}."
        if self.null < self.hidden:
            near = f"symmetry that holds to {Tolerance.POSITIONS:g} Å"
            return f"{text}, fewer than the {self.hidden} that {near} hides."
        if self.method == "filter":
            return f"{text}, of which symmetry hides {self.hidden}."
        return f"{text}; symmetry hides {self.hidden}, or would if it were exact."

    def _describe_visible(self) -> str:
        if self.null == self.internal:
            return "To first order, no displacement changes the features."
        if self.first_visible is None:
            many = "so many are small that the search did not find out which are the smallest"
            most = float(self.relative[-1])
            if most <= self.threshold:
                return f"How many more is not known: {many}."
            return (
                f"The {len(self.relative)} smallest singular values are at most {most:.1e} of the "
                f"scale: {many}."
            )
        part = self.first_visible / (self.scale or 1.0)
        return f"The smallest visible singular value is {part:.2e} of the scale."

    def __repr__(self) -> str:
        return f"Smallest({self.atoms.symbols}, k={len(self.singular_values)}: {self.status})"
