"""The view of a structure that best shows its atoms and their displacements."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array


def choose_view(atoms: Atoms, displacement: Array) -> Array:
    """Return a rotation, shape (3, 3): rows are the right, up and towards-the-viewer directions.

    The viewer looks along the smallest extent of the atoms and of the periodic cell, unless that
    hides the displacement, shape (N, 3), or an atom behind another.
    """
    cell = atoms.cell.array[atoms.pbc]
    centered = atoms.positions - atoms.positions.mean(axis=0)
    spread = _normalize(centered.T @ centered + cell.T @ cell)
    motion = _normalize(displacement.T @ displacement)
    views = np.concatenate([np.linalg.eigh(spread)[1].T, _directions()])  # [view, xyz]
    # Costs of a view along the full extent of the atoms, of one along the full displacement, and of
    # one with all atoms at one point; chosen from views of the G2 molecules and crystals. Of a
    # large structure only some atoms count.
    cost = np.einsum("vx,xy,vy->v", views, spread + 0.8 * motion, views)
    cost += 4.0 * _hidden(centered[:64], views)
    # Symmetric structures have equally good views; rounding makes the choice the first of them.
    towards = views[np.argmin(np.round(cost, 6))]
    return _frame(towards, spread)


def _normalize(matrix: Array) -> Array:
    trace = np.trace(matrix)
    return matrix / trace if trace > 0 else matrix


def _directions() -> Array:
    """Directions spread evenly over the half sphere z > 0, on a spiral with the golden angle."""
    count = 400  # about 8° apart
    k = np.arange(count)
    z = 1.0 - (k + 0.5) / count
    angle = np.pi * (3.0 - np.sqrt(5.0)) * k
    radius = np.sqrt(1.0 - z**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def _hidden(positions: Array, views: Array) -> Array:
    """Return the eclipsed pairs per atom, smoothly counted within 0.5 Å, shape (views,)."""
    first, second = np.triu_indices(len(positions), k=1)
    pairs = positions[second] - positions[first]  # [pair, xyz]
    along = pairs @ views.T  # [pair, view]
    across = np.sum(pairs**2, axis=1)[:, None] - along**2
    return np.asarray(np.exp(-across / 0.5**2).sum(axis=0) / len(positions))


def _frame(towards: Array, spread: Array) -> Array:
    flat = np.eye(3) - np.outer(towards, towards)
    right = np.linalg.eigh(flat @ spread @ flat)[1][:, -1]
    right = flat @ right
    if np.linalg.norm(right) < 0.5:  # all atoms lie along the view, or there is only one
        right = flat[np.argmax(np.diag(flat))]
    right /= np.linalg.norm(right)
    right *= np.sign(right[np.argmax(np.abs(right))])
    return np.stack([right, np.cross(towards, right), towards])
