"""A session of a survey comes back where the survey is open, and a hostile one changes nothing."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import write
from hostile_states import HARMLESS, SURVEYED, States
from panel import TOOLBAR, chosen, message, xyz
from waiting import run, until

from sensitivity import DensityCorrelations, structures, survey
from sensitivity.descriptors import Function
from sensitivity.explorers import SurveyExplorer
from sensitivity.survey import Survey

pytestmark = TOOLBAR

LOOK = DensityCorrelations(2, 3.0, 2, 2)


def make_frames() -> list[Atoms]:
    frames = [molecule("H2O"), structures.load("X0"), molecule("NH3")]
    for seed, atoms in enumerate(frames):
        atoms.info["energy"] = -1.0 - seed
        if seed != 1:
            atoms.rattle(0.1, seed=seed)
    return frames


FRAMES = make_frames()


@pytest.fixture(scope="module")
def found() -> Survey:
    return survey(FRAMES, LOOK)


@pytest.fixture
def view(found: Survey) -> SurveyExplorer:
    return SurveyExplorer(found, frames=FRAMES)


@pytest.fixture(scope="module")
def shared(found: Survey) -> SurveyExplorer:
    return SurveyExplorer(found, frames=FRAMES)


def change(view: SurveyExplorer) -> None:
    view.against = "energy"
    view.select(2, 1)
    view.mode, view.amplitude = 3, 0.17
    view.arrows, view.arrow_length = False, 2.0
    view.labels, view.atom_size = "element and index", 1.5
    view.columns, view.transparent = 1, True
    view.look("y")


def choices(view: SurveyExplorer) -> list[Any]:
    assert view.molecule.camera is not None
    return [
        *(view.against, view.row, view.frame, view.center, view.mode, view.amplitude),
        *(view.arrows, view.arrow_length, view.labels, view.atom_size, view.columns),
        *(view.transparent, view.environment, view.molecule.camera.view.tolist()),
        *(view.against_menu.value, view.worst_menu.value, view.mode_menu.value),
        *(
            view.frame_field.value,
            view.center_field.value,
            view.molecule.scene.positions[0].tolist(),
        ),
    ]


def test_all_choices_come_back(view: SurveyExplorer, found: Survey, tmp_path: Path) -> None:
    change(view)
    view.save_state(tmp_path / "a.session.json")
    other = SurveyExplorer(found, frames=FRAMES)
    for _ in range(2):  # also in the environment that is shown already
        other.load_state(tmp_path / "a.session.json")
        other.wait()
        assert choices(other) == choices(view)
        assert message(other) == "Opened the session."
        other.mode, other.amplitude = 0, 0.0


def test_the_buttons_save_and_open(
    view: SurveyExplorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(view)
    files = dict[str, bytes]()
    monkeypatch.setattr(view.page, "download", files.__setitem__)
    (button,) = [each for each in view.downloads.children if each.description == "Save session"]
    button.click()
    view.save_state(tmp_path / "a.json")
    assert files["survey.session.json"] == (tmp_path / "a.json").read_bytes()
    saved = choices(view)
    for _ in range(2):  # the same file can be chosen again
        view.select(0)
        view.session.value = (chosen("a.json", files["survey.session.json"]),)
        view.wait()
        assert choices(view) == saved


NEW_KERNEL = """
import sys, json
from sensitivity.explorers import SurveyExplorer
explorer = SurveyExplorer(sys.argv[2], frames=sys.argv[3])
explorer.load_state(sys.argv[1])
explorer.wait()
print(json.dumps([explorer.frame, explorer.center, explorer.mode, explorer.amplitude]))
print(json.dumps(explorer.diagnosis.spectrum.singular_values.tolist()))
print(json.dumps(explorer.molecule.scene.positions[0].tolist()))
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_new_kernel_has_the_same_numbers(tmp_path: Path) -> None:
    file, folder, path = (tmp_path / name for name in ("a.extxyz", "rows", "a.session.json"))
    write(file, FRAMES)
    survey(file, LOOK, output=folder)
    view = SurveyExplorer(folder, frames=file)
    change(view)
    view.save_state(path)
    line = [sys.executable, "-W", "ignore", "-c", NEW_KERNEL, *map(str, (path, folder, file))]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    chosen_, values, positions = map(json.loads, done.stdout.splitlines()[-3:])
    assert chosen_ == [2, 1, 3, 0.17]
    assert view.diagnosis is not None
    expected = view.diagnosis.spectrum.singular_values
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(positions, view.molecule.scene.positions[0], rtol=0, atol=1e-13)


def test_frames_in_another_order_are_found(view: SurveyExplorer, tmp_path: Path) -> None:
    change(view)
    view.save_state(tmp_path / "a.json")
    turned = FRAMES[::-1]
    other = SurveyExplorer(survey(turned, LOOK), frames=turned)
    other.load_state(tmp_path / "a.json")
    assert (other.frame, other.center, other.mode) == (0, 1, 3)
    assert other.environment == view.environment
    assert message(other) == "Opened the session."


def test_the_survey_has_to_be_open(view: SurveyExplorer, tmp_path: Path) -> None:
    change(view)
    view.save_state(tmp_path / "a.json")
    empty = SurveyExplorer()
    said = "contains no survey: open that of survey first, with 12 environments, as in Survey"
    with pytest.raises(ValueError, match=said):
        empty.load_state(tmp_path / "a.json")
    with pytest.raises(ValueError, match="there is no survey yet"):
        empty.save_state(tmp_path / "b.json")
    assert not (tmp_path / "b.json").exists()
    empty.read("a.xyz", xyz(*FRAMES))
    empty.wait()
    other = SurveyExplorer([FRAMES[0]], LOOK)
    before = choices(other)
    with pytest.raises(ValueError, match=r"no environment of atom 1 in .* frame 2 of survey; open"):
        other.load_state(tmp_path / "a.json")
    assert choices(other) == before


def test_an_uploaded_file_and_then_the_session(tmp_path: Path) -> None:
    content = xyz(*FRAMES)
    view, other = SurveyExplorer(None, LOOK), SurveyExplorer(None, LOOK)
    for each in (view, other):
        each.read("a.xyz", content)
        each.wait()
    view.select(2, 1)
    view.mode, view.amplitude = 3, 0.2
    view.save_state(tmp_path / "a.json")
    other.load_state(tmp_path / "a.json")
    other.wait()
    assert choices(other) == choices(view)


def test_without_frames_the_chart_comes_back(found: Survey, tmp_path: Path) -> None:
    view, other = SurveyExplorer(found), SurveyExplorer(found)
    view.against = "frame"
    view.select(2, 1)
    view.save_state(tmp_path / "a.json")
    other.load_state(tmp_path / "a.json")
    assert (other.against, other.row) == ("frame", view.row)
    assert message(other) == "Opened the session."
    known = SurveyExplorer(found, frames=FRAMES)
    known.load_state(tmp_path / "a.json")
    assert known.row == view.row
    assert known.diagnosis is not None


def test_what_differs_is_said(view: SurveyExplorer, tmp_path: Path) -> None:
    change(view)
    path = tmp_path / "a.json"
    view.save_state(path)
    data, settings = json.loads(path.read_text()), "survey.descriptor.settings.n_max"
    for key, value, said in (
        (settings, 3, "The descriptor has another n_max than the saved one."),
        ("survey.descriptor.name", "3", "saved with 3, and is shown with 2"),
        ("survey.tolerance", 0.01, "had a tolerance of 0.01 Å; here it is 0.001 Å"),
        ("survey.environments", 400, "had 400 environments; here it has 12"),
        ("displacement", [[1.0, 0, 0]] + [[0.0, 0, 0]] * 3, "is another displacement"),
        ("displacement", [[1.0, 0, 0]], "is another displacement"),
    ):
        path.write_bytes(States(data).changed(key, value))
        view.load_state(path)
        assert said in message(view)


def test_a_mode_of_the_other_sign_moves_the_atoms_the_same_way(
    view: SurveyExplorer, tmp_path: Path
) -> None:
    change(view)
    path = tmp_path / "a.json"
    view.save_state(path)
    data, positions = json.loads(path.read_text()), view.molecule.scene.positions[0]
    turned = (-np.array(data["displacement"])).tolist()
    path.write_text(json.dumps(data | {"displacement": turned, "amplitude": -data["amplitude"]}))
    view.load_state(path)
    np.testing.assert_allclose(view.molecule.scene.positions[0], positions, rtol=0, atol=1e-15)


def test_an_own_descriptor_is_that_of_the_open_survey(tmp_path: Path) -> None:
    def distances(positions: Any) -> Any:
        squares = ((positions[1:] - positions[0]) ** 2).sum(axis=1)
        return np.array([[squares.sum(), squares.prod()]])

    own = Function(distances, cutoff=5.0, takes="positions")
    view = SurveyExplorer([molecule("H2O")], own)
    view.amplitude = 0.1
    view.save_state(tmp_path / "a.json")
    other = SurveyExplorer([molecule("H2O")], own)
    other.load_state(tmp_path / "a.json")
    assert (other.amplitude, message(other)) == (0.1, "Opened the session.")


def test_another_choice_replaces_a_session_that_is_opening(found: Survey, tmp_path: Path) -> None:
    view = SurveyExplorer(found, frames=FRAMES)
    change(view)
    view.save_state(tmp_path / "a.json")

    async def scenario() -> None:
        other = SurveyExplorer(found, frames=FRAMES)
        await until(lambda: not other.busy)
        other.load_state(tmp_path / "a.json")
        other.select(1, 0)
        await until(lambda: not other.busy and other.diagnosis is not None)
        await asyncio.sleep(0)
        assert (other.frame, other.center, other.amplitude) == (1, 0, 0.0)

    run(scenario)


# Hostile sessions


STATES = States(SURVEYED)
SETTING = "survey.descriptor.settings."

HOSTILE: dict[str, bytes] = {
    **STATES.broken(),
    **{
        name: each
        for name, each in STATES.missing().items()
        if not name.endswith(("camera", "displacement", "mode"))  # these are optional
    },
    **STATES.wrong(free=("view", "settings")),  # unknown ones are ignored or said
    **STATES.numbers(
        (
            *("mode", "amplitude", "survey.tolerance", "survey.environments"),
            *("environment.frame", "environment.center", "view.atom_size"),
        )
    ),
    **{
        f"{number} as a setting": STATES.changed(SETTING + "n_max", 0).replace(
            b'"n_max": 0', f'"n_max": {number}'.encode()
        )
        for number in ("NaN", "1e999", "1e300", "9" * 5000)
    },
    "deep settings": STATES.changed(SETTING + "basis", [[[[[[[[[[1]]]]]]]]]]),
    "a file as fingerprint": STATES.changed("environment.fingerprint", "/etc/passwd"),
    "a center that is none": STATES.changed("environment.center", 77),
    "a long name": STATES.changed("survey.name", "x" * 2000),
    "an unknown property": STATES.changed("against", "<img src=x onerror=window.ran=1>"),
    "mode too large": STATES.changed("mode", 15),
    "mode negative": STATES.changed("mode", -1),
    "amplitude too large": STATES.changed("amplitude", 1.01),
    "negative tolerance": STATES.changed("survey.tolerance", -1.0),
    "a label that is a script": STATES.changed("view.labels", "<script>window.ran=1</script>"),
    "arrows as text": STATES.changed("view.arrows", "yes"),
    "columns": STATES.changed("view.columns", 17),
    "a camera that distorts": STATES.changed(
        "camera", {"view": [[9.0, 0, 0]] * 3, "center": [0, 0, 0], "radius": 1.0}
    ),
    "displacement of another shape": STATES.changed("displacement", [[0, 0]]),
    "displacement without end": STATES.changed("displacement", [[0, 0, 0]] * 20_000),
}


def test_the_good_session_opens(shared: SurveyExplorer) -> None:
    assert len(HOSTILE) >= 60
    shared.session.value = (chosen("a.json", json.dumps(STATES.good).encode()),)
    shared.wait()
    assert message(shared).startswith("Opened the session.")
    assert (shared.frame, shared.center, shared.mode, shared.amplitude) == (1, 0, 2, 0.1)


def test_a_saved_session_has_the_same_keys(found: Survey) -> None:
    def keys(data: Any) -> Any:
        return (
            {k: keys(v) for k, v in data.items() if k != "settings"}
            if isinstance(data, dict)
            else 0
        )

    view = SurveyExplorer(found, frames=FRAMES)
    saved = json.loads(view._write_session())
    for free in ("view", "camera"):
        del saved[free]
    assert keys(saved) == keys({k: v for k, v in STATES.good.items() if k in saved})


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_session_changes_nothing(shared: SurveyExplorer, name: str) -> None:
    before = choices(shared)
    shared.session.value = (chosen("a.json", HOSTILE[name]),)
    shared.wait()
    assert choices(shared) == before
    said = shared.panel.message.value
    assert "sensitivity-trouble" in said
    assert "<script" not in said
    assert "<img" not in said
    assert message(shared).endswith((".", "!", "?"))
    assert len(message(shared)) < 500


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("place", ["survey.name", "survey.descriptor.name"])
def test_a_hostile_name_is_only_a_text(found: Survey, name: str, place: str) -> None:
    for view in (SurveyExplorer(), SurveyExplorer(found, frames=FRAMES)):
        view.session.value = (chosen("a.json", STATES.changed(place, name)),)
        view.wait()
        shown = (view.panel.message, view.panel.sentence, view.summary)
        assert all(HARMLESS[name](each.value) for each in shown)
