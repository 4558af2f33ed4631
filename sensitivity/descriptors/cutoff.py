"""The cutoff function: the decay of the density of an atom before the cutoff."""

from __future__ import annotations

import numpy as np

from sensitivity.numerics import Array


def cutoff_function(r: Array, cutoff: float, width: float) -> tuple[Array, Array]:
    """Return f_c, which is 1 up to the cutoff minus the width, and its derivative in 1/Å."""
    phase = np.pi * np.minimum(np.maximum((r - cutoff + width) / width, 0), 1)
    # sin π is not 0 in floating-point numbers, but an atom outside must be invisible.
    slope = np.where(r < cutoff, -0.5 * np.pi / width * np.sin(phase), 0.0)
    return 0.5 * (1 + np.cos(phase)), slope
