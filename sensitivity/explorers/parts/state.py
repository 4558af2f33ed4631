"""A structure with its spectrum and causes, moved along one of its modes.

The direction, a mode of the *reference* (the structure at amplitude zero), stays fixed while the
amplitude changes. The displaced structure is shown with its own spectrum, so its k-th singular
value need not belong to the direction of motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor, with_defaults
from sensitivity.diagnosis import Diagnosis, diagnose
from sensitivity.explorers.parts.inputs import Upload, freeze
from sensitivity.explorers.parts.view import as_sentence
from sensitivity.numerics import Array
from sensitivity.progress import Cancelled, Progress, checkpoint
from sensitivity.spectrum import Spectrum, spectrum

STEP = 0.01  # Å, of the amplitude: smooth motion, but large enough for the arrow keys
PERIOD = 60  # steps of one oscillation
FEW = 64  # atoms: for more, spectra take much time and memory
ARROW_LENGTHS = (0.5, 1.0, 1.5, 2.0, 3.0)  # Å, of the longest arrow
ARROW_LENGTH = ARROW_LENGTHS[1]  # about a bond length: visible, and inside the picture


@dataclass(frozen=True, eq=False)
class Subject:
    """A structure and a descriptor to be shown."""

    atoms: Atoms
    descriptor: Descriptor
    centers: Centers = None  # all
    name: str = ""  # of the structure, if it is from the library
    upload: Upload | None = None  # if the structure is from a file
    kind: str = ""  # name of the descriptor, if it was made for the structure from the catalog

    @property
    def chosen(self) -> tuple[int, ...]:
        """The indices of the centers."""
        return tuple(range(len(self.atoms)) if self.centers is None else self.centers)

    @property
    def slow(self) -> bool:
        """True if a spectrum takes much longer than that of density correlations."""
        effort = with_defaults(self.descriptor).effort
        return effort > 1 and len(self.atoms) * effort > FEW


@dataclass(frozen=True, eq=False)
class Reference:
    """A structure at amplitude zero and its spectrum with a descriptor; read-only."""

    spectrum: Spectrum
    descriptor: Descriptor
    name: str = ""  # of the structure, if it is from the library
    upload: Upload | None = None  # if the structure is from a file
    kind: str = ""  # name of the descriptor, if it was made for the structure from the catalog
    diagnosis: Diagnosis | None = None  # None while unknown, or if there is none

    def __post_init__(self) -> None:
        freeze(self.spectrum.atoms)
        if self.diagnosis is not None:
            freeze(self.diagnosis.atoms)

    @property
    def atoms(self) -> Atoms:
        """The structure, N atoms; copy it to change it."""
        return self.spectrum.atoms

    @property
    def centers(self) -> tuple[int, ...]:
        """The centers whose features are stacked."""
        return self.spectrum.centers

    @cached_property
    def modes(self) -> Array:
        """The directions of motion, shape (3N, N, 3); each has one cause once it is known."""
        if self.diagnosis is None:
            return self.spectrum.modes
        return _read_only([mode.displacement for mode in self.diagnosis.modes])

    @cached_property
    def singular_values(self) -> Array:
        """The singular values of the modes in 1/Å, shape (3N,)."""
        if self.diagnosis is None:
            return self.spectrum.singular_values
        return _read_only([mode.singular_value for mode in self.diagnosis.modes])

    @cached_property
    def causes(self) -> tuple[str, ...]:
        """The cause of each mode; its kind while the cause is unknown."""
        if self.diagnosis is None:
            return self.spectrum.kinds
        return tuple(mode.cause for mode in self.diagnosis.modes)

    @property
    def subject(self) -> Subject:
        """A copy of structure and descriptor, from which a change starts."""
        same = self.name, self.upload, self.kind
        return Subject(self.atoms.copy(), self.descriptor, self.centers, *same)

    @property
    def quick(self) -> bool:
        """True if spectra take little time: few atoms, and a descriptor with derivatives."""
        return len(self.atoms) * with_defaults(self.descriptor).effort <= FEW

    @property
    def reach(self) -> float:
        """The largest amplitude in Å, at the ends of the slider."""
        # Å per atom, root mean square: a third of a bond, so most structures stay recognizable.
        share = 0.3
        return round(share * float(np.sqrt(len(self.atoms))), 1)

    @property
    def least_visible(self) -> int:
        """The index of the internal mode with the smallest singular value; 0 without any."""
        return max(self.spectrum.internal - 1, 0)


def examine(subject: Subject) -> Reference:
    """Return the reference with its spectrum, without causes."""
    found = spectrum(subject.atoms, subject.descriptor, centers=subject.centers)
    checkpoint()  # there is none within the decomposition
    same = subject.name, subject.upload, subject.kind
    return Reference(found, subject.descriptor, *same)


def explain(reference: Reference, *, progress: Progress | None = None) -> Reference:
    """Return the reference with the causes, if it has internal displacements; results are cached.

    Raises ``Cancelled`` on cancellation: a mode that was not reached has no cause yet, which
    differs from a cause that cannot be found.
    """
    if reference not in _EXPLAINED:
        found = explain_spectrum(reference.spectrum, reference.descriptor, progress=progress)
        if found is not None and found.ending:
            raise Cancelled
        _EXPLAINED[reference] = replace(reference, diagnosis=found)
    return _EXPLAINED[reference]


_EXPLAINED = WeakKeyDictionary[Reference, Reference]()


@dataclass(frozen=True)
class State:
    """The choices of the user; lengths are in Å."""

    reference: Reference
    mode: int  # index of the mode along which the atoms move
    amplitude: float = 0.0  # root of the summed squares of the displacements, with a sign
    arrows: bool = True
    arrow_length: float = ARROW_LENGTH  # of the longest arrow
    feature: int | None = None  # of the first center: the arrows show its gradient

    @property
    def atoms(self) -> Atoms:
        """The displaced structure r + amplitude · v, with v the mode; a new object."""
        atoms: Atoms = self.reference.atoms.copy()
        atoms.positions += self.amplitude * self.reference.modes[self.mode]
        return atoms


@dataclass(frozen=True, eq=False)
class Shown:
    """A displaced structure, read-only, with its spectrum, or the reason why it has none."""

    atoms: Atoms
    spectrum: Spectrum | None
    problem: str = ""

    def __post_init__(self) -> None:
        freeze(self.atoms)
        if self.spectrum is not None:
            freeze(self.spectrum.atoms)


def compute(state: State) -> Shown:
    """Return the displaced structure with its spectrum, if any; small structures are cached."""
    what = state.reference, state.mode, state.amplitude
    if state.amplitude == 0.0:
        return _show(state.reference.atoms, _if_finite(state.reference.spectrum))
    few = len(state.reference.atoms) <= FEW
    return _compute(*what) if few else _compute.__wrapped__(*what)


@lru_cache(maxsize=256)
def _compute(reference: Reference, mode: int, amplitude: float) -> Shown:
    atoms = State(reference, mode, amplitude).atoms
    return _show(atoms, try_spectrum(atoms, reference.descriptor, centers=reference.centers))


def _show(atoms: Atoms, found: Spectrum | str) -> Shown:
    return Shown(atoms, None, found) if isinstance(found, str) else Shown(atoms, found)


def try_spectrum(
    atoms: Atoms, descriptor: Descriptor, *, centers: tuple[int, ...]
) -> Spectrum | str:
    """Return the spectrum of a structure, or the reason why it has none."""
    try:
        return _if_finite(spectrum(atoms, descriptor, centers=centers))
    except Cancelled:
        raise
    except Exception as error:  # of any kind: code of others may not know this geometry
        return as_sentence(error)


def _if_finite(found: Spectrum) -> Spectrum | str:
    if not np.all(np.isfinite(found.singular_values)):
        return "Some singular values are not finite: the features are not smooth here."
    return found


def explain_spectrum(
    found: Spectrum, descriptor: Descriptor, *, progress: Progress | None = None
) -> Diagnosis | None:
    """Return the causes; None without internal displacements."""
    if not found.internal:
        return None
    return diagnose(found.atoms, descriptor, centers=found.centers, progress=progress)


def _read_only(values: Sequence[Array | float]) -> Array:
    array = np.array(values)
    array.setflags(write=False)
    return array


def stops(reach: float) -> list[float]:
    """Return the amplitudes of the slider in Å, with zero in the middle."""
    last = round(reach / STEP)
    return [round(k * STEP, 2) for k in range(-last, last + 1)]


def oscillate(step: float, *, reach: float) -> float:
    """Return the amplitude in Å at one step of the oscillation, which starts at zero."""
    return round(float(reach * np.sin(2 * np.pi * step / PERIOD)), 2) + 0.0  # and no -0.0


def trace_amplitudes(reach: float, *, count: int) -> Array:
    """Return an odd number of amplitudes in Å, densest at zero, where values change most."""
    fractions = np.linspace(-1, 1, count)
    return np.asarray(reach * np.sign(fractions) * fractions**2)


def arrow_ends(
    positions: Array, pattern: Array, *, length: float = ARROW_LENGTH, shortest: float = 0.05
) -> Array:
    """Return start and end of one arrow per atom, shape (2, N, 3), in Å.

    The arrows show the direction of motion, not its size: the longest has this ``length``. Arrows
    shorter than ``shortest`` times this would be inside their atom, and get length zero.
    """
    lengths = np.linalg.norm(pattern, axis=1, keepdims=True)
    longest = float(lengths.max())
    seen = (lengths > shortest * longest) & (longest > 0)
    arrows = length / (longest or 1.0) * np.where(seen, pattern, 0.0)
    return np.stack([positions, positions + arrows])
