"""A session comes back: from a file, in another kernel, and over a reload of the page."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.io import write as ase_write
from hostile_sessions import GOOD, HARMLESS, HOSTILE_SESSIONS, changed
from panel import QUICK, SIMPLE, TOOLBAR, chosen, formula, message, upload, xyz
from waiting import run, until

from sensitivity import DensityCorrelations, structures
from sensitivity.cli.main import main
from sensitivity.descriptors import Function, with_defaults
from sensitivity.descriptors.protocol import settings_of
from sensitivity.explorers import Explorer
from sensitivity.explorers.main.sessions import make_session
from sensitivity.session import LINK, parse_session, parse_text

pytestmark = TOOLBAR


@pytest.fixture(scope="module")
def shared() -> Explorer:
    return Explorer("H2", SIMPLE)


def changed_explorer() -> Explorer:
    explorer = Explorer(structures.load("S1"), QUICK, centers=[0, 2])
    explorer.mode, explorer.amplitude = 4, 0.17
    explorer.feature, explorer.arrows, explorer.arrow_length = 3, False, 2.0
    explorer.labels, explorer.atom_size = "element and index", 1.5
    explorer.columns, explorer.transparent = 1, True
    explorer.look("y")
    return explorer


def choices(explorer: Explorer) -> list[Any]:
    state = explorer.state
    assert explorer.molecule.camera is not None
    return [
        *(state.mode, state.amplitude, state.feature, state.arrows, state.arrow_length),
        *(explorer.labels, explorer.atom_size, explorer.cells, explorer.columns),
        *(explorer.transparent, explorer.centers, explorer.descriptor, explorer.reference.name),
        *(explorer.structure, explorer.molecule.camera.view.tolist(), explorer.molecule._dress),
    ]


def test_all_choices_come_back(tmp_path: Path) -> None:
    explorer, other = changed_explorer(), Explorer("H2", SIMPLE)
    explorer.save_state(tmp_path / "a.session.json")
    before = other.reference
    other.load_state(tmp_path / "a.session.json")
    other.wait()
    assert choices(other) == choices(explorer)
    assert message(other) == "Opened the session."
    for part in ("singular_values", "modes", "causes"):
        np.testing.assert_array_equal(
            getattr(other.reference, part), getattr(explorer.reference, part)
        )
    other.undo()
    assert other.reference is before


def test_the_button_saves_what_the_method_saves(tmp_path: Path) -> None:
    explorer = changed_explorer()
    explorer.save_state(tmp_path / "a.json")
    explorer.save(tmp_path / "b.session.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.session.json").read_bytes()
    other = Explorer("H2", SIMPLE)
    content = (tmp_path / "a.json").read_bytes()
    other.settings.session.value = (chosen("a.json", content),)
    other.wait()
    assert choices(other) == choices(explorer)
    assert other.settings.session.value == ()


NEW_KERNEL = """
import sys, json
from sensitivity.explorers import Explorer
explorer = Explorer()
explorer.load_state(sys.argv[1])
explorer.wait()
print(json.dumps(explorer.shown.spectrum.singular_values.tolist()))
print(json.dumps(explorer.shown.atoms.positions.tolist()))
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_new_kernel_has_the_same_numbers(tmp_path: Path) -> None:
    explorer = Explorer("C6H6", DensityCorrelations(n_max=3, l_max=3))
    explorer.mode, explorer.amplitude = 20, 0.23
    explorer.wait()
    path = tmp_path / "a.session.json"
    explorer.save_state(path)
    line = [sys.executable, "-W", "ignore", "-c", NEW_KERNEL, str(path)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    values, positions = map(json.loads, done.stdout.splitlines()[-2:])
    found = explorer.shown
    assert found.spectrum is not None
    np.testing.assert_allclose(values, found.spectrum.singular_values, rtol=0, atol=1e-13)
    np.testing.assert_allclose(positions, found.atoms.positions, rtol=0, atol=1e-13)


def test_all_structures_of_a_file_come_back(tmp_path: Path, explorer: Explorer) -> None:
    upload(explorer, "three.xyz", xyz(molecule("H2O"), molecule("NH3"), molecule("CO")))
    explorer.turn_to(1)
    explorer.wait()
    explorer.save_state(tmp_path / "a.json")
    other = Explorer("H2", SIMPLE)
    other.load_state(tmp_path / "a.json")
    assert formula(other) == formula(explorer) == "NH3"
    assert other.settings.summary.value == "three.xyz: H3N, 4 atoms"
    assert (other.settings.frame.value, other.settings.frames.value) == (1, "of 3")
    other.settings.frame.value = 2
    assert formula(other) == "OC"


def test_a_crystal_comes_back_with_its_cells(tmp_path: Path) -> None:
    explorer = Explorer(bulk("NaCl", "rocksalt", a=5.6), QUICK)
    explorer.cells = 2
    explorer.save_state(tmp_path / "a.json")
    other = Explorer("H2", SIMPLE)
    other.load_state(tmp_path / "a.json")
    assert (other.cells, other.controls.cells.value) == (2, 2)
    assert other.structure == explorer.structure


@pytest.mark.parametrize(("wanted", "drawn"), [(5, 3), (0, 1)])
def test_cells_out_of_range_are_said(tmp_path: Path, wanted: int, drawn: int) -> None:
    explorer = Explorer(bulk("NaCl", "rocksalt", a=5.6), QUICK)
    explorer.save_state(tmp_path / "a.json")
    session = json.loads((tmp_path / "a.json").read_text())
    session["view"]["cells"] = wanted
    (tmp_path / "a.json").write_text(json.dumps(session))
    explorer.load_state(tmp_path / "a.json")
    assert explorer.cells == drawn
    said = f"The session has {wanted} as cells, and {drawn} can be drawn."
    assert said in message(explorer)


def test_settings_that_were_not_saved_are_no_difference(tmp_path: Path) -> None:
    explorer = Explorer("H2", SIMPLE)
    explorer.save_state(tmp_path / "a.json")
    session = json.loads((tmp_path / "a.json").read_text())
    for name in ("basis", "parity_odd"):
        del session["descriptor"]["settings"][name]
    (tmp_path / "a.json").write_text(json.dumps(session))
    explorer.load_state(tmp_path / "a.json")
    assert "Opened the session." in message(explorer)
    assert "another" not in message(explorer)


def own() -> Function:
    def distances(positions: Any) -> Any:
        vectors = positions[1:] - positions[0]
        squares = (vectors**2).sum(axis=1)
        return np.array([[squares.sum(), squares.prod()]])

    return Function(distances, cutoff=5.0, takes="positions")


def test_an_own_descriptor_has_to_be_passed_again(tmp_path: Path) -> None:
    water, descriptor = molecule("H2O"), own()
    explorer = Explorer(water, descriptor, centers=[0])
    explorer.save_state(tmp_path / "a.json")
    other = Explorer("H2", SIMPLE)
    with pytest.raises(ValueError, match=r"contains no code; pass it, as in explorer.load_state"):
        other.load_state(tmp_path / "a.json")
    assert formula(other) == "H2"
    other.load_state(tmp_path / "a.json", descriptor=descriptor)
    assert (other.descriptor, message(other)) == (descriptor, "Opened the session.")
    other.load_state(tmp_path / "a.json", descriptor=QUICK)
    assert "The session was saved with" in message(other)
    with pytest.raises(TypeError, match="descriptor must be a descriptor"):
        other.load_state(tmp_path / "a.json", descriptor="2")  # type: ignore[arg-type]


def test_a_descriptor_of_the_catalog_comes_back_where_it_is_offered(tmp_path: Path) -> None:
    explorer = Explorer("H2O", "overlap-matrix")
    (name, (low, _)), *_ = explorer.descriptor.limits.items()
    explorer.refine(name, low + 1.5)
    explorer.save_state(tmp_path / "a.json")
    other = Explorer("H2", SIMPLE)
    other.load_state(tmp_path / "a.json")
    assert other.descriptor == explorer.descriptor
    assert other.settings.descriptor.value == "overlap-matrix"
    assert message(other) == " ".join(["Opened the session.", *other.descriptor.remarks])
    few = Explorer("H2", SIMPLE, descriptors=["1", "2"])
    with pytest.raises(ValueError, match="overlap-matrix, which is not offered here"):
        few.load_state(tmp_path / "a.json")


def test_what_differs_is_said(tmp_path: Path) -> None:
    explorer, path = changed_explorer(), tmp_path / "a.json"
    explorer.save_state(path)
    data = json.loads(path.read_text())
    for key, value, said in (
        ("tolerance", 0.01, "with a tolerance of 0.01 Å"),
        ("singular_values", [1.0] * 15, "differ from the saved ones"),
        ("displacement", [[0.5, 0, 0]] * 4 + [[0, 0, 0]], "is another displacement"),
    ):
        path.write_text(json.dumps(data | {key: value}))
        explorer.load_state(path)
        assert said in message(explorer)


def test_a_mode_of_the_other_sign_moves_the_atoms_the_same_way(tmp_path: Path) -> None:
    explorer, path = changed_explorer(), tmp_path / "a.json"
    explorer.save_state(path)
    data, positions = json.loads(path.read_text()), explorer.shown.atoms.positions
    turned = (-np.array(data["displacement"])).tolist()
    path.write_text(json.dumps(data | {"displacement": turned, "amplitude": -data["amplitude"]}))
    explorer.load_state(path)
    np.testing.assert_allclose(explorer.shown.atoms.positions, positions, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", HOSTILE_SESSIONS)
def test_a_hostile_session_changes_nothing(shared: Explorer, name: str) -> None:
    before, children = shared.state, shared.below.children
    shared.settings.session.value = (chosen("a.json", HOSTILE_SESSIONS[name]),)
    shared.wait()
    assert shared.state is before
    assert shared.below.children == children
    said = shared.panel.message.value
    assert "sensitivity-trouble" in said
    assert "<script" not in said
    assert "<img" not in said
    assert message(shared).endswith((".", "!", "?"))


def test_a_dense_crystal_of_others_is_refused_before_anything_is_computed(shared: Explorer) -> None:
    content = HOSTILE_SESSIONS["many atoms within the cutoff"]
    shared.settings.session.value = (chosen("a.json", content),)
    shared.wait()
    assert "a cutoff of 7 Å may reach 1.1e+05 atoms, and at most 20000" in message(shared)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_hostile_name_of_a_file_is_only_a_text(name: str) -> None:
    explorer = Explorer("H2", SIMPLE)
    content = changed("structure.file", name)
    explorer.settings.session.value = (chosen("a.json", content),)
    explorer.wait()
    assert formula(explorer) == "OH2"
    upload = explorer.reference.upload
    assert upload is not None
    assert HARMLESS[name](explorer.panel.message.value.replace("</span>", "")) or "/" in name
    assert upload.name.encode("utf-8")


def test_a_name_of_another_structure_is_dropped() -> None:
    explorer = Explorer("H2", SIMPLE)
    explorer.settings.session.value = (chosen("a.json", changed("structure.name", "C6H6")),)
    explorer.wait()
    assert (formula(explorer), explorer.reference.name) == ("OH2", "")
    assert "C6H6" not in explorer.code()


class Browser:
    """The page of the app: what it keeps, and what is copied."""

    def __init__(self, explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept, self.copied, self._explorer = "", "", explorer
        monkeypatch.setattr(explorer.page.widget, "send", self._hear)

    def _hear(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.kept = content.get("keep", self.kept)
        self.copied = content.get("link", self.copied)

    def open(self, text: str) -> None:
        self._explorer.page.widget._handle_custom_msg({"session": text}, [])


def test_the_page_keeps_the_session_over_a_reload(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        explorer = Explorer("H2", QUICK)
        page = Browser(explorer, monkeypatch)
        explorer.keep_session()
        explorer.amplitude = 0.05
        await asyncio.sleep(0)
        assert explorer._timer is None  # nothing is sent before the page has said what it keeps
        page.open("")
        explorer.structure = "H2O"
        await until(lambda: "H2O" in parse_name(page.kept))
        explorer.mode, explorer.amplitude = 1, 0.2
        await until(lambda: bool(page.kept) and parse_text(page.kept).amplitude == 0.2)
        again = Explorer("H2", QUICK)
        reloaded = Browser(again, monkeypatch)
        again.keep_session()
        reloaded.open(page.kept)
        await until(lambda: again.amplitude == 0.2)
        assert (again.reference.name, again.mode) == ("H2O", 1)
        reloaded.open("broken")
        assert "no session that can be read" in message(again)
        assert again.amplitude == 0.2

    run(scenario)


def parse_name(text: str) -> str:
    return parse_text(text).name if text else ""


def test_a_link_is_copied_in_the_app_only(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = Explorer("H2O", QUICK)
    page = Browser(explorer, monkeypatch)
    assert explorer.actions.link.layout.display == "none"
    explorer.keep_session()
    assert explorer.actions.link.layout.display is None
    explorer.actions.link.click()
    assert parse_text(page.copied).name == "H2O"
    assert message(explorer) == "Copied the link. It opens where sensitivity app runs."


def test_a_long_session_has_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = Explorer("H2O", QUICK)
    page = Browser(explorer, monkeypatch)
    long = replace(make_session(explorer._picture()), file="x")
    noise = np.random.default_rng(1).integers(32, 126, 2 * LINK)
    named = replace(long.descriptor, settings={"x": bytes(noise.tolist()).decode()})
    module = "sensitivity.explorers.main.session_view.make_session"
    monkeypatch.setattr(module, lambda _: replace(long, descriptor=named))
    explorer.actions.link.click()
    assert page.copied == ""
    assert "at most 30 kB are possible; click on Save session" in message(explorer)


def test_results_of_commands_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = {**GOOD, "centers": [0]}
    plain = {key: data["structure"][key] for key in ("symbols", "positions", "cell", "periodic")}
    described = {"name": "DensityCorrelations", "features_per_center": 9}
    result = {
        "structure": plain | {"name": "water.xyz"},
        "descriptor": described | data["descriptor"]["settings"],
        "center": 0,
    }
    explorer = Explorer("H2", SIMPLE)
    explorer.settings.session.value = (chosen("found.json", json.dumps(result).encode()),)
    explorer.wait()
    assert (formula(explorer), explorer.centers, explorer.descriptor.n_max) == ("OH2", (0,), 2)
    assert explorer.mode == explorer.reference.least_visible
    assert parse_session(json.dumps(result).encode()).singular_values is None


def printed(capsys: pytest.CaptureFixture[str], path: Path, *line: str) -> Path:
    """A file with what a command prints."""
    assert main([*line, "--n-max", "3", "--l-max", "3", "--json"]) == 0
    path.write_text(capsys.readouterr().out)
    return path


def test_each_descriptor_of_a_comparison_opens(tmp_path: Path, capsys) -> None:
    line = ("compare", "X0", "--center", "0", "--descriptor", "1", "--descriptor", "2")
    path = printed(capsys, tmp_path / "compared.json", *line)
    explorer, labels = Explorer("H2", SIMPLE), parse_session(path.read_bytes()).labels
    explorer.load_state(path, label=labels[1])
    explorer.wait()
    assert (explorer.reference.name, explorer.descriptor.order) == ("X0", 2)
    explorer.settings.session.value = (chosen("compared.json", path.read_bytes()),)
    explorer.wait()
    assert explorer.descriptor.order == 1
    assert f"Of {', '.join(labels)}, this is the first" in message(explorer)
    assert "differ" not in message(explorer)


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("overlap-matrix", "cutoff", 4.0),
        ("dscribe-soap", "n_max", 4),
        ("featomic-power-spectrum", "l_max", 3),
    ],
)
def test_a_result_of_a_listed_descriptor_opens_with_its_settings(
    name: str, setting: str, value: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found.json"
    line = ("diagnose", "H2O", "--descriptor", name, "--setting", f"{setting}={value}", "--json")
    assert main(line) == 0
    path.write_text(capsys.readouterr().out)
    explorer = Explorer("H2", SIMPLE)
    explorer.load_state(path)
    explorer.wait()
    assert explorer.settings.descriptor.value == name
    assert settings_of(explorer.descriptor)[setting] == value
    assert (formula(explorer), explorer.centers) == ("OH2", (0, 1, 2))
    said = " ".join(["Opened the session.", *with_defaults(explorer.descriptor).remarks])
    assert message(explorer) == said  # nothing differs
    explorer.load_state(path, descriptor=explorer.descriptor)
    explorer.wait()
    assert message(explorer) == "Opened the session."  # the remarks are known
    few = Explorer("H2", SIMPLE, descriptors=["1", "2"])
    with pytest.raises(ValueError, match=f"{name}, which is not offered here"):
        few.load_state(path)


def test_a_result_with_settings_that_no_control_has_opens_and_says_so(
    tmp_path: Path, capsys
) -> None:
    path = tmp_path / "found.json"
    assert main(("diagnose", "H2O", "--descriptor", "dscribe-soap", "--json")) == 0
    data = json.loads(capsys.readouterr().out)
    data["descriptor"]["rbf"] = "polynomial"
    path.write_text(json.dumps(data))
    explorer = Explorer("H2", SIMPLE)
    explorer.load_state(path)
    explorer.wait()
    assert "The descriptor has another rbf than the saved one." in message(explorer)


def test_the_smallest_values_are_those_of_the_explorer(tmp_path: Path, capsys) -> None:
    path = printed(capsys, tmp_path / "found.json", "smallest", "C2H6", "--count", "4")
    explorer = Explorer("H2", SIMPLE)
    explorer.load_state(path)
    explorer.wait()
    assert len(explorer.structure) == len(explorer.centers) == 8
    assert message(explorer) == "Opened the session."
    data = json.loads(path.read_text())
    data["modes"][3]["singular_value"] *= 2
    path.write_text(json.dumps(data))
    explorer.load_state(path)
    explorer.wait()
    assert "The singular values differ" in message(explorer)


def test_a_survey_opens_with_its_worst_environments_as_frames(tmp_path: Path, capsys) -> None:
    file = tmp_path / "frames.extxyz"
    ase_write(file, [structures.load(name) for name in ("CH3OH", "X0")])
    path = printed(capsys, tmp_path / "survey.json", "survey", str(file))
    explorer, worst = Explorer("H2", SIMPLE), json.loads(path.read_text())["worst"]
    explorer.load_state(path)
    explorer.wait()
    assert explorer.settings.summary.value.startswith("worst environments of frames.extxyz: ")
    assert explorer.settings.frames.value == f"of {len(worst)}"
    assert explorer.centers == (0,)
    for number in (0, 3):
        explorer.settings.frame.value = number
        explorer.wait()
        assert explorer.structure.symbols[0] == worst[number]["species"]
