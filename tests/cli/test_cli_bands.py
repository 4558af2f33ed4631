"""The command ``bands``."""

from __future__ import annotations

import json

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from sensitivity import DensityCorrelations, bands, structures
from sensitivity.cli.main import main

WORDS = ["bands", "Si-diamond", "--path", "GXWK", "--points", "20", "--n-max", "2", "--l-max", "2"]


def test_json_holds_the_bands(capsys) -> None:
    assert main([*WORDS, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = json.loads(out)
    expected = bands(
        structures.load("Si-diamond"), DensityCorrelations(n_max=2, l_max=2), path="GXWK", points=20
    )
    for name in ("q", "distance", "singular_values", "rank", "predicted_rank"):
        assert found[name] == getattr(expected, name).tolist()
    assert found["labels"] == list(expected.labels)
    assert found["status"] == expected.status
    assert found["atoms_per_cell"] == 2
    assert np.sum(list(found["counts"].values()), axis=0).tolist() == [6] * 20
    assert found["counts"]["translation"][0] == 3


def test_table_has_the_special_points(capsys) -> None:
    assert main(WORDS) == 0
    out = capsys.readouterr().out
    assert "Of 6 waves 0 to 2 are visible at 20 wave vectors, as many as symmetry allows." in out
    rows = [line.split() for line in out.splitlines()]
    assert [row[0] for row in rows if row[1:2] == ["0"] or "4" in row[-1:]] == list("GXWK")


def test_picture_and_causes(capsys, tmp_path) -> None:
    picture, file = tmp_path / "bands.png", tmp_path / "silicon.cif"
    ase.io.write(file, bulk("Si"))
    words = ["bands", str(file), "--cutoff", "4.5", "--n-max", "1", "--l-max", "1", "--json"]
    assert main([*words, "--plot", str(picture), "--points", "30"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert picture.read_bytes()[1:4] == b"PNG"
    assert found["shortfalls"][0]["causes"] == ["truncation", "truncation"]
    assert found["shortfalls"][0]["larger_basis"][0] > 1e-4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("CH4", "bands need a crystal"),
        ("Cu --path GQ", "path must name special points of the crystal, G, K, L, U, W, X, got"),
        (
            "Cu --path GX,",
            "path must name special points of the crystal, G, K, L, U, W, X, got 'GX,'",
        ),
        (
            "Cu --path ,GX",
            "path must name special points of the crystal, G, K, L, U, W, X, got ',GX'",
        ),
        ("Cu --points 0", "points must be a positive integer, got 0"),
        ("Cu --center 0", "unrecognized arguments: --center 0"),
    ],
)
def test_wrong_input_is_one_line(words: str, message: str, capsys) -> None:
    arguments = ["bands", *words.split()]
    try:
        status = main(arguments)
    except SystemExit as end:
        status = int(end.code or 0)
    assert status == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"sensitivity: {message}")
    assert err.count("\n") == 1
