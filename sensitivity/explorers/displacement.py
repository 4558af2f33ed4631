"""A structure moved along one of its singular vectors, and what there is to say about it.

Everything here is a pure function of arrays; the widgets show the results and compute nothing.

What stays fixed while the amplitude moves is the direction: mode k of the *reference*, the
structure at amplitude zero. What is shown for the displaced structure is its own spectrum, so the
k-th singular value of the displaced structure need not belong to the direction of motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from sensitivity.descriptors.protocol import Descriptor
from sensitivity.spectrum import Spectrum, spectrum

ARROW_LENGTH = 1.0
"""Å, of the longest arrow: about a bond, so that it can be seen and stays in the picture."""

SHORTEST_ARROW = 0.05
"""Shorter arrows, relative to the longest one, would hide inside their atom and are left out."""


TRACE_POINTS = 31
"""Odd, so that amplitude zero is among them; as many as a small picture can show."""


@dataclass(frozen=True)
class Displacement:
    """A structure moved along a mode of its reference, with its own spectrum.

    Attributes
    ----------
    reference
        The spectrum at amplitude zero, whose modes are the directions of motion.
    mode
        Index of the mode, a row of ``reference.modes``.
    amplitude
        Å. Root of the summed squares of what the atoms moved, with the sign of the motion.
    spectrum
        The spectrum of the displaced structure; None if there is none.
    problem
        A sentence that says why there is no spectrum; empty if there is one.
    """

    reference: Spectrum
    mode: int
    amplitude: float
    spectrum: Spectrum | None
    problem: str = ""

    @property
    def atoms(self) -> Atoms:
        """The displaced structure, a new object."""
        return displace(self.reference, mode=self.mode, amplitude=self.amplitude)


def displace(reference: Spectrum, *, mode: int, amplitude: float) -> Atoms:
    """Structure r + amplitude · v, with v the mode, of unit norm; ``amplitude`` in Å."""
    atoms: Atoms = reference.atoms.copy()
    atoms.positions += amplitude * reference.modes[mode]
    return atoms


def evaluate(
    reference: Spectrum, descriptor: Descriptor, *, mode: int, amplitude: float
) -> Displacement:
    """Displaced structure with its spectrum, or with a sentence that says why it has none."""
    atoms = displace(reference, mode=mode, amplitude=amplitude)
    try:
        result = spectrum(atoms, descriptor, centers=reference.centers)
    except (ValueError, ArithmeticError) as error:  # LinAlgError is a ValueError
        return Displacement(reference, mode, amplitude, None, _sentence(error))
    if not np.all(np.isfinite(result.singular_values)):
        problem = "Some singular values are not finite: the features are not smooth here."
        return Displacement(reference, mode, amplitude, None, problem)
    return Displacement(reference, mode, amplitude, result)


def arrow_ends(positions: NDArray[np.float64], pattern: NDArray[np.float64]) -> NDArray[np.float64]:
    """Start and end of one arrow per atom, shape (2, N, 3), in Å.

    They show the direction of motion, not its size: the longest arrow has ``ARROW_LENGTH``, and an
    arrow that is too short to be seen, or not to be shown, has length zero.
    """
    lengths = np.linalg.norm(pattern, axis=1, keepdims=True)
    longest = float(lengths.max())
    seen = (lengths > SHORTEST_ARROW * longest) & (longest > 0)
    arrows = ARROW_LENGTH / (longest or 1.0) * np.where(seen, pattern, 0.0)
    return np.stack([positions, positions + arrows])


def trace_amplitudes(reach: float) -> NDArray[np.float64]:
    """Amplitudes in Å for a trace, densest around zero, where a singular value changes most."""
    fractions = np.linspace(-1, 1, TRACE_POINTS)
    return np.asarray(reach * np.sign(fractions) * fractions**2)


def least_visible(reference: Spectrum) -> int:
    """Index of the internal mode with the smallest singular value; 0 if there is none."""
    internal = [k for k, kind in enumerate(reference.kinds) if kind == "internal"]
    return internal[-1] if internal else 0


def vanishes(result: Spectrum, mode: int) -> bool:
    """Tell whether a singular value is zero within the threshold of its spectrum."""
    return bool(result.singular_values[mode] <= result.zero_level)


def meaning(reference: Spectrum, mode: int) -> str:
    """One sentence: what the singular value of this mode says."""
    value = f"{reference.singular_values[mode]:.1e}"
    kind: Literal["internal", "unseen", "rotation", "translation"] = reference.kinds[mode]
    if kind == "unseen":
        return f"Mode {mode} is unseen: no chosen center has within its cutoff what this changes."
    if kind != "internal":
        return f"Mode {mode} is a {kind} of the whole structure: the features must not see it."
    if vanishes(reference, mode):
        return (
            f"Mode {mode} is internal, yet at amplitude 0 its singular value vanishes "
            f"({value}/Å): to first order the features do not see this motion."
        )
    step = 0.01 * reference.singular_values[mode]
    return (
        f"Mode {mode} is internal; at amplitude 0 its singular value is {value}/Å: "
        f"the first 0.01 Å along it changes the features by {step:.1e}."
    )


def _sentence(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."
