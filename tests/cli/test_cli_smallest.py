"""The command ``smallest``, and the commands that refer to it or use it."""

from __future__ import annotations

import json
from importlib import import_module

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from sensitivity import DensityCorrelations, diagnose, smallest, structures
from sensitivity.cli.main import main
from sensitivity.notes import SensitivityWarning

BASIS = ["--cutoff", "3", "--n-max", "2", "--l-max", "2"]
DESCRIPTOR = DensityCorrelations(cutoff=3.0, n_max=2, l_max=2)


@pytest.fixture
def rattled(tmp_path):
    atoms = bulk("Si", cubic=True).repeat((3, 3, 4))  # 288 atoms
    atoms.rattle(0.05, seed=0)
    ase.io.write(tmp_path / "silicon.extxyz", atoms)
    return tmp_path / "silicon.extxyz"


def test_json_has_the_values_and_modes(capsys, rattled) -> None:
    assert main(["smallest", str(rattled), *BASIS, "--count", "3", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found, expected = json.loads(out), smallest(ase.io.read(rattled), DESCRIPTOR, count=3)
    assert found["method"] == expected.method == "dense"
    assert found["singular_values"] == pytest.approx(expected.singular_values.tolist(), rel=1e-9)
    assert (found["internal"], found["null"], found["status"]) == (861, 0, expected.status)
    assert np.shape([mode["displacements"] for mode in found["modes"]]) == (3, 288, 3)
    assert found["upper_bounds"] == [False] * 3


def test_table_counts_what_symmetry_hides(capsys, tmp_path) -> None:
    picture = tmp_path / "smallest.png"
    arguments = ["smallest", "Si-diamond", "--cutoff", "3", "--count", "4", "--plot", str(picture)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "15 of 21 internal displacements are invisible, as many as symmetry hides." in out
    zero = smallest(structures.load("Si-diamond"), DensityCorrelations(cutoff=3.0)).zero_level
    assert f"if its value is above {zero:.1e} 1/Å, 1e-05 of the scale." in " ".join(out.split())
    rows = [line.split() for line in out.splitlines()]
    assert [row[3] for row in rows if row[4:] and row[4].startswith("Si")] == ["no"] * 4
    assert picture.read_bytes()[1:4] == b"PNG"


def test_wrong_counts_and_centers(capsys) -> None:
    assert main(["smallest", "CH4", "--count", "101"]) == 2
    assert "count must be an integer from 1 to 100, got 101" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["smallest", "CH4", "--center", "0"])
    assert "unrecognized arguments: --center 0" in capsys.readouterr().err


def test_the_spectrum_of_a_large_structure_hints_at_it(capsys, rattled, monkeypatch) -> None:
    hint = "'sensitivity smallest' finds the least visible displacements faster."
    assert main(["analyze", str(rattled), *BASIS, "--center", "0"]) == 0
    assert hint not in capsys.readouterr().err
    monkeypatch.setattr("sensitivity.cli.computing.Task.compute", refuse)
    assert main(["analyze", str(rattled), *BASIS]) == 2
    assert hint in capsys.readouterr().err
    assert main(["analyze", "CH4"]) == 2
    assert hint not in capsys.readouterr().err


def test_the_diagnosis_of_a_large_structure_is_partial(capsys, rattled, tmp_path) -> None:
    assert main(["diagnose", str(rattled), *BASIS, "--json"]) == 0
    partial = json.loads(capsys.readouterr().out)
    assert main(["smallest", str(rattled), *BASIS, "--json"]) == 0
    expected = json.loads(capsys.readouterr().out)
    assert partial.pop("partial") is True
    assert "the 10 least visible of 864 displacements" in partial.pop("note")
    assert partial == expected
    picture = tmp_path / "smallest.png"
    assert main(["diagnose", str(rattled), *BASIS, "--plot", str(picture)]) == 0
    words = capsys.readouterr().out.split()
    assert "Partial, because there are more than 216 atoms:" in " ".join(words)
    assert picture.read_bytes()[1:4] == b"PNG"


def test_the_diagnosis_of_a_crystal_counts_what_symmetry_hides(capsys, tmp_path) -> None:
    ase.io.write(tmp_path / "perfect.extxyz", bulk("Si", cubic=True).repeat((3, 3, 4)))
    arguments = [str(tmp_path / "perfect.extxyz"), "--cutoff", "4.5", "--json"]
    assert main(["diagnose", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["partial"], found["null"], found["hidden"]) == (True, 351, 351)
    assert found["first_visible"] > found["zero_level"]


def test_a_diagnosis_is_complete_if_centers_are_chosen_or_if_asked_for(
    capsys, rattled, monkeypatch
) -> None:
    assert main(["diagnose", str(rattled), *BASIS, "--center", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["partial"] is False
    assert sum(found["counts"].values()) == 3 * 288
    assert main(["diagnose", str(rattled), *BASIS, "--tolerance", "0.01"]) == 2
    assert "--tolerance is for a complete diagnosis, and" in capsys.readouterr().err
    asked = []
    monkeypatch.setattr(
        "sensitivity.cli.computing.Task.compute",
        lambda _, call, *names, **settings: asked.append((call, settings)) or refuse(),
    )
    assert main(["diagnose", str(rattled), *BASIS, "--complete"]) == 2
    assert asked == [(diagnose, {"centers": range(288)})]


def test_python_refers_to_it(monkeypatch) -> None:
    monkeypatch.setattr(import_module("sensitivity.diagnosis.diagnose"), "MANY", 2)
    water = structures.load("H2O")
    with pytest.warns(SensitivityWarning, match=r"examines all 9 displacements .* smallest\("):
        diagnose(water, DESCRIPTOR)
    diagnose(water, DESCRIPTOR, centers=range(3))  # warnings are errors


def refuse(*_, **__) -> None:
    raise ValueError("the analysis itself is not tested here")
