"""The explorer of several descriptors without a browser: numbers, sentences, files, wrong input."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import read as ase_read
from matplotlib.backend_bases import MouseEvent
from matplotlib.figure import Figure
from panel import TOOLBAR, sentence
from PIL import Image

from sensitivity import DensityCorrelations, Rattle, compare, share, spectrum, structures
from sensitivity.comparison import Comparison, respond
from sensitivity.descriptors import Function
from sensitivity.descriptors.catalog import CATALOG
from sensitivity.explorers import CompareExplorer, Explorer
from sensitivity.explorers.parts.molecule import ARROWS, LOAD

pytestmark = TOOLBAR

TWO = DensityCorrelations(2, 3.0, 6, 6)
THREE = DensityCorrelations(3, 3.0, 4, 4)
ORDERS = {"two": TWO, "three": THREE}


@pytest.fixture
def view() -> CompareExplorer:
    return CompareExplorer("X0", ORDERS)


@pytest.fixture
def expected() -> Comparison:
    return compare(structures.load("X0"), ORDERS, centers=[0])


def known(view: CompareExplorer) -> Comparison:
    assert view.comparison is not None
    return view.comparison


def message(view: CompareExplorer) -> str:
    return re.sub(r"<[^>]*>", "", str(view.panel.message.value))


def act(kind: str, view: CompareExplorer, place: int, x: float, y: float = 0.5) -> None:
    """Press, or move, the mouse in the axes of a descriptor."""
    where = view.chart.axes[place].transData.transform((x, y))
    button = 1 if kind == "button_press_event" else None
    event = MouseEvent(kind, view.chart.figure.canvas, *where, button=button)  # type: ignore[arg-type]
    view.chart.figure.canvas.callbacks.process(kind, event)


def click(view: CompareExplorer, place: int, mode: int) -> None:
    act("button_press_event", view, place, mode + 0.2)


def drawn(view: CompareExplorer, place: int) -> np.ndarray:
    """Heights of the markers of a descriptor, in the order of its modes."""
    points = [line.get_xydata() for line in view.chart.values[place].values()]
    found = np.concatenate([each for each in points if len(each)])
    return np.asarray(found[np.argsort(found[:, 0]), 1])


def at_zero(view: CompareExplorer, values: np.ndarray) -> np.ndarray:
    """Values with those that count as zero at the tick with the label 0."""
    axis = view.chart.axes[0].yaxis
    labels = [label.get_text() for label in axis.get_majorticklabels()]
    return np.where(values > 1e-5, values, axis.get_majorticklocs()[labels.index("0")])


def response_lines(view: CompareExplorer) -> list[float]:
    return [float(line.get_ydata()[0]) for line in view.chart.lines]


# Numbers


def test_spectra_are_those_of_compare_side_by_side(
    view: CompareExplorer, expected: Comparison
) -> None:
    assert [axes.get_title() for axes in view.chart.axes] == ["two", "three"]
    for place, spectrum_ in enumerate(expected.spectra):
        heights = at_zero(view, spectrum_.relative[: spectrum_.internal])
        np.testing.assert_allclose(drawn(view, place), heights, rtol=1e-9)
    assert known(view).counts == expected.counts
    hidden = view.chart.values[0]["incompleteness"].get_xdata()
    assert np.asarray(hidden).tolist() == [8]
    assert view.chart.axes[0].get_shared_y_axes().joined(*view.chart.axes)


def test_the_first_mode_is_one_that_only_the_other_sees(
    view: CompareExplorer, expected: Comparison
) -> None:
    assert (view.of, view.mode) == ("two", 8)
    null = expected.modes("two").displacements[8]
    two, three = expected.responses(null)
    assert [each.visible for each in view.responses] == [False, True]
    lines = at_zero(view, np.array([two.relative, three.relative]))
    np.testing.assert_allclose(response_lines(view), lines, rtol=1e-6)


@pytest.mark.parametrize(("place", "mode"), [(0, 3), (1, 0), (1, 8)])
def test_a_click_on_a_singular_value_shows_its_mode_and_what_the_others_see(
    view: CompareExplorer, expected: Comparison, place: int, mode: int
) -> None:
    click(view, place, mode)
    name = expected.names[place]
    assert (view.of, view.mode) == (name, mode)
    pattern = expected.modes(name).displacements[mode]
    responses = [each.relative for each in expected.responses(pattern)]
    np.testing.assert_allclose([each.relative for each in view.responses], responses, atol=1e-9)
    np.testing.assert_allclose(response_lines(view), at_zero(view, np.array(responses)), rtol=1e-6)
    value = float(expected.spectra[place].relative[mode])
    assert f"Mode {mode} of {name} is " in sentence(view)
    shown = f"{value:.3g}" if value > 1e-5 else "0"
    assert f"Its singular value is {shown} of the scale." in sentence(view)
    start, end = view.molecule.sent[ARROWS]
    parallel = np.vdot(end - start, pattern) / np.linalg.norm(end - start)
    assert parallel == pytest.approx(1.0, abs=0.02)  # tiny arrows are left out
    assert np.linalg.norm(end - start, axis=1).max() == pytest.approx(1.0)
    (ring,) = view.chart.rings[place].get_xydata()
    assert ring.tolist() == [mode, at_zero(view, np.array(value))]
    assert len(view.chart.rings[1 - place].get_xydata()) == 0
    assert [view.lists["of"].value, view.lists["mode"].value] == [name, mode]


def test_lists_choose_the_mode(view: CompareExplorer) -> None:
    view.lists["of"].value = "three"
    assert (view.of, view.mode) == ("three", 8)  # its softest
    view.lists["mode"].value = 2
    assert (view.of, view.mode) == ("three", 2)
    labels = [label for label, _ in view.lists["mode"].options]
    relative = known(view).spectra[1].relative
    assert labels[2] == f"2: {relative[2]:.1e}, sensitive"
    view.lists["of"].value = "two"
    assert [label for label, _ in view.lists["mode"].options][8] == "8: 0, incompleteness"


def test_the_amplitude_moves_the_atoms_and_all_spectra_follow(
    view: CompareExplorer, expected: Comparison
) -> None:
    view.slider.index = 70
    assert view.amplitude == pytest.approx(0.2)
    null = expected.modes("two").displacements[8]
    moved = expected.atoms.copy()
    moved.positions += 0.2 * null / np.linalg.norm(null, axis=1).max()
    np.testing.assert_allclose(view.molecule.sent[0], moved.positions, atol=1e-12)
    assert np.linalg.norm(moved.positions - expected.atoms.positions, axis=1).max() == (
        pytest.approx(0.2)
    )
    for place, found in enumerate(expected.spectra_at(moved)):
        heights = at_zero(view, found.relative[: found.internal])
        np.testing.assert_allclose(drawn(view, place), heights, rtol=1e-6)
        response = respond(found, null).relative
        assert response_lines(view)[place] == pytest.approx(response, rel=1e-6)
        assert f"{response:.3g} for {expected.names[place]}" in sentence(view)
    assert sentence(view).startswith("At amplitude 0: mode 8 of two is invisible by incompleteness")
    before = [np.asarray(line.get_ydata()) for line in view.chart.before]
    np.testing.assert_allclose(before[1], expected.spectra[1].relative[:9])
    view.controls.reset.click()
    assert (view.of, view.mode, view.amplitude) == ("two", 8, 0.0)
    np.testing.assert_allclose(view.molecule.sent[0], expected.atoms.positions)
    assert "At " not in sentence(view)


def test_what_is_said_of_the_structure_at_rest_says_so_while_displaced(
    view: CompareExplorer,
) -> None:
    """Along the mode that two misses, it sees all displacements of the displaced structure."""
    view.amplitude = 0.2
    assert view.shown is not None
    assert view.shown.causes[0] == ("sensitive",) * 9
    lines = view.panel.sentence.value.split("<br>")
    rest = [line for line in lines if "At amplitude 0: " in line]
    others = [line for line in lines if line not in rest]
    assert "At amplitude 0: three sees 1 displacement that two does not see." in sentence(view)
    status = known(view).status
    assert f"At amplitude 0: {status[0].lower()}{status[1:]}" in sentence(view)
    assert [line.split(" ")[0] for line in others] == ["At", "Features"]
    assert "misses at amplitude 0. " in view.table.value
    capital = {"SOAP": TWO, "Three": THREE}
    view.descriptors = capital
    view.amplitude = 0.2
    assert "At amplitude 0: Three sees 1 displacement that SOAP does not see" in sentence(view)


def test_the_ring_marks_the_mode_of_the_arrows_also_while_displaced(
    view: CompareExplorer, expected: Comparison
) -> None:
    """The modes of the displaced structure are others, also the one of the same number."""
    view.select("three", 3)
    view.amplitude = 0.2
    (ring,) = view.chart.rings[1].get_xydata()
    assert ring.tolist() == [3, pytest.approx(expected.spectra[1].relative[3])]
    assert view.shown is not None
    assert view.shown.relative[1][3] != pytest.approx(ring[1], rel=1e-2)
    assert "at amplitude 0" not in message(view)
    click(view, 0, 5)
    assert (view.of, view.mode, view.amplitude) == ("two", 5, 0.2)
    assert message(view) == "The arrows are mode 5 of two at amplitude 0."
    value = float(view.shown.relative[1][3])
    act("motion_notify_event", view, 1, 3, value)
    (note,) = [text for text in view.chart.figure.texts if text.get_gid() == "note"]
    assert note.get_text() == f"mode 3: {value:.2g} of the scale at +0.20 Å, sensitive"


def test_the_axis_returns_with_the_atoms() -> None:
    view = CompareExplorer("CH4", ["2", "3"])
    axes = view.chart.axes[0]
    before, ticks = axes.get_ylim(), axes.yaxis.get_majorticklocs().tolist()
    view.select("order 2", 0)
    view.amplitude = 0.5
    assert view.shown is not None
    highest = max(float(values.max()) for values in view.shown.relative)
    assert highest > before[1]
    assert highest < axes.get_ylim()[1] <= 20 * highest
    assert axes.get_ylim()[0] == before[0]
    assert axes.yaxis.get_majorticklocs()[0] == ticks[0]  # that of zero
    assert axes.yaxis.get_majorticklocs()[-1] > 1.0
    view.amplitude = 0.0
    assert axes.get_ylim() == before
    assert axes.yaxis.get_majorticklocs().tolist() == ticks


def test_raw_values_at_an_amplitude_are_those_of_spectrum(view: CompareExplorer) -> None:
    view.metric = "raw"
    view.amplitude = -0.1
    atoms = known(view).atoms.copy()
    atoms.positions = view.molecule.sent[0]
    for place, descriptor in enumerate(ORDERS.values()):
        values = spectrum(atoms, descriptor, centers=[0]).singular_values[:9]
        scale = spectrum(known(view).atoms, descriptor, centers=[0]).scale
        np.testing.assert_allclose(drawn(view, place), at_zero(view, values / scale), rtol=1e-9)


def test_both_descriptors_of_another_package_are_compared() -> None:
    view = CompareExplorer("CH4", ["dscribe-soap", "3"])
    made = [CATALOG[name].build(structures.load("CH4")) for name in ("dscribe-soap", "3")]
    expected = compare(structures.load("CH4"), made, centers=[0])
    assert known(view).names == ("dscribe-soap", "order 3")
    np.testing.assert_allclose(known(view).reconstruction, expected.reconstruction, atol=1e-9)
    said = "dscribe-soap and order 3 see the same displacements: 1 of 9 internal ones."
    assert said in sentence(view)


def test_three_descriptors_beside_each_other() -> None:
    view = CompareExplorer("S1", ["1", "2", "3"])
    assert [axes.get_title() for axes in view.chart.axes] == ["order 1", "order 2", "order 3"]
    rows = re.findall("<tr>(.*?)</tr>", view.table.value)
    assert len(rows) == 1 + 6
    found = known(view)
    cells = re.findall("<td>(.*?)</td>", rows[6])
    assert cells[:4] == ["order 3", "order 2", "1", f"{found.reconstruction[2, 1]:.2g}"]
    click(view, 2, 4)
    assert (view.of, view.mode) == ("order 3", 4)


# Sentences


def test_the_panel_says_what_one_sees_and_the_other_not_and_why(
    view: CompareExplorer, expected: Comparison
) -> None:
    said = sentence(view)
    three = expected.responses(expected.modes("two").displacements[8])[1].relative
    assert f"three sees it: its features change by {three:.3g} of the scale." in said
    assert "three sees 1 displacement that two does not see. For two it is invisible by" in said
    assert "Features are divided by their standard deviation over 50 copies of this" in said
    assert expected.status in said
    error = f"<td>{expected.reconstruction[1, 0]:.2g}</td>"
    assert f"<td>three</td><td>two</td><td>1</td>{error}" in view.table.value


def test_the_pointer_on_a_marker_tells_its_value(view: CompareExplorer) -> None:
    value = float(known(view).spectra[1].relative[3])
    act("motion_notify_event", view, 1, 3, value)
    (note,) = [text for text in view.chart.figure.texts if text.get_gid() == "note"]
    assert note.get_text() == f"mode 3: {value:.2g} of the scale, sensitive"
    act("motion_notify_event", view, 1, 3, 1e-4)
    assert [text for text in view.chart.figure.texts if text.get_gid() == "note"] == []


def test_names_are_escaped() -> None:
    view = CompareExplorer("X0", {"<img src=x onerror=alert(1)>": TWO, "</script>": THREE})
    for text in (view.table.value, view.panel.sentence.value):
        assert "<img" not in text
        assert "&lt;img" in text
        assert "</script>" not in text


@pytest.mark.parametrize("name", [r"$\bad{$", "$x$", r"a_b^{", "soap"])
def test_names_are_drawn_and_written_as_they_are(name: str) -> None:
    view = CompareExplorer("X0", {name: TWO, "three": THREE})
    title = view.chart.axes[0].title
    assert (title.get_text(), title.get_parse_math()) == (name, False)
    assert name in sentence(view)
    view.figure().canvas.draw()


def test_long_names_that_begin_alike_have_different_titles() -> None:
    long = "the power spectrum of the density with a basis that has a very long name, " * 4
    view = CompareExplorer("X0", {f"{long} 1": TWO, f"{long} 2": THREE})
    one, other = (axes.get_title() for axes in view.chart.axes)
    assert one.startswith("1: the")
    assert other.startswith("2: the")


# Another structure, other descriptors, another scale


def test_another_structure_is_compared_with_descriptors_made_for_it(
    view: CompareExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.descriptors = ["dscribe-soap", "2"]
    messages: list[Any] = []
    monkeypatch.setattr(
        view.molecule.widget, "send", lambda content, buffers=None: messages.append(content)
    )
    view.inputs["structure"].value = "H2O"
    assert view.structure.symbols.get_chemical_formula() == "H2O"
    assert view.centers == (0, 1, 2)
    assert view.inputs["centers"].value == "all"
    assert [each["type"] for each in messages].count(LOAD) == 1
    view.inputs["centers"].value = "H"
    assert view.centers == (1, 2)
    assert known(view).centers == (1, 2)


def test_inputs_choose_descriptors_and_scale(view: CompareExplorer) -> None:
    widgets = view.inputs
    assert [widgets[name].value for name in ("first", "second", "third")] == ["two", "three", ""]
    widgets["third"].value = "1"
    assert known(view).names == ("two", "three", "order 1")
    widgets["third"].value = ""
    assert known(view).names == ("two", "three")
    widgets["metric"].value = "raw"
    assert known(view).metric == view.metric == "raw"
    assert "Singular values are those of the features as they are." in sentence(view)
    view.metric = "whitened"
    assert widgets["metric"].value == "whitened"


def test_the_view_stays_with_other_descriptors_of_the_same_structure(view: CompareExplorer) -> None:
    view.look("y")
    before = view.molecule.camera
    view.descriptors = ["1", "2"]
    assert view.molecule.camera is before
    view.structure = "S1"
    assert view.molecule.camera is not before


def test_given_structures_define_the_scale() -> None:
    frames = Rattle(copies=5, seed=3).frames(structures.load("X0"), (0,))
    view = CompareExplorer("X0", ORDERS, structures=iter(frames))
    found = compare(structures.load("X0"), ORDERS, centers=[0], structures=frames)
    np.testing.assert_allclose(known(view).conditions, found.conditions)
    assert "5 given structures" in sentence(view)


def test_descriptors_of_an_own_kind_keep_their_names() -> None:
    own = Function(lambda atoms: 1 / (1 + atoms.get_all_distances()), cutoff=4.0)
    view = CompareExplorer("H2O", [own, TWO.with_settings(n_max=3), "2"])
    assert known(view).names[2] == "order 2"
    assert known(view).descriptors[0] is own
    offered = [name for _, name in view.inputs["first"].options]
    assert offered[: len(CATALOG)] == [*CATALOG]
    assert set(known(view).names[:2]) <= {*offered}


# Wrong input


def missing() -> str:
    return next(name for name, entry in CATALOG.items() if entry.installed is None)


@pytest.mark.parametrize(
    ("widget", "value", "said"),
    [
        ("third", "two", "The descriptors must differ, but two is chosen twice; choose another"),
        ("second", "two", "The descriptors must differ, but two is chosen twice"),
        ("third", "missing", "is not installed; pip install"),
        ("structure", "nonsense", "nonsense"),
        ("centers", "Xe", "The structure has no Xe to be a center"),
        ("centers", "0-99", "There are no atoms 0-99"),
    ],
)
def test_wrong_input_is_a_sentence_and_the_comparison_stays(
    view: CompareExplorer, widget: str, value: str, said: str
) -> None:
    before = known(view)
    shown = {name: each.value for name, each in view.inputs.items()}
    view.inputs[widget].value = missing() if value == "missing" else value
    assert said in message(view)
    assert "sensitivity-trouble" in view.panel.message.value
    assert known(view) is before
    assert {name: each.value for name, each in view.inputs.items()} == shown
    view.amplitude = 0.1  # it goes on
    view.inputs["third"].value = "1"
    assert known(view).names == ("two", "three", "order 1")
    assert said not in message(view)


def test_a_descriptor_of_the_list_does_not_replace_one_of_its_name() -> None:
    """The name of order 2 in sentences is "order 2", which a given descriptor may have, too."""
    view = CompareExplorer("X0", {"order 2": TWO, "order 3": THREE})
    view.inputs["third"].value = "2"
    assert "must differ, but two are order 2; give one of them another name" in message(view)
    assert known(view).names == ("order 2", "order 3")
    assert view.inputs["third"].value == ""


def test_a_descriptor_that_is_not_installed_is_named_so(view: CompareExplorer) -> None:
    options = {name: label for label, name in view.inputs["first"].options}
    assert options[missing()] == f"{missing()} (not installed)"
    assert options["2"] == "2: power spectrum"


def test_a_descriptor_that_fails_for_a_structure_is_a_sentence(view: CompareExplorer) -> None:
    def without_oxygen(atoms: Atoms) -> np.ndarray:
        if (atoms.numbers == 8).any():
            raise ValueError("oxygen has no parameters")
        return np.exp(-(atoms.get_all_distances() ** 2)).sum(axis=1, keepdims=True)

    view.descriptors = {"own": Function(without_oxygen, cutoff=4.0), "two": TWO}
    before = known(view)
    with pytest.raises(ValueError, match="oxygen has no parameters"):
        view.structure = "H2O"
    assert "xygen has no parameters" in message(view)
    assert known(view) is before
    assert view.inputs["structure"].value == "X0"


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"descriptors": ["2"]}, ValueError, "descriptors must be two or three, got 1; add another"),
    ({"descriptors": ["1", "2", "3", "4"]}, ValueError, "must be two or three, got 4; leave some"),
    ({"descriptors": ["2", "2"]}, ValueError, "must differ, but order 2 is chosen twice"),
    ({"descriptors": [TWO, replace(TWO)]}, ValueError, "must differ"),
    ({"descriptors": ["2", DensityCorrelations(2)]}, ValueError, "must differ"),
    ({"descriptors": ["2", "soap"]}, ValueError, "a descriptor must be one of 1, 2"),
    ({"descriptors": {"dscribe-soap": TWO, "a": THREE}}, ValueError, "name of a descriptor in the"),
    ({"descriptors": {"2": TWO, "a": THREE}}, ValueError, "another name, such as 'own 2'"),
    ({"atoms": Atoms()}, ValueError, "the structure has no atoms"),
    ({"atoms": Atoms("H2", [[0, 0, 0], [0, 0, np.nan]])}, ValueError, "must be finite numbers"),
    ({"atoms": "brass"}, ValueError, "or set explorer.structure to an ase.Atoms"),
    ({"descriptors": "2"}, TypeError, "in a list or in a mapping from names, got '2'"),
    ({"descriptors": ["2", 7]}, TypeError, "must be a descriptor such as"),
    ({"metric": "euclidean"}, ValueError, "metric must be one of raw, rattle, whitened"),
    ({"centers": [99]}, ValueError, "center"),
    ({"center": 0}, TypeError, "CompareExplorer takes centers="),
    ({"atoms": "nonsense"}, ValueError, "nonsense"),
    ({"atoms": Atoms("H501")}, ValueError, "at most 500"),
    ({"structures": [structures.load("X0")]}, ValueError, "at least two atoms of the elements"),
]


@pytest.mark.parametrize(("given", "error", "said"), WRONG)
def test_wrong_arguments(given: dict[str, Any], error: type[Exception], said: str) -> None:
    arguments = {"atoms": "X0", "descriptors": ORDERS} | given
    with pytest.raises(error, match=said):
        CompareExplorer(**arguments)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mode", 9, "mode must be one of 0 to 8"),
        ("mode", 1.5, "mode must be"),
        ("of", "four", "of must be one of two, three, got 'four'"),
        ("amplitude", 0.6, "amplitude must be a number from -0.5 to 0.5 Å"),
        ("metric", "euclidean", "metric must be one of"),
    ],
)
def test_wrong_values_are_refused(view: CompareExplorer, name: str, value: Any, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        setattr(view, name, value)
    assert (view.of, view.mode, view.amplitude, view.metric) == ("two", 8, 0.0, "rattle")
    with pytest.raises(AttributeError, match="'modus' of CompareExplorer does not exist"):
        view.modus = 3


def test_a_structure_without_internal_displacements() -> None:
    view = CompareExplorer(Atoms("He"), ORDERS)
    assert "see no displacement to first order" in sentence(view)
    assert view.lists["mode"].options == (("none", 0),)
    view.amplitude = 0.2
    click(view, 0, 0)
    np.testing.assert_array_equal(view.molecule.sent[0], [[0, 0, 0]])
    assert isinstance(view.figure(), Figure)


def test_atoms_that_meet_are_a_sentence(view: CompareExplorer) -> None:
    """Where features have no value, the spectra are empty and the explorer goes on."""

    class Failing(DensityCorrelations):
        def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
            if not np.allclose(atoms.positions, structures.load("X0").positions, atol=0.3):
                raise ValueError("the atoms are too close")
            return super().gradients(atoms, centers=centers)

    view.descriptors = {"two": TWO, "failing": Failing(2, 3.0, 4, 4)}
    view.amplitude = 0.5
    assert "At +0.50 Å: The atoms are too close." in sentence(view)
    assert view.responses == ()
    view.amplitude = 0.1
    assert len(view.responses) == 2


# Files


def test_files_have_the_mode(view: CompareExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, bytes] = {}
    monkeypatch.setattr(view.page, "download", files.__setitem__)
    view.amplitude = 0.25
    for name in ("geometry", "trajectory", "png", "gif", "page", "code"):
        view.export(name)
        view.wait()
    suffixes = ["extxyz", "png", "gif", "html", "py"]
    assert [*files] == [f"comparison.{suffix}" for suffix in suffixes]
    frames = ase_read(io.StringIO(files["comparison.extxyz"].decode()), ":", format="extxyz")
    assert len(frames) == 21
    pattern = view._place(0.0)[1]
    for frame in frames:
        moved = known(view).atoms.positions + frame.info["amplitude"] * pattern
        np.testing.assert_allclose(frame.positions, moved, atol=1e-6)
        assert (frame.info["descriptor"], frame.info["mode"]) == ("two", 8)
        assert frame.info["cause"] == "incompleteness"
    assert Image.open(io.BytesIO(files["comparison.gif"])).n_frames > 20  # type: ignore[attr-defined]
    assert b"three" in files["comparison.html"]
    assert isinstance(view.figure(), Figure)
    with pytest.raises(
        ValueError, match=r"name must be one of geometry, .* page, code, got 'film'"
    ):
        view.export("film")


def test_the_view_is_written_to_a_file(view: CompareExplorer, tmp_path: Path) -> None:
    share.page(view, tmp_path / "page.html")
    assert "three" in (tmp_path / "page.html").read_text()
    view.save(tmp_path / "view.py")
    assert (tmp_path / "view.py").read_text() == view.code()
    with pytest.raises(ValueError, match=r"must end in \.xyz, .*\.html, \.py, got .*view.txt"):
        view.save(tmp_path / "view.txt")


def test_a_figure_has_the_spectra_of_the_amplitude(view: CompareExplorer) -> None:
    view.amplitude = 0.25
    figure = view.figure()
    _, *charts = [axes for part in figure.subfigs for axes in part.axes]
    assert [axes.get_title() for axes in charts] == ["two", "three"]
    points = [line.get_xydata() for line in charts[0].lines if line.get_label() == "sensitive"]
    np.testing.assert_allclose(np.sort(points[0][:, 1]), np.sort(drawn(view, 0)))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["rattle", "whitened", "raw"])
def test_the_script_prints_the_numbers_on_the_screen(tmp_path: Path, metric: str) -> None:
    view = CompareExplorer(structures.load("X0"), ["dscribe-soap", "3"], centers=[0], metric=metric)
    view.select("order 3", 4)
    view.amplitude = 0.13
    file = tmp_path / "comparison.py"
    file.write_text(view.code())
    run = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True)
    first, responses, *spectra = re.sub(r"\n +", " ", run.stdout).strip().splitlines()
    assert known(view).status in first
    numbers = [float(each) for each in re.findall(r"[\d.]+(?:e-?\d+)?", responses)]
    pattern = known(view).modes("order 3").displacements[4]
    expected = [each.relative for each in known(view).responses(pattern)]
    np.testing.assert_allclose(numbers, expected, rtol=1e-6)
    for place, line in enumerate(spectra):
        printed = [float(each) for each in line[line.index("[") + 1 : -1].split()]
        assert view.shown is not None
        np.testing.assert_allclose(printed, view.shown.relative[place], rtol=1e-6, atol=1e-10)


class Bare:
    """A descriptor that does not say how to make it."""

    cutoff, inversion_invariant = TWO.cutoff, True
    features, gradients = TWO.features, TWO.gradients

    def __init__(self, table: Any) -> None: ...


def shells(atoms: Atoms) -> np.ndarray:
    return np.asarray(1 / (1 + atoms.get_all_distances()))


def test_a_script_with_an_own_descriptor_asks_for_it() -> None:
    code = CompareExplorer("H2O", {"own": Function(shells, cutoff=4.0), "two": TWO}).code()
    assert "'own': Function(shells, cutoff=4.0)," in code
    compile(code, "comparison.py", "exec")
    code = CompareExplorer("H2O", {"bare": Bare(None), "three": THREE}).code()  # type: ignore[dict-item]
    assert "'bare': ...," in code
    assert "Define your descriptors in this script, in place of the three dots." in code
    compile(code, "comparison.py", "exec")


def run_script(code: str, file: Path) -> subprocess.CompletedProcess[str]:
    file.write_text(code)
    return subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_script_without_modes_or_without_values_runs(tmp_path: Path) -> None:
    apart = Atoms("H2", [[0, 0, 0], [0, 0, 50]])
    alone = CompareExplorer(apart, ["2", "3"])
    assert alone.lists["mode"].options == (("none", 0),)
    run = run_script(alone.code(), tmp_path / "alone.py")
    assert (run.returncode, run.stderr) == (0, "")
    assert known(alone).status in run.stdout
    length = 0.7
    close = CompareExplorer(Atoms("H2", [[0, 0, 0], [0, 0, length]]), ["2", "3"])
    for close.amplitude in (-length / 2, length / 2):  # at one of them the atoms coincide
        if close.shown is None:
            break
    assert "Atoms overlap" in sentence(close)
    run = run_script(close.code(), tmp_path / "close.py")
    assert (run.returncode, run.stderr) == (0, "")
    assert "# There are no singular values at" in close.code()


@pytest.mark.slow
def test_a_script_asks_for_a_function_that_cannot_be_imported(tmp_path: Path) -> None:
    def local(atoms: Atoms) -> np.ndarray:
        return shells(atoms)

    for function in (local, lambda atoms: 1 / (1 + atoms.get_all_distances())):
        own = Function(function, cutoff=4.0)
        for view in (CompareExplorer("H2O", {"own": own, "two": TWO}), Explorer("H2O", own)):
            view.wait()
            code = view.code()
            run = run_script(code, tmp_path / "own.py")
            assert run.returncode == 1
            assert run.stderr.startswith("Define your descriptor")


# Computing


class Slow(DensityCorrelations):
    """A descriptor that takes its time."""

    effort = 20.0

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        time.sleep(0.2)
        return super().gradients(atoms, centers=centers)


SLOW = {"slow": Slow(2, 3.0, 3, 3), "three": THREE}


def test_the_comparison_is_computed_in_the_background_with_progress() -> None:
    async def use() -> CompareExplorer:
        view = CompareExplorer("X0", SLOW)
        assert view.busy
        assert view.comparison is None
        assert view.descriptors == ()
        assert view.panel.cancel.layout.display != "none"
        view.amplitude = 0.2  # kept, and the atoms rest meanwhile
        np.testing.assert_array_equal(view.molecule.sent[0], view.structure.positions)
        with pytest.raises(ValueError, match="not compared yet"):
            view.export("code")
        said = set()
        while view.busy:
            said.add(message(view))
            await asyncio.sleep(0.01)
        assert any("slow: " in text for text in said)
        return view

    view = asyncio.run(use())
    assert known(view).names == ("slow", "three")
    assert view.amplitude == 0.2
    moved = known(view).atoms.positions + 0.2 * view._place(0.0)[1]
    np.testing.assert_allclose(view.molecule.sent[0], moved, atol=1e-12)
    assert view.shown is not None
    assert view.shown.amplitude == 0.2


def test_choices_made_meanwhile_are_kept_or_refused() -> None:
    async def use(mode: int) -> CompareExplorer:
        view = CompareExplorer("X0", SLOW)
        assert view.busy
        with pytest.raises(ValueError, match="of must be one of slow, three, got 'nonsense'"):
            view.select("nonsense", 77)
        with pytest.raises(ValueError, match="mode must be one of 0 to 14, got 77"):
            view.select("three", 77)
        with pytest.raises(ValueError, match="amplitude must be a number from"):
            view.amplitude = 0.9
        view.select("three", mode)
        while view.busy:
            await asyncio.sleep(0.01)
        return view

    view = asyncio.run(use(3))
    assert (view.of, view.mode, view.amplitude) == ("three", 3, 0.0)
    view = asyncio.run(use(12))
    assert view.of == "slow"
    assert message(view).startswith(
        f"There is no mode 12 of three; mode {view.mode} of slow is shown."
    )
    view.amplitude = 0.2  # made when nothing is computed: another comparison starts anew
    view.metric = "raw"
    assert view.amplitude == 0.0


def test_the_computation_can_be_cancelled() -> None:
    async def use() -> CompareExplorer:
        view = CompareExplorer("X0", SLOW)
        view.panel.cancel.click()
        while view.busy:
            await asyncio.sleep(0.01)
        return view

    view = asyncio.run(use())
    assert view.comparison is None
    assert "ancelled" in message(view)
    assert [text.get_text() for text in view.chart.figure.texts] == ["no comparison"]
    view.descriptors = ORDERS  # it goes on
    assert known(view).names == ("two", "three")


def test_a_comparison_that_fails_does_not_stop_the_one_before() -> None:
    async def use() -> CompareExplorer:
        view = CompareExplorer("X0", SLOW)
        assert view.busy
        with view.attempting:  # as a control does
            view.centers = [99]
        while view.busy:
            await asyncio.sleep(0.01)
        return view

    view = asyncio.run(use())
    assert known(view).names == ("slow", "three")
    assert view.centers == (0,)


def test_a_comparison_that_is_cancelled_early_keeps_the_spectra() -> None:
    asked: list[Any] = []

    async def use() -> CompareExplorer:
        view = CompareExplorer("X0", SLOW)
        while view.busy:
            if "causes" in message(view) and not asked:
                asked.append(view.cancel())
            await asyncio.sleep(0.01)
        return view

    view = asyncio.run(use())
    assert known(view).ending == "cancelled"
    assert "Cancelled: the causes of 2 of 2 are unknown." in sentence(view)
    assert "internal" in [label.rpartition(", ")[2] for label, _ in view.lists["mode"].options]


def test_spectra_of_slow_descriptors_follow_when_the_atoms_rest() -> None:
    async def use() -> CompareExplorer:
        view = CompareExplorer("X0", SLOW)
        while view.busy:
            await asyncio.sleep(0.01)
        start = time.perf_counter()
        for stop in range(51, 61):
            view.slider.index = stop
        assert time.perf_counter() - start < 1.0  # although ten spectra take two seconds
        assert "the singular values are being computed" in sentence(view)
        pattern = view._place(0.0)[1]
        moved = known(view).atoms.positions + 0.1 * pattern
        np.testing.assert_allclose(view.molecule.sent[0], moved)
        while view.busy:
            await asyncio.sleep(0.01)
        return view

    view = asyncio.run(use())
    assert "At +0.10 Å the change along the arrows" in sentence(view)
    atoms = known(view).atoms.copy()
    atoms.positions = view.molecule.sent[0]
    found = known(view).spectra_at(atoms)[0]
    np.testing.assert_allclose(drawn(view, 0), at_zero(view, found.relative[:9]), rtol=1e-9)
