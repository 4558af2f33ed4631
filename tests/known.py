"""Structures, and what a complete invariant descriptor sees of them, from their symmetry alone.

A center's features change only with displacements that are not changed by the operations which
leave the center in place: averaging over these operations projects onto them. What several centers
see is the span.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np
import spglib
from ase import Atoms
from ase.build import bulk, molecule

SAME = 1e-4  # Å


def rattled(atoms: Atoms, size: float) -> Atoms:
    atoms = atoms.copy()
    atoms.rattle(size, seed=1)
    return atoms


def perovskite(polar: float = 0.0) -> Atoms:
    """BaTiO3 in a cubic cell, its titanium moved along z by a length in Å."""
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    atoms = Atoms("BaTiO3", scaled_positions=places, cell=[4.01] * 3, pbc=True)
    atoms.positions[1, 2] += polar
    return atoms


def planar() -> Atoms:
    """Flat, and chiral within its plane: only the plane itself is a mirror."""
    places = [[0, 0, 0], [1.3, 0.1, 0], [-0.5, 1.1, 0], [-0.6, -0.9, 0], [2.0, 0.9, 0]]
    return Atoms("CNHFO", places)


def sheet() -> Atoms:
    """A crystal of such planes."""
    return Atoms("CNHF", planar().positions[:4], cell=[4.2, 4.6, 3.9], pbc=True)


def bent() -> Atoms:
    """Methane with two bonds longer than the others, C2v."""
    atoms = molecule("CH4")
    atoms.positions[1:3] *= 1.1
    return atoms


STRUCTURES = {
    "silicon": bulk("Si", cubic=True),
    "rattled silicon": rattled(bulk("Si", cubic=True), 0.05),
    "rock salt": bulk("NaCl", "rocksalt", a=5.64, cubic=True),
    "rattled rock salt": rattled(bulk("NaCl", "rocksalt", a=5.64, cubic=True), 0.05),
    "perovskite": perovskite(),
    "polar perovskite": perovskite(0.1),
    "rattled perovskite": rattled(perovskite(), 0.05),
    "methane": molecule("CH4"),
    "bent methane": bent(),
    "rattled methane": rattled(molecule("CH4"), 0.05),
    "water": molecule("H2O"),
    "planar molecule": planar(),
    "planar crystal": sheet(),
}


def visible_rank(atoms: Atoms, invariance: str, *, centers: Sequence[int] | None = None) -> int:
    """Return the number of internal displacements that these centers can see."""
    every = range(len(atoms)) if centers is None else centers
    rigid = rigid_motions(atoms).reshape(-1, atoms.positions.size)
    rigid = np.linalg.svd(rigid, full_matrices=False)[2]
    seen = np.concatenate([projector(atoms, invariance, center) for center in every])
    values = np.linalg.svd(seen - seen @ rigid.T @ rigid, compute_uv=False)
    assert not ((values > 1e-6) & (values < 1e-2)).any()
    return int(np.count_nonzero(values > 1e-3))


def rigid_motions(atoms: Atoms) -> np.ndarray:
    """Return translations and, of a molecule that is not linear, rotations: (3 or 6, N, 3)."""
    steps = np.eye(3)
    translations = np.repeat(steps[:, None], len(atoms), axis=1)
    if atoms.pbc.any():
        motions = translations
    else:
        arms = atoms.positions - atoms.positions.mean(axis=0)
        motions = np.concatenate([translations, [np.cross(axis, arms) for axis in steps]])
    return motions / np.linalg.norm(motions, axis=(1, 2))[:, None, None]


def projector(atoms: Atoms, invariance: str, center: int) -> np.ndarray:
    """Return the projector, (3N, 3N), on what operations that fix the center do not change."""
    found = []
    for rotation, order in operations(atoms):
        if order[center] == center and (invariance == "O(3)" or np.linalg.det(rotation) > 0):
            found.append(np.kron(np.eye(len(atoms))[order].T, rotation))
    return np.mean(found, axis=0)


def operations(atoms: Atoms) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rotations in Å, and the atom to which each atom moves."""
    yield from _of_crystal(atoms) if atoms.pbc.any() else _of_molecule(atoms)


def _of_crystal(atoms: Atoms) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    cell, places = atoms.cell.array, atoms.get_scaled_positions()
    with warnings.catch_warnings():
        # spglib announces at every call that it will report errors in another way.
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        found = spglib.get_symmetry((cell, places, atoms.numbers), symprec=SAME)
    for turn, shift in zip(found["rotations"], found["translations"], strict=True):
        moved = places @ turn.T + shift
        apart = moved[:, None] - places
        lengths = np.linalg.norm((apart - np.round(apart)) @ cell, axis=2)
        yield cell.T @ turn @ np.linalg.inv(cell.T), lengths.argmin(axis=1)


def _of_molecule(atoms: Atoms) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Try each way to permute the atoms."""
    arms = atoms.positions - atoms.positions.mean(axis=0)
    for order in map(np.array, permutations(range(len(atoms)))):
        if (atoms.numbers[order] != atoms.numbers).any():
            continue
        left, _, right = np.linalg.svd(arms[order].T @ arms)
        turns = [left @ right]
        if np.linalg.matrix_rank(arms, tol=SAME) < 3:  # a plane has both
            turns.append(left @ np.diag([1.0, 1.0, -1.0]) @ right)
        for turn in turns:
            if np.linalg.norm(arms @ turn.T - arms[order], axis=1).max() < SAME:
                yield turn, order
