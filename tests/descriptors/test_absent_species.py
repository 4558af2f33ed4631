"""Channels of species that no neighbour has: zero features, zero slopes, and no work."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from sensitivity import DensityCorrelations, jacobian, spectrum
from sensitivity.jacobian import second_derivative

ORDERS = [
    DensityCorrelations(order=1, n_max=3),
    DensityCorrelations(order=2, n_max=3, l_max=3),
    DensityCorrelations(order=3, n_max=2, l_max=3),
    DensityCorrelations(order=3, n_max=2, l_max=3, parity_odd=True),
    DensityCorrelations(order=4, n_max=2, l_max=2),
    DensityCorrelations(order=4, n_max=1, l_max=3, parity_odd=True),
]
EACH_ORDER = pytest.mark.parametrize("descriptor", ORDERS, ids=lambda d: f"{d.order}{d.parity_odd}")


def methane(symbols: str = "CH4") -> Atoms:
    """A distorted methane molecule."""
    atoms = molecule("CH4")
    atoms.rattle(0.1, seed=1)
    atoms.symbols[:] = list(Atoms(symbols).symbols)
    return atoms


@EACH_ORDER
@pytest.mark.parametrize("species", [None, (1, 6, 8), (6, 1, 3)])
def test_what_is_left_are_the_features_of_the_species_that_are_seen(descriptor, species) -> None:
    descriptor = replace(descriptor, species=species)
    alone = replace(descriptor, species=(1,))
    (batch,) = descriptor.gradients(methane(), centers=[0])
    (expected,) = alone.gradients(methane("H5"), centers=[0])
    assert batch.features.shape == (1, descriptor.count_features(methane()))
    assert np.array_equal(batch.features, descriptor.features(methane(), centers=[0]))
    others = np.delete(np.arange(batch.features.size), batch.rows)
    assert len(others) > 0
    assert not batch.features[:, others].any()
    assert not batch.gradient[:, others].any()
    # The order of the atoms differs: hydrogen may be a second species there.
    columns = np.argsort(batch.atoms[0]), np.argsort(expected.atoms[0])
    size = np.abs(expected.gradient).max()
    found, wanted = batch.gradient[:, batch.rows][:, :, columns[0]], expected.gradient
    assert np.abs(found - wanted[:, :, columns[1]]).max() <= 1e-14 * size
    assert (
        np.abs(batch.features[:, batch.rows] - expected.features).max()
        <= 1e-14 * np.abs(expected.features).max()
    )


@EACH_ORDER
def test_slopes_are_those_of_central_differences(descriptor) -> None:
    """Of all features, those that stay zero included, with a center that is not the first."""
    atoms = methane("CH4")[[1, 0, 2, 3, 4]]
    derivative = jacobian(atoms, replace(descriptor, species=(1, 6, 7)), centers=[1])
    step = 1e-4
    direction = np.random.default_rng(0).normal(size=(5, 3))
    sides = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions += sign * step * direction
        sides.append(replace(descriptor, species=(1, 6, 7)).features(moved, centers=[1]).ravel())
    change = derivative.apply(direction[None])[:, 0]
    difference = (sides[0] - sides[1]) / (2 * step)
    assert np.abs(change - difference).max() <= 1e-6 * np.abs(change).max()
    assert (
        np.abs(derivative.dense() @ direction.ravel() - change).max()
        <= 1e-14 * np.abs(change).max()
    )


@EACH_ORDER
def test_singular_values_are_those_of_the_dense_matrix(descriptor) -> None:
    descriptor = replace(descriptor, species=(1, 6, 8))
    result = spectrum(methane(), descriptor, centers=[0])
    dense = jacobian(methane(), descriptor, centers=[0]).dense()
    assert dense.shape == (descriptor.count_features(methane()), 15)
    values = np.zeros(15)
    found = np.linalg.svd(dense, compute_uv=False)
    values[: len(found)] = found
    assert np.abs(result.singular_values - values).max() <= 3e-14 * result.scale


@pytest.mark.parametrize(
    ("atoms", "centers", "seen"),
    [
        (methane(), None, [False]),  # hydrogen sees both
        (methane(), [0], [True]),
        (methane() + Atoms("O", [[0, 0, 20.0]]), [0, 1], [True]),
        (bulk("NaCl", "rocksalt", a=5.6), None, [True, True]),
        (bulk("NaCl", "rocksalt", a=4.6), None, [False, False]),  # like neighbours at 3.25 Å
        (Atoms("CH", [[0, 0, 0], [0, 0, 9.0]]), [0], [False]),  # nothing is seen
    ],
)
def test_which_batches_have_fewer_rows(atoms: Atoms, centers, seen: list[bool]) -> None:
    descriptor = DensityCorrelations(order=2, cutoff=3.5, n_max=2, l_max=2)
    batches = descriptor.gradients(atoms, centers=centers)
    assert [batch.rows is not None for batch in batches] == seen
    for batch in batches:
        order = [descriptor.features(atoms, centers=[c])[0] for c in batch.centers.tolist()]
        assert np.abs(batch.features - order).max() <= 1e-14


def test_a_center_has_a_density_of_its_own() -> None:
    """Then its species has channels that are not zero, though no neighbour is of it."""
    descriptor = DensityCorrelations(order=2, n_max=2, l_max=2, center_weight=1.0)
    (batch,) = descriptor.gradients(methane(), centers=[0])
    assert batch.rows is None
    (batch,) = replace(descriptor, species=(1, 6, 8)).gradients(methane(), centers=[0])
    assert len(batch.rows) == descriptor.count_features(methane())


def test_mixed_channels_are_all_there() -> None:
    descriptor = DensityCorrelations(order=3, n_max=2, l_max=2, contract_channels=3)
    assert descriptor.gradients(methane(), centers=[0])[0].rows is None


@EACH_ORDER
def test_second_derivatives_are_those_of_the_dense_matrices(descriptor) -> None:
    atoms, direction = methane(), np.random.default_rng(0).normal(size=(5, 3))
    direction /= np.linalg.norm(direction)
    found = second_derivative(atoms, descriptor, direction, centers=[0])
    sides = []
    for step in (1e-4, -1e-4):
        moved = atoms.copy()
        moved.positions += step * direction
        sides.append(jacobian(moved, descriptor, centers=[0]).dense())
    assert np.array_equal(found.dense(), (sides[0] - sides[1]) / 2e-4)
    assert found.batches[0].rows is not None


def test_second_derivative_where_a_species_comes_into_sight() -> None:
    """An oxygen at the cutoff is seen on one side only, and so are its channels."""
    atoms = methane() + Atoms("O", [[0, 0, 3.5]])
    atoms.positions[0] = 0.0
    direction = np.zeros((6, 3))
    direction[5, 2] = 1.0
    descriptor = DensityCorrelations(order=2, n_max=2, l_max=2, cutoff=3.5)
    found = second_derivative(atoms, descriptor, direction, centers=[0])
    assert np.isfinite(found.dense()).all()
    assert found.shape == (descriptor.count_features(atoms), 18)


def test_a_batch_of_fewer_rows_is_a_batch() -> None:
    (batch,) = ORDERS[2].gradients(methane(), centers=[0])
    assert "gradient" not in vars(batch)
    assert repr(batch) == f"Batch(centers=1, features={batch.features.shape[1]}, k=5)"
    assert "gradient" not in vars(batch)
    copy = pickle.loads(pickle.dumps(batch))
    assert np.array_equal(copy.gradient, batch.gradient)
    assert not batch.gradient.flags.writeable
    assert not batch.slopes.flags.writeable
    changed = replace(batch, gradient=2 * batch.gradient)
    assert changed.rows is None
    assert np.array_equal(changed.slopes, 2 * batch.gradient)
    with pytest.raises(AttributeError, match="a Batch has no slope"):
        _ = batch.slope
