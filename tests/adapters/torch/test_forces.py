"""Energies and forces of CHGNet along displacements that its features see or do not see."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from chgnet.model.dynamics import CHGNetCalculator
from known import perovskite, rattled

from sensitivity import diagnose, spectrum
from sensitivity.descriptors import Chgnet

pytestmark = pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")


@pytest.fixture(scope="module")
def calculator() -> CHGNetCalculator:
    return CHGNetCalculator(use_device="cpu", verbose=False)


def forces_of(atoms: Atoms, calculator: CHGNetCalculator) -> np.ndarray:
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


def test_the_force_along_the_softest_displacement_is_small(calculator: CHGNetCalculator) -> None:
    """The slope of the energy is its gradient by features times the change of the features."""
    atoms = rattled(perovskite(), 0.05)
    found, forces = spectrum(atoms, Chgnet()), forces_of(atoms, calculator)
    soft = found.modes[found.internal - 1]
    assert found.relative[found.internal - 1] < 0.05
    assert abs(np.sum(forces * soft)) < 0.05 * np.linalg.norm(forces)
