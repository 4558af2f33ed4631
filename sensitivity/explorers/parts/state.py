"""What an explorer shows: a structure moved along one of its modes.

Everything here is a pure function; the widgets show the results and compute nothing.

What stays fixed while the amplitude moves is the direction: a mode of the *reference*, the
structure at amplitude zero. What is shown for the displaced structure is its own spectrum, so the
k-th singular value of the displaced structure need not belong to the direction of motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from ase import Atoms

from sensitivity.descriptors import REFINABLE, Centers, Descriptor
from sensitivity.diagnosis import Diagnosis, diagnose
from sensitivity.numerics import Array
from sensitivity.spectrum import Spectrum, spectrum
from sensitivity.structures.files.ase_frames import Frame
from sensitivity.structures.files.reading import note_bad

REACH = 0.3
"""Å per atom, root mean square, at the ends of the amplitude slider: a third of a bond, where most
structures are still recognizable."""

ARROW_LENGTH = 1.0
"""Å, of the longest arrow: about a bond, so that it can be seen and stays in the picture."""

SHORTEST_ARROW = 0.05
"""Shorter arrows, relative to the longest one, would hide inside their atom and are left out."""

TRACE_POINTS = 31
"""Odd, so that amplitude zero is among them; as many as a small picture can show."""

REMEMBERED = 256
"""Displaced structures whose spectra are kept."""

MOST_REMEMBERED = 64
"""Atoms of a structure up to which they are kept: the modes of 256 larger ones fill a memory."""

NO_MEMORY = "There is not enough memory for this. Choose a smaller structure, basis or order."


@dataclass(frozen=True, eq=False)
class Upload:
    """A file that a person gave, and which of its structures is looked at.

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
    """What is to be looked at, and by what.

    Attributes
    ----------
    atoms
        The structure.
    descriptor
        What looks at it.
    centers
        Indices of the center atoms; None for all.
    name
        Of the structure in the library, if it is from there; else empty.
    upload
        The file that it is from, if a person gave one.
    """

    atoms: Atoms
    descriptor: Descriptor
    centers: Centers = None
    name: str = ""
    upload: Upload | None = None


@dataclass(frozen=True, eq=False)
class Reference:
    """A structure at amplitude zero, and what a descriptor sees of it.

    Attributes
    ----------
    spectrum
        Its singular values and modes, with the structure and the centers.
    descriptor
        What looks at it.
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
        """Of each mode the cause why it is seen or not; its kind as long as that is not known."""
        if self.diagnosis is None:
            return self.spectrum.kinds
        return tuple(mode.cause for mode in self.diagnosis.modes)

    @property
    def subject(self) -> Subject:
        """What is looked at, to be changed in parts."""
        atoms: Atoms = self.atoms.copy()
        return Subject(atoms, self.descriptor, self.centers, self.name, self.upload)

    @property
    def reach(self) -> float:
        """Å. The largest amplitude."""
        return round(REACH * float(np.sqrt(len(self.atoms))), 1)

    @property
    def least_visible(self) -> int:
        """Index of the internal mode with the smallest singular value; 0 if there is none."""
        return max(self.spectrum.internal - 1, 0)


@dataclass(frozen=True)
class State:
    """All that a person has chosen.

    Attributes
    ----------
    reference
        The structure, what looks at it, and its modes.
    mode
        Index of the mode along which the atoms move.
    amplitude
        Å. Root of the summed squares of what the atoms moved, with the sign of the motion.
    arrows
        Whether arrows show the direction of motion.
    arrow_length
        Å, of the longest arrow.
    """

    reference: Reference
    mode: int
    amplitude: float = 0.0
    arrows: bool = True
    arrow_length: float = ARROW_LENGTH

    @property
    def atoms(self) -> Atoms:
        """The displaced structure r + amplitude · v, with v the mode; a new object."""
        atoms: Atoms = self.reference.atoms.copy()
        atoms.positions += self.amplitude * self.reference.modes[self.mode]
        return atoms

    @property
    def pattern(self) -> Array:
        """Shape (N, 3): the direction of motion; zero without arrows."""
        mode = self.reference.modes[self.mode]
        return mode if self.arrows else np.zeros_like(mode)


@dataclass(frozen=True, eq=False)
class Shown:
    """A displaced structure with its own spectrum.

    Attributes
    ----------
    atoms
        The displaced structure, read-only.
    spectrum
        Its spectrum; None if there is none.
    problem
        A sentence that says why there is no spectrum; empty if there is one.
    """

    atoms: Atoms
    spectrum: Spectrum | None
    problem: str = ""

    def __post_init__(self) -> None:
        freeze(self.atoms)
        if self.spectrum is not None:
            freeze(self.spectrum.atoms)


def freeze(atoms: Atoms) -> None:
    """Let a structure that is kept be read only: what was computed of it would no longer hold."""
    for array in (*atoms.arrays.values(), atoms.cell.array, atoms.pbc):
        array.setflags(write=False)


def _read_only(values: Sequence[Array | float]) -> Array:
    array = np.array(values)
    array.setflags(write=False)
    return array


def examine(subject: Subject) -> Reference:
    """Return what the descriptor sees of a structure, the causes not yet known."""
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


def compute(state: State) -> Shown:
    """Return the displaced structure with its spectrum, or with the reason why it has none."""
    what = state.reference, state.mode, state.amplitude
    small = len(state.reference.atoms) <= MOST_REMEMBERED
    return _remember(*what) if small else _compute(*what)


def _compute(reference: Reference, mode: int, amplitude: float) -> Shown:
    atoms = State(reference, mode, amplitude).atoms
    try:
        result = spectrum(atoms, reference.descriptor, centers=reference.centers)
    except (ValueError, ArithmeticError, MemoryError) as error:  # LinAlgError is a ValueError
        return Shown(atoms, None, as_sentence(error))
    if not np.all(np.isfinite(result.singular_values)):
        problem = "Some singular values are not finite: the features are not smooth here."
        return Shown(atoms, None, problem)
    return Shown(atoms, result)


_remember = lru_cache(maxsize=REMEMBERED)(_compute)


def explain_displaced(shown: Shown, descriptor: Descriptor) -> Diagnosis | None:
    """Return the causes for a displaced structure; None if there are none to be found."""
    if shown.spectrum is None:
        return None
    return explain(Reference(shown.spectrum, descriptor)).diagnosis


def arrow_ends(positions: Array, pattern: Array, *, length: float = ARROW_LENGTH) -> Array:
    """Start and end of one arrow per atom, shape (2, N, 3), in Å.

    They show the direction of motion, not its size: the longest arrow has this ``length``, and an
    arrow that is too short to be seen, or not to be shown, has length zero.
    """
    lengths = np.linalg.norm(pattern, axis=1, keepdims=True)
    longest = float(lengths.max())
    seen = (lengths > SHORTEST_ARROW * longest) & (longest > 0)
    arrows = length / (longest or 1.0) * np.where(seen, pattern, 0.0)
    return np.stack([positions, positions + arrows])


def trace_amplitudes(reach: float) -> Array:
    """Amplitudes in Å for a trace, densest around zero, where a singular value changes most."""
    fractions = np.linspace(-1, 1, TRACE_POINTS)
    return np.asarray(reach * np.sign(fractions) * fractions**2)


def as_sentence(error: BaseException) -> str:
    """Return what an error says, as a sentence."""
    if isinstance(error, KeyboardInterrupt):
        return "It was cancelled."
    if isinstance(error, MemoryError):
        return NO_MEMORY
    text = " ".join(str(error).split()) or type(error).__name__
    if text.split()[0].isalpha():  # the name of a file or of an argument stays as it is
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
