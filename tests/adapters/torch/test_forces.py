"""Energies and forces of potentials along displacements that their features see or do not see."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import Calculator
from chgnet.model.dynamics import CHGNetCalculator
from known import perovskite, rattled

from sensitivity import diagnose, spectrum
from sensitivity.descriptors import Chgnet, SevenNet
from sensitivity.descriptors.from_sevennet import _unscripted

pytestmark = pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")


@pytest.fixture(scope="module")
def calculator() -> CHGNetCalculator:
    return CHGNetCalculator(use_device="cpu", verbose=False)


def flat_molecule() -> Atoms:
    """Formic acid, displaced at random within its plane, z = 0, in a cell for a crystal."""
    atoms = molecule("HCOOH")
    atoms.positions[:, :2] += np.random.default_rng(1).normal(scale=0.05, size=(5, 2))
    return atoms


def in_cell(atoms: Atoms) -> Atoms:
    atoms = atoms.copy()
    atoms.center(vacuum=8.0)
    atoms.pbc = True
    return atoms


def forces_of(atoms: Atoms, calculator: Calculator) -> np.ndarray:
    atoms = atoms.copy()
    atoms.calc = calculator
    return np.asarray(atoms.get_forces(), dtype=float)


def test_there_is_no_force_along_a_hidden_displacement(calculator: CHGNetCalculator) -> None:
    """Up to noise: CHGNet's own forces have single precision."""
    noise = np.linalg.norm(forces_of(perovskite(), calculator))  # zero by symmetry
    atoms = perovskite(polar=0.1)
    forces = forces_of(atoms, calculator)
    assert noise < 1e-4 * np.linalg.norm(forces)
    along: dict[str, list[float]] = {}
    for mode in diagnose(atoms, Chgnet()).modes:
        along.setdefault(mode.cause, []).append(abs(float(np.sum(forces * mode.displacement))))
    assert len(along["symmetry"]) == 8
    assert max(along["symmetry"]) < 3 * noise
    assert max(along["sensitive"]) > 0.1 * np.linalg.norm(forces)


def test_there_is_no_force_along_hidden_displacements_of_a_molecule(
    calculator: CHGNetCalculator,
) -> None:
    """The plane hides two; along all others the forces are large, least along the softest."""
    found, forces = (
        spectrum(flat_molecule(), Chgnet()),
        forces_of(in_cell(flat_molecule()), calculator),
    )
    along = np.abs(np.einsum("mix,ix->m", found.modes[: found.internal], forces))
    assert (found.rank, found.internal) == (7, 9)
    assert along[7:].max() < 1e-6 * np.linalg.norm(forces)
    assert 1e-3 * np.linalg.norm(forces) < along[6] < 0.05 * along[0]


def test_the_energy_along_a_hidden_displacement_is_even(calculator: CHGNetCalculator) -> None:
    atoms = flat_molecule()
    hidden, energies = spectrum(atoms, Chgnet()).modes[8], []
    for x in (-0.05, 0.0, 0.05):
        moved = atoms.copy()
        moved.positions += x * hidden
        moved = in_cell(moved)
        moved.calc = calculator
        energies.append(moved.get_potential_energy())
    behind, here, ahead = energies
    assert abs(ahead - behind) < 0.1 * (ahead - here)  # of single precision
    assert ahead - here > 1e-4  # eV


@pytest.mark.filterwarnings("ignore:No tensor product accelerator:UserWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.*:DeprecationWarning")
def test_a_potential_without_mirrors_has_a_force_out_of_a_plane() -> None:
    """Which symmetry forbids in nature: the features of SevenNet are invariant under SO(3) only."""
    with _unscripted():  # which warns on import
        from sevenn.calculator import SevenNetCalculator
    forces = forces_of(flat_molecule(), SevenNetCalculator("7net-0", device="cpu"))
    assert spectrum(flat_molecule(), SevenNet()).rank == 9
    out_of_plane = np.linalg.norm(forces[:, 2])
    assert 1e-4 * np.linalg.norm(forces) < out_of_plane < 1e-2 * np.linalg.norm(forces)


def test_the_force_along_the_softest_displacement_is_small(calculator: CHGNetCalculator) -> None:
    """The slope of the energy is its gradient by features times the change of the features."""
    atoms = rattled(perovskite(), 0.05)
    found, forces = spectrum(atoms, Chgnet()), forces_of(atoms, calculator)
    soft = found.modes[found.internal - 1]
    assert found.relative[found.internal - 1] < 0.05
    assert abs(np.sum(forces * soft)) < 0.05 * np.linalg.norm(forces)
