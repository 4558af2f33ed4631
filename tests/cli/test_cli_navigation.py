"""The commands that move atoms: what they print and write, and one sentence for a wrong input."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import ase.io
import numpy as np
import pytest
from ase import Atoms

from sensitivity import DensityCorrelations, jacobian, spectrum, structures
from sensitivity.cli.computing import write_frames
from sensitivity.cli.main import main
from sensitivity.cli.streams import tell_progress
from sensitivity.singular import superpose

DESCRIPTOR = DensityCorrelations()
COMMANDS = {
    "locate": "locate X+",
    "twin": "twin X0",
    "follow": "follow X0 --length 0.2",
    "invert": "invert S1 --rattle 0.05 --center 0",
}


@pytest.fixture
def run(capsys):
    """Run a command with ``--json`` and give the object it printed."""

    def call(words, *more, status=0):
        assert main([*words.split(), *map(str, more), "--json"]) == status
        out, err = capsys.readouterr()
        assert err == ""
        assert out.count("\n") == 1
        return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))

    return call


def relative_difference(one: Atoms, other: Atoms, descriptor=DESCRIPTOR) -> float:
    first, second = (descriptor.features(atoms, centers=[0]) for atoms in (one, other))
    return float(np.linalg.norm(first - second) / np.linalg.norm(first))


# Locate


def test_locate_writes_a_singular_geometry(run, tmp_path):
    found = run("locate X+ --center 0 --output", tmp_path / "a.extxyz")
    assert found["converged"]
    assert found["condition"] <= 1e-12
    assert found["center"] == 0
    assert 1 <= found["evaluations"] < 50
    assert found["status"].startswith(f"Converged {found['moved']:.3f} Å from the start (")
    atoms = ase.io.read(tmp_path / "a.extxyz")
    assert atoms.positions.tolist() == found["positions"]
    assert not atoms.pbc.any()
    start = structures.load("X+")
    assert np.linalg.norm(atoms.positions - start.positions) == pytest.approx(found["moved"])
    assert spectrum(start, DESCRIPTOR, centers=[0]).condition > 1e-4
    assert spectrum(atoms, DESCRIPTOR, centers=[0]).condition <= 1e-12  # not rounded to 1e-8 Å
    response = jacobian(atoms, DESCRIPTOR, centers=[0]).apply(np.array([found["mode"]]))
    assert np.linalg.norm(response) < 1e-11
    assert found["output"] == str(tmp_path / "a.extxyz")


def test_locate_gives_as_many_points_as_are_asked_for(run, tmp_path):
    found = run("locate X+ --count 3 --output", tmp_path / "a.xyz")
    points = [found, *found["others"]]
    assert len(points) == 3
    assert sorted(point["moved"] for point in points) == [point["moved"] for point in points]
    written = ase.io.read(tmp_path / "a.xyz", index=":")
    assert [atoms.positions.tolist() for atoms in written] == [p["positions"] for p in points]
    assert superpose(written[0], written[1], center=0).rmsd > 0.01


def test_locate_within_reach_only_and_then_writes_nothing(run, capsys, tmp_path):
    words = f"locate X+ --reach 0.05 --output {tmp_path / 'a.xyz'}"
    found = run(words)
    assert not found["converged"]
    assert "within 0.05 Å of the start" in found["status"]
    assert found["null"] == []
    assert found["output"] is None
    assert main(words.split()) == 0
    assert f"Found nothing to write to {tmp_path / 'a.xyz'}." in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_locate_keeps_bonds_within_bounds(run):
    """Without them the nearest point has longer and shorter ones; with them it is further away."""

    def bonds(found):
        return Atoms(start.symbols, found["positions"]).get_distances(0, range(1, 5))

    start = structures.load("X+")
    lengths = start.get_distances(0, range(1, 5))
    low, high = lengths.min() - 0.003, lengths.max() + 0.003
    free, held = run("locate X+"), run("locate X+ --bonds", low, high)
    assert bonds(free).min() < low - 1e-3
    assert bonds(free).max() > high + 1e-3
    assert held["converged"]
    assert low - 1e-9 <= bonds(held).min() <= bonds(held).max() <= high + 1e-9
    assert 0 < free["moved"] < held["moved"] - 1e-3


def test_locate_avoids_symmetry_unless_it_is_allowed(run):
    assert run("locate CH4")["moved"] > 0.01
    allowed = run("locate CH4 --allow symmetry")
    assert allowed["moved"] == 0
    assert len(allowed["null"]) == 8


# Twin


def test_twin_writes_two_structures_with_the_same_features(run, tmp_path):
    found = run("twin X0 --amplitude 0.2 --output", tmp_path / "a.extxyz")
    assert found["found"]
    assert found["amplitude"] == 0.2
    one, other = ase.io.read(tmp_path / "a.extxyz", index=":")
    assert [one.positions.tolist(), other.positions.tolist()] == found["pair"]
    assert relative_difference(one, other) <= 1e-13
    assert found["rmsd"] == pytest.approx(superpose(one, other, center=0).rmsd)
    assert found["rmsd"] > 0.02
    assert relative_difference(one, other, DensityCorrelations(order=3)) > 1e-3
    assert found["next_order"] > 1e-3


def test_twin_names_what_it_compares(run, capsys):
    found = run("twin generic --n-max 2 --l-max 2")
    assert found["larger_basis"] > 1e-3
    assert (found["next_descriptor"]["order"], found["next_descriptor"]["l_max"]) == (3, 6)
    assert main(["twin", "generic", "--n-max", "2", "--l-max", "2"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "by truncation: in a larger basis they differ" in shown
    assert "with another basis: order 3, l_max 6, contract_channels 8." in shown
    assert f"the same with a larger basis {found['larger_basis']:.1e}" in shown


def test_locate_says_what_a_symmetric_geometry_is(capsys):
    assert main(["locate", "H2O"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "The geometry in the table is singular but not accepted: symmetry hides" in shown
    row = shown.split("softest mode ")[1].split()
    assert float(row[2]) < 1e-12
    assert row[3] == "-"


def test_twin_says_that_symmetry_makes_none(run, capsys, tmp_path):
    found = run("twin CH4 --output", tmp_path / "a.xyz")
    assert not found["found"]
    assert "singular by its symmetry Td" in found["status"]
    assert list(tmp_path.iterdir()) == []
    assert main(["twin", "CH4"]) == 0
    assert "quantity" not in capsys.readouterr().out


# Follow


def test_follow_takes_the_mode_that_is_seen_least(run, tmp_path):
    found = run("follow generic --length 0.2 --step 0.04 --output", tmp_path / "a.extxyz")
    start = structures.load("generic")
    assert found["together"][0] == [8]
    assert found["complete"]
    assert found["length"] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])
    trajectory = ase.io.read(tmp_path / "a.extxyz", index=":")
    assert [atoms.positions.tolist() for atoms in trajectory] == found["positions"]
    assert trajectory[0].positions.tolist() == start.positions.tolist()
    for atoms, length, net, distance in zip(
        trajectory, found["length"], found["net"], found["feature_distance"], strict=True
    ):
        assert atoms.info["length"] == pytest.approx(length)
        assert atoms.info["net"] == pytest.approx(net)
        assert net <= length + 1e-12
        norm = np.linalg.norm(DESCRIPTOR.features(start, centers=[0]))
        assert relative_difference(start, atoms) * norm == pytest.approx(distance, abs=1e-12)


def test_follow_another_mode_and_the_other_way(run):
    start = structures.load("generic")
    found = run("follow generic --mode 2 --length -0.1")
    mode = spectrum(start, DESCRIPTOR, centers=[0]).modes[2]
    assert found["modes"][0] == (-mode).tolist()
    move = np.array(found["positions"][-1]) - start.positions
    assert np.vdot(move, mode) == pytest.approx(-0.1, rel=0.05)
    assert run("follow generic --mode 2 --mode 3 --length 0.1")["together"][0] == [2, 3]


# Invert


def test_invert_recovers_a_structure_from_noise(run, tmp_path):
    ase.io.write(tmp_path / "target.extxyz", _rattled("HCOOH", 0.1, seed=5))
    target = ase.io.read(tmp_path / "target.extxyz")
    words = f"invert {tmp_path / 'target.extxyz'} --rattle 0.05 --output {tmp_path / 'a.xyz'}"
    found = run(words, "--seed", 1)
    assert found["converged"]
    assert found["start_distance"] > 0.02
    assert found["distance"] < 1e-10
    atoms = ase.io.read(tmp_path / "a.xyz")
    assert atoms.positions.tolist() == found["positions"]
    assert atoms.get_all_distances() == pytest.approx(target.get_all_distances(), abs=1e-9)
    assert run(words, "--seed", 1)["start"] == found["start"]
    assert run(words, "--seed", 2)["start"] != found["start"]


def test_invert_from_a_file(run, tmp_path):
    start = _rattled("generic", 0.03, seed=2)
    write_frames(tmp_path / "start.xyz", [(start, {})])
    found = run("invert generic --center 0 --start", tmp_path / "start.xyz")
    assert found["start"] == start.positions.tolist()
    assert found["converged"]
    assert found["distance"] < 1e-8


def test_invert_names_the_null_mode(run, capsys):
    found = run("invert S1 --center 0 --rattle 0.05")
    null = found["stalled_along"]
    assert null["condition"] < 1e-5
    mode = spectrum(structures.load("S1"), DESCRIPTOR, centers=[0]).modes[8]
    # The structure is found in another orientation; how far each atom moves does not depend on it.
    sizes = (np.linalg.norm(part, axis=1) for part in (null["displacements"], mode))
    assert next(sizes) == pytest.approx(next(sizes), abs=1e-3)
    assert main(["invert", "S1", "--center", "0", "--rattle", "0.05"]) == 0
    assert "Atoms that move most in the null mode: H4 H2" in capsys.readouterr().out


def test_invert_says_what_a_start_lacks(run, tmp_path):
    """Hydrogen for two of the fluorines: the carbon sees other neighbours than it is to see."""
    places = structures.load("generic").positions
    write_frames(tmp_path / "a.xyz", [(Atoms("CH4", places), {})])
    far = places.copy()
    far[4] *= 5
    write_frames(tmp_path / "b.xyz", [(Atoms("CH4", far), {})])
    words = f"invert {tmp_path / 'b.xyz'} --center 0 --start {tmp_path / 'a.xyz'}"
    found = run(words)
    assert found["converged"]
    assert len(found["left"]) == 1
    assert found["lack"] == ""
    assert found["stalled_by"] is None
    assert run(f"{words} --restarts 0")["attempts"] == 1


def test_invert_says_if_it_finds_the_twin(run, capsys):
    apart = superpose(structures.load("X+"), structures.load("X-"), center=0).rmsd
    found = run("invert X+ --start X- --center 0")
    assert found["converged"]
    assert found["distance"] == pytest.approx(apart)
    for start, expected in (("X-", True), ("X+", False)):
        assert main(["invert", "X+", "--start", start, "--center", "0"]) == 0
        assert ("The result is another structure" in capsys.readouterr().out) is expected


def test_a_crystal(run, tmp_path):
    words = "invert NaCl-rocksalt --rattle 0.05 --n-max 3 --l-max 3 --output"
    found = run(words, tmp_path / "a.extxyz")
    assert found["converged"]
    assert found["distance"] is None
    atoms, target = ase.io.read(tmp_path / "a.extxyz"), structures.load("NaCl-rocksalt")
    assert atoms.pbc.tolist() == target.pbc.tolist()
    assert atoms.cell.array.tolist() == target.cell.array.tolist()


def _rattled(name: str, size: float, *, seed: int) -> Atoms:
    atoms = structures.load(name)
    atoms.positions += size * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    return atoms


# All of them


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_text_tells_what_json_tells(run, capsys, command):
    assert main(COMMANDS[command].split()) == 0
    out, err = capsys.readouterr()
    found = run(COMMANDS[command])
    assert err == ""
    lines = out.splitlines()
    name = COMMANDS[command].split()[1]
    assert lines[0] == f"{name}: CH4, 5 atoms; centers: C0"
    assert lines[1].startswith("DensityCorrelations, order 2: cutoff 3.5 Å")
    assert max(map(len, lines)) <= 80
    assert " ".join(found["status"].split()) in " ".join(out.split())
    assert found["structure"]["name"] == name
    assert found["descriptor"]["order"] == 2


@pytest.mark.slow
def test_tables_are_short_and_have_both_ends(capsys):
    assert main(["follow", "generic", "--length", "0.3", "--step", "0.01"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.split("frame  ")[1].splitlines()[1:]]
    assert len(rows) == 11
    assert (rows[0][:2], rows[-1][:2]) == (["0", "0.000"], ["30", "0.300"])


@pytest.mark.parametrize("name", ["X0", "graphene"])
def test_frames_are_read_as_they_were_written(tmp_path, name):
    atoms = structures.load(name)
    atoms.positions += np.pi * 1e-9
    facts = {"condition": 1.2345678901234567e-16, "converged": True}
    write_frames(tmp_path / "a.extxyz", [(atoms, facts), (atoms, facts)])
    for read in ase.io.read(tmp_path / "a.extxyz", index=":"):
        assert read.positions.tolist() == atoms.positions.tolist()
        assert read.cell.array.tolist() == atoms.cell.array.tolist()
        assert read.pbc.tolist() == atoms.pbc.tolist()
        assert list(read.symbols) == list(atoms.symbols)
        assert read.info["condition"] == pytest.approx(1.2345678901234567e-16, rel=1e-7)
        assert read.info["converged"]


# Interrupts and progress


def _interrupt_after(monkeypatch, count, *, method="gradients"):
    """Press Ctrl-C once, when the descriptor has computed gradients so often."""
    original, calls = getattr(DensityCorrelations, method), []

    def gradients(*arguments, **keywords):
        calls.append(1)
        if len(calls) == count + 1:
            raise KeyboardInterrupt
        return original(*arguments, **keywords)

    monkeypatch.setattr(DensityCorrelations, method, gradients)


# After how many gradients each command has found something.
LONG = {"locate --count 9": 5, "follow": 300, "invert --rattle 0.05": 3}


@pytest.mark.parametrize("words", LONG)
def test_an_interrupt_keeps_what_was_found(run, monkeypatch, tmp_path, words):
    command, *options = words.split()
    _interrupt_after(monkeypatch, LONG[words])
    line = [command, "X+", "--center", "0", *options, "--output", str(tmp_path / "a.xyz")]
    found = run(" ".join(line), status=130)
    assert "nterrupted" in found["status"]
    written = ase.io.read(tmp_path / "a.xyz", index=":")
    expected = {
        "locate": lambda: [found["positions"], *(other["positions"] for other in found["others"])],
        "follow": lambda: found["positions"],
        "invert": lambda: [found["positions"]],
    }
    assert [atoms.positions.tolist() for atoms in written] == expected[command]()
    assert (written[-1].positions != structures.load("X+").positions).any()
    assert len(written) < {"locate": 9, "follow": 21, "invert": 2}[command]


@pytest.mark.parametrize(("allowed", "found"), [(6, False), (16, True)])
def test_an_interrupted_twin_is_kept(run, monkeypatch, capsys, tmp_path, allowed, found):
    """Before and after the features of the first pair agree, at a quarter of the amplitude."""
    words = f"twin X0 --amplitude 0.2 --output {tmp_path / 'a.xyz'}"
    _interrupt_after(monkeypatch, allowed)
    twin = run(words, status=130)
    assert twin["interrupted"]
    assert twin["found"] is found
    one, other = ase.io.read(tmp_path / "a.xyz", index=":")
    assert [one.positions.tolist(), other.positions.tolist()] == twin["pair"]
    assert (relative_difference(one, other) <= 1e-13) is found
    assert twin["rmsd"] == pytest.approx(superpose(one, other, center=0).rmsd)
    assert 0.05 <= twin["amplitude"] < 0.2
    monkeypatch.undo()
    _interrupt_after(monkeypatch, allowed)
    assert main(words.split()) == 130
    out = capsys.readouterr().out
    assert "Interrupted at an amplitude of 0." in out
    assert "the two after superposition, rmsd" in out
    assert f"Wrote 2 structures to {tmp_path / 'a.xyz'}." in out


NOTHING_YET = {"locate --count 9": 1, "twin": 1, "invert --rattle 0.05": 1}


@pytest.mark.parametrize("words", NOTHING_YET)
def test_an_interrupt_before_anything_was_found_is_told(run, monkeypatch, tmp_path, words):
    command, *options = words.split()
    _interrupt_after(monkeypatch, NOTHING_YET[words])
    start = structures.load("X+")
    line = [command, "X+ --center 0", *options, "--output", str(tmp_path / "a.xyz")]
    found = run(" ".join(line), status=130)
    assert found["interrupted"]
    assert found["status"].startswith("Interrupted")
    assert not found.get("found", found.get("converged"))
    if command != "invert":  # which has a best structure so far in any case
        assert found["output"] is None
        assert list(tmp_path.iterdir()) == []
        assert found.get("pair", [found.get("positions")])[0] == start.positions.tolist()


def test_an_interrupt_of_follow_before_the_first_step_keeps_the_start(run, monkeypatch, tmp_path):
    _interrupt_after(monkeypatch, 3)
    found = run(f"follow X+ --center 0 --output {tmp_path / 'a.xyz'}", status=130)
    assert found["interrupted"]
    assert found["status"].startswith("Followed 0 of 1 Å")
    assert found["positions"] == [structures.load("X+").positions.tolist()]


def test_an_interrupted_diagnosis_says_so(run, monkeypatch):
    _interrupt_after(monkeypatch, 0, method="gradients_of_copies")
    found = run("diagnose X+ --center 0", status=130)
    assert (found["ending"], found["interrupted"], found["unexamined"]) == ("interrupted", True, 9)
    assert found["status"].startswith("Interrupted: 9 displacements were not examined")


WITH_CTRL_C = {
    "locate": "locate N3 --order 3 --count 50",
    "twin": "twin N3 --order 3 --amplitude 1",
    "follow": "follow N3 --order 3 --length 20",
    "invert": "invert N3 --order 3 --rattle 0.2",
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
@pytest.mark.parametrize("command", WITH_CTRL_C)
def test_ctrl_c_ends_a_command_on_a_terminal_with_what_there_is(command):
    """As in a shell: progress appears in the terminal, then SIGINT comes."""
    import pty

    terminal, other_end = pty.openpty()
    line = [sys.executable, "-m", "sensitivity", *WITH_CTRL_C[command].split()]
    with subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=other_end,
        text=True,
        env=os.environ | {"TERM": "xterm"},
    ) as process:
        os.close(other_end)
        seen = ""
        while not any(word in seen for word in ("Jacobian", "step", "singular value")):
            seen += os.read(terminal, 1000).decode()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    os.close(terminal)
    assert process.returncode == 130
    assert f"{command}: " in seen
    assert "nterrupted" in out
    assert "Traceback" not in out


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _open_terminal(monkeypatch, *, colored=True):
    """In the test itself: pytest puts its own stream back between a fixture and a test."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colored:
        monkeypatch.setenv("NO_COLOR", "1")
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def _wait_for(text, terminal):
    deadline = time.monotonic() + 10
    while text not in terminal.getvalue():
        assert time.monotonic() < deadline, terminal.getvalue()
        time.sleep(0.01)


@pytest.mark.parametrize("colored", [False, True])
def test_progress_is_one_line_that_fits_and_goes_away(monkeypatch, colored):
    terminal = _open_terminal(monkeypatch, colored=colored)
    with tell_progress("twin", after=0.01) as say:
        for sentence in ("one", "[two]", "step " + "3" * 80, "4" * 46, "last"):
            say(sentence)
            _wait_for(f"twin: {sentence}"[:40], terminal)
    text = terminal.getvalue()
    assert text.endswith("\x1b[2K")  # the line is empty
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text)
    lines = [line for line in re.split(r"[\r\n]+", shown) if line.strip()]
    assert {len(line) for line in lines} == {60}
    assert all(re.search(r" 0:00:0\d$", line) for line in lines)
    assert any(line.startswith("twin: last (Ctrl-C stops) ") for line in lines)
    assert any(line.startswith(f"twin: {'4' * 46} 0:00:0") for line in lines)
    assert any(re.match(r"twin: step 3+… ", line) for line in lines)
    assert bool(re.search(r"\x1b\[\d+m", text)) is colored


@pytest.mark.parametrize("after", [0.0, 10.0])
def test_no_progress_where_it_is_quick_or_nobody_looks(monkeypatch, after):
    _open_terminal(monkeypatch)
    if not after:
        monkeypatch.setattr(sys, "stderr", io.StringIO())
    with tell_progress("locate", after=after):
        time.sleep(0.02)
    assert sys.stderr.getvalue() == ""


# Wrong input


WRONG = {
    "locate": "locate X+ --center 0 --center 1|takes one --center, got 2",
    "reach": "locate X+ --reach -1|reach must be a positive, finite length in Å, got -1.0",
    "reach nan": "locate X+ --reach nan|reach must be a positive, finite length in Å, got nan",
    "count": "locate X+ --count 0|count must be at least 1, got 0",
    "allow": "locate X+ --allow all|argument --allow: invalid choice: 'all'",
    "no neighbour": "locate H|center 0 sees no internal displacement",
    "no center": "locate X+ --center 5|center 5 does not exist",
    "no name": "locate x*|there is no structure named 'x*'",
    "amplitude": "twin X0 --amplitude 0|amplitude must be from 0.001 to 1 Å, got 0.0",
    "tiny amplitude": "twin X0 --amplitude 1e-9|amplitude must be from 0.001 to 1 Å, got 1e-09",
    "large amplitude": "twin X0 --amplitude 5|got 5.0: further away, the two are unrelated",
    "bonds": "locate X+ --bonds 1.2 1.0|bonds must be a shorter and a longer length in Å, got",
    "one bond": "locate X+ --bonds 1.2|argument --bonds: expected 2 arguments",
    "restarts": "invert X0 --rattle 0.1 --restarts -1|restarts must be 0 or more, got -1",
    "twin alone": "twin H|center 0 sees no internal displacement",
    "trivial mode": "follow X0 --mode 12|mode 12 is trivial (translation)",
    "no mode": "follow X0 --mode 15|there is no mode 15 of 15; give an internal one, from 0 to 8",
    "mode twice": "follow X0 --mode 1 --mode 1|mode must name at least one mode, each once",
    "length": "follow X0 --length 0|length must be other than zero",
    "step": "follow X0 --step 0|step must be positive and finite",
    "follow alone": "follow H|center 0 has no displacement to follow",
    "no start": "invert X0|one of the arguments --start --rattle is required",
    "two starts": "invert X0 --start X0 --rattle 1|not allowed with argument",
    "seed": "invert X0 --start X+ --seed 1|--seed applies only to the noise of --rattle",
    "negative seed": "invert X0 --rattle 0.1 --seed -1|--seed must be 0 or more, got -1",
    "rattle": "invert X0 --rattle 0|--rattle must be a positive length in Å, got 0.0",
    "rattle nan": "invert X0 --rattle nan|--rattle must be a positive length in Å, got nan",
    "species": "invert X0 --start SiH4|--start must have the atoms of the structure, CH4, in the",
    "number": "invert CH4 --start H2O|--start must have the atoms of the structure, CH4, in the",
    "cell": "invert Al-fcc --start other.extxyz|--start must have the cell and the periodicity",
    "start": "invert X0 --start gone.xyz|there is no file gone.xyz",
    "alone": "invert H --rattle 0.1|no center of the start sees a neighbour that can move",
    "output": "locate X+ --output a.txt|--output must end in .extxyz or .xyz, got a.txt",
    "output folder": "twin X0 --output gone/a.xyz|there is no folder gone to write a.xyz to",
    "output is a folder": "follow X0 --output f.xyz|--output needs a file name, got the",
    "output is input": "locate ./other.extxyz --output other.extxyz|must not be the file that is",
    "order": "locate X+ --order 5|order must be an integer from 1 to 4, got 5",
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("json_wanted", [False, True])
def test_wrong_input_is_one_sentence(case, json_wanted, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.xyz").mkdir()
    other = structures.load("Al-fcc")
    other.cell *= 1.01
    ase.io.write("other.extxyz", other)
    before = sorted(path.name for path in tmp_path.iterdir())
    words, message = WRONG[case].split("|")
    try:
        status = main([*words.split(), *["--json"] * json_wanted])
    except SystemExit as leaving:  # argparse
        status = leaving.code
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("sensitivity: ")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_help_tells_the_defaults_of_the_library(capsys):
    import inspect

    from sensitivity import find_twin, follow, locate

    names = {"locate": (locate, "reach", "count"), "twin": (find_twin, "amplitude", "reach")}
    names["follow"] = (follow, "length", "step")
    for command, (function, *options) in names.items():
        with pytest.raises(SystemExit):
            main([command, "--help"])
        text = " ".join(capsys.readouterr().out.split())
        for name in options:
            option = text.split(f" --{name} ")[-1].split(" --")[0]
            default = inspect.signature(function).parameters[name].default
            assert f"(default: {default:g})" in option
        assert "(default: 0, the first atom)" in text
