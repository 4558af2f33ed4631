"""The nearest geometry at which a displacement is not seen."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from sensitivity import DensityCorrelations, diagnose, jacobian, locate, spectrum, structures
from sensitivity.diagnosis.zeros import NearestZeros, nearest_zeros
from sensitivity.geometry.motions import trivial_motions
from sensitivity.jacobian import second_derivative
from sensitivity.observation import Observation
from sensitivity.tolerances import Tolerance

DESCRIPTOR = DensityCorrelations(order=2, cutoff=3.0)
REACH = 2e-3  # Å
ZERO = 1e-9


def search(atoms: Atoms, *, reach: float = REACH) -> NearestZeros:
    directions = trivial_motions(atoms, cutoff=3.0, centers=[0]).internal()
    observation = Observation(atoms, DESCRIPTOR, (0,))
    return nearest_zeros(observation, directions, moves=directions, reach=reach, zero=ZERO)


@pytest.mark.parametrize("name", ["X0", "S1"])
@pytest.mark.parametrize("size", [1e-6, 1e-5, 1e-4])
def test_finds_back_to_a_singular_point(name: str, size: float) -> None:
    rng = np.random.default_rng(7)
    for _ in range(5):
        atoms = structures.load(name)
        step = rng.normal(size=atoms.positions.shape)
        atoms.positions += size * step / np.linalg.norm(step)
        found = search(atoms)
        assert len(found.modes) == 1
        # The nearest is not farther, up to what the damping of weak answers adds.
        assert np.linalg.norm(found.displacement) <= 1.1 * size
        there = atoms.copy()
        there.positions += found.displacement
        assert spectrum(there, DESCRIPTOR, centers=[0]).condition < 10 * ZERO


def test_a_singular_point_is_found_where_it_is() -> None:
    found = search(structures.load("X0"))
    assert len(found.modes) == 1
    assert np.linalg.norm(found.displacement) == 0


@pytest.mark.parametrize("name", ["generic", "X+"])
def test_nothing_is_found_where_nothing_is_near(name: str) -> None:
    found = search(structures.load(name))
    assert found.modes.shape == (0, 5, 3)
    assert not found.displacement.any()


def test_out_of_reach_is_not_found() -> None:
    atoms = structures.load("S1")
    atoms.positions[2, 2] += 0.01  # B and B' must be at one distance
    assert len(search(atoms).modes) == 0
    wide = search(atoms, reach=0.03)
    assert len(wide.modes) == 1
    assert 1e-3 < np.linalg.norm(wide.displacement) <= 0.01


def test_second_derivative_agrees_with_differences_of_jacobians() -> None:
    rng = np.random.default_rng(3)
    atoms = structures.load("generic")
    direction, other = rng.normal(size=(2, *atoms.positions.shape))
    direction /= np.linalg.norm(direction)
    change = second_derivative(atoms, DESCRIPTOR, direction, centers=[0])
    ahead, behind = atoms.copy(), atoms.copy()
    ahead.positions += 1e-3 * direction
    behind.positions -= 1e-3 * direction
    slopes = [jacobian(moved, DESCRIPTOR, centers=[0]).dense() for moved in (ahead, behind)]
    expected = (slopes[0] - slopes[1]) / 2e-3
    np.testing.assert_allclose(change.dense(), expected, atol=1e-4 * np.abs(expected).max())
    # It is symmetric: what u does to J v is what v does to J u.
    swapped = second_derivative(atoms, DESCRIPTOR, other, centers=[0])
    np.testing.assert_allclose(
        change.apply(other[None]),
        swapped.apply(direction[None]),
        atol=1e-6 * np.abs(expected).max(),
    )


def test_second_derivative_where_an_atom_crosses_the_cutoff() -> None:
    """In a crystal it has other neighbours ahead than behind, but nearly the same Jacobian."""
    atoms = Atoms("Cu", cell=[3.0, 3.1, 20.0], pbc=[True, True, False]).repeat((3, 3, 1))
    descriptor = DensityCorrelations(order=2, cutoff=3.0)
    direction = np.zeros((9, 3))
    direction[0, 0] = 1.0
    near = second_derivative(atoms, descriptor, direction)
    shifted = DensityCorrelations(order=2, cutoff=3.0 + 1e-9)
    expected = second_derivative(atoms, shifted, direction)
    scale = np.abs(expected.dense()).max()
    assert near.shape == expected.shape
    assert np.isfinite(near.dense()).all()
    np.testing.assert_allclose(near.dense(), expected.dense(), atol=1e-3 * max(scale, 1e-6))


def test_a_diagnosis_stops_below_the_threshold_and_locate_at_zero() -> None:
    # Near this methane the basis has a value of 4e-6 of the largest, and no zero there.
    positions = [
        [0.0007724862054532555, -0.002116430757816387, -0.0007785394287252406],
        [0.06767724622285565, 0.23852408570477746, -1.059966225114632],
        [-0.5822346249491459, -0.8118517734708753, -0.43557856417301927],
        [-0.7317632890944442, 0.12299497739091962, 0.7980368863452796],
        [0.937450306841416, 0.4921878359870425, -0.25819077013142455],
    ]
    atoms = Atoms("CH4", positions)
    descriptor = DensityCorrelations(order=2, cutoff=3.0, smearing=0.1)
    (truncated,) = diagnose(atoms, descriptor, centers=[0]).of("truncation")
    point = locate(atoms, descriptor, center=0, reach=0.1)
    to_zero = point.moved / np.sqrt(len(atoms))
    assert point.condition <= Tolerance.SINGULAR
    assert truncated.distance < 1e-3 < to_zero
    # With the point of locate within the tolerance, both agree on the cause. The search of a
    # diagnosis may end up to 1.1 times as far away as the nearest zero, and never nearer.
    (incomplete,) = diagnose(atoms, descriptor, centers=[0], tolerance=1.2e-3).of("incompleteness")
    assert point.cause == incomplete.cause
    assert to_zero <= incomplete.distance <= 1.1 * to_zero
