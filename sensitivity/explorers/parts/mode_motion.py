"""Motion along a mode: the amplitudes it takes, and the arrows that show its direction."""

from __future__ import annotations

import numpy as np

from sensitivity.numerics import Array

REACH = 0.3
"""Å per atom, root mean square, at the ends of the amplitude slider: a third of a bond, where most
structures are still recognizable."""

STEP = 0.01
"""Å, of the amplitude: fine enough to move smoothly, coarse enough for the arrow keys."""

SWING = 60
"""Steps of one swing back and forth."""

TRACE_POINTS = 31
"""Odd, so that amplitude zero is among them; as many as a small picture can show."""

ARROW_LENGTH = 1.0
"""Å, of the longest arrow: about a bond, so that it can be seen and stays in the picture."""

ARROW_LENGTHS = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Å."""

SHORTEST_ARROW = 0.05
"""Shorter arrows, relative to the longest one, would hide inside their atom and are left out."""


def largest_amplitude(count: int) -> float:
    """Amplitude in Å at the ends of the slider, for so many atoms."""
    return round(REACH * float(np.sqrt(count)), 1)


def stops(reach: float) -> list[float]:
    """Amplitudes in Å at which the slider can stand, zero in the middle."""
    last = round(reach / STEP)
    return [round(k * STEP, 2) for k in range(-last, last + 1)]


def swing(step: float, *, reach: float) -> float:
    """Amplitude in Å at one step of the motion back and forth, which starts at zero."""
    return round(float(reach * np.sin(2 * np.pi * step / SWING)), 2)


def trace_amplitudes(reach: float) -> Array:
    """Amplitudes in Å for a trace, densest around zero, where a singular value changes most."""
    fractions = np.linspace(-1, 1, TRACE_POINTS)
    return np.asarray(reach * np.sign(fractions) * fractions**2)


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
