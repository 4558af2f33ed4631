"""Small clusters of some elements, on which a code is examined for all structures of these."""

from __future__ import annotations

import numpy as np
from ase import Atoms

_EACH = 3  # atoms of each element, so that like ones can exchange their places
_GOLDEN = np.pi * (3 - 5**0.5)  # successive points at this angle are far from each other


def build_specimen(center: int, species: tuple[int, ...], *, cutoff: float) -> Atoms:
    """Return a center, at the origin, and atoms of some elements around it, without symmetry.

    The elements are atomic numbers. The cluster is about as dense as a solid, and within the cutoff
    (Å).
    """
    count = _EACH * len(species)
    place = np.arange(count)
    heights = 1 - (2 * place + 1) / count
    across = np.sqrt(1 - heights**2)
    angles = _GOLDEN * place
    ways = np.stack([across * np.cos(angles), across * np.sin(angles), heights], axis=1)
    nearest, farthest = (min(x, 0.8 * cutoff) for x in (1.1, 0.5 + 1.4 * count ** (1 / 3)))
    lengths = np.linspace(nearest, farthest, count)
    numbers = np.tile(species, _EACH)
    return Atoms([center, *numbers.tolist()], np.vstack([np.zeros(3), lengths[:, None] * ways]))
