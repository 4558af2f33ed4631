"""The numbers that decide, in one table, and the names of array types.

A number that only tunes one algorithm stands where that algorithm is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


class Tolerance:
    """Thresholds that more than one module decides by: value, unit, and the reason.

    A number in Å is a root mean square over atoms where it says rms, else a length.
    """

    # Sine of an angle between two subspaces: a thousand times the rounding of a projector.
    PARALLEL = 1e-6
    # Å. What an atom does that is nearer than this to the cutoff fades as the square of its
    # distance from it: singular values vanish because the atom is hardly seen.
    FADING = 0.02
