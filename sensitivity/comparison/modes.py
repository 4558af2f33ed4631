"""The modes of compared descriptors: their causes, and what other descriptors see of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, CAUSES, Cause, DiagnosedMode, Diagnosis
from sensitivity.numerics import Array, Mask, ReadOnlyArrays
from sensitivity.spectrum import Spectrum

# Largest sine of an angle between the null spaces of two scales of the same features, which differ
# by noise: 1e-4 for coordinates rounded to 1e-6 Å.
_SAME_SPAN = 1e-2

# Part of an invisible mode that another descriptor must see, at least. Modes of two descriptors
# that the same near symmetry hides, within the tolerance of the causes, differ by less.
LEAST_PART = 0.1


@dataclass(frozen=True)
class Response:
    """Response of a descriptor to a displacement v, shape (N, 3).

    Attributes
    ----------
    relative
        ‖J v‖ / ‖v‖ over ``Spectrum.scale``: 1 along the most visible mode, 0 if v is invisible.
    share
        Share of ‖v‖² within the visible displacements, from 0 to 1.
    visible
        True if ‖J v‖ / ‖v‖ is above ``Spectrum.zero_level``.
    """

    relative: float
    share: float
    visible: bool


def respond(spectrum: Spectrum, displacement: Array) -> Response:
    """Return the response of a descriptor with this spectrum to a displacement, shape (N, 3)."""
    unit = displacement / np.linalg.norm(displacement)
    overlaps = np.tensordot(spectrum.modes, unit, axes=2)  # [mode]
    size = float(np.linalg.norm(spectrum.singular_values * overlaps))
    share = float(np.sum(overlaps[np.array(spectrum.visible)] ** 2))
    return Response(size / (spectrum.scale or 1.0), min(share, 1.0), size > spectrum.zero_level)


@dataclass(frozen=True)
class ComparedModes(ReadOnlyArrays):
    """The internal modes of one descriptor of a comparison, in descending order, each with a cause.

    Attributes
    ----------
    relative
        Shape (m,): singular values over ``Spectrum.scale``.
    displacements
        Shape (m, N, 3), orthonormal. Invisible ones are those of the diagnosis, which have one
        cause each.
    causes
        One for each mode; "internal" for an invisible one if the comparison was stopped before its
        cause was known, or if only the scale hides it.
    """

    relative: Array
    displacements: Array
    causes: tuple[str, ...]

    @property
    def seen(self) -> Mask:
        """True for modes that are visible, also within the tolerance of the causes; shape (m,)."""
        return np.array([cause == "sensitive" for cause in self.causes], dtype=bool)

    def parts(self, displacements: Array) -> Array:
        """Return the products of visible modes with displacements, (k, N, 3): (visible, k)."""
        known = self.displacements[self.seen]
        return np.asarray(np.tensordot(known, displacements, axes=([1, 2], [1, 2])))

    def sees(self, displacement: Array) -> float:
        """Return the share of a displacement of unit norm, (N, 3), in the visible modes."""
        return float(np.sum(self.parts(displacement[None]) ** 2))


def explain_modes(spectrum: Spectrum, diagnosis: Diagnosis | None) -> ComparedModes:
    """Return the internal modes of a spectrum with the causes of a diagnosis.

    The spectrum and the diagnosis may have other scales of the same features, on which visible
    modes differ and invisible ones span the same space.
    """
    count = spectrum.internal
    values, modes = spectrum.relative[:count], spectrum.modes[:count].copy()
    visible = np.array(spectrum.visible[:count], dtype=bool)
    if diagnosis is None:
        return ComparedModes(values, modes, name_kinds(spectrum))
    null = [mode for mode in diagnosis.modes if _is_null(mode)]
    hidden = np.array([mode.displacement for mode in null]).reshape(-1, *modes.shape[1:])
    if _span_the_same(modes[~visible], hidden):
        modes[~visible] = hidden
    shares = shares_of_causes(modes, diagnosis)
    found = [max(shares, key=lambda cause: shares[cause][k]) for k in range(count)]
    pairs = zip(found, visible, strict=True)
    causes = ["internal" if cause == "sensitive" and not seen else cause for cause, seen in pairs]
    return ComparedModes(values, modes, tuple(causes))


def name_kinds(spectrum: Spectrum) -> tuple[str, ...]:
    """Return "sensitive" for each visible internal mode, "internal" for each invisible one."""
    return tuple("sensitive" if seen else "internal" for seen in spectrum.visible)[
        : spectrum.internal
    ]


def _is_null(mode: DiagnosedMode) -> bool:
    return mode.cause != "sensitive" and not CAUSE_DESCRIPTIONS[mode.cause].trivial


def _span_the_same(one: Array, other: Array) -> bool:
    """Return True if two orthonormal sets, (k, N, 3), span the same space."""
    if one.shape != other.shape:
        return False
    cosines = np.linalg.svd(np.tensordot(one, other, axes=([1, 2], [1, 2])), compute_uv=False)
    return bool(np.all(cosines > np.sqrt(1 - _SAME_SPAN**2)))


def shares_of_causes(displacements: Array, diagnosis: Diagnosis) -> dict[Cause, Array]:
    """Return the shares of displacements of unit norm, (k, N, 3), in the modes of each cause."""
    known = np.array([mode.displacement for mode in diagnosis.modes])
    parts = np.tensordot(displacements, known, axes=([1, 2], [1, 2])) ** 2  # [displacement, mode]
    causes = np.array([mode.cause for mode in diagnosis.modes])
    return {cause: parts[:, causes == cause].sum(axis=1) for cause in CAUSES if cause in causes}


def find_missed(seen: Spectrum, hiding: Spectrum) -> tuple[Array, Array]:
    """Return what one spectrum sees and another does not: see ``Comparison.missed``."""
    hidden = hidden_modes(hiding)
    _, values, mixing = np.linalg.svd(slopes(seen, hidden), full_matrices=False)
    kept = values > seen.zero_level
    return values[kept], np.tensordot(mixing[kept], hidden, axes=1)


def hidden_by_cause(spectrum: Spectrum, modes: ComparedModes) -> dict[str, Array]:
    """Return the invisible modes of a descriptor for each cause or trivial kind, (k, N, 3)."""
    names = np.array([*modes.causes, *spectrum.kinds[spectrum.internal :]], dtype=object)
    every = np.concatenate([modes.displacements, spectrum.modes[spectrum.internal :]])
    order = (*CAUSES, "internal")
    hidden = [name for name in order if name != "sensitive" and name in names]
    return {name: every[names == name] for name in hidden}


def count_missed(seen: ComparedModes, hidden: Iterable[Array]) -> int:
    """Return in how many directions, among hidden modes, a descriptor sees displacements."""
    every = np.concatenate([np.zeros((0, *seen.displacements.shape[1:])), *hidden])
    if not len(every) or not seen.seen.any():
        return 0
    return int(np.count_nonzero(np.linalg.svd(seen.parts(every), compute_uv=False) > LEAST_PART))


def most_telling(modes: Sequence[ComparedModes]) -> tuple[int, int]:
    """Return numbers of a descriptor and of its invisible mode of which another one sees most.

    Without such a mode, it is the last one of the first descriptor.
    """
    best, most = (0, max(0, len(modes[0].causes) - 1)), 0.0
    for number, own in enumerate(modes):
        hidden = np.flatnonzero(~own.seen)
        for other in modes:
            parts = other.parts(own.displacements[hidden])
            sizes = np.linalg.norm(other.relative[other.seen, None] * parts, axis=0)
            sizes *= np.linalg.norm(parts, axis=0) > LEAST_PART
            if sizes.max(initial=0.0) > most:
                most, best = float(sizes.max()), (number, int(hidden[sizes.argmax()]))
    return best


def reconstruction_error(seen: Spectrum, hiding: Spectrum) -> float:
    """Return ‖J (1 - P)‖_F / ‖J‖_F, with the projector P on what ``hiding`` sees."""
    if not seen.rank:
        return 0.0
    missed = np.linalg.norm(slopes(seen, hidden_modes(hiding)))
    return float(missed / np.linalg.norm(seen.singular_values))


def hidden_modes(spectrum: Spectrum) -> Array:
    """Return the modes that are not visible, shape (k, N, 3)."""
    return np.asarray(spectrum.modes[~np.array(spectrum.visible)])


def slopes(spectrum: Spectrum, directions: Array) -> Array:
    """Return J times orthonormal directions, (k, N, 3), up to a rotation of the rows: (3N, k)."""
    size = spectrum.modes[0].size
    overlaps = spectrum.modes.reshape(-1, size) @ directions.reshape(-1, size).T
    return np.asarray(spectrum.singular_values[:, None] * overlaps)
