"""Frames are found again by their fingerprints, with the numbers that come with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from sensitivity import DensityCorrelations, diagnose, structures, survey
from sensitivity.structures.files.isolated import read_isolated
from sensitivity.structures.quantities import LONGEST, stored_quantities
from sensitivity.survey import Survey
from sensitivity.survey.collection import collect
from sensitivity.survey.placement import place, softest_mode
from sensitivity.survey.properties import LABELS, MOST, Property, list_properties
from sensitivity.survey.ranking import conditions

DESCRIPTOR = DensityCorrelations(cutoff=3.0, n_max=3, l_max=3)


def make_frames() -> list[Atoms]:
    """Rattled molecules with an energy, forces, and a number of their own."""
    frames = []
    for seed, name in enumerate(("CH4", "H2O", "NH3", "CH3OH")):
        atoms = molecule(name)
        atoms.rattle(0.1, seed=seed)
        forces = np.random.default_rng(seed).normal(size=(len(atoms), 3))
        energy = -3.0 * len(atoms) - seed
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        atoms.info["weight"] = 0.5 * seed
        frames.append(atoms)
    return frames


@pytest.fixture
def frames() -> list[Atoms]:
    return make_frames()


@pytest.fixture(scope="module")
def found() -> Survey:
    return survey(make_frames(), DESCRIPTOR)


def test_frames_are_those_of_the_survey(frames: list[Atoms], found: Survey) -> None:
    collection = collect(found, frames)
    assert list(collection.atoms) == [0, 1, 2, 3]
    assert all(collection.find(k) == atoms for k, atoms in enumerate(frames))
    assert (collection.moved, collection.lost, collection.status) == ({}, frozenset(), "")


def test_a_frame_that_has_moved_is_found_and_one_that_changed_is_not(
    frames: list[Atoms], found: Survey
) -> None:
    changed = frames[3].copy()
    changed.positions[0, 0] += 1e-9
    collection = collect(found, [molecule("HF"), *frames[:3], changed])
    assert collection.moved == {0: 1, 1: 2, 2: 3}
    assert collection.find(2) == frames[2]
    assert collection.lost == {3}
    with pytest.raises(ValueError, match="frame 3 is not that of the survey: its elements, pos"):
        collection.find(3)
    assert collection.status == (
        "3 frames have other numbers than in the survey, such as frame 0, which is now 1. 1 frame "
        "of the survey is missing or has changed, frame 3: environments of it cannot be shown."
    )


def test_of_equal_frames_each_has_its_own_numbers() -> None:
    twins = [molecule("H2O"), molecule("H2O")]
    for energy, atoms in enumerate(twins):
        atoms.info["weight"] = energy
    found = survey(twins, DESCRIPTOR)
    table = found.table()
    properties = list_properties(table, found.frames(), collect(found, twins))
    assert properties["weight"].values.tolist() == table["frame"].tolist()


def energies_of(found: Survey, frames: list[Atoms]) -> list[float]:
    """The energy of each row, from frames that may have other numbers now."""
    collection = collect(found, frames)
    properties = list_properties(found.table(), found.frames(), collection)
    return properties["weight"].values.tolist() if "weight" in properties else []


def test_of_equal_frames_that_have_moved_each_has_its_own_numbers() -> None:
    twins = [molecule("H2O") for _ in range(3)]
    for weight, atoms in enumerate(twins):
        atoms.info["weight"] = float(weight)
    frames = [*twins, molecule("NH3")]
    found = survey(frames, DESCRIPTOR, species=["O", "N"])
    expected = [0.0, 1.0, 2.0]
    assert energies_of(found, frames)[:3] == expected
    for shift in (1, 2, 5):
        moved = [molecule("HF")] * shift + frames
        assert energies_of(found, moved)[:3] == expected
        assert collect(found, moved).moved == {k: k + shift for k in range(4)}


def test_equal_frames_of_which_one_cannot_tell_which_is_which_have_no_numbers() -> None:
    twins = [molecule("H2O") for _ in range(3)]
    for weight, atoms in enumerate(twins):
        atoms.info["weight"] = float(weight)
    found = survey(twins, DESCRIPTOR, species=["O"])
    assert energies_of(found, [molecule("HF"), *twins[1:]]) == []
    assert not collect(found, [molecule("HF"), *twins[1:]]).lost  # the structure is known
    for atoms in twins:
        atoms.info["weight"] = 2.0
    assert energies_of(found, [molecule("HF"), *twins[1:]]) == [2.0, 2.0, 2.0]


def test_the_last_frame_of_a_file_without_a_line_break_is_found(tmp_path: Path) -> None:
    path = tmp_path / "cut.xyz"
    path.write_text("2\n\nH 0 0 0\nH 0 0 0.7\n2\n\nH 0 0 0\nH 0 0 0.75")
    found = survey(path, DESCRIPTOR)
    assert found.frames()["fingerprint"][1] == ""
    collection = collect(found, path)
    assert collection.find(1).positions[1, 2] == 0.75
    assert not collection.moved


def test_every_nth_frame_is_found(frames: list[Atoms]) -> None:
    some = survey(frames, DESCRIPTOR, every=2)
    collection = collect(some, frames)
    assert {number: len(atoms) for number, atoms in collection.atoms.items()} == {0: 5, 2: 4}


def test_a_generator_is_read_only_as_far_as_needed(frames: list[Atoms], found: Survey) -> None:
    taken = []

    def give():
        for atoms in [*frames, *frames]:
            taken.append(atoms)
            yield atoms

    collect(found, give())
    assert len(taken) == 4


@pytest.mark.parametrize("name", ["train.extxyz", "train.db", "train.traj"])
def test_energies_and_forces_of_a_file_are_properties(
    frames: list[Atoms], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    write(path, frames)
    found = survey(path, DESCRIPTOR)
    table, collection = found.table(), collect(found, path)
    assert not collection.lost
    properties = list_properties(table, found.frames(), collection)
    number, center = table["frame"], table["center"]
    energies = np.array([atoms.get_potential_energy() for atoms in frames])
    sizes = np.array([len(atoms) for atoms in frames])
    np.testing.assert_allclose(properties["energy"].values, energies[number], atol=1e-6)
    per_atom = properties["energy per atom"]
    np.testing.assert_allclose(per_atom.values, (energies / sizes)[number], atol=1e-6)
    assert per_atom.label == "energy per atom (eV)"
    expected = [
        np.linalg.norm(frames[k].get_forces()[c]) for k, c in zip(number, center, strict=True)
    ]
    forces = properties["forces"]
    assert forces.label == "forces at the center, norm (eV/Å)"
    np.testing.assert_allclose(forces.values, expected, atol=1e-6)


def test_an_uploaded_file_keeps_its_numbers(frames: list[Atoms], tmp_path: Path) -> None:
    write(tmp_path / "a.extxyz", frames)
    content = (tmp_path / "a.extxyz").read_bytes()
    read = read_isolated("a.extxyz", content, formats=["extxyz"], most=10)
    for frame, atoms in zip(read, frames, strict=True):
        assert float(frame.quantities["energy"]) == pytest.approx(atoms.get_potential_energy())
        np.testing.assert_allclose(frame.quantities["forces"], atoms.get_forces(), atol=1e-7)
        assert float(frame.quantities["weight"]) == atoms.info["weight"]


def test_results_of_another_geometry_are_no_quantities() -> None:
    copper = bulk("Cu", cubic=True)
    copper.calc = EMT()
    assert stored_quantities(copper) == {}
    energy = copper.get_potential_energy()
    assert float(stored_quantities(copper)["energy"]) == energy
    copper.positions[0] += 0.1
    assert stored_quantities(copper) == {}
    assert copper.calc.results["energy"] == energy  # nothing was computed or removed


def test_a_stress_is_no_quantity_of_six_atoms_and_long_names_are_cut() -> None:
    atoms = Atoms("H6", np.arange(18).reshape(6, 3))
    atoms.calc = SinglePointCalculator(atoms, stress=np.arange(6.0), charges=np.ones(6))
    atoms.info |= {"a" * 200: 1.0, "text": "x", "flag": True}
    quantities = stored_quantities(atoms)
    assert {*quantities} == {"charges", "a" * LONGEST}


def test_numbers_with_the_same_name_are_all_kept() -> None:
    long = "a" * LONGEST
    frames = []
    for number in range(2):
        atoms = molecule("H2O")
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0 - number)
        atoms.info |= {"energy": 5.0 + number, f"{long}b": 1.0, f"{long}c": 2.0 + number, "q": 3.0}
        atoms.info["energy (2)"] = 9.0
        atoms.arrays["q"] = np.array([0.5, 0.25, 0.125])
        frames.append(atoms)
    quantities = stored_quantities(frames[1])
    assert float(quantities["energy"]) == -2.0
    assert float(quantities["energy (2)"]) == 6.0
    assert float(quantities["energy (2) (2)"]) == 9.0
    assert [float(quantities[name]) for name in (long, f"{long} (2)", "q")] == [1.0, 3.0, 3.0]
    np.testing.assert_array_equal(quantities["q (2)"], [0.5, 0.25, 0.125])
    found = survey(frames, DESCRIPTOR)
    properties = list_properties(found.table(), found.frames(), collect(found, frames))
    frame = found.table()["frame"]
    np.testing.assert_array_equal(properties["energy"].values, np.array([-1.0, -2.0])[frame])
    np.testing.assert_array_equal(properties["energy (2)"].values, np.array([5.0, 6.0])[frame])
    at_center = np.array([0.5, 0.25, 0.125])[found.table()["center"]]
    np.testing.assert_array_equal(properties["q (2)"].values, at_center)
    labels = [each.label for each in properties.values()]
    assert len({*labels}) == len(labels)


def test_columns_are_properties(found: Survey, frames: list[Atoms]) -> None:
    table = found.table()
    properties = list_properties(table, found.frames())
    assert properties["neighbors"].whole
    np.testing.assert_array_equal(properties["neighbors"].values, table["neighbors"])
    species = properties["species"]
    named = [species.names[int(k)] for k in species.values]
    assert named == table["species"].tolist()
    sizes = [len(frames[k]) for k in table["frame"]]
    assert properties["atoms"].values.tolist() == sizes
    assert "distance" not in properties


def test_rows_without_a_value_have_none_and_not_minus_one() -> None:
    found = survey([molecule("H2O"), Atoms("H2")], DESCRIPTOR)  # two atoms at one place
    properties = list_properties(found.table(), found.frames())
    assert np.isnan(properties["rank"].values[-1])
    assert np.isnan(properties["atoms"].values[-1])


def test_an_axis_is_logarithmic_for_positive_values_of_many_decades() -> None:
    assert Property("", np.array([1e-5, np.nan, 1.0])).logarithmic
    assert not Property("", np.array([0.0, 1e-5, 1.0])).logarithmic
    assert not Property("", np.array([0.1, 1.0])).logarithmic
    assert not Property("", np.array([1.0, 1e5]), whole=True).logarithmic
    assert not Property("", np.array([np.nan])).logarithmic


def test_numbers_of_frames_replace_no_column_and_no_other_number() -> None:
    water = molecule("H2O")
    names = [*LABELS, *LABELS.values(), "energy per atom", "energy", "mass", ""]
    water.info = {name: 1000.0 + k for k, name in enumerate(names)}
    water.info["mass (given with the frames)"] = 3.0
    other = molecule("H2O")
    other.arrays["mass"] = np.array([7.0, 8.0, 9.0])
    found = survey([water, other], DESCRIPTOR)
    table = found.table()
    plain = list_properties(table, found.frames())
    properties = list_properties(table, found.frames(), collect(found, [water, other]))
    for name, column in plain.items():
        np.testing.assert_array_equal(properties[name].values, column.values)
        assert properties[name].label == column.label
    assert properties["frame"].values.tolist() == table["frame"].tolist()
    for name in ("frame", "rank"):
        given = properties[f"{name} (given with the frames)"].values[table["frame"] == 0]
        assert {*given} == {water.info[name]}
    labels = [each.label for each in properties.values()]
    assert len({*labels}) == len(labels)
    assert all(label.strip() for label in labels)
    # Numbers of the structure, those of atoms, and both energies divided by the number of atoms.
    assert len(properties) == len(plain) + len(water.info) + 1 + 2


def test_a_file_with_thousands_of_numbers_offers_some() -> None:
    water = molecule("H2O")
    water.info = {f"number {k}": float(k) for k in range(3000)}
    found = survey([water], DESCRIPTOR)
    plain = list_properties(found.table(), found.frames())
    with_frames = list_properties(found.table(), found.frames(), collect(found, [water]))
    assert len(with_frames) == len(plain) + MOST


def test_an_environment_is_at_its_place_in_its_frame() -> None:
    ethane = molecule("C2H6")
    ethane.rattle(0.05, seed=1)
    ethane.positions += 3.0
    found = survey([ethane], DensityCorrelations(cutoff=2.0, n_max=3, l_max=3))
    (environment,) = found.environments([ethane], rows=found.worst(1))
    placed = place(environment, ethane, most=500)
    np.testing.assert_allclose(placed.atoms.positions, ethane.positions[placed.sources])
    assert placed.atoms.numbers.tolist() == ethane.numbers[placed.sources].tolist()
    assert sorted(placed.sources.tolist()) == list(range(8))
    assert placed.sources[0] == environment.info["center"]
    assert len(placed.others) == 8 - len(environment)
    away = placed.atoms.get_distances(0, range(len(environment), 8))
    assert (np.diff(away) >= 0).all()
    assert away.min() > 2.0
    few = place(environment, ethane, most=len(environment) + 1)
    assert (len(few.atoms), few.left_out) == (len(environment) + 1, 8 - len(environment) - 1)


def test_images_of_a_crystal_are_where_the_center_sees_them() -> None:
    silicon = structures.load("Si-diamond")
    found = survey([silicon], DensityCorrelations(cutoff=4.0, n_max=3, l_max=3))
    (environment,) = found.environments([silicon], rows=found.worst(1))
    placed = place(environment, silicon, most=500)
    own = placed.atoms[: len(environment)]
    assert own.get_distances(0, range(1, len(own))).max() < 4.0
    assert placed.atoms.pbc.all()
    np.testing.assert_array_equal(placed.atoms.cell.array, silicon.cell.array)
    # Each atom of the cell is drawn once where it is.
    gaps = np.linalg.norm(placed.atoms.positions[:, None] - silicon.positions, axis=2)
    assert (gaps < 1e-9).sum(axis=0).tolist() == [1] * len(silicon)


@pytest.mark.parametrize("name", ["X0", "CH4", "generic", "H2O"])
def test_the_softest_mode_of_all_has_the_condition_of_a_table_without_causes(name: str) -> None:
    frame = structures.load(name)
    found = survey([frame], DESCRIPTOR, causes=False)
    table = found.table()
    for k, environment in enumerate(found.environments([frame], rows=table)):
        diagnosis = diagnose(environment, DESCRIPTOR, centers=[0])
        mode = diagnosis.modes[softest_mode(diagnosis, causes=False)]
        value = mode.singular_value / diagnosis.spectrum.singular_values[0]
        assert value == pytest.approx(conditions(table)[k], rel=1e-6, abs=1e-12)


def test_without_causes_a_mode_of_nearly_a_symmetry_has_no_less_than_the_condition() -> None:
    ammonia = molecule("NH3")
    ammonia.rattle(0.01, seed=3)
    found = survey([ammonia], DESCRIPTOR, causes=False, tolerance=0.05)
    table = found.table()
    for k, environment in enumerate(found.environments([ammonia], rows=table)):
        diagnosis = diagnose(environment, DESCRIPTOR, centers=[0], tolerance=0.05)
        mode = diagnosis.modes[softest_mode(diagnosis, causes=False)]
        assert mode.cause == "symmetry"
        value = mode.singular_value / diagnosis.spectrum.singular_values[0]
        assert conditions(table)[k] < value


@pytest.mark.parametrize("name", ["X0", "CH4", "generic", "H2O", "C2H6"])
def test_the_softest_mode_has_the_condition_of_the_table(name: str) -> None:
    frame = structures.load(name)
    found = survey([frame], DESCRIPTOR)
    table = found.table()
    for k, environment in enumerate(found.environments([frame], rows=table)):
        diagnosis = diagnose(environment, DESCRIPTOR, centers=[0])
        mode = diagnosis.modes[softest_mode(diagnosis)]
        expected = conditions(table)[k]
        if np.isnan(expected):
            assert mode.cause == "symmetry"
            continue
        value = mode.singular_value / diagnosis.spectrum.singular_values[0]
        assert value == pytest.approx(expected, rel=1e-6, abs=1e-12)
