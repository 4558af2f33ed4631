"""The command ``smallest``, and the hint at it."""

from __future__ import annotations

import json

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from sensitivity import DensityCorrelations, smallest
from sensitivity.cli.main import main

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
    assert found["method"] == expected.method == "filter"
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
    rows = [line.split() for line in out.splitlines()]
    assert [row[3] for row in rows if row[4:] and row[4].startswith("Si")] == ["no"] * 4
    assert picture.read_bytes()[1:4] == b"PNG"


def test_wrong_counts_and_centers(capsys) -> None:
    assert main(["smallest", "CH4", "--count", "101"]) == 2
    assert "count must be an integer from 1 to 100, got 101" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["smallest", "CH4", "--center", "0"])
    assert "unrecognized arguments: --center 0" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["analyze", "diagnose"])
def test_commands_for_all_singular_values_hint_at_it(
    capsys, rattled, monkeypatch, command: str
) -> None:
    hint = "'sensitivity smallest' finds the least visible displacements faster."
    assert main([command, str(rattled), *BASIS, "--center", "0"]) == 0
    assert hint not in capsys.readouterr().err
    monkeypatch.setattr("sensitivity.cli.computing.Task.compute", refuse)
    assert main([command, str(rattled), *BASIS]) == 2
    assert hint in capsys.readouterr().err
    assert main([command, "CH4"]) == 2
    assert hint not in capsys.readouterr().err


def refuse(*_, **__) -> None:
    raise ValueError("the analysis itself is not tested here")
