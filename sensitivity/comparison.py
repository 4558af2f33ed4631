"""Comparison of descriptors on one structure: what each sees, how well, and what others miss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor, NotSmooth
from sensitivity.descriptors.naming import name_descriptors
from sensitivity.diagnosis import Cause, Diagnosis, diagnose
from sensitivity.metrics import RATTLE, MetricName, Rattle, Scale
from sensitivity.numerics import Array, Indices, ReadOnlyArrays, takes_centers
from sensitivity.progress import (
    Cancelled,
    Progress,
    Stop,
    Stoppable,
    check_progress,
    checkpoint,
    telling,
)
from sensitivity.soft_modes import AllowedModes, check_soft, choose_soft, principal_angles
from sensitivity.spectrum import Spectrum, decompose_jacobian
from sensitivity.structures import check_centers
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
        seen, hiding = (self.spectra[self._place(each)] for each in (name, by))
        hidden = _hidden(hiding)
        _, values, mixing = np.linalg.svd(_slopes(seen, hidden), full_matrices=False)
        kept = values > seen.zero_level
        return values[kept], np.tensordot(mixing[kept], hidden, axes=1)

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


@takes_centers
def compare(
    atoms: Atoms,
    descriptors: Mapping[str, Descriptor] | Iterable[Descriptor],
    *,
    centers: Centers = None,
    metric: MetricName = "rattle",
    structures: Iterable[Atoms] | Rattle = RATTLE,
    soft: int | None = None,
    tolerance: float = Tolerance.POSITIONS,
    progress: Progress | None = None,
) -> Comparison:
    """Compare what descriptors see of a structure, how well, and what each misses of the others.

    Singular values depend on the scale of the features, which is arbitrary; rank and causes do not.
    ``metric`` states the scale. "raw" takes the features as they are. "rattle" divides each by its
    standard deviation over samples. "whitened" decorrelates them, too, which needs several times as
    many samples as directions. Features, or directions of them, that do not vary weigh zero.
    Samples are copies of the structure with random displacements, and deviations are from the mean
    of each center; or environments in given structures, with one mean. Over small random
    displacements, whitened features respond to all visible displacements about equally, by
    construction: give structures to learn more.

    Soft modes are right singular vectors with the smallest singular values, within the
    displacements that symmetry allows the descriptor to see. Modes that are null although symmetry
    allows them to be seen are the softest.

    The infinitesimal reconstruction error of B from A is ‖J_B (1 - P_A)‖_F / ‖J_B‖_F, with P_A the
    projector on the visible displacements of A: on the row space of J_A, whose singular values are
    above 1e-5 of the scale (``Spectrum.zero_level``). It is the local limit of the feature
    reconstruction error of Goscinski, Fraux, Imbalzano, Ceriotti, Mach. Learn.: Sci. Technol. 2,
    025028 (2021), doi 10.1088/2632-2153/abdaf7, and needs no data set.

    Parameters
    ----------
    atoms
        The structure, N atoms.
    descriptors
        Two or more descriptors, or a mapping from names to them. Descriptors without names are
        named by class and by the settings in which those of the same class differ.
    centers
        Indices of the centers whose features are stacked; None takes all atoms.
    metric
        "raw", "rattle" or "whitened".
    structures
        Structures that define the scale, of which all atoms of the elements of the centers count;
        or how to displace the atoms of copies.
    soft
        Number of soft modes of each descriptor. By default the largest number of null modes that
        symmetry does not explain, of any descriptor, or 3 if there are none; more if that many
        would divide modes of equal singular values; and not more than there are.
    tolerance
        Å: as for ``diagnose``.
    progress
        Called regularly with a short sentence. It may raise ``Cancelled``.

    Returns
    -------
    Comparison
        If it is cancelled during the diagnoses, which come last, it has those that are complete.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two descriptors, one has a kink here (``NotSmooth``), or the
        structure, a center, a setting or their combination is unusable.
    Interrupted
        On Ctrl-C during the diagnoses; ``partial`` is the Comparison that cancelling would return.
    Cancelled
        If it is cancelled before.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, compare, structures
    >>> smeared = [DensityCorrelations(2, smearing=width) for width in (0.2, 0.5)]
    >>> found = compare(structures.load("generic"), smeared, centers=[0])
    >>> found.names
    ('DensityCorrelations(smearing=0.2)', 'DensityCorrelations(smearing=0.5)')
    >>> found.reconstruction.round(12).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    named, tell, stop = name_descriptors(descriptors), check_progress(progress), Stop()
    chosen = check_centers(atoms, centers)
    scale = Scale.of(atoms, chosen, metric, structures)
    with telling(progress):
        found = _decompose(named, scale, soft=soft, tolerance=tolerance, tell=tell)
    diagnoses = list[Diagnosis]()
    with stop:
        for name, descriptor in named.items():
            tell(f"{name}: causes")
            checkpoint()
            diagnosis = diagnose(
                atoms, descriptor, centers=chosen, tolerance=tolerance, progress=progress
            )
            if diagnosis.interrupted:
                raise Cancelled
            diagnoses.append(diagnosis)
    return stop.deliver(replace(found, diagnoses=tuple(diagnoses), ending=stop.ending))


def _decompose(
    named: Mapping[str, Descriptor],
    scale: Scale,
    *,
    soft: int | None,
    tolerance: float,
    tell: Progress,
) -> Comparison:
    """Return the comparison without diagnoses."""
    spectra, allowed, directions = list[Spectrum](), list[AllowedModes](), list[int]()
    for name, descriptor in named.items():
        tell(f"{name}: singular values")
        try:
            derivative, count = scale.differentiate(descriptor)
        except NotSmooth as error:
            raise NotSmooth(f"{name}: {error}") from error
        directions.append(count)
        spectra.append(decompose_jacobian(derivative, cutoff=descriptor.cutoff))
        allowed.append(AllowedModes.of(derivative, descriptor, spectra[-1], tolerance=tolerance))
    k = choose_soft(allowed) if soft is None else check_soft(soft, allowed)
    modes = np.array([each.softest(k) for each in allowed])
    return Comparison(
        scale.atoms.copy(),
        scale.centers,
        tuple(named),
        tuple(named.values()),
        scale.name,
        scale.reference,
        scale.samples,
        np.array(directions),
        tuple(spectra),
        np.array([each.condition for each in allowed]),
        k,
        modes,
        principal_angles(modes),
        np.array([[_error(seen, hiding) for hiding in spectra] for seen in spectra]),
    )


def _error(seen: Spectrum, hiding: Spectrum) -> float:
    if not seen.rank:
        return 0.0
    missed = np.linalg.norm(_slopes(seen, _hidden(hiding)))
    return float(missed / np.linalg.norm(seen.singular_values))


def _hidden(spectrum: Spectrum) -> Array:
    return np.asarray(spectrum.modes[~np.array(spectrum.visible)])


def _slopes(spectrum: Spectrum, directions: Array) -> Array:
    """Return J times orthonormal directions, (k, N, 3), up to a rotation of the rows: (3N, k)."""
    size = spectrum.modes[0].size
    overlaps = spectrum.modes.reshape(-1, size) @ directions.reshape(-1, size).T
    return np.asarray(spectrum.singular_values[:, None] * overlaps)
