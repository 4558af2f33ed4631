"""CHGNet: its own features, and angles that are straight."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase.build import bulk
from chgnet.model import CHGNet
from known import perovskite, rattled
from pymatgen.io.ase import AseAtomsAdaptor

from sensitivity import jacobian, spectrum
from sensitivity.descriptors import Chgnet


@pytest.fixture(scope="module")
def descriptor() -> Chgnet:
    return Chgnet()


# CHGNet takes the volume of a lattice that requires a gradient.
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True:UserWarning")
def test_features_are_those_of_the_package(descriptor: Chgnet) -> None:
    """Which computes them in single precision."""
    atoms = rattled(bulk("NaCl", "rocksalt", a=5.64, cubic=True), 0.1)
    model = CHGNet.load(model_name="0.3.0", use_device="cpu", verbose=False)
    found = model.predict_structure(
        AseAtomsAdaptor.get_structure(atoms), task="e", return_atom_feas=True
    )["atom_fea"]
    ours = descriptor.features(atoms)
    assert np.abs(ours - found).max() <= 1e-5 * np.abs(found).max()


def test_its_receptive_field(descriptor: Chgnet) -> None:
    assert descriptor.cutoff == 18.0


def change(descriptor: Chgnet, step: float, *, center: int) -> float:
    """Return the change of a center per square, as an oxygen moves away from its straight line."""
    atoms = perovskite()
    here = descriptor.features(atoms, centers=[center])
    atoms.positions[2, 0] += step
    there = descriptor.features(atoms, centers=[center])
    return float(np.linalg.norm(there - here)) / step**2


def test_straight_angles_bend_within_small_displacements(descriptor: Chgnet) -> None:
    """Titanium sees an oxygen move across the line from it to the next titanium."""
    curvatures = [change(descriptor, step, center=2) for step in (1e-5, 3e-5, 1e-2, 3e-2)]
    assert curvatures[0] == pytest.approx(curvatures[1], rel=1e-2)  # smooth at very small steps
    assert curvatures[0] > 2 * curvatures[3]


def test_straight_angles_are_a_remark(descriptor: Chgnet) -> None:
    spectrum(perovskite(), descriptor)
    assert descriptor.remarks[-1].startswith("30 angles are straight: there CHGNet's features bend")
    spectrum(rattled(perovskite(), 0.05), descriptor)
    assert not any("straight" in each for each in descriptor.remarks)


def test_both_slopes_vanish_where_an_angle_is_straight(descriptor: Chgnet) -> None:
    direction = np.zeros((5, 3))
    direction[2, 0] = 1.0
    J = jacobian(perovskite(), descriptor, centers=[2])
    assert np.linalg.norm(J.apply(direction[None])) <= 1e-12
    ahead, behind = descriptor.one_sided(perovskite(), direction, center=2)
    assert np.linalg.norm(ahead + behind) <= 1e-6 * max(np.linalg.norm(ahead), 1.0)


def test_parameters_have_double_precision(descriptor: Chgnet) -> None:
    network = descriptor._network
    assert {each.dtype for each in network.parameters()} == {torch.float64}
    assert not network.training
