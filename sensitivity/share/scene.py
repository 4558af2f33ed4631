"""A structure for the 3D view of a page: atoms, bonds, centers, cell, and the camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.colors import to_hex

from sensitivity.numerics import Array
from sensitivity.plots.camera import choose_view
from sensitivity.plots.palette import ARROW, HALO
from sensitivity.plots.structures import BALL, cell_edges, find_bonds
from sensitivity.reports.tables import Json
from sensitivity.structures.images import near_images

ROOM = 1.0
"""Å around the atoms, for arrows and motion."""


def describe_scene(atoms: Atoms, *, centers: Sequence[int], cutoff: float, motion: Array) -> Json:
    """Return what the 3D view draws, with lengths in Å.

    Periodic images of atoms, within the cutoff of a center, follow the atoms; ``owners`` has their
    originals. The camera sees the atoms and the displacements ``motion``, shape (N, 3), well.
    """
    from scipy.spatial.transform import Rotation

    images = near_images(atoms, centers, cutoff=cutoff)
    bare = images.join(atoms)
    bare.pbc = False
    bonds = find_bonds(bare)
    edges = cell_edges(atoms)
    places = np.concatenate([bare.positions, edges.reshape(-1, 3)])
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    few = len(centers) <= min(12, len(atoms) - 1)  # a halo around all would say nothing
    return {
        "elements": list(bare.symbols),
        "positions": bare.positions.tolist(),
        "owners": images.owners.tolist(),
        "colors": [to_hex(jmol_colors[number]) for number in bare.numbers],
        "radii": np.round(BALL * covalent_radii[bare.numbers], 3).tolist(),
        "bonds": [[int(i), int(j)] for i, j in zip(bonds.i, bonds.j, strict=True)],
        "halos": list(centers) if few else [],
        "cell": edges.tolist(),
        "middle": middle.tolist(),
        "radius": float(np.linalg.norm(places - middle, axis=1).max()) + ROOM,
        "view": Rotation.from_matrix(choose_view(atoms, motion)).as_quat().tolist(),
        "arrow": ARROW,
        "halo": HALO,
    }
