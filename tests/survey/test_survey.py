"""Rows of a survey equal those of one environment at a time, and problems become rows."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from sensitivity import Cancelled, DensityCorrelations, diagnose, spectrum, structures, survey
from sensitivity.diagnosis import CAUSES
from sensitivity.survey.environments import Environments, find_equivalents, find_pairs

SMALL = {"cutoff": 3.0, "n_max": 3, "l_max": 3}


def find_environments(atoms: Atoms, *, cutoff: float) -> Environments:
    (pairs,) = find_pairs([atoms], cutoff=cutoff)
    return Environments.of([(0, atoms, pairs)])


def rattled(name: str, *, seed: int = 0) -> Atoms:
    atoms = structures.load(name)
    atoms.rattle(0.05, seed=seed)
    return atoms


def mixed_frames() -> list[Atoms]:
    """Molecules, symmetric or rattled, linear or alone, and crystals."""
    molecules = [
        structures.load(name)
        for name in ("CH4", "CO2", "C2H2", "NaCl", "X0", "He")
        if name in structures.names()
    ]
    disturbed = [rattled(name, seed=seed) for seed, name in enumerate(("CH3OH", "C2H6", "CH3SH"))]
    silicon = bulk("Si", cubic=True)
    warm = silicon.copy()
    warm.rattle(0.05, seed=1)
    return [*molecules, *disturbed, silicon, warm, bulk("NaCl", "rocksalt", a=5.64)]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("cutoff", [1.3, 3.0])
def test_rows_equal_the_spectra_of_single_environments(order: int, cutoff: float) -> None:
    frames = mixed_frames()
    descriptor = DensityCorrelations(order=order, **{**SMALL, "cutoff": cutoff})
    table = survey(frames, descriptor, causes=False).table()
    assert len(table["frame"]) == sum(map(len, frames))
    for row in range(len(table["frame"])):
        atoms, center = frames[table["frame"][row]], int(table["center"][row])
        alone = structures.environment(atoms, center, cutoff)
        found = spectrum(alone, descriptor, centers=[0])
        assert table["species"][row] == atoms.symbols[center]
        assert table["neighbors"][row] == len(alone) - 1
        assert (table["internal"][row], table["rank"][row]) == (found.internal, found.rank)
        if not found.internal:
            assert np.isnan(table["s_max"][row])
            continue
        values, scale = found.singular_values[: found.internal], found.scale
        assert abs(table["s_max"][row] - values[0]) < 7e-14 * scale
        names = ("s_min", "s_min_2", "s_min_3")
        for name, value in zip(names, values[::-1], strict=False):
            assert abs(table[name][row] - value) < 7e-14 * scale
        assert abs(table["condition"][row] - found.condition) < 1e-13 or values[0] < 1e-9 * scale


@pytest.mark.parametrize("planted", [0.0, 1e-13, 1e-11, 1e-9, 1e-7])
def test_planted_small_values_have_the_digits_of_a_spectrum(planted: float) -> None:
    descriptor = DensityCorrelations()
    singular = structures.load("X0")
    singular.positions[4, 1] += planted  # off the plane in which the environment is singular
    frames = [rattled("CH4", seed=seed) for seed in range(3)] + [singular]
    table = survey(frames, descriptor, causes=False, species=["C"]).table()
    alone = spectrum(structures.environment(singular, 0, 3.5), descriptor, centers=[0])
    assert abs(table["s_min"][-1] - alone.singular_values[8]) < 3e-15 * alone.scale
    if planted > 1e-12:
        assert table["condition"][-1] == pytest.approx(alone.condition, rel=1e-3)
        assert alone.condition == pytest.approx(0.3 * planted, rel=10)


def test_rows_equal_the_diagnoses_of_single_environments() -> None:
    frames, descriptor = [structures.load("Td"), structures.load("X0")], DensityCorrelations()
    table = survey(frames, descriptor).table()
    for row in range(len(table["frame"])):
        atoms, center = frames[table["frame"][row]], int(table["center"][row])
        alone = structures.environment(atoms, center, descriptor.cutoff)
        found = diagnose(alone, descriptor, centers=[0])
        assert {cause: table[cause][row] for cause in CAUSES} == found.counts
        assert table["group"][row] == found.groups[0].symbol
        assert table["condition"][row] == pytest.approx(found.spectrum.condition, abs=1e-12)
    carbon = (table["frame"] == 1) & (table["species"] == "C")
    assert table["condition_without_symmetry"][carbon][0] < 1e-12
    methane = (table["frame"] == 0) & (table["species"] == "C")
    assert table["condition_without_symmetry"][methane][0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "classes"), [("CH4", 2), ("CO2", 2), ("Si-diamond", 1), ("NaCl-rocksalt", 2)]
)
def test_equivalent_centers_are_computed_once(name: str, classes: int) -> None:
    found = find_environments(structures.load(name), cutoff=4.0)
    assert len(set(find_equivalents(found, inversion=True))) == classes
    table = survey([structures.load(name)], DensityCorrelations(**SMALL), causes=False).table()
    own = table["equivalent_to"] == table["center"]
    assert own.sum() == classes
    assert (table["seconds"][~own] == 0).all()


def test_mirror_images_are_equal_only_to_a_descriptor_invariant_to_inversion() -> None:
    left = structures.load("generic")
    right = left.copy()
    right.positions *= -1
    right.positions += 20.0
    found = find_environments(left + right, cutoff=3.0)
    assert find_equivalents(found, inversion=True).tolist() == [0, 1, 2, 3, 4] * 2
    assert find_equivalents(found, inversion=False).tolist() == list(range(10))


def test_environments_with_equal_distances_only_are_not_equal() -> None:
    plus, minus = structures.load("X+"), structures.load("X-")
    minus.positions += 20.0
    found = find_environments(plus + minus, cutoff=1.2)  # carbon sees the hydrogen atoms
    carbon = found.only(found.species == 6)
    assert find_equivalents(carbon, inversion=True).tolist() == [0, 1]


def test_broken_frames_become_rows_and_the_survey_goes_on() -> None:
    broken = structures.load("CH4")
    broken.positions[1, 0] = np.nan
    close = Atoms("H2", [(0, 0, 0), (0, 0, 0.01)])
    frames = [Atoms(), broken, "CH4", close, structures.load("H2O")]
    found = survey(frames, DensityCorrelations(**SMALL), causes=False)
    errors = found.table()["error"]
    assert found.table()["frame"].tolist() == [0, 1, 2, 3, 4, 4, 4]
    for row, text in enumerate(("no atoms", "finite numbers", "ase.Atoms", "overlap")):
        assert text in errors[row]
    assert errors[4:].tolist() == ["", "", ""]
    assert found.status == "3 environments of 5 frames, 4 frames could not be analysed."
    with pytest.raises(ValueError, match="frame 0: the structure has no atoms"):
        survey(frames, DensityCorrelations(**SMALL), causes=False, strict=True)


def test_an_environment_that_fails_does_not_affect_others() -> None:
    descriptor = DensityCorrelations(**SMALL, species=("H", "C"))
    frames = [structures.load(name) for name in ("CH4", "H2O", "C2H6")]
    found = survey(frames, descriptor, causes=False)
    table = found.table()
    assert all("channels for H, C only" in text for text in table["error"][5:8])
    assert not any(table["error"][[0, 1, 2, 3, 4, 8, 9]])
    assert "3 environments failed" in found.status


def test_a_source_that_ends_with_an_error_gives_a_row() -> None:
    def frames():
        yield structures.load("H2O")
        raise OSError("the disk is gone")

    table = survey(frames(), DensityCorrelations(**SMALL), causes=False).table()
    assert table["frame"].tolist() == [0, 0, 0, 1]
    assert "the disk is gone" in table["error"][3]


def test_a_file_is_read_and_an_unreadable_frame_is_reported(tmp_path) -> None:
    path = tmp_path / "set.xyz"
    path.write_text("2\n\nH 0 0 0\nH 0 0 0.74\n2\n\nH 0 0 0\nH 0 0 zero\n2\n\nN 0 0 0\nN 0 0 1.1\n")
    table = survey(path, DensityCorrelations(**SMALL), causes=False).table()
    assert table["frame"].tolist() == [0, 0, 1, 2, 2]
    assert "zero" in table["error"][2]
    with pytest.raises(ValueError, match="there is no file"):
        survey(tmp_path / "absent.xyz", DensityCorrelations(**SMALL))


def test_frames_and_centers_are_selected() -> None:
    frames = [rattled("CH4", seed=seed) for seed in range(7)]
    found = survey(
        frames, DensityCorrelations(**SMALL), causes=False, every=2, limit=3, species=["C"]
    )
    assert found.table()["frame"].tolist() == [0, 2, 4]
    assert set(found.table()["species"]) == {"C"}


def test_a_time_limit_gives_a_row() -> None:
    table = survey(
        [structures.load("X0")], DensityCorrelations(), species=["C"], timeout=1e-3
    ).table()
    assert table["error"].tolist() == ["not finished after 0.001 s"]


def test_a_cancelled_survey_returns_the_finished_parts() -> None:
    frames = [rattled("C6H6", seed=seed) for seed in range(1000)]

    def stop(sentence: str) -> None:
        assert "per second" in sentence
        raise Cancelled

    found = survey(frames, DensityCorrelations(**SMALL), causes=False, progress=stop)
    assert found.ending == "cancelled"
    assert 0 < len(found.frames()["frame"]) < 1000


def test_frames_are_summarised() -> None:
    found = survey([structures.load("X0")], DensityCorrelations(), causes=False)
    frames, conditions = found.frames(), found.table()["condition"]
    assert (frames["formula"][0], frames["atoms"][0], frames["environments"][0]) == ("CH4", 5, 5)
    assert frames["worst_center"][0] == conditions.argmin()
    assert frames["condition"][0] == conditions.min() < 1e-12


def test_workers_are_a_number_a_client_or_an_address() -> None:
    with pytest.raises(TypeError, match="workers must be a number, a dask"):
        survey([structures.load("H2O")], DensityCorrelations(**SMALL), workers=None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "every must be at least 1"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"timeout": -1.0}, "timeout must be a time above 0 s"),
        ({"species": ["Xx"]}, "species must be element symbols, got Xx"),
        ({"species": []}, "species must be element symbols, got none"),
    ],
)
def test_unusable_arguments_are_refused(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        survey([structures.load("H2O")], DensityCorrelations(**SMALL), **arguments)


def test_an_atom_at_the_cutoff_does_not_lower_the_condition_without_symmetry() -> None:
    atoms = rattled("CH3OH")
    descriptor = DensityCorrelations(**{**SMALL, "cutoff": atoms.get_distance(0, 5) + 2e-4})
    table = survey([atoms], descriptor, species=["C"]).table()
    found = diagnose(structures.environment(atoms, 0, descriptor.cutoff), descriptor, centers=[0])
    visible = [mode.singular_value for mode in found.of("sensitive")]
    assert (table["unseen"][0], table["symmetry"][0]) == (3, 0)
    assert table["condition"][0] < 1e-6
    expected = min(visible) / found.spectrum.singular_values[0]
    assert table["condition_without_symmetry"][0] == pytest.approx(expected, rel=1e-6)
