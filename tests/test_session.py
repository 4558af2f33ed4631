"""Sessions as data: what comes back, and what is refused in a sentence."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from hostile_sessions import GOOD, HOSTILE_SESSIONS

from sensitivity import DensityCorrelations, diagnose, spectrum, structures, survey
from sensitivity.cli.main import main
from sensitivity.plots import plot_session
from sensitivity.session import LINK, Named, Session, parse_session, parse_text, read_session

# Opening them needs a descriptor, a spectrum, or the tables of the explorer.
COMPLETE = {
    *("amplitude out of range", "far positions", "overlapping atoms", "flat periodic cell"),
    *("feature too large", "unknown descriptor", "file of code", "torch file"),
    *("script in the name", "own descriptor", "unknown setting", "setting of another type"),
    *("setting as list", "setting as object", "unknown basis", "huge basis", "huge degree"),
    *("huge cutoff", "script as label", "arrow length", "atom size", "columns"),
    "many atoms within the cutoff",
}


@pytest.mark.parametrize("name", HOSTILE_SESSIONS)
def test_a_hostile_session_is_a_sentence(name: str) -> None:
    content = HOSTILE_SESSIONS[name]
    if name in COMPLETE:
        parse_session(content)  # tests/explorers opens it
        return
    sentence = r"^this is no session .*; choose another file\.$"
    with pytest.raises(ValueError, match=sentence) as found:
        parse_session(content)
    assert len(str(found.value)) < 400


def test_there_are_sixty_hostile_sessions() -> None:
    assert len(HOSTILE_SESSIONS) >= 60
    assert set(HOSTILE_SESSIONS) > COMPLETE
    assert parse_session(json.dumps(GOOD).encode()).mode == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "link"),
        ("AAAA", "link"),
        ("!!!!", "link"),
        ("ä" * 8, "it has other characters than letters, digits, - and _"),
        ("A" * 5_000_001, "too long"),
        ("../../etc", "link"),
    ],
)
def test_a_bad_link_is_a_sentence(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_text(text)


def test_a_link_that_unpacks_to_gigabytes_is_refused() -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(10**6)) for _ in range(200)) + packer.flush()
    text = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    assert len(text) < 300_000
    with pytest.raises(ValueError, match="too large"):
        parse_text(text)


@pytest.mark.parametrize("more", [b"x", b"\0" * 100])
def test_a_link_with_more_than_a_session_is_refused(more: bytes) -> None:
    packed = zlib.compress(json.dumps(GOOD).encode()) + more
    text = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    with pytest.raises(ValueError, match="it has more at its end"):
        parse_text(text)


def test_of_a_huge_file_only_as_much_is_read_as_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as stream:
        stream.truncate(10**12)  # it occupies no disk
    with pytest.raises(ValueError, match="has more than 5 MB"):
        read_session(file)


def test_a_cut_link_is_refused() -> None:
    text = parse_session(json.dumps(GOOD).encode()).to_text()
    for length in (1, len(text) // 2, len(text) - 1):
        with pytest.raises(ValueError, match="copy the whole link"):
            parse_text(text[:length])


def test_a_session_comes_back_with_all_digits() -> None:
    rng = np.random.default_rng(1)
    salt = bulk("NaCl", "rocksalt", a=5.64)
    salt.positions += rng.normal(size=salt.positions.shape) / 7
    descriptor, view = Named("2", {"n_max": 3, "basis": "gto"}, listed=True), {"labels": "index"}
    camera = np.eye(3), rng.normal(size=3), 3.3
    values, kinds = rng.random(6), ("sensitive",) * 3 + ("translation",) * 3
    displacement = rng.normal(size=(2, 3))
    given = Session(
        *(salt, descriptor, (0, 1)),
        **{"file": "salt.xyz", "frames": (None, salt), "frame": 1},
        **{"mode": 1, "amplitude": 1 / 3, "feature": 4, "view": view, "camera": camera},
        **{"singular_values": values, "kinds": kinds, "displacement": displacement},
    )
    for found in (parse_session(given.to_json()), parse_text(given.to_text())):
        assert found.atoms == salt
        np.testing.assert_array_equal(found.atoms.cell.array, salt.cell.array)
        assert (found.descriptor, found.centers, found.view) == (descriptor, (0, 1), view)
        assert (found.mode, found.amplitude, found.feature) == (1, 1 / 3, 4)
        assert found.file == "salt.xyz"
        assert found.camera is not None
        for old, new in zip(camera, found.camera, strict=True):
            np.testing.assert_array_equal(old, new)
        np.testing.assert_array_equal(found.singular_values, values)
        np.testing.assert_array_equal(found.displacement, displacement)
        assert found.kinds == kinds
        assert found.explained
    assert parse_session(given.to_json()).frames == (None, salt)
    assert parse_text(given.to_text()).frames == ()


def test_links_of_molecules_are_short() -> None:
    named = Named("2", {}, listed=True)
    for name in ("CH4", "C6H6", "aspirin"):
        atoms = structures.load(name)
        size = 3 * len(atoms)
        rng = np.random.default_rng(1)
        noise = {
            "displacement": rng.normal(size=(len(atoms), 3)),
            "singular_values": rng.random(size),
        }
        assert len(Session(atoms, named, (0,), **noise).to_text()) < LINK / 3


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the commands print with --json."""
    folder, found = tmp_path_factory.mktemp("results"), {}
    for command in ("diagnose", "analyze", "locate", "bands"):
        name = ["C-diamond", "--path", "GX", "--points", "3"] if command == "bands" else ["X0"]
        center = [] if command == "bands" else ["--center", "0"]
        line = [sys.executable, "-m", "sensitivity", command, *name, *center, "--json"]
        line += ["--n-max", "4", "--l-max", "4"]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        found[command] = folder / f"{command}.json"
        found[command].write_text(done.stdout)
    return found


@pytest.mark.slow
def test_results_have_the_numbers_of_the_functions(results: dict[str, Path]) -> None:
    descriptor, atoms = DensityCorrelations(n_max=4, l_max=4), structures.load("X0")
    found, computed = read_session(results["diagnose"]), diagnose(atoms, descriptor, centers=[0])
    assert (found.atoms, found.centers, found.name) == (atoms, (0,), "X0")
    assert (found.descriptor.name, found.descriptor.settings["n_max"]) == ("2", 4)
    values = [mode.singular_value for mode in computed.modes]
    np.testing.assert_allclose(found.singular_values, values, rtol=0, atol=1e-12)
    assert found.kinds == tuple(mode.cause for mode in computed.modes)
    plain = read_session(results["analyze"])
    assert plain.kinds == spectrum(atoms, descriptor, centers=[0]).kinds
    assert not plain.explained
    assert read_session(results["locate"]).centers == (0,)


@pytest.mark.slow
def test_saved_values_are_drawn_as_those_of_the_result(results: dict[str, Path]) -> None:
    ax = plot_session(read_session(results["diagnose"]))
    heights = {line.get_label().split(" ")[0]: line.get_ydata() for line in ax.lines}
    count = sum(len(heights[cause]) for cause in ("sensitive", "incompleteness", "translation"))
    assert count == 8 + 1 + 3
    with pytest.raises(ValueError, match="no singular values to draw"):
        plot_session(read_session(results["locate"]))


BASIS = ("--n-max", "3", "--l-max", "3")

LINES = {
    "analyze": ("analyze", "X0", "--center", "0"),
    "diagnose": ("diagnose", "X0", "--center", "0"),
    "locate": ("locate", "X0", "--center", "0"),
    "follow": ("follow", "X0", "--mode", "8", "--length", "0.05"),
    "twin": ("twin", "X0"),
    "invert": ("invert", "generic", "--start", "generic"),
    "bands": ("bands", "C-diamond", "--path", "GX", "--points", "3", "--cutoff", "3"),
    "smallest": ("smallest", "C2H6", "--count", "4"),
    "compare": ("compare", "X0", "--center", "0", "--descriptor", "1", "--descriptor", "2"),
}


@pytest.mark.parametrize("command", LINES)
def test_the_output_of_every_command_opens(command: str, capsys: pytest.CaptureFixture) -> None:
    assert main([*LINES[command], *BASIS, "--json"]) in (0, 1)
    output = capsys.readouterr().out
    found, data = parse_session(output.encode()), json.loads(output)
    assert found.atoms == structures.load(LINES[command][1])
    assert found.descriptor.settings["n_max"] == 3
    everything = tuple(range(len(found.atoms)))
    assert found.centers == ((0,) if "0" in LINES[command] or "center" in data else everything)
    values = data.get("singular_values") if command not in ("bands", "follow") else None
    if command == "compare":
        values = data["descriptors"][0]["singular_values"]
    if values is None:
        assert found.singular_values is None
    else:
        np.testing.assert_allclose(found.singular_values, values, rtol=0, atol=1e-12)
        assert plot_session(found).lines


def test_each_descriptor_of_a_comparison_opens(capsys: pytest.CaptureFixture) -> None:
    assert main([*LINES["compare"], *BASIS, "--json"]) == 0
    content = capsys.readouterr().out.encode()
    labels = parse_session(content).labels
    assert len(labels) == 2
    for described, label in zip(json.loads(content)["descriptors"], labels, strict=True):
        found = parse_session(content, label=label)
        assert found.descriptor.settings["order"] == described["descriptor"]["order"]
        assert list(found.kinds or ()) == described["kinds"]
    with pytest.raises(ValueError, match=f"no descriptor 'order 9', but {re.escape(labels[0])}"):
        parse_session(content, label="order 9")
    with pytest.raises(ValueError, match="no labels of descriptors"):
        parse_session(json.dumps(GOOD).encode(), label=labels[0])


def test_a_survey_opens_with_its_worst_environments(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    file = tmp_path / "frames.extxyz"
    ase.io.write(file, [structures.load(name) for name in ("CH4", "X0")])
    frames = ase.io.read(file, ":")
    assert main(["survey", str(file), *BASIS, "--json"]) == 0
    content = capsys.readouterr().out.encode()
    found, worst = parse_session(content), json.loads(content)["worst"]
    assert (found.file, found.centers) == ("worst environments of frames.extxyz", (0,))
    expected = survey(frames, DensityCorrelations(n_max=3, l_max=3)).environments(frames)
    assert len(found.frames) == len(expected) == len(worst)
    for environment, frame in zip(expected, found.frames, strict=True):
        assert frame is not None
        np.testing.assert_array_equal(frame.positions, environment.positions)
        assert list(frame.symbols) == list(environment.symbols)
    assert found.atoms == found.frames[0]
    data = json.loads(content)
    for broken in (None, [], [1], [{"symbols": ["H"]}]):
        text = json.dumps(data | {"environments": broken})
        with pytest.raises(ValueError, match="this is no session and no result of --json"):
            parse_session(text.encode())


def test_values_of_some_modes_are_not_saved_as_those_of_all() -> None:
    named, some = Named("2", {}, listed=True), np.array([0.1, 0.2])
    session = Session(molecule("H2O"), named, (0,), singular_values=some, kinds=("internal",) * 2)
    assert parse_session(session.to_json()).singular_values is None


def test_a_result_of_many_structures_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    file.write_text(json.dumps({"structures": []}))
    with pytest.raises(ValueError, match="it has no structure"):
        read_session(file)
    with pytest.raises(ValueError, match=r"the session .*none.json cannot be read: No such file"):
        read_session(tmp_path / "none.json")
    with pytest.raises(ValueError, match="cannot be read"):
        read_session("a\0b")


def test_reading_imports_no_widgets() -> None:
    code = "import sys, sensitivity.session; print([m for m in ('ipywidgets', 'pickle5', 'torch')"
    code += " if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_atoms_of_a_session_have_no_other_data() -> None:
    water = molecule("H2O")
    water.info["secret"] = "x"
    session = Session(water, Named("2", {}, listed=True), (0,))
    assert b"secret" not in session.to_json()
    assert isinstance(parse_session(session.to_json()).atoms, Atoms)
