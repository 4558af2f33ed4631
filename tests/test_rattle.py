"""Structures displaced along null and soft modes: amplitude, directions, and ranks."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from sensitivity import DensityCorrelations, rattle, spectrum, structures

DESCRIPTOR = DensityCorrelations()


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("amplitude", [1e-3, 0.1, 0.37])
def test_the_amplitude_is_the_root_of_the_summed_squares(amplitude: float) -> None:
    atoms = structures.load("C2H6")
    for moved in rattle(atoms, DESCRIPTOR, amplitude=amplitude, rng=rng(), count=3):
        norm = np.linalg.norm(moved.positions - atoms.positions)
        assert norm == pytest.approx(amplitude, rel=1e-12)
        assert moved.info["amplitude"] == amplitude


@pytest.mark.parametrize("name", ["Td", "NH3", "BF3", "C2H4"])
def test_what_symmetry_hides_is_visible_after_it(name: str) -> None:
    atoms = structures.load(name)
    before = spectrum(atoms, DESCRIPTOR, centers=[0])
    assert before.rank < before.internal
    for moved in rattle(atoms, DESCRIPTOR, amplitude=0.1, rng=rng(1), count=4, centers=[0]):
        after = spectrum(moved, DESCRIPTOR, centers=[0])
        assert after.rank == after.internal
        assert moved.info["null_modes"] == before.internal - before.rank


def test_displacements_lie_in_the_null_and_soft_modes_and_use_every_one() -> None:
    atoms = structures.load("CH4")
    found = spectrum(atoms, DESCRIPTOR)
    null = found.internal - found.rank
    modes = found.modes.reshape(len(found.modes), -1)
    chosen = slice(found.rank - 2, found.internal)
    for moved in rattle(atoms, DESCRIPTOR, amplitude=0.2, rng=rng(2), count=5, soft=2):
        parts = modes @ (moved.positions - atoms.positions).ravel()
        assert np.linalg.norm(parts[chosen]) == pytest.approx(0.2, rel=1e-12)
        amounts = np.abs(parts[chosen])
        assert len(amounts) == null + 2
        assert amounts.max() <= 2 * amounts.min() * (1 + 1e-9)


def test_crystals_keep_their_cell_and_the_input_is_unchanged() -> None:
    atoms = bulk("Si", cubic=True)
    before = atoms.positions.copy()
    (moved,) = rattle(atoms, DESCRIPTOR, amplitude=0.1, rng=rng())
    assert np.array_equal(atoms.positions, before)
    assert np.array_equal(moved.cell.array, atoms.cell.array)
    assert moved.pbc.all()


def test_labels_of_the_structure_before_are_left_out() -> None:
    atoms = structures.load("CH4")
    atoms.info |= {"energy": -1.0, "name": "methane", "charge": 0, "fit": {"loss": 0.1}}
    atoms.info |= {"REF_energy": np.float32(-1.0), "dft_stress": np.zeros(6), "flags": [True]}
    atoms.arrays["forces"] = atoms.arrays["REF_forces"] = np.ones((5, 3))
    atoms.arrays["residue"] = np.array(["MET"] * 5)
    atoms.set_initial_charges([0.1] * 5)
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, forces=np.ones((5, 3)))
    (moved,) = rattle(atoms, DensityCorrelations(), amplitude=0.1, rng=np.random.default_rng(0))
    facts = {"amplitude", "null_modes", "soft_modes"}
    assert set(moved.info) == {"name", "charge", "flags"} | facts
    assert set(moved.arrays) == {"numbers", "positions", "residue", "initial_charges"}
    assert moved.calc is None
    assert moved.info["name"] == "methane"
    assert atoms.info["energy"] == -1.0


def test_seeds_repeat_and_copies_differ() -> None:
    atoms = structures.load("X0")
    one, two = rattle(atoms, DESCRIPTOR, amplitude=0.1, rng=rng(3), count=2, centers=[0])
    again = rattle(atoms, DESCRIPTOR, amplitude=0.1, rng=rng(3), centers=[0])[0]
    assert np.array_equal(one.positions, again.positions)
    assert not np.allclose(one.positions, two.positions)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"amplitude": 0.0}, ValueError, "amplitude must be a length above 0 Å"),
        ({"amplitude": np.nan}, ValueError, "amplitude must be a length above 0 Å"),
        (
            {"amplitude": 50.0},
            ValueError,
            "every atom by at most 1 Å, got 50 Å, which moves one by",
        ),
        ({"count": 0}, ValueError, "count must be at least 1"),
        ({"soft": -1}, ValueError, "soft must be at least 0"),
        ({"rng": 0}, TypeError, "rng must be a numpy.random.Generator"),
        ({"soft": 0}, ValueError, "there is no mode to move along"),
        ({"center": 0}, TypeError, "rattle takes centers="),
    ],
)
def test_unusable_arguments_are_refused(change, error, message) -> None:
    arguments = {"amplitude": 0.1, "rng": rng(), **change}
    with pytest.raises(error, match=message):
        rattle(structures.load("generic"), DESCRIPTOR, **arguments)
