"""The command: its tables, its JSON, its pictures, and one sentence for every wrong input."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import fields
from itertools import product
from pathlib import Path
from urllib.request import urlopen

import ase.io
import numpy as np
import pytest
from ase import Atoms
from selection import mostly_slow

from sensitivity import DensityCorrelations, spectrum, structures
from sensitivity import lab as lab_module
from sensitivity.cli.main import main
from sensitivity.cli.options import load_source
from sensitivity.diagnosis import CAUSES
from sensitivity.notes import SensitivityWarning
from sensitivity.outputs import PROBE
from sensitivity.tolerances import Tolerance

INTERRUPTED = "sensitivity: interrupted.\n"
COMMAND = [
    sys.executable,
    "-c",
    "import sys; from sensitivity.cli.main import main; sys.exit(main())",
]


def run(*arguments, **options):
    """Run the command in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, **options
    )


def printer(command, capsys):
    """Return a function that runs a command with ``--json`` and gives the object it printed."""

    def call(*arguments):
        assert main([command, *arguments, "--json"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert out.count("\n") == 1
        return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))

    return call


@pytest.fixture
def analyze(capsys):
    return printer("analyze", capsys)


@pytest.fixture
def diagnose(capsys):
    return printer("diagnose", capsys)


# Structures


def test_structures_lists_every_name(capsys):
    assert main(["structures"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines[1:]] == list(structures.names())
    assert lines[1].split()[:4] == ["Td", "CH4", "5", "ideal"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("h4c", "CH4"), ("ch4", "CH4"), ("CLNA", "NaCl"), ("C H", "")],
)
def test_structures_are_filtered_by_a_formula_in_any_case(text, name, capsys):
    assert main(["structures", text, "--json"]) == (0 if name else 2)
    if name:
        rows = json.loads(capsys.readouterr().out)["structures"]
        assert name in [row["name"] for row in rows] or name in [row["formula"] for row in rows]


def test_structures_as_json(capsys):
    assert main(["structures", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["structures"]
    assert [row["name"] for row in rows] == list(structures.names())
    graphene = next(row for row in rows if row["name"] == "graphene")
    assert graphene == {
        "name": "graphene",
        "formula": "C2",
        "atoms": 2,
        "periodic": [True, True, False],
        "summary": "one layer, periodic in two directions",
    }


# Analyze


def test_json_holds_the_spectrum(analyze):
    found = analyze("X0", "--center", "0", "--order", "2", "--n-max", "4")
    atoms = structures.load("X0")
    expected = spectrum(atoms, DensityCorrelations(order=2, n_max=4), centers=[0])
    assert found["singular_values"] == expected.singular_values.tolist()
    assert found["kinds"] == list(expected.kinds)
    assert (found["rank"], found["condition"]) == (8, expected.condition)
    assert (found["status"], found["centers"]) == (expected.status, [0])
    modes = found["modes"]
    assert [mode["mode"] for mode in modes] == list(range(15))
    assert np.array_equal([mode["displacements"] for mode in modes], expected.modes)
    assert [mode["singular_value"] for mode in modes] == found["singular_values"]
    assert [mode["kind"] for mode in modes] == found["kinds"]
    assert found["structure"]["positions"] == atoms.positions.tolist()
    assert found["structure"]["symbols"] == list("CHHHH")
    assert found["descriptor"]["features_per_center"] == expected.features.shape[1]


def test_atoms_that_move_most(analyze):
    for mode in analyze("CH4", "--center", "0", "--n-max", "3")["modes"]:
        shares = np.sum(np.square(mode["displacements"]), axis=1)
        listed = shares[mode["atoms"]]
        assert listed.min() > np.delete(shares, mode["atoms"]).max(initial=0) - 1e-6
        assert listed.sum() > 0.9 - 1e-6 or len(listed) == 4


def test_options_reach_the_descriptor(analyze):
    options = "--order 3 --cutoff 2.5 --n-max 2 --l-max 3 --smearing 0.4 --basis bessel"
    options += " --contract-channels 3"
    found = analyze("CH4", "--center", "0", "--center", "2", "--parity-odd", *options.split())
    assert found["centers"] == [0, 2]
    found["descriptor"].pop("features_per_center")
    assert found["descriptor"] == {
        "name": "DensityCorrelations",
        "order": 3,
        "cutoff": 2.5,
        "n_max": 2,
        "l_max": 3,
        "smearing": 0.4,
        "basis": "bessel",
        "parity_odd": True,
        "contract_channels": 3,
    }


@pytest.mark.parametrize("command", ["analyze", "diagnose"])
def test_help_tells_the_defaults_of_the_descriptor(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    defaults = {field.name: field.default for field in fields(DensityCorrelations)}
    for name in ("order", "cutoff", "n_max", "l_max", "smearing"):
        option = text.split(f" --{name.replace('_', '-')} ")[-1].split(" --")[0]
        assert f"(default: {defaults[name]})" in option


@pytest.mark.parametrize("name", ["a.xyz", "a.extxyz", "a.cif", "POSCAR"])
def test_files_give_what_the_structure_gives(analyze, tmp_path, name):
    atoms = structures.load("NaCl-rocksalt")
    ase.io.write(tmp_path / name, atoms)
    options = ["--center", "0", "--n-max", "3", "--l-max", "3"]
    found, expected = analyze(str(tmp_path / name), *options), analyze("NaCl-rocksalt", *options)
    values = found["singular_values"], expected["singular_values"]
    assert np.allclose(*values, rtol=1e-6, atol=1e-6 * max(values[1]))
    assert found["structure"]["frames"] == 1


def test_frames_are_chosen_and_told(analyze, capsys, tmp_path):
    path = tmp_path / "many.extxyz"
    ase.io.write(path, [Atoms("HCl", [[0, 0, 0], [0, 0, 1.2 + k / 10]]) for k in range(3)])
    assert analyze(str(path))["structure"]["positions"][1][2] == 1.2
    last = analyze(str(path), "--index", "2")["structure"]
    assert (last["positions"][1][2], last["index"], last["frames"]) == (1.4, 2, 3)
    assert last["all_frames_counted"]
    main(["analyze", str(path)])
    assert "Frame 0 of 3; --index chooses another." in capsys.readouterr().out


def test_long_files_are_not_counted_to_the_end(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("sensitivity.structures.files.reading.COUNTED", 2)
    path = tmp_path / "many.xyz"
    path.write_text("1\n\nH 0 0 0\n" * 5)
    main(["analyze", str(path)])
    assert "Frame 0 of at least 2;" in capsys.readouterr().out


def test_a_file_with_the_name_of_a_structure(analyze, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ase.io.write("CH4", structures.load("H2O"), format="xyz")
    assert analyze("CH4")["structure"]["formula"] == "CH4"
    assert analyze("./CH4")["structure"]["formula"] == "H2O"


def test_table(capsys):
    assert main(["analyze", "X0", "--center", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    result = spectrum(structures.load("X0"), DensityCorrelations(), centers=[0])
    assert lines[0] == "X0: CH4, 5 atoms; centers: C0"
    count = result.features.shape[1]
    assert lines[1].startswith("DensityCorrelations, order 2: cutoff 3.5 Å, n_max 6, l_max 6, ")
    assert lines[2].endswith(f"{count} features per center")
    assert lines[3] == result.status
    assert lines[4] == (
        f"A mode is visible if its value is above 1e-05 of the scale, {result.scale:.3e} 1/Å."
    )
    rows = [line.split() for line in lines[7:]]
    assert [int(row[0]) for row in rows] == list(range(15))
    largest = result.singular_values[0]
    for row, value, kind in zip(rows, result.singular_values, result.kinds, strict=True):
        assert float(row[1]) == pytest.approx(value, rel=1e-3)
        assert float(row[2]) == pytest.approx(value / largest, rel=0.05)
        assert row[3] == kind
        assert row[4] == ("yes" if value > 1e-5 * largest else "no")
        assert row[5] in {"C0", "H1", "H2", "H3", "H4"}
        assert row[6].endswith("%")


def test_what_symmetry_hides_is_small_against_the_scale(analyze, capsys):
    """All singular values of graphene are rounding, and none is the scale of the others."""
    found = analyze("graphene")
    assert found["rank"] == 0
    assert not any(mode["visible"] for mode in found["modes"])
    main(["analyze", "graphene"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[7:]]
    assert all(float(row[2]) < 1e-12 and row[4] == "no" for row in rows)


@pytest.mark.parametrize("arguments", ["CH4", "X0 --center 0", "C6H6", "Si-diamond", "H2O"])
def test_visible_modes_are_counted_alike(analyze, diagnose, arguments):
    """At most as many are sensitive as the rank says, by the same level."""
    found, causes = analyze(*arguments.split()), diagnose(*arguments.split())
    visible = [mode["singular_value"] > 1e-5 * found["scale"] for mode in found["modes"]]
    assert [mode["visible"] for mode in found["modes"]] == visible
    assert sum(visible) == found["rank"] == causes["counts"]["sensitive"]


def test_heading_of_a_crystal(capsys):
    assert main(["analyze", "graphene", "--n-max", "2", "--l-max", "2"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "graphene: C2, 2 atoms, periodic along a, b; centers: all atoms"


@pytest.mark.parametrize("name", ["H", "Al-fcc"])
def test_a_single_atom_is_an_answer(analyze, capsys, name):
    found = analyze(name)
    assert found["kinds"] == ["translation"] * 3
    assert found["singular_values"] == [0.0] * 3
    assert found["condition"] is None
    assert main(["analyze", name]) == 0
    assert "no internal displacement" in capsys.readouterr().out


def test_an_isolated_atom_is_an_answer(analyze, tmp_path):
    path = tmp_path / "far.xyz"
    ase.io.write(path, Atoms("HCl", [[0, 0, 0], [0, 0, 90]]))
    found = analyze(str(path))
    assert found["singular_values"] == [0.0] * 6
    assert found["rank"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.png", "a.pdf", "a.SVG"])
def test_plot_is_written_whole(tmp_path, capsys, name):
    options = ["--center", "0", "--n-max", "3", "--plot", str(tmp_path / name)]
    assert main(["analyze", "CH4", *options]) == 0
    assert capsys.readouterr().err == ""
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).stat().st_size > 5000


def test_failed_plot_leaves_nothing_and_keeps_the_old_one(tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("old")

    original = os.fsync

    def fail(descriptor):
        if os.fstat(descriptor).st_size != PROBE:  # of the picture, after the folder was tried
            raise OSError(errno.ENOSPC, "No space left on device", "part")
        original(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    assert main(["analyze", "CH4", "--plot", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("CH4: CH4, 5 atoms;")
    assert err == (
        f"sensitivity: --plot cannot be written, got {path} (No space left on device); choose "
        "another file or folder.\n"
    )
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]
    assert path.read_text() == "old"


# Diagnose


MOLECULES = {
    # arguments: (causes that are found, groups of the centers)
    "Td --center 0": ({"sensitive": 1, "symmetry": 8, "rotation": 3, "translation": 3}, ["Td"]),
    "X0 --center 0": (
        {"sensitive": 8, "incompleteness": 1, "rotation": 3, "translation": 3},
        ["C1"],
    ),
    "generic --center 0 --n-max 2 --l-max 2": (
        {"sensitive": 8, "truncation": 1, "rotation": 3, "translation": 3},
        ["C1"],
    ),
    "CO2": (
        {"sensitive": 2, "symmetry": 2, "rotation": 2, "translation": 3},
        ["D∞h", "C∞v", "C∞v"],
    ),
    "CH4 --center 1 --cutoff 1.3": (
        {"sensitive": 1, "unseen": 8, "rotation": 3, "translation": 3},
        ["C∞v"],
    ),
    "H": ({"translation": 3}, ["Kh"]),
    "Si-diamond": ({"sensitive": 6, "symmetry": 15, "translation": 3}, ["Td"] * 8),
}


@pytest.mark.parametrize("arguments", MOLECULES)
def test_diagnosis_of_known_structures(diagnose, arguments):
    name, *options = arguments.split()
    found = diagnose(name, *options)
    counts, groups = MOLECULES[arguments]
    size = 3 * len(found["structure"]["symbols"])
    assert list(found["counts"]) == list(CAUSES)
    assert sum(found["counts"].values()) == len(found["modes"]) == size
    assert {cause: number for cause, number in found["counts"].items() if number} == counts
    assert [group["symbol"] for group in found["groups"]] == groups
    values = found["singular_values"]
    assert len(values) == size
    assert values == sorted(values, reverse=True)
    modes = np.array([mode["displacements"] for mode in found["modes"]]).reshape(size, size)
    assert np.allclose(modes @ modes.T, np.eye(size), rtol=0, atol=1e-9)
    assert found["summary"].endswith(".")
    assert "internal displacement" in found["status"]


def test_groups_in_json(diagnose):
    linear = diagnose("CO2", "--center", "0", "--tolerance", "0.002")
    assert linear["tolerance"] == 0.002
    (group,) = linear["groups"]
    assert (group["center"], group["element"], group["order"]) == (0, "C", None)
    benzene = diagnose("C6H6")["groups"]
    assert [group["center"] for group in benzene] == list(range(12))
    assert {(group["symbol"], group["order"]) for group in benzene} == {("C2v", 4)}
    assert {group["levels"][-1]["symbol"] for group in benzene} == {"C2v"}
    # Coordinates are published to 1e-6 Å.
    assert 1e-8 < max(group["deviation"] for group in benzene) < 1e-6


def test_groups_beyond_the_tolerance_in_json(diagnose, tmp_path):
    atoms = structures.load("Td")
    atoms.positions[1] *= 1.01
    ase.io.write(tmp_path / "near.extxyz", atoms)
    options = ["--center", "0", "--tolerance"]
    (far,) = diagnose(str(tmp_path / "near.extxyz"), *options, "1e-3")["groups"]
    assert (far["symbol"], far["next"]["symbol"], far["next"]["order"]) == ("C3v", "Td", 24)
    (near,) = diagnose(str(tmp_path / "near.extxyz"), *options, "1e-2")["groups"]
    assert (near["symbol"], near["next"]) == ("Td", None)
    assert near["deviation"] == pytest.approx(far["next"]["deviation"])


def test_evidence_in_json(diagnose):
    modes = diagnose("X0", "--center", "0")["modes"]
    assert [mode["mode"] for mode in modes] == list(range(15))
    (blind,) = (mode for mode in modes if mode["cause"] == "incompleteness")
    assert blind["distance"] < 1e-6  # X0 is exactly singular
    assert blind["evidence"]["larger_basis"] < 1e-9
    assert blind["evidence"]["higher_order"] > 1e-2
    assert blind["evidence"]["response"] == pytest.approx(2, abs=0.05)
    assert blind["evidence"]["lifted_by"] == 3
    assert {mode["distance"] for mode in modes if mode["cause"] == "sensitive"} == {None}


def test_singular_values_of_the_diagnosis_are_those_of_analyze(analyze, diagnose):
    options = ["X0", "--center", "0", "--n-max", "4", "--contract-channels", "5"]
    found, expected = diagnose(*options), analyze(*options)
    assert found["singular_values"] == expected["singular_values"]
    for key in ("structure", "descriptor", "centers"):
        assert found[key] == expected[key]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "evidence"),
    [
        ("Td --center 0", "Td, response 2.0"),
        ("X0 --center 0", "order 3: 0."),
        ("CH4", "Td, C3v, response 2.0"),
        ("generic --center 0 --n-max 2 --l-max 2", "larger basis 0.4"),
        ("N3 --center 0 --l-max 10 --smearing 0.2", "seen at order 4"),
        ("C2v --center 0 --order 3 --parity-odd --n-max 3 --l-max 3", "C2, response 2.0"),
        ("C6H6", "C2v, response 2.0"),
        ("Si-diamond", "Td, response 2.0"),
        ("H", "translation"),
    ],
)
def test_table_of_a_diagnosis(diagnose, capsys, arguments, evidence):
    assert main(["diagnose", *arguments.split()]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert text.startswith(f"{arguments.split()[0]}: ")
    found = diagnose(*arguments.split())
    assert " ".join(found["summary"].split()) in " ".join(text.split())
    assert "DensityCorrelations, order " in text
    rows = [line.split() for line in lines[-len(found["modes"]) :]]
    for row, mode in zip(rows, found["modes"], strict=True):
        assert (int(row[0]), row[3]) == (mode["mode"], mode["cause"])
        assert float(row[1]) == pytest.approx(mode["singular_value"], rel=1e-3)
        assert row[-len(mode["atoms"]) :] == [
            f"{found['structure']['symbols'][atom]}{atom}" for atom in mode["atoms"]
        ]
    assert evidence in text


def test_distances_in_the_table(capsys, tmp_path):
    atoms = structures.load("X0")
    atoms.positions[4] += [0, 2e-4, 0]
    ase.io.write(tmp_path / "near.extxyz", atoms)
    assert main(["diagnose", str(tmp_path / "near.extxyz"), "--center", "0"]) == 0
    (row,) = (line.split() for line in capsys.readouterr().out.splitlines() if " order 3: " in line)
    assert 1e-6 < float(row[4]) <= 2e-4 / 5**0.5 * 1.001  # Å, root mean square of five atoms


def test_long_paths_are_not_broken(capsys, tmp_path):
    folder = tmp_path / ("long-" * 20)
    folder.mkdir()
    ase.io.write(folder / "a.xyz", structures.load("H2O"))
    assert main(["diagnose", str(folder / "a.xyz")]) == 0
    assert f"{folder / 'a.xyz'}:" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["X0", "H2O", "H"])
def test_plot_of_a_diagnosis(tmp_path, capsys, name):
    assert main(["diagnose", name, "--center", "0", "--plot", str(tmp_path / "a.png")]) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "a.png").stat().st_size > 5000


@pytest.mark.parametrize("tolerance", ["0", "-1", "nan", "5", "x"])
def test_wrong_tolerance_is_one_sentence(capsys, tolerance):
    try:
        status = main(["diagnose", "CH4", "--tolerance", tolerance])
    except SystemExit as leaving:  # argparse
        status = leaving.code
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1)
    expected = (
        "invalid float value" if tolerance == "x" else "at most 0.1 Å, a tenth of a bond, got"
    )
    assert err.startswith("sensitivity: ")
    assert expected in err


def test_help_tells_the_default_of_the_tolerance(capsys):
    with pytest.raises(SystemExit):
        main(["diagnose", "--help"])
    option = " ".join(capsys.readouterr().out.split()).split(" --tolerance Å ")[-1].split(" --")[0]
    assert f"(default: {Tolerance.POSITIONS:g})" in option


# Wrong input


FILES = {
    "nan.xyz": "2\n\nC 0 0 0\nH 0 nan 1\n",
    "inf.xyz": "2\n\nC 0 0 0\nH 0 inf 1\n",
    "none.xyz": "0\n\n",
    "same.xyz": "2\n\nC 0 0 0\nH 0 0 0\n",
    "empty.xyz": "",
    "noise.xyz": "hello\n\x00\n",
    "noise.txt": "hello\n",
    "one.xyz": "1\n\nH 0 0 0\n",
    "flat.extxyz": '1\nLattice="0 0 0 0 2 0 0 0 2" pbc="T T T"\nH 0 0 0\n',
}

WRONG = {
    "nan": ("nan.xyz", "positions must be finite numbers in Å, got [0.0, nan, 1.0] for atom 1"),
    "infinite": ("inf.xyz", "positions must be finite numbers in Å, got [0.0, inf, 1.0]"),
    "no atoms": (
        "none.xyz",
        "cannot read none.xyz as a structure: line 1: the number of atoms is 0.",
    ),
    "one place": ("same.xyz", "atoms overlap: atoms 0 and 1 are 0 Å apart (C and H); move or"),
    "empty": ("empty.xyz", "empty.xyz is empty; expected a structure file"),
    "unreadable": (
        "noise.xyz",
        "noise.xyz as a structure: line 1: expected the number of atoms, found 'hello'",
    ),
    "unknown format": ("noise.txt", "cannot read noise.txt as a structure (its format is not"),
    "flat cell": ("flat.extxyz", "periodic along a, b, c needs finite, independent, non-zero"),
    "no file": ("gone.xyz", "there is no file gone.xyz; expected a structure file"),
    "no folder": ("gone/POSCAR", "there is no file gone/POSCAR; expected a structure file"),
    "a folder": (".", ". is a folder; expected a structure file"),
    "plot to a folder": ("CH4 --plot folder.png", "--plot needs a file name, got the"),
    "index before the first": (
        "one.xyz --index -2",
        "one.xyz has a single frame, number 0, and no",
    ),
    "no name": ("ch44", "there is no structure named 'ch44'; did you mean CH4"),
    "no frame": (
        "one.xyz --index 1",
        "one.xyz has a single frame, number 0, and no frame 1; choose",
    ),
    "index of a name": (
        "CH4 --index 1",
        "--index is for files, and CH4 is a named structure; leave",
    ),
    "not an index": ("one.xyz --index a", "argument --index: invalid int value: 'a'"),
    "no center": ("CH4 --center 5", "center 5 does not exist: the structure has 5 atoms"),
    "negative center": ("CH4 --center -1", "center -1 does not exist"),
    "center of an atom": ("H --center 1", "center 1 does not exist: the structure has 1 atom"),
    "center twice": ("CH4 --center 1 --center 1", "every center must be given once, got 1 more"),
    "zero cutoff": ("CH4 --cutoff 0", "cutoff must be a positive, finite length in Å, got 0.0"),
    "negative cutoff": ("CH4 --cutoff -1", "cutoff must be a positive, finite length in Å, got -1"),
    "nan cutoff": ("CH4 --cutoff nan", "cutoff must be a positive, finite length in Å, got nan"),
    "infinite cutoff": ("CH4 --cutoff inf", "cutoff must be a positive, finite length in Å, got"),
    "huge cutoff": ("Al-fcc --cutoff 2000", "choose a smaller cutoff"),
    "order": ("CH4 --order 5", "order must be an integer from 1 to 4, got 5"),
    "order zero": ("CH4 --order 0", "order must be an integer from 1 to 4, got 0"),
    "n_max": ("CH4 --n-max 0", "n_max must be an integer from 1 to"),
    "large n_max": ("CH4 --n-max 1000", "n_max must be an integer from 1 to"),
    "l_max": ("CH4 --l-max -1", "l_max must be an integer from 0 to"),
    "large l_max": ("CH4 --l-max 1000", "l_max must be an integer from 0 to"),
    "smearing": ("CH4 --smearing -1", "smearing must be a finite number from 0"),
    "parity": ("CH4 --parity-odd", "parity_odd=True needs order=3 or 4, got order=2"),
    "channels": ("CH4 --contract-channels 0", "contract_channels must be an integer from 1 to"),
    "basis": ("CH4 --basis x", "argument --basis: invalid choice: 'x'"),
    "memory": (
        "CH4 --order 3 --n-max 60 --l-max 20 --basis bessel --smearing 0",
        "features per center",
    ),
    "plot format": ("CH4 --plot a.doc", "--plot must end in .png, .pdf or .svg, got a.doc"),
    "plot folder": ("CH4 --plot gone/a.png", "there is no folder gone to write a.png to"),
    "no structure": ("", "the following arguments are required: STRUCTURE"),
    "no option": ("CH4 --colour", "unrecognized arguments: --colour"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize(
    ("command", "json_wanted"),
    mostly_slow(
        product(["analyze", "diagnose"], [False, True]),
        fast=[("analyze", True), ("diagnose", False)],
    ),
)
def test_wrong_input_is_one_sentence(case, command, json_wanted, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).write_text(content)
    Path("folder.png").mkdir()
    before = sorted(os.listdir())
    arguments, message = WRONG[case]
    words = [command, *arguments.split(), *["--json"] * json_wanted]
    try:
        status = main(words)
    except SystemExit as leaving:  # argparse
        status = leaving.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("sensitivity: ")
    assert message in err
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert sorted(os.listdir()) == before


def test_too_little_memory_is_one_sentence(monkeypatch, capsys):
    def fail(*_, **__):
        raise MemoryError

    # The package's attribute of this name is the function.
    monkeypatch.setattr(sys.modules["sensitivity.spectrum"], "spectrum", fail)
    assert main(["analyze", "CH4"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sensitivity: there is not enough memory for this; choose fewer centers")
    assert err.count("\n") == 1


def test_wrong_command_is_one_sentence(capsys):
    for words, message in (([], "required: COMMAND"), (["analyse"], "invalid choice: 'analyse'")):
        with pytest.raises(SystemExit) as leaving:
            main(words)
        out, err = capsys.readouterr()
        assert (leaving.value.code, out) == (2, "")
        assert err.startswith("sensitivity: ")
        assert message in err
        assert err.endswith("see 'sensitivity --help'.\n")
        assert err.count("\n") == 1


@pytest.mark.parametrize("fails", [False, True])
def test_only_notes_of_the_package_are_shown_once_and_also_before_an_error(
    capsys, monkeypatch, fails
):
    class ReaderWarning(SensitivityWarning):
        pass

    def load(*arguments, **options):
        for category in (ReaderWarning, SensitivityWarning):
            warnings.warn("two\nlines", category, stacklevel=1)
        for category in (UserWarning, DeprecationWarning, RuntimeWarning):
            warnings.warn("of a library", category, stacklevel=1)
        if fails:
            raise ValueError("it failed.")
        return original(*arguments, **options)

    original = load_source
    ReaderWarning.__module__ = "sensitivity.structures.files"
    monkeypatch.setattr("sensitivity.cli.computing.load_source", load)
    assert main(["analyze", "CH4", "--n-max", "1", "--json"]) == (2 if fails else 0)
    out, err = capsys.readouterr()
    note = "sensitivity: note: two lines\n"
    assert err == note + "sensitivity: it failed.\n" * fails
    assert bool(out) is not fails


# The process


def test_help_and_version_are_quick_and_load_no_large_library():
    code = (
        "import sys\n"
        "from sensitivity.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as leaving: status = leaving.code\n"
        "print(status, [m for m in ('matplotlib', 'scipy', 'ase.io') if m in sys.modules])"
    )
    for word in ("--help", "--version"):
        words = [sys.executable, "-c", code, word]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "0 []"
        assert done.stdout.startswith({"--help": "usage: ", "--version": "sensitivity "}[word])


@pytest.mark.slow
@pytest.mark.parametrize("command", ["analyze", "diagnose"])
def test_without_a_plot_matplotlib_is_not_loaded(command):
    code = (
        "import sys; from sensitivity.cli.main import main\n"
        f"main(['{command}', 'CH4', '--n-max', '1', '--json'])\n"
        "print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_command_is_installed():
    command = Path(sys.executable).parent / "sensitivity"
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("sensitivity 0.")


@pytest.mark.slow
def test_reader_that_goes_away_is_no_error():
    with subprocess.Popen(
        [*COMMAND, "structures"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141


def test_interrupt_is_one_sentence(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sensitivity.cli.computing.load_source", interrupt)
    assert main(["analyze", "CH4"]) == 130
    assert capsys.readouterr() == ("", INTERRUPTED)


@pytest.mark.slow
@pytest.mark.parametrize("line", ["diagnose CH4", "locate CH4", "invert CH4 --rattle 0.1"])
@pytest.mark.parametrize("module", ["numpy", "ase", "scipy", "sensitivity.jacobian"])
def test_interrupt_of_an_import_is_one_sentence(line, module):
    """As by Ctrl-C in the first half second: the signal comes when the import begins."""
    code = (
        "import runpy, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        f"sys.argv = ['sensitivity', *{line.split()}]\n"
        "runpy.run_module('sensitivity', run_name='__main__')"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", INTERRUPTED)


# Lab


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    """A package with two notebooks, and an empty working directory."""
    package, work = tmp_path / "site-packages" / "sensitivity", tmp_path / "work"
    (package / "notebooks" / "pictures").mkdir(parents=True)
    (package / "notebooks" / ".ipynb_checkpoints").mkdir()
    work.mkdir()
    for name in ("1.ipynb", "2.ipynb", "pictures/a.png", ".ipynb_checkpoints/1.ipynb"):
        (package / "notebooks" / name).write_text("shipped")
    monkeypatch.setattr(lab_module, "_PACKAGE", package)
    monkeypatch.chdir(work)
    return package, work / "sensitivity-notebooks"


def test_notebooks_are_copied_and_edits_are_kept(notebooks):
    _, folder = notebooks
    assert lab_module.copy_notebooks(folder) == []
    (folder / "1.ipynb").write_text("edited")
    (folder / "2.ipynb").unlink()
    lab_module.copy_notebooks(folder)
    assert copies(folder) == {
        "1.ipynb": "edited",
        "2.ipynb": "shipped",
        "pictures/a.png": "shipped",
    }


def copies(folder):
    """The files that a person sees, with their content."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("[!.]*")
        if path.is_file()
    }


def upgrade(package, content):
    for path in (package / "notebooks").glob("*.ipynb"):
        path.write_text(content)


def test_an_upgrade_replaces_the_copies_that_nobody_changed(notebooks):
    package, folder = notebooks
    lab_module.copy_notebooks(folder)
    (folder / "1.ipynb").write_text("edited")
    (folder / "own.ipynb").write_text("mine")
    kept = {"1.ipynb": "edited", "own.ipynb": "mine", "pictures/a.png": "shipped"}
    for version in ("second", "third"):
        upgrade(package, version)
        assert lab_module.copy_notebooks(folder) == ["1.new.ipynb"]
        assert copies(folder) == {**kept, "2.ipynb": version, "1.new.ipynb": version}
        assert lab_module.copy_notebooks(folder) == []  # it is said once
    (folder / "1.new.ipynb").write_text("edited, too")
    upgrade(package, "fourth")
    assert lab_module.copy_notebooks(folder) == ["1.new2.ipynb"]
    expected = {**kept, "1.new.ipynb": "edited, too", "1.new2.ipynb": "fourth"}
    assert copies(folder) == {**expected, "2.ipynb": "fourth"}
    (folder / "1.new2.ipynb").unlink()
    assert lab_module.copy_notebooks(folder) == []
    assert "1.new2.ipynb" not in copies(folder)


@pytest.mark.parametrize("record", [None, "no JSON"])
def test_copies_without_a_record_are_never_overwritten(notebooks, record):
    package, folder = notebooks
    lab_module.copy_notebooks(folder)
    upgrade(package, "second")
    (folder / "2.ipynb").write_text("second")
    (folder / ".sensitivity.json").unlink()
    if record:
        (folder / ".sensitivity.json").write_text(record)
    assert lab_module.copy_notebooks(folder) == ["1.new.ipynb"]
    assert copies(folder)["1.ipynb"] == "shipped"
    upgrade(package, "third")
    assert lab_module.copy_notebooks(folder) == ["1.new.ipynb"]
    assert copies(folder)["2.ipynb"] == copies(folder)["1.new.ipynb"] == "third"


def test_new_versions_beside_changed_notebooks_are_said_in_one_line(notebooks, monkeypatch, capsys):
    package, folder = notebooks
    monkeypatch.setattr(os, "execv", lambda path, words: None)
    monkeypatch.setattr(signal, "pthread_sigmask", lambda how, signals: None)
    monkeypatch.setattr(subprocess, "call", lambda words: 0)
    for name in "345":
        (package / "notebooks" / f"{name}.ipynb").write_text("shipped")
    main(["lab"])
    assert capsys.readouterr().out == ""
    for path in folder.glob("*.ipynb"):
        path.write_text("edited")
    upgrade(package, "second")
    main(["lab"])
    assert capsys.readouterr().out == (
        "Notebooks that you changed are kept; their new versions are beside them: 1.new.ipynb, "
        "2.new.ipynb, 3.new.ipynb and 2 more.\n"
    )


def test_notebooks_that_cannot_be_copied_are_one_sentence(notebooks, monkeypatch, capsys):
    _, folder = notebooks
    folder.write_text("")
    assert main(["lab"]) == 2
    assert capsys.readouterr() == (
        "",
        f"sensitivity: the notebooks cannot be copied to {folder} (File exists); run the command "
        "in another folder.\n",
    )
    folder.unlink()

    def fail(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    assert main(["lab"]) == 2
    assert "(No space left on device); run the command" in capsys.readouterr().err
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_notebooks_are_found_in_the_package_before_the_checkout(notebooks):
    package, _ = notebooks
    checkout = package.parent / "notebooks"
    checkout.mkdir()
    (checkout / "1.ipynb").write_text("of the checkout")
    assert lab_module.find_notebooks() == package / "notebooks"
    for path in (package / "notebooks").glob("*.ipynb"):
        path.unlink()
    assert lab_module.find_notebooks() == checkout
    (checkout / "1.ipynb").unlink()
    with pytest.raises(ValueError, match=r"there are no notebooks beside .*; install the package"):
        lab_module.find_notebooks()


@pytest.mark.parametrize("user", [0, 1000])
def test_lab_starts_jupyterlab_on_the_copies(notebooks, monkeypatch, user):
    _, folder = notebooks
    started = []
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "execv", lambda path, words: started.append((path, words)))
    monkeypatch.setattr(signal, "pthread_sigmask", lambda how, signals: None)
    monkeypatch.setattr(subprocess, "call", lambda words: 0)
    main(["lab", "--port", "9999", "--no-browser", "--", "--debug"])
    root = f"--ServerApp.root_dir={folder}"
    words = [sys.executable, "-c", lab_module._START, root, "--port=9999", "--no-browser"]
    words += ["--allow-root"] if user == 0 else []
    assert started == [(sys.executable, [*words, *lab_module._SETTINGS, "--debug"])]
    assert (folder / "1.ipynb").exists()


def test_lab_without_jupyterlab_tells_what_to_install(notebooks, monkeypatch, capsys):
    monkeypatch.setattr(lab_module, "find_spec", lambda name: None)
    assert main(["lab"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sensitivity: JupyterLab is not installed")
    assert err.endswith('pip install "atomic-sensitivity[lab]"\n')
    assert not notebooks[1].exists()


def test_lab_refuses_a_port_that_does_not_exist(notebooks, capsys):
    assert main(["lab", "--port", "70000"]) == 2
    assert "the port must be from 0 to 65535, got 70000" in capsys.readouterr().err
    assert not notebooks[1].exists()


def start_lab(tmp_path, **outputs):
    words = [*COMMAND, "lab", "--no-browser", "--port", "0", "--", "--allow-root"]
    environment = os.environ | {"JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    environment |= {"JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    return subprocess.Popen(words, cwd=tmp_path, env=environment, text=True, **outputs)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system: signals and exec")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
@pytest.mark.parametrize("moment", [0.0, 0.3, 0.6, 1.2])
def test_lab_ends_silently_while_its_kernel_starts(tmp_path, number, moment):
    """Also while the kernel imports: Ctrl-C is pressed twice, as Jupyter asks for."""
    outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with start_lab(tmp_path, **outputs) as process:
        assert "JupyterLab is at" in process.stdout.readline()
        assert "The notebooks are in" in process.stdout.readline()
        time.sleep(moment)
        process.send_signal(number)
        if number == signal.SIGINT:
            time.sleep(0.3)
            process.send_signal(number)
        rest = process.communicate(timeout=60)[0]
    assert rest == ""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system: signals and exec")
def test_lab_serves_and_ends_with_its_process(tmp_path):
    notebook = Path(lab_module.__file__).parent.parent / "notebooks"
    assert any(notebook.glob("*.ipynb"))
    with start_lab(tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        said = [process.stdout.readline() for _ in range(2)]
        try:
            wait_for_kernel(said[0].split()[3])
        finally:
            process.send_signal(signal.SIGTERM)
        rest = process.stdout.read() + process.stderr.read()
        process.wait(timeout=30)
    place = r"http://localhost:\d+/lab/tree/1-methane\.ipynb\?token=\w+"
    assert re.fullmatch(f"JupyterLab is at {place} until you press Ctrl-C\\.\n", said[0])
    assert said[1] == f"The notebooks are in {tmp_path / 'sensitivity-notebooks'}.\n"
    assert rest == ""


def wait_for_kernel(address):
    """Wait until the kernel of the first notebook has answered."""
    begun = time.monotonic()
    while time.monotonic() - begun < 60:
        with urlopen(address.replace("/lab/tree/1-methane.ipynb", "/api/kernels")) as answer:
            if any(kernel["execution_state"] == "idle" for kernel in json.load(answer)):
                return
        time.sleep(0.1)
    raise TimeoutError("no kernel")
