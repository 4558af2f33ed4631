"""The result of a comparison of descriptors, with its status in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest

import numpy as np
from ase import Atoms

from sensitivity.comparison.modes import (
    ComparedModes,
    Response,
    count_missed,
    explain_modes,
    find_missed,
    hidden_by_cause,
    respond,
)
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis import Cause, Diagnosis
from sensitivity.jacobian import differentiate
from sensitivity.metrics import Metric, MetricName
from sensitivity.numerics import Array, Indices, ReadOnlyArrays
from sensitivity.progress import Stoppable
from sensitivity.spectrum import Spectrum, decompose_jacobian
from sensitivity.tolerances import Tolerance

# Samples for each whitened direction. With four, the smallest sampled variance is about a quarter
# of the true one (Marchenko and Pastur, (1 - 1/√4)²); with fewer it tends to zero.
_ENOUGH = 4


@dataclass(frozen=True)
class Comparison(ReadOnlyArrays, Stoppable):
    """Spectra, causes, soft modes and mutual reconstruction of n descriptors on one structure.

    Attributes
    ----------
    atoms
        The structure (a copy), N atoms.
    centers
        The centers whose features are stacked.
    names
        One for each descriptor, all distinct.
    descriptors
        The descriptors, in the order of the names.
    metric
        "raw", "rattle" or "whitened": the scale of the features, see ``compare``.
    reference
        The samples that define the scale, in words; empty for "raw".
    samples
        Number of samples of each feature; 0 for "raw".
    directions
        Shape (n,): number of features that have a weight, or of directions for "whitened".
    spectra
        Singular value decompositions on this scale.
    conditions
        Shape (n,): smallest over largest singular value, within the displacements that symmetry
        allows to be seen. 0 if one of them is null, NaN if there are none.
    soft
        Number k of soft modes of each descriptor.
    soft_modes
        Shape (n, k, N, 3): the k softest modes of each descriptor, the softest last.
    angles
        Shape (n, n, k): principal angles between the spans of the soft modes of two descriptors, in
        degrees, ascending. 0 for equal subspaces; the largest is 90 if a soft mode of one has no
        part in those of the other.
    reconstruction
        Shape (n, n): infinitesimal reconstruction error of the first descriptor from the second,
        from 0 to 1. 0 if the second sees all that the first sees.
    metrics
        The scale of each descriptor; None for "raw".
    diagnoses
        Causes for each descriptor; fewer if the comparison was stopped.
    ending
        "cancelled", or "interrupted" by Ctrl-C, if the comparison was stopped; else empty.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, compare, structures
    >>> orders = {f"order {n}": DensityCorrelations(n, n_max=4, l_max=4) for n in (1, 2, 3)}
    >>> found = compare(structures.load("X0"), orders, centers=[0])
    >>> {name: counts["incompleteness"] for name, counts in found.counts.items()}
    {'order 1': 8, 'order 2': 1, 'order 3': 0}
    >>> (found.reconstruction > 1e-12).astype(int).tolist()  # of the row from the column
    [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    """

    atoms: Atoms
    centers: tuple[int, ...]
    names: tuple[str, ...]
    descriptors: tuple[Descriptor, ...]
    metric: MetricName
    reference: str
    samples: int
    directions: Indices
    spectra: tuple[Spectrum, ...]
    conditions: Array
    soft: int
    soft_modes: Array
    angles: Array
    reconstruction: Array
    metrics: tuple[Metric | None, ...]
    diagnoses: tuple[Diagnosis, ...] = ()
    ending: str = ""

    @property
    def counts(self) -> dict[str, dict[Cause, int]]:
        """Number of modes of each cause, for each descriptor that was diagnosed."""
        pairs = zip(self.names, self.diagnoses, strict=False)
        return {name: found.counts for name, found in pairs}

    def missed(self, name: str, *, by: str) -> tuple[Array, Array]:
        """Return what the descriptor ``name`` sees and the descriptor ``by`` does not see.

        Returns
        -------
        tuple of arrays
            Singular values of J (1 - P), (k,), descending, as far as they are visible, and their
            displacements, (k, N, 3). The error of reconstruction is the root of the sum of all
            squares, over that of J.

        Raises
        ------
        ValueError
            If there is no such name.

        Examples
        --------
        >>> from sensitivity import DensityCorrelations, compare, structures
        >>> orders = {"two": DensityCorrelations(2), "three": DensityCorrelations(3, n_max=4)}
        >>> found = compare(structures.load("X0"), orders, centers=[0])
        >>> values, modes = found.missed("three", by="two")
        >>> values.shape, modes.shape
        ((1,), (1, 5, 3))
        """
        return find_missed(*(self.spectra[self._place(each)] for each in (name, by)))

    def missed_causes(self, name: str, *, by: str) -> dict[str, int]:
        """Return why the descriptor ``by`` does not see what the descriptor ``name`` sees.

        What a descriptor sees, and what it does not see, is that of the causes: within their
        tolerance. ``missed`` is exact, but also has what rounding of coordinates makes visible.

        Returns
        -------
        dict
            For each cause that hides displacements from ``by``, the number of those that ``name``
            sees; "internal" if the cause is unknown, or if only the scale hides them.

        Raises
        ------
        ValueError
            If there is no such name.

        Examples
        --------
        >>> from sensitivity import DensityCorrelations, compare, structures
        >>> orders = {"two": DensityCorrelations(2), "three": DensityCorrelations(3, n_max=4)}
        >>> found = compare(structures.load("X0"), orders, centers=[0])
        >>> found.missed_causes("three", by="two")
        {'incompleteness': 1}
        """
        seen, place = self.modes(name), self._place(by)
        hidden = hidden_by_cause(self.spectra[place], self.modes(by))
        counts = {cause: count_missed(seen, [modes]) for cause, modes in hidden.items()}
        return {cause: count for cause, count in counts.items() if count}

    def count_missed(self, name: str, *, by: str) -> int:
        """Return in how many directions ``name`` sees displacements that ``by`` does not see.

        The causes of ``missed_causes`` add up to more if ``name`` sees only mixtures of them.

        Raises
        ------
        ValueError
            If there is no such name.

        Examples
        --------
        >>> from sensitivity import DensityCorrelations, compare, structures
        >>> orders = {"two": DensityCorrelations(2), "three": DensityCorrelations(3, n_max=4)}
        >>> found = compare(structures.load("X0"), orders, centers=[0])
        >>> found.count_missed("three", by="two"), found.count_missed("two", by="three")
        (1, 0)
        """
        seen, place = self.modes(name), self._place(by)
        return count_missed(seen, hidden_by_cause(self.spectra[place], self.modes(by)).values())

    def modes(self, name: str) -> ComparedModes:
        """Return the internal modes of a descriptor on the scale of the comparison, with causes.

        Raises
        ------
        ValueError
            If there is no such name.

        Examples
        --------
        >>> from sensitivity import DensityCorrelations, compare, structures
        >>> orders = {"two": DensityCorrelations(2), "three": DensityCorrelations(3, n_max=4)}
        >>> found = compare(structures.load("X0"), orders, centers=[0])
        >>> found.modes("two").causes[-2:]
        ('sensitive', 'incompleteness')
        """
        return self._modes[self._place(name)]

    @cached_property
    def _modes(self) -> tuple[ComparedModes, ...]:
        pairs = zip_longest(self.spectra, self.diagnoses)
        return tuple(explain_modes(spectrum, diagnosis) for spectrum, diagnosis in pairs)

    def responses(self, displacement: Array) -> tuple[Response, ...]:
        """Return how much each descriptor sees of a displacement, shape (N, 3).

        Raises
        ------
        ValueError
            If the displacement has another shape, or is zero.

        Examples
        --------
        >>> from sensitivity import DensityCorrelations, compare, structures
        >>> orders = {"two": DensityCorrelations(2), "three": DensityCorrelations(3, n_max=4)}
        >>> found = compare(structures.load("X0"), orders, centers=[0])
        >>> null = found.modes("two").displacements[-1]
        >>> [response.visible for response in found.responses(null)]
        [False, True]
        """
        given = np.asarray(displacement, dtype=float)
        if given.shape != (len(self.atoms), 3) or not given.any():
            raise ValueError(
                f"displacement must have the shape {(len(self.atoms), 3)} and not be zero, got the "
                f"shape {given.shape}; give e.g. a mode."
            )
        return tuple(respond(spectrum, given) for spectrum in self.spectra)

    def spectra_at(self, atoms: Atoms) -> tuple[Spectrum, ...]:
        """Return the spectra of the displaced structure, on the same scale.

        Features are scaled by ``metrics``, without new samples, and ``Spectrum.scale`` is that of
        the structure that is not displaced.

        Raises
        ------
        ValueError
            If the atoms are others, or a descriptor cannot describe them.

        Examples
        --------
        >>> from sensitivity import DensityCorrelations, compare, structures
        >>> atoms = structures.load("X0")
        >>> orders = {f"order {n}": DensityCorrelations(n, n_max=4) for n in (2, 3)}
        >>> found = compare(atoms, orders, centers=[0])
        >>> atoms.positions[2, 0] += 0.1
        >>> [spectrum.rank for spectrum in found.spectra_at(atoms)]
        [9, 9]
        """
        if not np.array_equal(atoms.numbers, self.atoms.numbers):
            raise ValueError(
                f"atoms must be those of the comparison, {self.atoms.symbols}, got "
                f"{atoms.symbols}; give the same atoms at other positions."
            )
        found, own = [], zip(self.descriptors, self.metrics, self.spectra, strict=True)
        for descriptor, metric, spectrum in own:
            derivative = differentiate(atoms, descriptor, centers=self.centers)
            scaled = derivative if metric is None else metric.apply(derivative)
            displaced = decompose_jacobian(scaled, cutoff=descriptor.cutoff)
            found.append(replace(displaced, scale=spectrum.scale))
        return tuple(found)

    def _place(self, name: str) -> int:
        if name not in self.names:
            known = ", ".join(self.names)
            raise ValueError(f"there is no descriptor named {name!r}; choose from {known}.")
        return self.names.index(name)

    @property
    def status(self) -> str:
        """Sentences: the conditions, the largest reconstruction error, and what is missing."""
        return " ".join(_sentences(self))

    def __repr__(self) -> str:
        return f"Comparison({self.atoms.symbols}, {', '.join(self.names)}: {self.status})"


def _sentences(found: Comparison) -> Iterator[str]:
    if np.isnan(found.conditions).all():
        yield "Symmetry and the cutoff allow no displacement to be seen."
    else:
        yield _range_of_conditions(found)
        yield _largest_error(found)
    yield from _poor_samples(found)
    if found.ending:
        left, count = len(found.names) - len(found.diagnoses), len(found.names)
        yield f"{found.ending.capitalize()}: the causes of {left} of {count} are unknown."


def _range_of_conditions(found: Comparison) -> str:
    ends = [int(np.nanargmin(found.conditions)), int(np.nanargmax(found.conditions))]
    texts = [_number(found.conditions[end]) for end in ends]
    if texts[0] == texts[1]:
        return f"The smallest/largest singular value is {texts[0]} for all."
    worst, best = (f"{text} for {found.names[k]}" for k, text in zip(ends, texts, strict=True))
    return f"The smallest/largest singular value is {worst} and {best}."


def _number(value: float) -> str:
    return f"{value:.1e}" if value else "0"


def _poor_samples(found: Comparison) -> Iterator[str]:
    most = int(found.directions.max())
    if found.metric == "whitened" and found.samples < _ENOUGH * most:
        yield (
            f"Up to {most} directions were whitened with {found.samples} samples: the condition "
            "depends on the samples; give more copies or structures."
        )
    for name, spectrum, raw in zip(found.names, found.spectra, found.diagnoses, strict=False):
        if spectrum.rank < raw.spectrum.rank:
            yield (
                f"On this scale {name} sees {spectrum.rank} displacements instead of "
                f"{raw.spectrum.rank}, because its features vary along too few directions over the "
                "samples; give more copies or structures."
            )


def _largest_error(found: Comparison) -> str:
    errors = found.reconstruction
    of, by = np.unravel_index(np.argmax(errors), errors.shape)
    if errors[of, by] <= Tolerance.ROUNDING:
        return "Each sees all that the others see."
    return (
        f"The largest reconstruction error, {errors[of, by]:.1e}, is that of {found.names[of]} "
        f"from {found.names[by]}."
    )
