"""The command ``compare``."""

from __future__ import annotations

import json
from pathlib import Path

import ase.io
import pytest

from sensitivity import DensityCorrelations, Rattle, compare, structures
from sensitivity.cli.main import build_parser, main

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_descriptor.py"
TWO = ["compare", "X0", "--center", "0", "--n-max", "3", "--descriptor", "2", "--descriptor", "3"]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_json_holds_the_comparison(capsys) -> None:
    found = printed(capsys, *TWO, "--amplitude", "0.03", "--seed", "4", "--copies", "20")
    pair = [DensityCorrelations(order, n_max=3) for order in (2, 3)]
    rattle = Rattle(copies=20, amplitude=0.03, seed=4)
    expected = compare(structures.load("X0"), pair, centers=[0], structures=rattle)
    assert found["reconstruction"] == expected.reconstruction.tolist()
    assert found["angles"] == expected.angles.tolist()
    copies = "20 copies of this structure, displaced at random by 0.03 Å, seed 4"
    assert found["reference"] == copies
    assert (found["metric"], found["soft"], found["status"]) == ("rattle", 1, expected.status)
    assert [each["label"] for each in found["descriptors"]] == list(expected.names)
    for each, seen in zip(found["descriptors"], expected.spectra, strict=True):
        assert each["singular_values"] == seen.singular_values.tolist()
        assert each["rank"] == seen.rank
        assert each["counts"] == expected.counts[each["label"]]


def test_table_and_picture(capsys, tmp_path) -> None:
    picture = tmp_path / "comparison.png"
    assert main([*TWO, "--metric", "raw", "--plot", str(picture)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["rank", "8", "9"] in rows
    assert ["incompleteness", "1", "0"] in rows
    assert picture.read_bytes()[1:4] == b"PNG"


def test_a_file_beside_a_native_order(capsys) -> None:
    own = f"{EXAMPLE}:SymmetryFunctions"
    found = printed(
        capsys, "compare", "X0", "--center", "0", "--descriptor", "1", "--descriptor", own
    )
    assert [each["label"] for each in found["descriptors"]] == [
        "DensityCorrelations",
        "SymmetryFunctions",
    ]


def test_structures_of_a_file_define_the_scale(capsys, tmp_path) -> None:
    frames = Rattle(copies=5, amplitude=0.1).frames(structures.load("X0"), (0,))
    ase.io.write(tmp_path / "frames.extxyz", frames)
    found = printed(capsys, *TWO, "--structures", str(tmp_path / "frames.extxyz"))
    assert found["reference"] == "5 given structures"


def test_odd_features_are_added_where_there_are_such(capsys) -> None:
    orders = ["--descriptor", "2", "--descriptor", "3", "--n-max", "2", "--parity-odd"]
    main(["compare", "CH4", *orders, "--json"])
    settings = [each["descriptor"] for each in json.loads(capsys.readouterr().out)["descriptors"]]
    assert [each["parity_odd"] for each in settings] == [False, True]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "descriptors must be two or more descriptors, in a list or in a mapping"),
        (["--descriptor", "5"], "there is no descriptor '5'; see 'sensitivity descriptors'"),
        (["--descriptor", "none.py:A"], "--descriptor needs a Python file, and none.py does not"),
        (["--descriptor", "2", "--copies", "1"], "copies must be an integer of at least 2, got 1"),
        (["--descriptor", "2", "--soft", "99"], "soft must be an integer from 1 to"),
        (
            ["--descriptor", "2", "--structures", "a.xyz", "--seed", "1"],
            "--seed applies only to displaced copies, got it with --structures; leave it out.",
        ),
    ],
)
def test_wrong_input_is_said_in_one_line(more, message, capsys) -> None:
    arguments = ["compare", "H2O", "--center", "0", "--descriptor", "1", *more]
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"sensitivity: {message}")
    assert err.count("\n") == 1


def test_settings_without_a_native_descriptor_are_refused(capsys) -> None:
    own = ["--descriptor", f"{EXAMPLE}:SymmetryFunctions"]
    assert main(["compare", "H2O", *own, *own, "--cutoff", "3"]) == 2
    assert "--cutoff applies only to density correlations" in capsys.readouterr().err


FUNCTION = "def distances(atoms): return atoms.get_all_distances() ** 2.0"


def test_settings_reach_all_that_are_not_native(capsys, tmp_path) -> None:
    (tmp_path / "own.py").write_text(FUNCTION)
    own = ["--descriptor", f"{tmp_path}/own.py:distances", "--descriptor", "overlap-matrix"]
    words = ["compare", "generic", "--center", "0", "--descriptor", "2", *own, "--n-max", "3"]
    found = printed(capsys, *words, "--setting", "cutoff=6")
    settings = [each["descriptor"] for each in found["descriptors"]]
    assert [each["cutoff"] for each in settings] == [3.5, 6.0, 6.0]
    own[1] += " cutoff=5"
    found = printed(capsys, *words[:6], *own)
    assert found["descriptors"][1]["descriptor"]["cutoff"] == 5.0


def test_wrong_settings_are_refused_with_the_right_form(capsys, tmp_path) -> None:
    file = tmp_path / "own.py"
    file.write_text(FUNCTION)
    assert main([*TWO, "--setting", "n_max=4"]) == 2
    assert 'write it after a name, such as "2 n_max=4".' in capsys.readouterr().err
    assert main([*TWO, "--descriptor", f"{file}:distances"]) == 2
    assert f'add it after the name: --descriptor "{file}:distances cutoff=5".' in (
        capsys.readouterr().err
    )


def test_an_unreadable_frame_is_named(capsys, tmp_path) -> None:
    file = tmp_path / "two.xyz"
    file.write_text("1\n\nH 0 0 0\n1\n\nH 0 0 zero\n")
    assert main([*TWO, "--structures", str(file)]) == 2
    assert f"frame 1 of {file}: line 6: expected" in capsys.readouterr().err


def test_a_fault_of_a_file_is_blamed_on_its_line(capsys, tmp_path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "from sensitivity import DensityCorrelations\n"
        "class Failing(DensityCorrelations):\n"
        "    def gradients(self, atoms, *, centers=None):\n"
        "        return [][0]\n"
    )
    arguments = ["compare", "H2O", "--descriptor", "2", "--descriptor", f"{file}:Failing"]
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"sensitivity: {file}, line 4: IndexError")


def test_defaults_of_the_help_are_those_of_python() -> None:
    (group,) = build_parser()._subparsers._group_actions
    text = {action.dest: action.help for action in group.choices["compare"]._actions}
    native, rattle = DensityCorrelations(), Rattle()
    for name in ("cutoff", "n_max", "l_max", "smearing"):
        assert text[name].endswith(f"(default: {getattr(native, name):g})")
    for name in ("amplitude", "seed"):
        assert text[name].endswith(f"(default: {getattr(rattle, name):g})")
