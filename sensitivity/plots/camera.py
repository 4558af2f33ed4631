"""From where to look at a structure so that its atoms and their displacements are seen."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

_VIEWS = 400  # directions tried, about 8° apart
_ECLIPSE = 0.5  # Å; atoms drawn closer than this hide each other
_MOST_ATOMS = 64  # of a larger structure, so many decide about eclipses
# What it costs to look along the whole spread of the atoms, along the whole displacement, and to
# have all atoms in one place. Found by looking at the G2 molecules and crystals.
_SPREAD, _MOTION, _HIDING = 1.0, 0.8, 4.0


def choose_view(atoms: Atoms, displacement: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a rotation, shape (3, 3): rows are the right, up and towards-the-viewer directions.

    The viewer looks along the least spread of the atoms and of the periodic cell, unless the
    displacement, shape (N, 3), or an atom behind another would then be hidden.
    """
    cell = atoms.cell.array[atoms.pbc]
    centered = atoms.positions - atoms.positions.mean(axis=0)
    spread = _normalize(centered.T @ centered + cell.T @ cell)
    motion = _normalize(displacement.T @ displacement)
    views = np.concatenate([np.linalg.eigh(spread)[1].T, _directions()])  # [view, xyz]
    matrix = _SPREAD * spread + _MOTION * motion
    cost = np.einsum("vx,xy,vy->v", views, matrix, views)
    cost += _HIDING * _hidden(centered[:_MOST_ATOMS], views)
    # Symmetric structures have equally good views: rounding makes the first of them the choice.
    towards = views[np.argmin(np.round(cost, 6))]
    return _frame(towards, spread)


def _normalize(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    trace = np.trace(matrix)
    return matrix / trace if trace > 0 else matrix


def _directions() -> NDArray[np.float64]:
    """Directions spread evenly over the half sphere z > 0, on a spiral with the golden angle."""
    k = np.arange(_VIEWS)
    z = 1.0 - (k + 0.5) / _VIEWS
    angle = np.pi * (3.0 - np.sqrt(5.0)) * k
    radius = np.sqrt(1.0 - z**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def _hidden(positions: NDArray[np.float64], views: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many eclipsed pairs per atom each view has, softly counted, shape (views,)."""
    first, second = np.triu_indices(len(positions), k=1)
    pairs = positions[second] - positions[first]  # [pair, xyz]
    along = pairs @ views.T  # [pair, view]
    across = np.sum(pairs**2, axis=1)[:, None] - along**2
    return np.asarray(np.exp(-across / _ECLIPSE**2).sum(axis=0) / len(positions))


def _frame(towards: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axes of the picture: the widest direction of what is seen lies to the right."""
    flat = np.eye(3) - np.outer(towards, towards)
    right = np.linalg.eigh(flat @ spread @ flat)[1][:, -1]
    right = flat @ right
    if np.linalg.norm(right) < 0.5:  # all atoms lie along the view, or there is one
        right = flat[np.argmax(np.diag(flat))]
    right /= np.linalg.norm(right)
    right *= np.sign(right[np.argmax(np.abs(right))])
    return np.stack([right, np.cross(towards, right), towards])
