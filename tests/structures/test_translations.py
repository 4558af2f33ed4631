"""Translations of a crystal onto itself, and primitive cells, against spglib."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk, graphene
from crystals import CRYSTALS

from sensitivity import structures
from sensitivity.structures.translations import count_cells, translated

CUBIC = [name for name in structures.names() if structures.load(name).pbc.all()][::8]


@pytest.mark.parametrize("name", CUBIC)
def test_primitive_cells_are_those_of_spglib(name: str) -> None:
    atoms = structures.load(name)
    found = structures.primitive_cell(atoms)
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    with warnings.catch_warnings():
        # spglib announces at every call that it will report errors in another way.
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        lattice, places, _ = spglib.find_primitive(cell, symprec=1e-5)
    assert len(found) == len(places) == len(atoms) // count_cells(atoms)
    assert found.cell.volume == pytest.approx(abs(np.linalg.det(lattice)))
    assert np.linalg.det(found.cell.array) > 0
    same = found.cell.array @ np.linalg.inv(lattice)
    assert np.abs(same - np.rint(same)).max() <= 1e-9


@pytest.mark.parametrize("name", CRYSTALS)
def test_supercells_are_reduced_to_their_cell(name: str) -> None:
    cell = CRYSTALS[name][0]
    changed = [[2, 0, 0], [1, 1, 0], [0, 1, 3]]
    other = cell.repeat((2, 1, 3))
    other.set_cell(changed @ cell.cell.array)
    other.wrap()
    other = other[np.random.default_rng(0).permutation(len(other))]
    found = structures.primitive_cell(other)
    assert sorted(found.numbers) == sorted(cell.numbers)
    assert found.cell.volume == pytest.approx(cell.cell.volume)
    pairs = [structures.neighbor_pairs(atoms, 4.0) for atoms in (cell, found)]
    lengths = [np.sort(np.linalg.norm(each.vectors, axis=1)) for each in pairs]
    assert lengths[0] == pytest.approx(lengths[1], abs=1e-9)


def test_layers_and_wires_keep_their_open_directions() -> None:
    layer = structures.primitive_cell(graphene(size=(3, 2, 1), vacuum=4.0))
    assert len(layer) == 2
    assert layer.pbc.tolist() == [True, True, False]
    assert layer.cell[2].tolist() == graphene(vacuum=4.0).cell[2].tolist()
    wire = Atoms("C3", [(0, 0, z) for z in (0, 1.3, 2.6)], cell=[0, 0, 3.9], pbc=(0, 0, 1))
    found = structures.primitive_cell(wire)
    assert len(found) == 1
    assert found.cell.lengths() == pytest.approx([0, 0, 1.3])


def test_translations_map_atoms_onto_like_ones() -> None:
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    step = translated(salt, np.array([0.5, 0.5, 0.0]))
    assert step is not None
    assert (salt.numbers[step] == salt.numbers).all()
    gaps = salt.get_scaled_positions()[step] - salt.get_scaled_positions() - [0.5, 0.5, 0.0]
    assert np.abs(gaps - np.rint(gaps)).max() <= 1e-12
    assert translated(salt, np.array([0.5, 0.0, 0.0])) is None  # onto the other species
    assert translated(salt, np.array([0.25, 0.0, 0.0])) is None


def test_rattled_crystals_are_their_own_cell() -> None:
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.01, seed=0)
    found = structures.primitive_cell(atoms)
    assert count_cells(atoms) == 1
    assert found == atoms
    assert found is not atoms


def test_molecules_have_no_primitive_cell() -> None:
    with pytest.raises(ValueError, match=r"^a primitive cell needs a structure that is periodic"):
        structures.primitive_cell(structures.load("CH4"))


@pytest.mark.parametrize("seed", range(4))
def test_noise_near_the_tolerance_leaves_the_density(seed: int) -> None:
    """Translations within the tolerance need not be a lattice: their sums may exceed it."""
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat((2, 4, 4))
    salt.rattle(2e-6, seed=seed)
    found = structures.primitive_cell(salt)
    assert found.cell.volume / len(found) == pytest.approx(salt.cell.volume / len(salt))
