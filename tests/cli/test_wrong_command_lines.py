"""Hundreds of wrong command lines: each is one sentence, status 2, and nothing half-written."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import ase.io
import pytest
from selection import mostly_slow

from sensitivity import structures
from sensitivity.cli.main import main

ANALYSES = ("analyze", "diagnose")
# Each with what it needs beside a structure.
COMMANDS = {
    "analyze": "",
    "diagnose": "",
    "locate": "",
    "twin": "",
    "follow": "",
    "invert": "--rattle 0.1",
}
EXTREME = ("nan", "inf", "-inf", "1e400", "-1", "-1e-300", "-0.5")
HUGE = "1" + 30 * "0"

DESCRIPTOR = {
    # option: {values: what the message says}
    "--cutoff": {
        **dict.fromkeys(EXTREME, "cutoff must be a positive, finite length in Å, got"),
        "0": "cutoff must be a positive, finite length in Å, got 0.0",
        "1e-300": "cutoff must be from 1e-06 to 1e+09 Å, got 1e-300",
        "1e-8": "cutoff must be from 1e-06 to 1e+09 Å, got 1e-08",
        "1e300": "cutoff must be from 1e-06 to 1e+09 Å, got 1e+300",
        "0.0001": "smearing=0.3 Å is too wide for cutoff=0.0001 Å: expected at most 0.0005 Å",
        "1e5": "smearing=0.3 Å is too narrow for cutoff=100000 Å: expected at least 10 Å",
        "long": "argument --cutoff: invalid float value: 'long'",
        "''": "argument --cutoff: invalid float value: ''",
        "3,5": "argument --cutoff: invalid float value: '3,5'",
    },
    "--smearing": {
        **dict.fromkeys(EXTREME, "smearing must be a finite number from 0 to 10, got"),
        "10.1": "smearing must be a finite number from 0 to 10, got 10.1",
        "1e-9": "smearing=1e-09 Å is too narrow for cutoff=3.5 Å: expected at least 0.00035 Å",
        "x": "argument --smearing: invalid float value: 'x'",
    },
    "--setting": {
        **dict.fromkeys(("a=1", "basis=foo"), "--setting is unusable:"),
        "order=7": "order must be an integer from",
    },
    "--order": {
        **dict.fromkeys(("0", "5", "-1", HUGE), "order must be an integer from 1 to 4, got"),
        **dict.fromkeys(("2.0", "two", "''", "1e0"), "argument --order: invalid int value"),
    },
    "--n-max": {
        **dict.fromkeys(
            ("0", "-1", "16", "65", HUGE), "n_max must be an integer from 1 to 15 with"
        ),
        "x": "argument --n-max: invalid int value: 'x'",
    },
    "--l-max": {
        **dict.fromkeys(("-1", "33", HUGE), "l_max must be an integer from 0 to 32, got"),
        "6.5": "argument --l-max: invalid int value: '6.5'",
    },
    "--contract-channels": {
        **dict.fromkeys(("0", "-3", "65"), "channels must be an integer from 1 to 64, got"),
        "few": "argument --contract-channels: invalid int value: 'few'",
    },
    "--basis": {
        **dict.fromkeys(("x", "GTO", "''"), "argument --basis: invalid choice"),
    },
    "--center": {
        **dict.fromkeys(("5", "-1", HUGE), "does not exist: the structure has 5 atoms"),
        **dict.fromkeys(
            ("C", "Ti2", "0.0", "'0 1'"),
            "argument --center: must be the index of an atom, counted from 0, got ",
        ),
    },
    "--index": {
        **dict.fromkeys(("0", "1", "-1"), "--index is for files, and CH4 is a named structure"),
        **dict.fromkeys((":", "x"), "argument --index: invalid int value"),
    },
    "--parity-odd": {"": "parity_odd=True needs order=3 or 4, got order=2"},
    "--colour": {"": "unrecognized arguments: --colour"},
    "--cutof-": {"": "unrecognized arguments: --cutof-"},
    "--n_max": {"3": "unrecognized arguments: --n_max 3"},
    "-c": {"": "unrecognized arguments: -c"},
    "extra": {"": "unrecognized arguments: extra"},
    "''": {"": "unrecognized arguments"},
    "--json=yes": {"": "argument --json: ignored explicit argument 'yes'"},
}

FILES = {
    "nan.xyz": "2\n\nC 0 0 0\nH 0 nan 1\n",
    "none.xyz": "0\n\n",
    "empty.xyz": "",
    "noise.xyz": "hello\n\x00\n",
    "noise.txt": "hello\n",
    "one.xyz": "1\n\nH 0 0 0\n",
    "flat.extxyz": '1\nLattice="0 0 0 0 2 0 0 0 2" pbc="T T T"\nH 0 0 0\n',
}
STRUCTURES = {
    "gone.xyz": "there is no file gone.xyz",
    "gone/POSCAR": "there is no file gone/POSCAR",
    "./CH4": "there is no file ./CH4",
    "folder.xyz": "folder.xyz is a folder",
    "one.xyz/a.xyz": "no file one.xyz/a.xyz",
    "nan.xyz": "positions must be finite numbers in Å",
    "none.xyz": "as a structure: line 1: the number of atoms is 0",
    "empty.xyz": "empty.xyz is empty",
    "noise.xyz": "cannot read noise.xyz",
    "noise.txt": "cannot read noise.txt",
    "flat.extxyz": "periodic along a, b, c needs finite, independent, non-zero",
    "one.xyz --index 1": "one.xyz has a single frame",
    "ch44": "there is no structure named 'ch44'; did you mean CH4 or C2H4? Otherwise see 'se",
    "Si-diamand": "did you mean Si-diamond",
    "NaCl-": "did you mean",
    "水": "there is no structure named '水'; see",
    "'two words'": "there is no structure named 'two words'",
    "'two\nlines'": "there is no structure named 'two",
    "X": "there is no structure named 'X'",
    "%": "there is no structure named '%'; see",
    "http://example.org/a.xyz": "there is no file http://example.org/a.xyz",
}

PLOTS = {
    "a.doc": "--plot must end in .png, .pdf or .svg, got a.doc",
    "a": "--plot must end in .png, .pdf or .svg, got a",
    ".png": "--plot must end in .png, .pdf or .svg, got .png",
    "''": "--plot needs a file name, got the folder .",
    "gone/a.png": "there is no folder gone to write a.png to; create it first",
    "one.xyz/a.png": "--plot needs a folder, got one.xyz/a.png",
    "folder.png": "--plot needs a file name, got the folder folder.png",
    f"{'x' * 252}.png": "(File name too long); choose another file or folder",
}
OUTPUTS = {
    "a.cif": "--output must end in .extxyz or .xyz, got a.cif",
    "''": "--output needs a file name, got the folder .",
    "gone/a.xyz": "there is no folder gone to write a.xyz to; create it first",
    "one.xyz/a.xyz": "--output needs a folder, got one.xyz/a.xyz",
    "folder.xyz": "--output needs a file name, got the folder folder.xyz",
    f"{'x' * 252}.xyz": "(File name too long); choose another file or folder",
}

LENGTHS = ("0", "-1", "-1e-3", "nan", "inf", "1e400")
OTHERS = {
    # what is wrong with the command itself
    "": "the following arguments are required: COMMAND",
    "analyse CH4": "argument COMMAND: invalid choice: 'analyse'",
    "Analyze CH4": "argument COMMAND: invalid choice: 'Analyze'",
    "CH4": "argument COMMAND: invalid choice: 'CH4'",
    "'' CH4": "argument COMMAND: invalid choice: ''",
    "--versions": "required: COMMAND",
    "--json structures": "unrecognized arguments: --json",
    "structures CH4 C2H6": "unrecognized arguments: C2H6",
    "structures ch44": "there is no structure named 'ch44'; did you mean CH4 or C2H4? Other",
    "structures %": "there is no structure named '%'; see",
    "structures --center 0": "unrecognized arguments: --center",
    "structures --plot a.png": "unrecognized arguments: --plot",
    **{f"{name} {rest}": "arguments are required: STRUCTURE" for name, rest in COMMANDS.items()},
    **{f"{name} {rest} --json": "required: STRUCTURE" for name, rest in COMMANDS.items()},
    **{f"{name} CH4 --cutoff": "--cutoff: expected one argument" for name in COMMANDS},
    **{f"{name} CH4 --center": "--center: expected one argument" for name in COMMANDS},
    **{f"{name} CH4 --center 1 --center 1": "every center must be given" for name in ANALYSES},
    "invert CH4 --rattle 0.1 --center 1 --center 1": "every center must be given once",
    **{f"{name} CH4 --output a.xyz": "unrecognized arguments: --output" for name in ANALYSES},
    **{f"{name} CH4 --tolerance 1": "unrecognized arguments: --tolerance 1"
       for name in ("analyze", "locate", "twin", "follow")},
    **{f"{name} CH4 --center 0 --center 1": "takes one --center" for name in ("locate", "twin")},
    "follow CH4 --center 0 --center 1": "takes one --center, got 2",
    **{f"{name} CH4 --plot a.png": "unrecognized arguments: --plot a.png" for name in
       ("locate", "twin", "follow")},
    # diagnose
    **{f"diagnose CH4 --tolerance {value}": "at most 0.1 Å, a tenth of a bond, got"
       for value in (*LENGTHS, "0.11", "5")},
    "diagnose CH4 --tolerance small": "argument --tolerance: invalid float value: 'small'",
    # locate
    **{f"{line} --reach {value}": "reach must be a positive, finite length"
       for value in LENGTHS for line in ("locate X+", "twin X0")},
    **{f"locate X+ --count {value}": "count must be at least 1" for value in ("0", "-2")},
    "locate X+ --count 1.5": "argument --count: invalid int value: '1.5'",
    **{f"locate X+ --bonds {pair}": "bonds must be a shorter and a longer length in Å, got"
       for pair in ("1.2 1.0", "nan 1", "1 nan", "-1 1", "inf inf")},
    "locate X+ --bonds 1.2": "argument --bonds: expected 2 arguments",
    "locate X+ --bonds a b": "argument --bonds: invalid float value: 'a'",
    "locate X+ --allow all": "argument --allow: invalid choice: 'all'",
    "locate X+ --amplitude 1": "unrecognized arguments: --amplitude 1",
    "locate H": "center 0 sees no internal displacement",
    "locate Al-fcc": "are images of the center",
    "locate ./in.xyz --output in.xyz": "--output must not be the file that is read",
    # twin
    **{f"twin X0 --amplitude {value}": "amplitude must be from 0.001 to 1 Å, got"
       for value in (*LENGTHS, "1e-9", "5")},
    "twin X0 --length 1": "unrecognized arguments: --length 1",
    "twin X0 --centers 0": "--centers 0 (did you mean --center?); see 'sensitivity twin --help'.",
    "twin X0 --n_max 3": "--n_max 3 (did you mean --n-max?); see 'sensitivity twin --help'.",
    "twin H": "center 0 sees no internal displacement",
    # follow
    **{f"follow X0 --step {value}": "step must be positive and finite" for value in LENGTHS},
    **{f"follow X0 --length {value}": "length must be other than zero"
       for value in ("0", "nan", "inf", "-inf")},
    "follow X0 --length 1e9": "length must be at most 10000 steps, got 1000000000.0 Å",
    "follow X0 --step 1e-9": "give a shorter length or a larger step",
    "follow X0 --length far": "argument --length: invalid float value: 'far'",
    "follow X0 --mode 12": "mode 12 is trivial (translation)",
    **{f"follow X0 --mode {value}": "there is no mode" for value in ("15", "-1", HUGE)},
    "follow X0 --mode 1 --mode 1": "mode must name at least one mode, each once",
    "follow X0 --mode soft": "argument --mode: invalid int value: 'soft'",
    "follow H": "center 0 has no displacement to follow: it has no neighbour within 3.5 Å",
    # invert
    "invert X0": "one of the arguments --start --rattle is required",
    "invert X0 --start X0 --rattle 1": "not allowed with argument",
    **{f"invert X0 --rattle {value}": "--rattle must be a positive length in Å, got"
       for value in LENGTHS},
    "invert X0 --rattle": "argument --rattle: expected one argument",
    "invert X0 --rattle 0.1 --seed -1": "--seed must be 0 or more, got -1",
    "invert X0 --rattle 0.1 --seed x": "argument --seed: invalid int value: 'x'",
    "invert X0 --start X+ --seed 1": "--seed applies only to the noise of --rattle",
    "invert X0 --rattle 0.1 --restarts -1": "restarts must be 0 or more, got -1",
    "invert X0 --start SiH4": "--start must have the atoms of the structure, CH4",
    "invert X0 --start gone.xyz": "there is no file gone.xyz",
    "invert X0 --start ch44": "there is no structure named 'ch44'",
    "invert X0 --start folder.xyz": "folder.xyz is a folder",
    "invert X0 --start in.xyz --output in.xyz": "--output must not be the file that is read",
    "invert H --rattle 0.1": "no center of the start sees a neighbour that can move",
    "invert H2O --rattle 1e6": "none has a neighbour within 3.5 Å; choose centers with neighbours",
    # the servers
    **{f"{name} --port {value}": "the port must be from 0 to 65535, got" for name in ("lab", "app")
       for value in ("-1", "65536", HUGE)},
    **{f"{name} --port {value}": "argument --port: invalid int value" for name in ("lab", "app")
       for value in ("http", "8888.0", "''")},
    **{f"{name} --browser": "unrecognized arguments: --browser" for name in ("lab", "app")},
    "lab --no-token": "unrecognized arguments: --no-token",
    "app CH4": "unrecognized arguments: CH4; see 'sensitivity app --help'.",
    "app --no-token=1": "argument --no-token: ignored explicit argument '1'",
}  # fmt: skip


def lines() -> Iterator[tuple[str, str]]:
    """All wrong command lines, and what their messages contain."""
    for command, rest in COMMANDS.items():
        begin = f"{command} {rest}"
        for option, values in DESCRIPTOR.items():
            for value, message in values.items():
                yield f"{begin} CH4 {option} {value}", message
        for structure, message in STRUCTURES.items():
            yield f"{begin} {structure}", message
        option, files = ("--plot", PLOTS) if command in ANALYSES else ("--output", OUTPUTS)
        for file, message in files.items():
            yield f"{begin} CH4 {option} {file}", message
    yield from OTHERS.items()


LINES = dict(lines())

REPRESENTATIVE = ("diagnose ", "locate ")
"""Commands with which the fast run tries all options; the others read them in the same way."""

FAST = {line for line in LINES if line in OTHERS or line.startswith(REPRESENTATIVE)}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with files to be read, and none of the user's own notebooks."""
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).write_text(content)
    Path("folder.xyz").mkdir()
    Path("folder.png").mkdir()
    ase.io.write("in.xyz", structures.load("CH4"))
    return tmp_path


def test_there_are_enough() -> None:
    assert len(LINES) >= 300


@pytest.mark.parametrize("line", mostly_slow(LINES, fast=FAST))
def test_it_is_one_sentence(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    try:
        status = main(shlex.split(line))
    except SystemExit as leaving:  # argparse
        status = leaving.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("sensitivity: ")
    assert err.endswith((".\n", "?\n"))
    assert err.count("\n") == 1
    assert LINES[line] in err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "analyze ch44",
        "diagnose CH4 --cutoff 1e-8",
        "follow CH4 --output gone/a.xyz",
        "analyze CH4 --cutoff",
        "locate H",
        "analyze $'\\xff\\xfe'",
        "analyze CH4 --plot $'\\xff'",
    ],
)
def test_it_is_one_sentence_of_a_process(line: str, folder: Path) -> None:
    before = sorted(os.listdir(folder))
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m sensitivity {line}'],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"sensitivity: ")
    assert done.stderr.count(b"\n") == 1
    assert b"Traceback" not in done.stderr
    assert sorted(os.listdir(folder)) == before
