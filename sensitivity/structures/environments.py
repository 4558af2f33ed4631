"""The environment of an atom, cut out as a molecule."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices
from sensitivity.structures.neighbors import neighbor_pairs
from sensitivity.structures.validation import check_centers


def environment(atoms: Atoms, center: int, cutoff: float) -> Atoms:
    """Return the center, moved to the origin as atom 0, and all it has within ``cutoff`` (Å).

    Periodic images become atoms of their own, so that every neighbour moves on its own. The
    result is not periodic. Neighbours keep the order of the structure; the array ``source`` gives
    the index that each atom has there.

    Raises
    ------
    TypeError, ValueError
        If the structure, the center or the cutoff is unusable.
    """
    source, vectors = surroundings(atoms, center, cutoff)
    molecule = Atoms(numbers=atoms.numbers[source], positions=vectors)
    molecule.arrays["source"] = source
    return molecule


def surroundings(atoms: Atoms, center: int, cutoff: float) -> tuple[Indices, Array]:
    """Return indices (m,) and vectors (m, 3), Å, of the center and all it has within ``cutoff``."""
    pairs = neighbor_pairs(atoms, cutoff)
    (center,) = check_centers(atoms, (center,))
    own = np.flatnonzero(pairs.i == center)
    own = own[np.argsort(pairs.j[own], kind="stable")]
    vectors = np.concatenate([np.zeros((1, 3)), pairs.vectors[own]])
    return np.concatenate([[center], pairs.j[own]]), vectors
