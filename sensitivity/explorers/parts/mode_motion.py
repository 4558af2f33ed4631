"""Motion along a mode: the amplitudes it takes, and the arrows that show its direction."""

from __future__ import annotations

import numpy as np

from sensitivity.numerics import Array

STEP = 0.01
"""Å, of the amplitude: fine enough to move smoothly, coarse enough for the arrow keys."""

PERIOD = 60
"""Steps of one oscillation."""

ARROW_LENGTHS = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Å, of the longest arrow."""

ARROW_LENGTH = ARROW_LENGTHS[1]
"""About a bond, so that it can be seen and stays in the picture."""


def largest_amplitude(count: int, *, share: float = 0.3) -> float:
    """Amplitude in Å at the ends of the slider, for so many atoms.

    ``share`` is in Å per atom, root mean square: a third of a bond, where most structures are still
    recognizable.
    """
    return round(share * float(np.sqrt(count)), 1)


def stops(reach: float) -> list[float]:
    """Amplitudes in Å at which the slider can stand, zero in the middle."""
    last = round(reach / STEP)
    return [round(k * STEP, 2) for k in range(-last, last + 1)]


def oscillate(step: float, *, reach: float) -> float:
    """Amplitude in Å at one step of the motion back and forth, which starts at zero."""
    return round(float(reach * np.sin(2 * np.pi * step / PERIOD)), 2)


def trace_amplitudes(reach: float, *, count: int = 31) -> Array:
    """Amplitudes in Å for a trace, densest around zero, where a singular value changes most.

    ``count`` is odd, so that zero is among them, and as large as a small picture can show.
    """
    fractions = np.linspace(-1, 1, count)
    return np.asarray(reach * np.sign(fractions) * fractions**2)


def arrow_ends(
    positions: Array, pattern: Array, *, length: float = ARROW_LENGTH, shortest: float = 0.05
) -> Array:
    """Start and end of one arrow per atom, shape (2, N, 3), in Å.

    They show the direction of motion, not its size: the longest arrow has this ``length``. Arrows
    that are shorter than ``shortest`` times that would be inside their atom, and have length zero.
    """
    lengths = np.linalg.norm(pattern, axis=1, keepdims=True)
    longest = float(lengths.max())
    seen = (lengths > shortest * longest) & (longest > 0)
    arrows = length / (longest or 1.0) * np.where(seen, pattern, 0.0)
    return np.stack([positions, positions + arrows])
