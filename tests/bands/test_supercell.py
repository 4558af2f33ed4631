"""Supercells in which waves are shown."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene

from sensitivity import structures
from sensitivity.bands.supercell import MOST_ATOMS, MOST_CELLS, find_supercell

DIAMOND = bulk("C")


@pytest.mark.parametrize(
    "q", [[0, 0, 0], [0.5, 0, 0.5], [1 / 3, 2 / 3, 0.25], [-0.375, 0.375, 1.25]]
)
def test_a_wave_with_a_small_denominator_is_periodic_in_its_supercell(q: list[float]) -> None:
    found = find_supercell(np.array(q), DIAMOND)
    assert found.exact
    np.testing.assert_allclose(found.q, q)
    steps = np.rint(found.atoms.cell.array @ np.linalg.inv(DIAMOND.cell.array))
    turns = steps @ np.array(q)
    np.testing.assert_allclose(turns, np.rint(turns), atol=1e-9)
    assert len(found.atoms) == 2 * len(found.cells) <= MOST_ATOMS


@pytest.mark.parametrize("atoms", [DIAMOND, structures.load("Al-fcc"), graphene()], ids=str)
def test_a_supercell_is_the_crystal(atoms: Atoms) -> None:
    q = np.where(atoms.pbc, [0.25, 1 / 3, 0.5], 0.0)
    found = find_supercell(q, atoms).atoms
    offsets = found.positions[:, None] - atoms.positions  # of each atom from each of the cell
    lattice = atoms.cell.array[atoms.pbc]
    parts = offsets @ np.linalg.pinv(lattice)
    whole = np.abs(offsets - np.rint(parts) @ lattice).max(axis=2) < 1e-9
    same = found.numbers[:, None] == atoms.numbers
    assert (whole & same).sum(axis=1).tolist() == [1] * len(found)
    distances = found.get_all_distances(mic=True) + 9 * np.eye(len(found))
    assert distances.min() > 1.3
    repeated = atoms.cell.complete().volume * len(found) / len(atoms)
    np.testing.assert_allclose(abs(found.cell.complete().volume), repeated)


@pytest.mark.parametrize("seed", range(5))
def test_any_other_wave_is_replaced_by_the_nearest(seed: int) -> None:
    q = np.random.default_rng(seed).random(3)
    found = find_supercell(q, DIAMOND)
    assert not found.exact
    reciprocal = np.linalg.inv(DIAMOND.cell.array).T
    gap = np.linalg.norm((found.q - q) @ reciprocal)
    others = [np.rint(q * m) / m for m in range(1, MOST_CELLS + 1)]
    gaps = [np.linalg.norm((other - q) @ reciprocal) for other in others]
    np.testing.assert_allclose(gap, min(gaps))


def test_a_very_long_wave_is_not_replaced_by_a_translation() -> None:
    found = find_supercell(np.array([0.001, 0, 0.001]), DIAMOND)
    np.testing.assert_allclose(found.q, [1 / MOST_CELLS, 0, 1 / MOST_CELLS])


def test_a_crystal_of_many_atoms_is_shown_in_few_cells() -> None:
    cell = bulk("Si", cubic=True).repeat(3)  # 216 atoms
    assert len(find_supercell(np.zeros(3), cell).atoms) == 216
    assert len(find_supercell(np.array([0.5, 0, 0]), cell).atoms) == 432
