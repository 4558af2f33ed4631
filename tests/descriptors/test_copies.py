"""Gradients of displaced copies of a structure, together and one by one."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from sensitivity import DensityCorrelations
from sensitivity.jacobian import second_derivative, second_derivatives
from sensitivity.observation import Observation

DESCRIPTOR = DensityCorrelations(order=2, n_max=3, l_max=3, cutoff=3.0)


def displaced(atoms: Atoms, *, size: float) -> list[Atoms]:
    rng, copies = np.random.default_rng(0), [atoms.copy() for _ in range(4)]
    for copy in copies:
        copy.positions += rng.normal(scale=size, size=copy.positions.shape)
    return copies


@pytest.mark.parametrize(
    ("atoms", "centers", "size"),
    [
        (molecule("CH4"), [0], 1e-4),
        (molecule("CH3CH2OH"), None, 1e-4),
        (bulk("NaCl", "rocksalt", a=5.6).repeat((2, 1, 1)), None, 1e-4),
        (bulk("Cu", cubic=True), [0, 2], 0.3),  # atoms cross the cutoff
        (Atoms("CO", [[0, 0, 0], [0, 0, 3.0]]), [0], 1e-2),  # and a species is not seen by some
    ],
)
def test_gradients_of_copies_are_those_of_each(atoms, centers, size) -> None:
    copies = displaced(atoms, size=size)
    together = DESCRIPTOR.gradients_of_copies(copies, centers=centers)
    for copy, batches in zip(copies, together, strict=True):
        expected = DESCRIPTOR.gradients(copy, centers=centers)
        for one, other in zip(batches, expected, strict=True):
            assert np.array_equal(one.centers, other.centers)
            assert np.array_equal(one.atoms, other.atoms)
            np.testing.assert_allclose(one.features, other.features, rtol=0, atol=1e-15)
            np.testing.assert_allclose(one.gradient, other.gradient, rtol=0, atol=1e-14)


def test_derivatives_along_several_directions_are_those_along_each() -> None:
    atoms, directions = molecule("CH3OH"), np.random.default_rng(1).normal(size=(3, 6, 3))
    directions /= np.linalg.norm(directions, axis=(1, 2))[:, None, None]
    found = second_derivatives(atoms, DESCRIPTOR, directions, centers=[0])
    for direction, each in zip(directions, found, strict=True):
        expected = second_derivative(atoms, DESCRIPTOR, direction, centers=[0])
        assert np.array_equal(each.dense(), expected.dense())


def test_the_steepest_changes_of_several_modes_are_those_of_each() -> None:
    observation = Observation.of(molecule("CH3OH"), DESCRIPTOR, centers=[0])
    modes = np.random.default_rng(2).normal(size=(2, 6, 3))
    images = observation.slopes(modes)
    for number, gradient in enumerate(observation.steepest(modes, images)):
        expected = images[:, number] @ observation.curvature(
            modes[number], np.eye(18).reshape(18, 6, 3)
        )
        np.testing.assert_allclose(gradient.ravel(), expected, atol=1e-9 * np.abs(expected).max())
