"""SevenNet: its own features, its repaired coefficients, and mirror images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from known import planar, rattled
from scipy.spatial.transform import Rotation

from sensitivity import spectrum, structures
from sensitivity.descriptors import SevenNet
from sensitivity.descriptors.from_sevennet import _unscripted

with _unscripted():  # which warns on import
    from sevenn.calculator import SevenNetCalculator
    from sevenn.util import load_checkpoint


@pytest.fixture(scope="module")
def descriptor() -> SevenNet:
    return SevenNet()


# It suggests packages for graphics cards, and is scripted.
@pytest.mark.filterwarnings("ignore:No tensor product accelerator:UserWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.*:DeprecationWarning")
def test_energies_of_its_features_are_those_of_the_package(descriptor: SevenNet) -> None:
    """Two linear layers, a shift and a scale of elements lead from features to energies."""
    with _unscripted():
        network = load_checkpoint("7net-0").build_model().double().eval()
    for atoms in (rattled(bulk("NaCl", "rocksalt", a=5.64, cubic=True), 0.1), planar()):
        data = {"x": torch.tensor(descriptor.features(atoms))}
        places = torch.tensor([network.type_map[number] for number in atoms.numbers.tolist()])
        data = {**data, "atom_type": places, "num_atoms": torch.tensor(len(atoms))}
        for name in ("reduce_input_to_hidden", "reduce_hidden_to_energy", "rescale_atomic_energy"):
            data = network._modules[name](data)
        atoms.calc = SevenNetCalculator("7net-0", device="cpu")
        energies = data["atomic_energy"].flatten().detach().numpy()
        assert energies.sum() == pytest.approx(atoms.get_potential_energy(), abs=1e-4)


def test_its_receptive_field(descriptor: SevenNet) -> None:
    assert descriptor.cutoff == 25.0


def turned(atoms: Atoms) -> Atoms:
    atoms = atoms.copy()
    atoms.positions = atoms.positions @ Rotation.from_rotvec([0.5, -0.9, 1.1]).as_matrix().T
    return atoms


def test_the_repair_restores_invariance_and_is_reported(descriptor: SevenNet) -> None:
    atoms = structures.load("X+")
    here = descriptor.features(atoms)
    broken = np.abs(descriptor.features(turned(atoms)) - here).max() / np.abs(here).max()
    assert broken <= 1e-14
    network = load_checkpoint("7net-0").build_model().double()
    tables = {name: each for name, each in network.named_buffers() if "_w3j_" in name}
    assert descriptor.remarks[-1].startswith(f"{len(tables)} tables of Clebsch-Gordan coeff")
    assert "changes of up to 1e-08" in descriptor.remarks[-1]


def test_mirror_images_differ_and_settings_of_e3nn_stay(descriptor: SevenNet) -> None:
    import e3nn

    usual = e3nn.get_optimization_defaults()
    atoms = structures.load("X+")
    mirrored = atoms.copy()
    mirrored.positions *= [1, 1, -1]
    here, there = descriptor.features(atoms), SevenNet().features(mirrored)
    assert np.abs(here - there).max() > 1e-4 * np.abs(here).max()
    assert descriptor.invariance == "SO(3)"
    assert e3nn.get_optimization_defaults() == usual


def test_a_mirror_hides_nothing(descriptor: SevenNet) -> None:
    """The plane of a flat molecule hides what leaves it from an O(3) descriptor: rank 7 of 9."""
    assert spectrum(planar(), descriptor, centers=[0]).rank == 9
