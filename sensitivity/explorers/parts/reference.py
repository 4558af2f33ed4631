"""The structure at amplitude zero, its descriptor, and its spectrum with the causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from ase import Atoms

from sensitivity.descriptors import REFINABLE, Centers, Descriptor
from sensitivity.diagnosis import Diagnosis, diagnose
from sensitivity.explorers.parts.mode_motion import largest_amplitude
from sensitivity.numerics import Array
from sensitivity.spectrum import Spectrum, spectrum
from sensitivity.structures.files import Frame, note_bad


@dataclass(frozen=True, eq=False)
class Upload:
    """An uploaded file, and which of its structures is shown.

    Attributes
    ----------
    name
        Of the file.
    frames
        Its structures, which are not changed, and those that cannot be read.
    index
        Of the one that is shown, from 0.
    """

    name: str
    frames: tuple[Frame, ...]
    index: int = 0

    def __post_init__(self) -> None:
        for frame in self.frames:
            if frame.atoms is not None:
                freeze(frame.atoms)

    @property
    def atoms(self) -> Atoms:
        """The structure that is shown."""
        atoms = self.frames[self.index].atoms
        assert atoms is not None  # one that cannot be read is not chosen
        return atoms

    @property
    def others(self) -> list[str]:
        """The note on the structures that cannot be read, if there are any."""
        bad = [k for k, frame in enumerate(self.frames) if frame.atoms is None]
        return note_bad(bad, count=len(self.frames), complete=True)

    @property
    def note(self) -> str:
        """What was decided in reading the structure, and which others cannot be read."""
        notes = [*self.frames[self.index].notes, *self.others]
        return f"{self.name}: {'; '.join(notes)}." if notes else ""


@dataclass(frozen=True, eq=False)
class Subject:
    """A structure and a descriptor that are to be shown.

    Attributes
    ----------
    atoms, descriptor
        The structure and the descriptor.
    centers
        Indices of the center atoms; None for all.
    name
        Of the structure in the library, if it is from there; else empty.
    upload
        The file, if the structure is from one.
    """

    atoms: Atoms
    descriptor: Descriptor
    centers: Centers = None
    name: str = ""
    upload: Upload | None = None


@dataclass(frozen=True, eq=False)
class Reference:
    """A structure at amplitude zero, and its spectrum by a descriptor.

    Attributes
    ----------
    spectrum
        Its singular values and modes, with the structure and the centers.
    descriptor
        The descriptor.
    name
        Of the structure in the library, if it is from there; else empty.
    upload
        The file, if the structure is from one.
    diagnosis
        The causes; None as long as they are not known, or if they cannot be.
    """

    spectrum: Spectrum
    descriptor: Descriptor
    name: str = ""
    upload: Upload | None = None
    diagnosis: Diagnosis | None = None

    def __post_init__(self) -> None:
        freeze(self.spectrum.atoms)
        if self.diagnosis is not None:
            freeze(self.diagnosis.atoms)

    @property
    def atoms(self) -> Atoms:
        """The structure, N atoms, read-only; copy it to change it."""
        return self.spectrum.atoms

    @property
    def centers(self) -> tuple[int, ...]:
        """The centers whose features are stacked."""
        return self.spectrum.centers

    @cached_property
    def modes(self) -> Array:
        """Shape (3N, N, 3): the directions of motion, each of one cause as soon as it is known."""
        if self.diagnosis is None:
            return self.spectrum.modes
        return _read_only([mode.displacement for mode in self.diagnosis.modes])

    @cached_property
    def singular_values(self) -> Array:
        """Shape (3N,), in 1/Å, of the modes."""
        if self.diagnosis is None:
            return self.spectrum.singular_values
        return _read_only([mode.singular_value for mode in self.diagnosis.modes])

    @cached_property
    def causes(self) -> tuple[str, ...]:
        """The cause of each mode; its kind as long as that is not known."""
        if self.diagnosis is None:
            return self.spectrum.kinds
        return tuple(mode.cause for mode in self.diagnosis.modes)

    @property
    def subject(self) -> Subject:
        """Structure and descriptor, to be changed in parts."""
        atoms: Atoms = self.atoms.copy()
        return Subject(atoms, self.descriptor, self.centers, self.name, self.upload)

    @property
    def reach(self) -> float:
        """Å. The largest amplitude."""
        return largest_amplitude(len(self.atoms))

    @property
    def least_visible(self) -> int:
        """Index of the internal mode with the smallest singular value; 0 if there is none."""
        return max(self.spectrum.internal - 1, 0)


def freeze(atoms: Atoms) -> None:
    """Make a structure read-only: what was computed of it would no longer hold."""
    for array in (*atoms.arrays.values(), atoms.cell.array, atoms.pbc):
        array.setflags(write=False)


def _read_only(values: Sequence[Array | float]) -> Array:
    array = np.array(values)
    array.setflags(write=False)
    return array


def examine(subject: Subject) -> Reference:
    """Return the reference with its spectrum, the causes not yet known."""
    found = spectrum(subject.atoms, subject.descriptor, centers=subject.centers)
    return Reference(found, subject.descriptor, subject.name, upload=subject.upload)


@lru_cache(maxsize=8)
def explain(reference: Reference) -> Reference:
    """Return the reference with the causes; as it is if its descriptor does not allow for that."""
    missing = [name for name in REFINABLE if not hasattr(reference.descriptor, name)]
    if missing or not reference.spectrum.internal:
        return reference
    found = diagnose(reference.atoms, reference.descriptor, centers=reference.centers)
    return replace(reference, diagnosis=found)
