"""Couplings of real spherical harmonics to an invariant."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from wigners import clebsch_gordan_array

from sensitivity.descriptors.harmonics import complex_from_real


@lru_cache(maxsize=4096)
def coupling(l1: int, l2: int, l3: int) -> NDArray[np.float64]:
    """Coefficients W that make Σ W_{m1 m2 m3} Y_{l1 m1} Y_{l2 m2} Y_{l3 m3} invariant.

    These are the Clebsch-Gordan coefficients ⟨l1 m1; l2 m2|l3 m3⟩/√(2l3 + 1), Wigner's 3j symbols
    up to a sign, taken to real spherical harmonics. ΣW² = 1. For even l1 + l2 + l3 the sum is
    unchanged by inversion, for odd it changes sign.

    Returns
    -------
    Read-only array of shape (2 l1 + 1, 2 l2 + 1, 2 l3 + 1).
    """
    complex_coupling = clebsch_gordan_array(l1, l2, l3) / np.sqrt(2 * l3 + 1)
    u1, u2, u3 = (complex_from_real(l) for l in (l1, l2, l3))
    real = np.einsum("abc,ai,bj,ck->ijk", complex_coupling, u1, u2, u3.conj(), optimize=True)
    result = np.ascontiguousarray(real.real if (l1 + l2 + l3) % 2 == 0 else real.imag)
    result.setflags(write=False)
    return result
