"""Centers that have no internal displacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from sensitivity.structures import neighbor_pairs


def explain_immobility(atoms: Atoms, *, cutoff: float, centers: Sequence[int]) -> str:
    """Say why centers have no internal displacement, and what to do about it.

    Either they have no neighbour within the cutoff, in Å, or all that they have are periodic images
    of themselves, as in a crystal with one atom per cell.
    """
    pairs = neighbor_pairs(atoms, cutoff)
    one = len(centers) == 1
    if not np.isin(pairs.i, centers).any():
        return (
            f"{'it has no' if one else 'none has a'} neighbour within {cutoff:g} Å; choose "
            f"{'a center' if one else 'centers'} with neighbours, or a larger cutoff"
        )
    return (
        f"all neighbours within {cutoff:g} Å are images of {'the center' if one else 'centers'}, "
        "and move with "
        f"{'it' if one else 'them'}; use a supercell, or structures.environment, in which every "
        "neighbour moves on its own"
    )
