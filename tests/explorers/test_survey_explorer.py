"""The explorer of surveys without a browser: what it shows, sends, says, saves and refuses."""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import read as ase_read
from ase.io import write
from hostile import HOSTILE
from matplotlib.backend_bases import MouseEvent
from panel import TOOLBAR, chosen, message, sentence, xyz
from PIL import Image

from sensitivity import DensityCorrelations, diagnose, share, structures, survey
from sensitivity.descriptors import Function
from sensitivity.explorers import SurveyExplorer
from sensitivity.explorers.parts.molecule import ARROWS, LOAD
from sensitivity.explorers.survey.content import write_page
from sensitivity.explorers.survey.survey_chart import MOST_DRAWN, SurveyChart
from sensitivity.survey import Survey
from sensitivity.survey.placement import softest_mode
from sensitivity.survey.ranking import conditions
from sensitivity.survey.rows import table_of

pytestmark = TOOLBAR

DESCRIPTOR = DensityCorrelations(cutoff=3.0, n_max=4, l_max=4)


def make_frames() -> list[Atoms]:
    """Molecules, the second with an environment that order 2 does not see completely."""
    frames = [molecule("H2O"), structures.load("X0"), molecule("CH3OH"), molecule("C2H6")]
    for seed, atoms in enumerate(frames):
        atoms.info["energy"] = -1.0 - seed
        if seed != 1:
            atoms.rattle(0.1, seed=seed)
    return frames


FRAMES = make_frames()


@pytest.fixture(scope="module")
def found() -> Survey:
    return survey(FRAMES, DESCRIPTOR)


@pytest.fixture
def view(found: Survey) -> SurveyExplorer:
    return SurveyExplorer(found, frames=FRAMES)


def act(kind: str, view: SurveyExplorer, row: int, *, up: float = 0.0) -> None:
    """Press, or move, the mouse at an environment, or some pixels above it."""
    x, y = view.chart.axes.transData.transform(view.chart.places[row])
    button = 1 if kind == "button_press_event" else None
    canvas: Any = view.chart.figure.canvas
    canvas.callbacks.process(kind, MouseEvent(kind, canvas, x, y + up, button=button))  # type: ignore[arg-type]


def click(view: SurveyExplorer, row: int) -> None:
    act("button_press_event", view, row)


# What it shows


def test_it_starts_with_the_worst_environment_and_its_softest_mode(
    view: SurveyExplorer, found: Survey
) -> None:
    worst = found.worst(1)
    assert (view.frame, view.center) == (worst["frame"][0], worst["center"][0]) == (1, 0)
    assert view.diagnosis is not None
    assert view.diagnosis.modes[view.mode].cause == "incompleteness"
    assert view.mode_menu.value == view.mode
    assert view.worst_menu.value == view.row
    assert (view.frame_field.value, view.center_field.value) == (1, 0)
    assert view.chart.ring.get_xdata()[0] == found.table()["neighbors"][view.row]


def test_a_click_shows_the_environment_with_the_numbers_of_table_and_diagnose(
    view: SurveyExplorer, found: Survey
) -> None:
    table = found.table()
    for row in (0, 4, 9, len(table["frame"]) - 1):
        view.against = "frame"  # one marker for each condition
        click(view, row)
        assert view.row == row
        (environment,) = found.environments(FRAMES, rows={k: v[[row]] for k, v in table.items()})
        expected = diagnose(environment, DESCRIPTOR, centers=[0])
        assert view.diagnosis is not None
        np.testing.assert_array_equal(
            view.diagnosis.spectrum.singular_values, expected.spectrum.singular_values
        )
        assert view.mode == softest_mode(expected)
        condition = conditions(table)[row]
        mode = view.diagnosis.modes[view.mode]
        value = mode.singular_value / view.diagnosis.spectrum.singular_values[0]
        assert value == pytest.approx(condition, rel=1e-6)
        place = f"Frame {table['frame'][row]}, {table['species'][row]}{table['center'][row]}: "
        assert f"{place}smallest/largest singular value {condition:.1e}, number " in sentence(view)
        assert f"Mode {view.mode} is" in sentence(view)


def test_the_sentence_says_cause_and_remedy(view: SurveyExplorer) -> None:
    assert "Frame 1, C0: smallest/largest singular value 0, number 1 of " in sentence(view)
    said = "Invisible displacements: 1 by incompleteness. Incompleteness: a higher order sees them"
    assert said in sentence(view)
    view.select(2, 0)
    assert "Invisible displacements: none." in sentence(view)


def test_positions_are_those_in_order_of_the_condition(view: SurveyExplorer) -> None:
    rows = [number for _, number in view.worst_menu.options]
    values = conditions(view._known.table)[rows]
    assert (np.diff(np.where(values < 1e-14, 0, values)) >= 0).all()
    assert view._known.positions[rows].tolist() == list(range(1, len(rows) + 1))


def test_environments_that_symmetry_makes_equal_have_one_position() -> None:
    view = SurveyExplorer([molecule("H2O"), molecule("CH4")], DESCRIPTOR)
    content = view._known
    assert content.ranked == 4  # O, H, C, H
    methane = content.positions[content.table["frame"] == 1].tolist()
    assert methane[1:] == 4 * methane[1:2]
    assert "number 1 of 4" in sentence(view)


def test_the_molecule_is_the_frame_with_the_center_marked(view: SurveyExplorer) -> None:
    small = DensityCorrelations(cutoff=1.6, n_max=3, l_max=3)
    narrow = SurveyExplorer(survey(FRAMES, small), frames=FRAMES)
    narrow.select(3, 0)
    scene = narrow.molecule._scene
    assert scene is not None
    (body,) = scene["bodies"]
    own = len(narrow.environment or ())
    assert len(body["names"]) == 8 > own == scene["count"]
    assert body["names"][0] == ["C", "0"]
    assert sorted(int(index) for _, index in body["names"]) == list(range(8))
    halo = [style for style in body["styles"] if style.get("sele") == "@0"]
    assert len(halo) == 1
    positions = narrow.molecule.sent[0]
    np.testing.assert_allclose(positions[0], FRAMES[3].positions[0])
    assert narrow.molecule.sent[ARROWS].shape == (2, own, 3)


def test_only_atoms_of_the_environment_move(view: SurveyExplorer) -> None:
    small = DensityCorrelations(cutoff=1.6, n_max=3, l_max=3)
    narrow = SurveyExplorer(survey(FRAMES, small), frames=FRAMES)
    narrow.select(3, 0)
    start = narrow.molecule.sent[0].copy()
    narrow.amplitude = 0.4
    own = len(narrow.environment or ())
    moved = narrow.molecule.sent[0] - start
    assert narrow.diagnosis is not None
    np.testing.assert_allclose(
        moved[:own], 0.4 * narrow.diagnosis.modes[narrow.mode].displacement, atol=1e-12
    )
    assert not moved[own:].any()
    assert np.linalg.norm(moved) == pytest.approx(0.4)


def test_another_mode_only_moves_the_atoms(
    view: SurveyExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[str] = []
    monkeypatch.setattr(
        view.molecule.widget, "send", lambda content, buffers=None: kinds.append(content["type"])
    )
    view.mode_menu.value = 2
    view.slider.index = 60
    assert view.mode == 2
    assert view.amplitude == pytest.approx(0.2)
    assert {*kinds} == {"binary_single"}
    kinds.clear()
    click(view, 0)
    assert LOAD in kinds


def test_moving_the_atoms_leaves_the_menus_alone(
    view: SurveyExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(view, 0)  # perhaps not among the worst
    messages: list[Any] = []
    for menu in (view.worst_menu, view.against_menu, view.mode_menu, view.frame_field):
        monkeypatch.setattr(menu, "send_state", lambda *keys, **_: messages.append(keys))
    for stop in (55, 60, 65):
        view.slider.index = stop
    assert messages == []


def test_a_click_on_an_atom_shows_its_environment(view: SurveyExplorer) -> None:
    view.select(2, 0)
    assert view._placement is not None
    picked = 3
    expected = int(view._placement.sources[picked])
    view.molecule.on_pick(picked, False)
    assert (view.frame, view.center) == (2, expected)


def test_menus_and_fields_choose_and_follow(view: SurveyExplorer) -> None:
    view.worst_menu.value = view.worst_menu.options[3][1]
    assert view.row == view.worst_menu.options[3][1]
    view.frame_field.value = 2
    worst = view._known.survey.frames()["worst_center"][2]
    assert (view.frame, view.center) == (2, worst)
    view.center_field.value = 0
    assert (view.frame, view.center) == (2, 0)
    view.against_menu.value = "energy per atom"
    assert view.chart.axes.get_xlabel() == "energy per atom (eV)"
    np.testing.assert_allclose(
        view.chart.places[:, 0], [(-1.0 - k) / len(FRAMES[k]) for k in view._known.table["frame"]]
    )


def test_every_environment_can_be_chosen_without_a_mouse(view: SurveyExplorer) -> None:
    table = view._known.table
    for frame, center in zip(table["frame"].tolist(), table["center"].tolist(), strict=True):
        view.frame_field.value = frame
        view.center_field.value = center
        assert (view.frame, view.center) == (frame, center)
        assert view.worst_menu.value == view.row


def test_species_are_beside_each_other(view: SurveyExplorer) -> None:
    view.against = "species"
    names = [label.get_text() for label in view.chart.axes.get_xticklabels()]
    assert names == ["C", "H", "O"]
    x = np.rint(view.chart.places[:, 0]).astype(int)
    assert [names[k] for k in x] == view._known.table["species"].tolist()


def test_the_pointer_tells_place_condition_and_cause(view: SurveyExplorer) -> None:
    view.against = "frame"
    act("motion_notify_event", view, view.row)
    (note,) = [text for text in view.chart.figure.texts if text.get_gid() == "note"]
    assert note.get_text() == "frame 1, C0\n0, incompleteness"
    act("motion_notify_event", view, view.row, up=60)
    assert [text for text in view.chart.figure.texts if text.get_gid() == "note"] == []


def test_reset_returns_to_the_softest_mode(view: SurveyExplorer) -> None:
    softest = view.mode
    view.mode, view.amplitude, view.arrows = 0, 0.3, False
    view.controls.reset.click()
    assert (view.mode, view.amplitude, view.arrows) == (softest, 0.0, True)


def test_the_explorer_below_has_the_same_environment_and_mode(view: SurveyExplorer) -> None:
    view.amplitude = 0.1
    view.opener.click()
    explorer = view.opened
    assert explorer is not None
    explorer.wait()
    assert view.diagnosis is not None
    np.testing.assert_allclose(
        explorer.reference.spectrum.singular_values, view.diagnosis.spectrum.singular_values
    )
    assert (explorer.mode, explorer.amplitude, explorer.centers) == (view.mode, 0.1, (0,))
    assert explorer.reference.causes[explorer.mode] == "incompleteness"
    heading, widget = view.below.children
    assert "Environment of frame 1, C0" in heading.children[0].value
    assert widget is explorer.widget
    heading.children[1].click()
    assert (view.below.children, view.opened) == ((), None)


def test_another_environment_leaves_the_explorer_below(view: SurveyExplorer) -> None:
    view.open()
    click(view, 0)
    assert view.opened is not None


def test_another_environment_starts_at_amplitude_zero(view: SurveyExplorer) -> None:
    for row in (0, 5, 9):
        view.amplitude = 0.5
        click(view, row)
        assert (view.row, view.amplitude, view.stop) == (row, 0.0, view.rest)
        assert view.slider.index == view.rest
        assert view._placement is not None
        np.testing.assert_allclose(view.molecule.sent[0], view._placement.atoms.positions)


def test_the_explorer_below_says_that_its_tolerance_is_another_one(view: SurveyExplorer) -> None:
    view.open()
    assert "tolerance" not in view.below.children[0].children[0].value
    wide = SurveyExplorer(
        survey([molecule("NH3")], DESCRIPTOR, tolerance=0.05), frames=[molecule("NH3")]
    )
    wide.open()
    said = (
        "a tolerance of 0.001 Å, and those of the survey with 0.05 Å: causes and modes may differ"
    )
    assert said in wide.below.children[0].children[0].value


# Where it comes from


def test_a_folder_a_file_and_structures_show_the_same(found: Survey, tmp_path: Path) -> None:
    file, folder = tmp_path / "train.extxyz", tmp_path / "rows"
    write(file, FRAMES, format="extxyz")
    survey(file, DESCRIPTOR, output=folder)
    views = [
        SurveyExplorer(folder, frames=file),
        SurveyExplorer(str(file), DESCRIPTOR),
        SurveyExplorer(iter(FRAMES), DESCRIPTOR),
    ]
    for each in views:
        assert (each.frame, each.center) == (1, 0)
        assert each.diagnosis is not None
        assert each.diagnosis.counts["incompleteness"] == 1
        assert "energy per atom" in each.properties
    assert "train.extxyz: " in views[1].summary.value


def test_without_frames_there_is_the_chart_and_a_sentence(found: Survey) -> None:
    view = SurveyExplorer(found)
    assert len(view.chart.known) == len(found.table()["frame"])
    assert view.molecule.pane.layout.visibility == "hidden"
    assert "The structures are not known; give those of the survey" in sentence(view)
    assert view.opener.disabled
    click(view, 3)
    assert view.row == 3
    with pytest.raises(ValueError, match="structures are not known"):
        view.open()
    with pytest.raises(ValueError, match="tructures are not known"):
        view.export("png")
    view.export("page")  # without drawings
    view.wait()
    assert "Saved survey.html" in message(view)


def test_a_frame_that_has_changed_is_said_and_not_shown(found: Survey) -> None:
    frames = [atoms.copy() for atoms in FRAMES]
    frames[1].positions[0, 0] += 1e-6
    view = SurveyExplorer(found, frames=frames)
    assert view.molecule.pane.layout.visibility == "hidden"
    assert "Frame 1 is not that of the survey: its elements, positions or cell" in sentence(view)
    assert "1 frame of the survey is missing or has changed, frame 1" in sentence(view)
    assert view.diagnosis is None
    view.select(2, 0)
    assert view.molecule.pane.layout.visibility == "visible"
    assert view.diagnosis is not None


def test_frames_in_another_order_are_found(found: Survey) -> None:
    view = SurveyExplorer(found, frames=FRAMES[::-1])
    assert view.diagnosis is not None
    assert view.diagnosis.counts["incompleteness"] == 1
    assert "4 frames have other numbers than in the survey" in sentence(view)
    page = write_page(view._known, lambda _: None)  # which takes frames by number
    assert b"incompleteness" in page
    assert b"softest mode" in page
    view.export("page")
    view.wait()
    assert "without structures" not in message(view)


def test_a_page_without_structures_is_said(found: Survey) -> None:
    changed = [atoms.copy() for atoms in FRAMES]
    changed[1].positions[0, 0] += 1e-6
    reasons = {"the structures are not known": None, "frames are missing, have changed": changed}
    for reason, frames in reasons.items():
        view = SurveyExplorer(found, frames=frames)
        view.export("page")
        view.wait()
        assert f"kB, without structures and modes, because {reason}" in message(view)
        assert b"softest mode" not in write_page(view._known, lambda _: None)


def test_a_deleted_folder_is_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    survey(FRAMES, DESCRIPTOR, output=folder)
    view = SurveyExplorer(folder, frames=FRAMES)
    shutil.rmtree(folder)
    view.export("page")
    view.wait()
    assert "The survey cannot be read any more: No such file or directory: " in message(view)
    assert "restore its folder, or repeat the survey." in message(view)
    assert "Errno" not in message(view)


def test_save_and_share_write_what_the_buttons_download(
    view: SurveyExplorer, tmp_path: Path
) -> None:
    page = write_page(view._known, lambda _: None)
    share.page(view, tmp_path / "a.html")
    view.save(tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes() == page
    view.save(tmp_path / "a.py")
    assert (tmp_path / "a.py").read_text() == view.code()
    view.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_save_without_an_environment_is_refused_except_the_page(
    found: Survey, tmp_path: Path
) -> None:
    view = SurveyExplorer(found)
    view.save(tmp_path / "a.html")
    assert "Survey of environments" in (tmp_path / "a.html").read_text()
    with pytest.raises(ValueError, match="structures are not known"):
        view.save(tmp_path / "a.png")


def test_a_frame_that_could_not_be_analysed_is_said() -> None:
    view = SurveyExplorer([molecule("H2O"), Atoms("H2"), molecule("NH3")], DESCRIPTOR)
    view.select(1)
    assert "Frame 1 could not be analysed: atoms overlap: " in sentence(view)
    assert sentence(view).count("could not be analysed: ") == 1
    assert view.worst_menu.label == "frame 1 could not be analysed"
    assert view.mode_menu.options == ()
    with pytest.raises(ValueError, match="Frame 1 could not be analysed: atoms overlap"):
        view.code()
    assert view.molecule.pane.layout.visibility == "hidden"
    assert "Not in the chart: 1 that could not be analysed." in sentence(view)


def test_each_environment_that_is_not_in_the_chart_is_counted() -> None:
    frames = [Atoms("He"), molecule("H2O"), molecule("NH3"), Atoms("H2")]
    frames[1].info["energy"] = -1.0
    view = SurveyExplorer(frames, DESCRIPTOR)
    view.against = "energy"
    absent = (
        "1 that could not be analysed, 1 without internal displacements, 4 without energy (eV)."
    )
    assert f"Not in the chart: {absent}" in sentence(view)
    view.select(0, 0)
    assert "Frame 0, He0: there are no internal displacements." in sentence(view)
    assert view.worst_menu.label == "frame 0, He0 no internal displacements"


def test_of_an_environment_that_failed_the_reason_is_said_and_not_to_wait() -> None:
    def fail_for_three(atoms: Atoms) -> Any:
        if len(atoms) == 3:
            raise RuntimeError("no <b>value</b>")
        return np.exp(-np.linalg.norm(atoms.positions[1:] - atoms.positions[0], axis=1)).sum()[None]

    frames = [molecule("NH3"), molecule("H2O")]
    view = SurveyExplorer(frames, Function(fail_for_three, cutoff=5.0))
    view.select(1, 0)
    view.wait()
    assert view.worst_menu.label == "frame 1, O0 could not be analysed"
    assert view.mode_menu.options == ()
    assert sentence(view).count("RuntimeError: no <b>value</b>.") == 1
    with pytest.raises(ValueError, match="The modes are not known: No <b>value</b>") as caught:
        view.code()
    assert "wait" not in str(caught.value)


def test_environments_of_which_symmetry_hides_everything_can_be_shown() -> None:
    silicon = bulk("NaCl", "rocksalt", a=5.64)
    view = SurveyExplorer([silicon, molecule("H2O")], DensityCorrelations(cutoff=3.5))
    view.select(0, 0)
    assert view.diagnosis is not None
    assert view.molecule.pane.layout.visibility == "visible"
    assert view.diagnosis.modes[view.mode].cause in {"symmetry", "sensitive"}


def test_a_survey_without_causes_is_shown() -> None:
    found = survey(FRAMES, DESCRIPTOR, causes=False)
    assert "Invisible displacements: 1 of unknown cause." in sentence(SurveyExplorer(found))
    view = SurveyExplorer(found, frames=FRAMES)
    assert view.diagnosis is not None
    assert view.diagnosis.counts["incompleteness"] == 1  # found when it is shown
    assert "Invisible displacements: 1 by incompleteness. Incompleteness: a" in sentence(view)
    assert "unknown" not in sentence(view)


@pytest.mark.parametrize("name", ["CH4", "C6H6", "NH3"])
def test_without_causes_the_mode_is_that_of_the_number_in_the_table(name: str) -> None:
    found = survey([molecule(name)], DESCRIPTOR, causes=False)
    view = SurveyExplorer(found, frames=[molecule(name)])
    assert view.diagnosis is not None
    mode = view.diagnosis.modes[view.mode]
    spectrum = view.diagnosis.spectrum
    assert mode.cause == "symmetry"
    assert mode.singular_value <= spectrum.zero_level
    hidden = spectrum.internal - spectrum.rank
    said = sentence(view)
    assert "smallest/largest singular value 0, number 1 of " in said
    assert f"Invisible displacements: {hidden} by symmetry. Symmetry: nothing to do" in said
    assert "the most visible of all" not in said
    assert "repeat the survey with causes" not in said
    view.mode = 0
    view.start_again()
    assert view.diagnosis.modes[view.mode].cause == "symmetry"


def test_the_tolerance_is_that_of_the_survey() -> None:
    view = SurveyExplorer(survey(FRAMES, DESCRIPTOR, tolerance=0.01), frames=FRAMES)
    assert view.diagnosis is not None
    assert view.diagnosis.tolerance == 0.01
    assert "tolerance=0.01" in view.code()


def test_an_empty_explorer_takes_a_file() -> None:
    view = SurveyExplorer(descriptor=DESCRIPTOR)
    assert "Upload a file with structures" in message(view)
    assert view.survey is None
    view.upload.value = (chosen("train.xyz", xyz(*FRAMES)),)
    view.wait()
    assert view.survey is not None
    assert (view.frame, view.center) == (1, 0)
    assert "train.xyz: 22 environments of 4 frames" in view.summary.value
    assert view.upload.value == ()
    assert "energy per atom" in view.properties


def test_another_file_replaces_the_first_and_a_wrong_one_does_not(view: SurveyExplorer) -> None:
    view.select(3, 7)
    view.upload.value = (chosen("wrong.xyz", b"no structure"),)
    view.wait()
    assert "annot read" in message(view)
    assert (view.frame, view.center) == (3, 7)
    view.upload.value = (chosen("one.xyz", xyz(molecule("NH3"))),)
    view.wait()
    assert len(view._known.table["frame"]) == 4
    assert view.row < 4
    assert view.frame == 0


def test_an_own_descriptor_has_to_be_given() -> None:
    class Own(DensityCorrelations):
        pass

    own = Own(cutoff=3.0, n_max=4, l_max=4)
    found = survey(FRAMES, own)
    saved = replace(found, settings=dict(found.settings) | {"descriptor": "Own"})
    with pytest.raises(ValueError, match="of its descriptor, Own, a survey has only name and sett"):
        SurveyExplorer(saved, frames=FRAMES)


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "text"),
    [
        ((7,), {}, TypeError, "needs a Survey, its folder, a file with structures, or structures"),
        (("nowhere.xyz",), {}, ValueError, "cannot read nowhere.xyz|nowhere.xyz"),
        ((FRAMES, "soap"), {}, TypeError, "descriptor"),
        ((FRAMES,), {"frames": FRAMES}, TypeError, "frames are those of a survey"),
        (([1, 2],), {}, ValueError, "frame"),
    ],
)
def test_wrong_arguments(arguments: Any, keywords: Any, error: type[Exception], text: str) -> None:
    if arguments == ([1, 2],):
        view = SurveyExplorer(*arguments)
        assert "none" not in view.summary.value
        assert "2 frames could not be analysed" in view.summary.value
        return
    with pytest.raises(error, match=text):
        SurveyExplorer(*arguments, **keywords)


def test_the_descriptor_must_be_that_of_the_survey(found: Survey) -> None:
    with pytest.raises(ValueError, match=r"that of the survey.*with another n_max; give the same"):
        SurveyExplorer(found, DensityCorrelations(cutoff=3.0, n_max=5, l_max=4), frames=FRAMES)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("row", 22, "row must be one of 0 to 21, got 22"),
        ("mode", 99, "mode must be one of 0 to 14, got 99"),
        ("against", "neighbours", "against must be one of .* did you mean 'neighbors'"),
        ("amplitude", 1.5, "amplitude must be a number from -1 to 1 Å, got 1.5"),
        ("frame", 1, "'frame' of SurveyExplorer cannot be set"),
        ("centre", 1, "'centre' of SurveyExplorer does not exist"),
    ],
)
def test_what_cannot_be_set_is_refused(
    view: SurveyExplorer, name: str, value: Any, text: str
) -> None:
    with pytest.raises((ValueError, AttributeError), match=text):
        setattr(view, name, value)


def test_a_wrong_number_in_a_field_is_a_sentence(view: SurveyExplorer) -> None:
    view.frame_field.value = 77
    assert "The survey has no frame 77; give one of 0 to 3." in message(view)
    assert view.frame_field.value == view.frame == 1
    view.center_field.value = 50
    assert "Frame 1 has no environment of atom 50" in message(view)
    assert view.center_field.value == 0
    with pytest.raises(ValueError, match="no frame -1"):
        view.select(-1)


def test_hostile_names_of_numbers_are_only_texts() -> None:
    frames = [molecule("H2O") for _ in range(2)]
    for atoms in frames:
        atoms.info |= {text: 1.0 for text in HOSTILE if isinstance(text, str)}
        atoms.info["$\\frac{$"] = 2.0
    view = SurveyExplorer(frames, DESCRIPTOR)
    for name in view.properties:
        view.against = name
        view.figure()
    view.upload.value = (chosen("<img src=x onerror=a()>.xyz", xyz(molecule("H2O"))),)
    view.wait()
    assert "<img" not in view.summary.value


def test_a_hostile_name_of_a_file_is_only_a_text_in_the_chart() -> None:
    chart = SurveyChart()
    chart.write("reading $\\frac{$.xyz …")
    chart.figure.draw_without_rendering()
    assert chart.figure.texts[-1].get_text() == "reading $\\frac{$.xyz …"


# Many environments


def many(found: Survey, count: int) -> Survey:
    """The rows of a survey, repeated with other conditions and numbers of frames."""
    table, frames = found.table(), found.frames()
    times = count // len(table["frame"])
    rng = np.random.default_rng(1)
    rows = {name: np.tile(values, times) for name, values in table.items()}
    rows["frame"] = rows["frame"] + np.repeat(4 * np.arange(times), len(table["frame"]))
    rows["condition_without_symmetry"] = 10 ** rng.uniform(-8, 0, len(rows["frame"]))
    rows["gap"] = rng.uniform(0, 3, len(rows["frame"]))
    several = {name: np.tile(values, times) for name, values in frames.items()}
    several["frame"] = np.arange(4 * times)
    return replace(found, parts=((rows, several),))


def test_a_hundred_thousand_environments_stay_quick(found: Survey) -> None:
    large = many(found, 100_000)
    view = SurveyExplorer(large)
    view.against = "gap"
    total = len(large.table()["frame"])
    assert total > 99_000
    assert len(view.chart.known) == total
    assert 5_000 < view.chart.drawn <= MOST_DRAWN
    said = f"The chart has {view.chart.drawn} markers for {total} environments"
    assert said in sentence(view)
    start = time.process_time()
    for row in (17, 50_000, 99_000):
        click(view, row)
        here, there = view.chart.axes.transData.transform(view.chart.places[[view.row, row]])
        assert np.linalg.norm(here - there) < 1.0  # pixels
    assert time.process_time() - start < 2.0  # 0.1 s each
    start = time.process_time()
    view.against = "neighbors"
    view.chart.figure.canvas.draw()
    assert time.process_time() - start < 6.0


# Files


def test_files_have_the_environment_and_its_mode(
    view: SurveyExplorer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files: dict[str, bytes] = {}
    monkeypatch.setattr(view.page, "download", files.__setitem__)
    view.amplitude = 0.2
    assert view.diagnosis is not None
    mode = view.diagnosis.modes[view.mode]
    view.export("geometry")
    (frame,) = ase_read(io.StringIO(files["survey.extxyz"].decode()), ":", format="extxyz")
    start = view.environment
    assert start is not None
    np.testing.assert_allclose(frame.positions, start.positions + 0.2 * mode.displacement)
    assert (frame.info["frame"], frame.info["center"], frame.info["amplitude"]) == (1, 0, 0.2)
    assert frame.info["cause"] == "incompleteness"
    for name in ("trajectory", "png", "gif", "page", "code"):
        view.export(name)
        view.wait()
    frames = ase_read(io.StringIO(files["survey.extxyz"].decode()), ":", format="extxyz")
    assert [round(each.info["amplitude"], 2) for each in frames] == [
        round(x, 2) for x in np.linspace(-1, 1, 21)
    ]
    assert Image.open(io.BytesIO(files["survey.gif"])).n_frames > 20  # type: ignore[attr-defined]
    assert files["survey.png"].startswith(b"\x89PNG")
    assert b"incompleteness" in files["survey.html"]
    assert b"softest mode" in files["survey.html"]
    (tmp_path / "survey.py").write_bytes(files["survey.py"])
    run = subprocess.run(
        [sys.executable, "survey.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "1 is invisible by incompleteness" in run.stdout
    assert "# frame 1, C0 of survey, with the center as atom 0." in files["survey.py"].decode()


def test_the_figure_has_molecule_and_chart(view: SurveyExplorer) -> None:
    figure = view.figure()
    labels = [axes.get_xlabel() for part in figure.subfigs for axes in part.axes]
    assert "number of neighbours" in labels


# In the background


class Slow(DensityCorrelations):
    """A descriptor whose diagnosis of an environment takes a second."""

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        time.sleep(0.3)
        return super().gradients(atoms, centers=centers)


Slow.__name__ = DensityCorrelations.__name__  # as it is called in the survey


def test_the_survey_is_computed_in_the_background_with_progress() -> None:
    async def use() -> SurveyExplorer:
        frames = [molecule(name) for name in ("CH3OH", "C2H6", "CH4") for _ in range(300)]
        for seed, atoms in enumerate(frames):
            atoms.rattle(0.1, seed=seed)
        view = SurveyExplorer(frames)
        assert view.busy
        assert view.panel.cancel.layout.display != "none"
        assert view.worst_menu.disabled
        with pytest.raises(ValueError, match="there is no survey yet"):
            view.select(0)
        said = set()
        while view.busy:
            said.add(message(view))
            await asyncio.sleep(0.005)
        assert any("structures: " in text and "per second" in text for text in said), said
        return view

    view = asyncio.run(use())
    assert view.survey is not None
    assert view.survey.totals.frames == 900
    assert view.diagnosis is not None


def test_a_cancelled_survey_shows_its_rows_with_their_structures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = [molecule("CH3OH") for _ in range(2000)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=seed)

    async def use() -> SurveyExplorer:
        view = SurveyExplorer(frames, DESCRIPTOR)
        while "environments" not in message(view) and view.busy:
            await asyncio.sleep(0.005)
        view.panel.cancel.click()
        while view.busy:
            await asyncio.sleep(0.005)
        return view

    view = asyncio.run(use())
    assert view.survey is not None
    assert view.survey.ending == "cancelled"
    assert "The survey was cancelled." in view.summary.value
    assert 0 < view.survey.totals.frames < 2000
    assert view.diagnosis is not None


def test_modes_come_later_and_can_be_cancelled() -> None:
    found = survey(FRAMES[:2], DESCRIPTOR)

    async def use() -> SurveyExplorer:
        view = SurveyExplorer(found, Slow(cutoff=3.0, n_max=4, l_max=4), frames=FRAMES[:2])
        while view.survey is None:
            await asyncio.sleep(0.005)
        assert view.busy
        assert view.diagnosis is None
        assert view.mode_menu.disabled
        view.amplitude = 0.3  # the atoms rest meanwhile
        np.testing.assert_allclose(view.molecule.sent[0][0], FRAMES[view.frame].positions[0])
        view.panel.cancel.click()
        while view.busy:
            await asyncio.sleep(0.005)
        return view

    view = asyncio.run(use())
    assert "ancelled" in message(view)


def test_of_environments_chosen_in_a_row_the_last_is_shown() -> None:
    slow = Slow(cutoff=3.0, n_max=4, l_max=4)
    found = survey(FRAMES[:2], DESCRIPTOR)

    async def use() -> SurveyExplorer:
        view = SurveyExplorer(found, slow, frames=FRAMES[:2])
        while view.survey is None:
            await asyncio.sleep(0.005)
        for row in (0, 1, 2, 4):
            view.row = row
        while view.busy:
            await asyncio.sleep(0.005)
        return view

    view = asyncio.run(use())
    assert view.row == 4
    assert view.diagnosis is not None
    start = view.environment
    assert start is not None
    np.testing.assert_array_equal(view.diagnosis.atoms.positions, start.positions)


def test_a_table_without_rows_is_said() -> None:
    found = survey(FRAMES, DESCRIPTOR, species=["Au"])
    assert len(table_of([], found.table())["frame"]) == 0
    view = SurveyExplorer(found, frames=FRAMES)
    assert "No center is Au" in view.summary.value
    with pytest.raises(ValueError, match="the survey has no frame 0"):
        view.select(0)


def test_the_property_can_be_chosen_before_it_is_known() -> None:
    async def use(name: str) -> SurveyExplorer:
        view = SurveyExplorer(100 * FRAMES, DESCRIPTOR)
        assert view.busy
        view.against = name
        while view.busy:
            await asyncio.sleep(0.005)
        return view

    assert asyncio.run(use("energy per atom")).chart.axes.get_xlabel() == "energy per atom (eV)"
    view = asyncio.run(use("energi per atom"))
    assert view.against == "neighbors"
    assert "did you mean 'energy per atom'?" in message(view)
