"""Molecules in which a center sees what it sees in a structure, for codes of molecules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, Indices
from sensitivity.progress import checkpoint
from sensitivity.structures import neighbor_pairs

_FEW = 40  # atoms; more are cut into pieces, since a code may store slopes of all pairs


class Cluster(NamedTuple):
    """Some centers of a structure, and all atoms and images that they see."""

    centers: tuple[int, ...]  # in the structure
    molecule: Atoms
    places: tuple[int, ...]  # of the centers in the molecule
    source: Indices  # (m,): atoms of the structure, ascending; images have the same

    def fold(self, slopes: Array) -> tuple[Indices, Array]:
        """Sum slopes, shape (centers, m, ...), over the images of an atom: atoms (k,), slopes."""
        seen, first = np.unique(self.source, return_index=True)
        if len(seen) == len(self.source):
            return seen, slopes
        return seen, np.add.reduceat(slopes, first, axis=1)


def find_clusters(atoms: Atoms, centers: tuple[int, ...], *, cutoff: float) -> Iterator[Cluster]:
    """Yield the whole structure if it is a small molecule, else the atoms around each center."""
    if len(atoms) <= _FEW and not atoms.pbc.any():
        molecule = Atoms(numbers=atoms.numbers, positions=atoms.positions)
        yield Cluster(centers, molecule, centers, np.arange(len(atoms)))
        return
    pairs = neighbor_pairs(atoms, cutoff)
    edges = np.searchsorted(pairs.i, np.arange(len(atoms) + 1))
    for number, center in enumerate(centers):
        checkpoint(f"clusters: {number} of {len(centers)} centers")
        own = slice(edges[center], edges[center + 1])
        source = np.append(pairs.j[own], center)
        positions = np.append(pairs.vectors[own], np.zeros((1, 3)), axis=0)
        order = np.argsort(source, kind="stable")
        place = int(np.argmax(order))  # the center was last
        molecule = Atoms(numbers=atoms.numbers[source[order]], positions=positions[order])
        yield Cluster((center,), molecule, (place,), source[order])
