"""A structure moved along one of its modes, and its spectrum.

What stays fixed while the amplitude moves is the direction: a mode of the *reference*, the
structure at amplitude zero. What is shown for the displaced structure is its own spectrum, so the
k-th singular value of the displaced structure need not belong to the direction of motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis import Diagnosis
from sensitivity.explorers.parts.error_text import as_sentence
from sensitivity.explorers.parts.mode_motion import ARROW_LENGTH
from sensitivity.explorers.parts.reference import Reference, explain, freeze
from sensitivity.numerics import Array
from sensitivity.spectrum import Spectrum, spectrum


@dataclass(frozen=True)
class State:
    """All that the user has chosen.

    Attributes
    ----------
    reference
        The structure, its descriptor and its modes.
    mode
        Index of the mode along which the atoms move.
    amplitude
        Å. Root of the summed squares of the displacements, with the sign of the motion.
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


def compute(state: State) -> Shown:
    """Return the displaced structure with its spectrum, or with the reason why it has none.

    Those of up to 64 atoms are remembered; the modes of larger ones would fill the memory.
    """
    what = state.reference, state.mode, state.amplitude
    return _remember(*what) if len(state.reference.atoms) <= 64 else _compute(*what)


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


_remember = lru_cache(maxsize=256)(_compute)


def explain_displaced(shown: Shown, descriptor: Descriptor) -> Diagnosis | None:
    """Return the causes for a displaced structure; None if there are none to be found."""
    if shown.spectrum is None:
        return None
    return explain(Reference(shown.spectrum, descriptor)).diagnosis


class History:
    """The states to which ``undo`` returns, the latest last."""

    def __init__(self, *, most: int = 20) -> None:
        self.states: tuple[State, ...] = ()
        self._most = most

    def add(self, state: State) -> None:
        """Remember a state, and forget the oldest if there are too many."""
        self.states = (*self.states, state)[-self._most :]

    def remove_last(self) -> None:
        """Forget the state to which the explorer has returned."""
        self.states = self.states[:-1]
