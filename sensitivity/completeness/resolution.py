"""A test of whether a basis tells few neighbours apart as well as a complete one.

The part of degree 0 holds c_n = Σ_j γ_n(r_j), of the like neighbours of a species. How the c_n
change fixes how the k distances do, unless the k tangents γ'(r_j) are dependent, which in n_max
dimensions takes n_max - k + 1 conditions: with n_max ≥ 2 k these are more than there are distances.
Then only the angles are left, with Σ w_p P_l'(x_p) dx_p for the cosines x_p of the pairs of two
species: the P_l' of so many degrees as there are pairs are independent wherever no two cosines are
the same. With less than that, a basis can be singular by truncation.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sensitivity.descriptors import Descriptor, with_defaults


def resolves(descriptor: Descriptor, numbers: NDArray[np.intp]) -> bool:
    """Return True if a basis is large enough for neighbours of these species, shape (n,).

    That is, it has at least twice as many radial functions as there are like neighbours, and as
    many degrees, above 0, as there are pairs of two given species. False of descriptors of which no
    such numbers are known.
    """
    n_max, _ = with_defaults(descriptor).expansion or (0, 0)
    most = int(np.unique(numbers, return_counts=True)[1].max())
    return resolves_angles(descriptor, numbers) and n_max >= 2 * most


def resolves_angles(descriptor: Descriptor, numbers: NDArray[np.intp]) -> bool:
    """Return True if a basis tells apart the angles of neighbours, shape (n,), at any distances.

    That takes as many degrees as above, but two radial functions only. Where the distances of like
    neighbours are equal, such a basis still sees each of them change, by what that does to the part
    P_l(x_p) of every pair, so that equal distances alone make nothing invisible.
    """
    n_max, l_max = with_defaults(descriptor).expansion or (0, 0)
    counts = np.unique(numbers, return_counts=True)[1].tolist()
    pairs = [k * (k - 1) // 2 for k in counts] + [a * b for a, b in combinations(counts, 2)]
    # Of two functions, γ and γ' tell that a neighbour moves outwards from that there are more.
    return bool(n_max >= 2 and l_max >= max(pairs))
