"""The Jacobian agrees with central differences of the features, which bring their own error."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from selection import mostly_slow

from sensitivity import DensityCorrelations, jacobian
from sensitivity.descriptors import GaussianTypeOrbitals, SphericalBessel

AGREEMENT = 1e-9  # relative to the largest element of the Jacobian
STEP = 2.5e-4  # Å: leaves 1e-11 of truncation at a width of 0.3 Å, and 1e-12 of rounding
# The differences must be known better than what they are to judge.
OWN_ERROR = AGREEMENT / 5

ORDERS = {
    "1": {"order": 1, "n_max": 6, "l_max": 0},
    "2": {"order": 2, "n_max": 4, "l_max": 4},
    "3": {"order": 3, "n_max": 2, "l_max": 3},
    "3 odd": {"order": 3, "n_max": 2, "l_max": 3, "parity_odd": True},
    "4": {"order": 4, "n_max": 1, "l_max": 3},
    "4 odd": {"order": 4, "n_max": 1, "l_max": 2, "parity_odd": True},
    "2 mixed": {"order": 2, "n_max": 4, "l_max": 4, "contract_channels": 3},
    "4 mixed": {"order": 4, "n_max": 4, "l_max": 4, "contract_channels": 2},
}
BASES = {
    "GTO": {"basis": GaussianTypeOrbitals(), "smearing": 0.3},
    "GTO, sharp": {"basis": GaussianTypeOrbitals(), "smearing": 0.0},
    "Bessel": {"basis": SphericalBessel(), "smearing": 0.3},
    "Bessel, sharp": {"basis": SphericalBessel(), "smearing": 0.0},
}


@dataclass(frozen=True)
class Differences:
    """Derivative of the features by differences.

    Attributes
    ----------
    values
        Shape (centers, features, 3N).
    error
        Of differences of a lower order, largest, relative to the largest value: what these gain.
    """

    values: np.ndarray
    error: float


def difference(atoms: Atoms, descriptor: DensityCorrelations, *, step: float = STEP) -> Differences:
    """Extrapolate fourth-order central differences with a step (Å), and twice that, to none."""
    fine, coarse = [], []
    for atom, axis in product(range(len(atoms)), range(3)):
        at = {k: displaced(atoms, atom, axis, k * step, descriptor) for k in (-4, -2, -1, 1, 2, 4)}
        fine.append((8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * step))
        coarse.append((8 * (at[2] - at[-2]) - (at[4] - at[-4])) / (24 * step))
    found, rough = np.stack(fine, axis=-1), np.stack(coarse, axis=-1)  # [center, feature, atom xyz]
    values = found + (found - rough) / 15
    return Differences(values, relative(found, values))


def displaced(
    atoms: Atoms, atom: int, axis: int, length: float, descriptor: DensityCorrelations
) -> np.ndarray:
    """Features after one atom (and its images) has moved along one axis."""
    moved = atoms.copy()
    moved.positions[atom, axis] += length
    return descriptor.features(moved)


def relative(values: np.ndarray, reference: np.ndarray) -> float:
    """Largest difference over the largest reference value."""
    assert values.shape == reference.shape
    return float(np.abs(values - reference).max() / np.abs(reference).max())


def two_species() -> Atoms:
    """Methane without symmetry."""
    positions = [
        [0, 0, 0],
        [0.6, 0.7, 0.5],
        [-0.6, -0.55, 0.7],
        [-0.7, 0.6, -0.6],
        [0.5, -0.8, -0.6],
    ]
    return Atoms("CH4", positions)


def three_species() -> Atoms:
    """A molecule with one distance in the transition region of the cutoff."""
    positions = [
        [0.1, 0, 0.2],
        [1.1, 0.4, -0.3],
        [-0.7, 0.8, 0.4],
        [0.3, -1.2, -2.1],
        [1.9, -0.4, 0.6],
    ]
    return Atoms("COHHN", positions)


def crystal() -> Atoms:
    """Silicon carbide, four atoms, rattled."""
    atoms = bulk("SiC", "zincblende", a=4.36, orthorhombic=True)
    atoms.rattle(0.1, seed=2)
    return atoms


def tiny_cell() -> Atoms:
    """Two atoms in a skewed cell that is smaller than the cutoff in all directions."""
    cell = [[2.6, 0.2, 0.0], [0.0, 2.9, 0.3], [0.4, 0.0, 2.7]]
    return Atoms("SiC", [[0.1, 0.0, 0.2], [1.1, 1.3, 0.9]], cell=cell, pbc=True)


def layer() -> Atoms:
    """Three atoms, periodic along two axes."""
    cell = [[2.8, 0.3, 0.0], [-0.4, 3.0, 0.0], [0.0, 0.0, 9.0]]
    positions = [[0.1, 0.0, 4.2], [1.4, 1.6, 4.9], [0.9, 0.5, 6.0]]
    return Atoms("BNH", positions, cell=cell, pbc=(True, True, False))


def chain() -> Atoms:
    """Three atoms, periodic along the second axis alone."""
    cell = [[9.0, 0.0, 0.0], [0.2, 3.1, 0.1], [0.0, 0.0, 9.0]]
    positions = [[4.0, 0.3, 4.2], [4.6, 1.5, 4.9], [3.4, 2.2, 3.7]]
    return Atoms("CHC", positions, cell=cell, pbc=(False, True, False))


STRUCTURES = {
    "two species": two_species,
    "three species": three_species,
    "crystal": crystal,
    "cell below the cutoff": tiny_cell,
    "periodic in two directions": layer,
    "periodic in one direction": chain,
}


def check(atoms: Atoms, descriptor: DensityCorrelations) -> None:
    """Compare every element of the Jacobian with differences that are known to be good enough."""
    reference = difference(atoms, descriptor)
    dense = jacobian(atoms, descriptor).dense()
    per_axis = np.abs(dense).reshape(len(dense), len(atoms), 3).max(axis=(0, 1))
    assert (per_axis > 0.05 * per_axis.max()).all()  # x, y and z are all put to the test
    assert reference.error <= OWN_ERROR
    assert relative(dense, reference.values.reshape(dense.shape)) <= AGREEMENT


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "name", mostly_slow(STRUCTURES, fast=("three species", "cell below the cutoff"))
)
def test_structures(name: str, order: str) -> None:
    check(STRUCTURES[name](), DensityCorrelations(cutoff=3.0, **BASES["GTO"], **ORDERS[order]))


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("basis", [name for name in BASES if name != "GTO"])
def test_bases(basis: str, order: str) -> None:
    check(three_species(), DensityCorrelations(cutoff=3.0, **BASES[basis], **ORDERS[order]))


@pytest.mark.parametrize("order", ORDERS)
def test_center_weight(order: str) -> None:
    settings = {"cutoff": 3.0, "center_weight": 1.0, **BASES["GTO"], **ORDERS[order]}
    check(tiny_cell(), DensityCorrelations(**settings))


@pytest.mark.parametrize("order", ["2", "3", "4", "4 mixed"])
def test_fixed_species_that_are_absent(order: str) -> None:
    settings = {"cutoff": 3.0, "species": ("C", "H", "O"), **BASES["GTO"], **ORDERS[order]}
    check(two_species(), DensityCorrelations(**settings))


def test_the_check_notices_a_wrong_jacobian() -> None:
    """One element wrong by 1e-8 of the largest is not overlooked."""
    atoms = two_species()
    descriptor = DensityCorrelations(cutoff=3.0, **BASES["GTO"], **ORDERS["2"])
    dense = jacobian(atoms, descriptor).dense().copy()
    reference = difference(atoms, descriptor).values.reshape(dense.shape)
    dense[7, 4] += 1e-8 * np.abs(dense).max()
    assert relative(dense, reference) > AGREEMENT
