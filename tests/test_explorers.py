"""The explorer without a browser: what it sends, what its lines show, what it refuses."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from matplotlib.backend_bases import MouseEvent

from sensitivity import DensityCorrelations, spectrum
from sensitivity.explorers import Explorer, canvas, displacement
from sensitivity.explorers.chart import BAND
from sensitivity.explorers.molecule import ARROWS, READY

# ipympl 0.10 hands its toolbar an argument that traitlets does not want; it works all the same.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:Passing unrecognized arguments to super\(Toolbar\):DeprecationWarning"
)

DESCRIPTOR = DensityCorrelations(order=2, cutoff=3.0, n_max=4, l_max=4)

SINGLE = 4 * np.finfo(np.float32).eps
"""Å: coordinates of a few Å are sent in single precision."""


class Fragile:
    """A descriptor that has no features where two atoms are closer than 0.5 Å."""

    def __getattr__(self, name: str) -> Any:
        return getattr(DESCRIPTOR, name)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        if atoms.get_all_distances()[np.triu_indices(len(atoms), 1)].min() < 0.5:
            raise ValueError("two atoms are closer than <0.5 Å>")
        return DESCRIPTOR.gradients(atoms, centers=centers)


class Post:
    """What the molecule's widget sends to the browser."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.messages.append((content, list(buffers or [])))

    def last(self) -> tuple[np.ndarray, np.ndarray]:
        """Atoms (N, 3) and arrows (2, N, 3) of the last message."""
        content, (atoms, arrows) = self.messages[-1]
        assert content["type"] == "binary_single"
        assert list(content["data"]) == [0, ARROWS]
        read = [np.frombuffer(buffer, dtype="f4").astype(float) for buffer in (atoms, arrows)]
        return read[0].reshape(-1, 3), read[1].reshape(2, -1, 3)


@pytest.fixture
def methane() -> Atoms:
    return molecule("CH4")


@pytest.fixture
def explorer(methane: Atoms) -> Explorer:
    return Explorer(methane, DESCRIPTOR, centers=[0])


@pytest.fixture
def post(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> Post:
    post = Post()
    monkeypatch.setattr(explorer.molecule.widget, "send", post.send)
    return post


def drawn(explorer: Explorer) -> np.ndarray:
    """Heights of all markers, in the order of the modes."""
    points = [line.get_xydata() for line in explorer.chart.values.values()]
    ordered = sorted(tuple(point) for line in points for point in line)
    return np.array(ordered)[:, 1]


def heights(values: np.ndarray, explorer: Explorer) -> np.ndarray:
    """Where singular values belong on the axis: zeros below the threshold of the reference."""
    zero = explorer.reference.zero_level
    return np.where(values > zero, values, zero / BAND)


@pytest.mark.parametrize("amplitude", [0.2, -0.31, 0.0])
def test_the_atoms_sent_are_the_reference_moved_along_the_mode(
    methane: Atoms, explorer: Explorer, post: Post, amplitude: float
) -> None:
    explorer.amplitude = 0.1
    explorer.amplitude = amplitude
    atoms, arrows = post.last()
    expected = methane.positions + amplitude * explorer.reference.modes[explorer.mode]
    np.testing.assert_allclose(atoms, expected, atol=SINGLE)
    np.testing.assert_allclose(arrows[0], expected, atol=SINGLE)


def test_arrows_point_along_the_mode_and_can_be_hidden(explorer: Explorer, post: Post) -> None:
    explorer.mode = 0
    start, end = post.last()[1]
    pattern = explorer.reference.modes[0]
    longest = np.linalg.norm(pattern, axis=1).max()
    np.testing.assert_allclose(
        end - start, displacement.ARROW_LENGTH * pattern / longest, atol=4 * SINGLE
    )
    explorer.arrows = False
    start, end = post.last()[1]
    np.testing.assert_array_equal(start, end)


def test_the_reference_is_not_changed(methane: Atoms, explorer: Explorer) -> None:
    before = methane.positions.copy()
    explorer.amplitude = 0.4
    np.testing.assert_array_equal(methane.positions, before)
    np.testing.assert_array_equal(explorer.reference.atoms.positions, before)


@pytest.mark.parametrize(("mode", "amplitude"), [(8, 0.2), (3, -0.3), (10, 0.4)])
def test_the_markers_are_the_spectrum_of_the_displaced_structure(
    methane: Atoms, explorer: Explorer, mode: int, amplitude: float
) -> None:
    before = drawn(explorer)
    explorer.mode, explorer.amplitude = mode, amplitude
    moved = methane.copy()
    moved.positions += amplitude * explorer.reference.modes[mode]
    values = spectrum(moved, DESCRIPTOR, centers=[0]).singular_values
    assert drawn(explorer) == pytest.approx(heights(values, explorer), rel=1e-12)
    (x,), (y,) = explorer.chart.chosen.get_data()
    assert (x, y) == (mode, drawn(explorer)[mode])
    assert not np.allclose(before, drawn(explorer))
    np.testing.assert_array_equal(explorer.chart.before.get_ydata(), before)


def test_the_traces_are_spectra_along_the_mode(methane: Atoms, explorer: Explorer) -> None:
    explorer.mode = 5
    amplitudes = explorer.chart.traces[0].get_xdata()
    assert 0.0 in amplitudes
    for k in (0, 7, len(amplitudes) - 1):
        moved = methane.positions + amplitudes[k] * explorer.reference.modes[5]
        atoms = Atoms(methane.numbers, moved)
        values = spectrum(atoms, DESCRIPTOR, centers=[0]).singular_values
        shown = np.array([line.get_ydata()[k] for line in explorer.chart.traces])
        assert shown == pytest.approx(heights(values, explorer), rel=1e-12)


def test_the_first_mode_is_the_least_visible_internal_one(explorer: Explorer) -> None:
    internal = explorer.reference.kinds.count("internal")
    assert explorer.mode == internal - 1 == 8
    assert "vanishes" in explorer.controls.sentence.value


def test_the_sentence_says_what_a_mode_is(explorer: Explorer) -> None:
    explorer.mode = 0
    value = explorer.reference.singular_values[0]
    assert f"singular value is {value:.1e}/Å" in explorer.controls.sentence.value
    explorer.mode = 14
    assert "translation" in explorer.controls.sentence.value
    assert explorer.state.spectrum.status in explorer.controls.sentence.value


def test_unseen_atoms_are_called_unseen() -> None:
    far = Atoms("CHHe", [[0, 0, 0], [0, 0, 1.1], [0, 0, 9]])
    explorer = Explorer(far, DESCRIPTOR, centers=[0])
    explorer.mode = explorer.reference.kinds.index("unseen")
    assert "no chosen center" in explorer.controls.sentence.value


def test_the_atoms_move_before_the_spectrum_is_computed(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(explorer.molecule.widget, "send", lambda *_, **__: order.append("atoms"))

    def computed(*arguments: Any, **keywords: Any) -> Any:
        order.append("spectrum")
        return spectrum(*arguments, **keywords)

    monkeypatch.setattr(displacement, "spectrum", computed)
    explorer.amplitude = 0.1
    assert order == ["atoms", "spectrum"]


def test_controls_and_attributes_follow_each_other(explorer: Explorer) -> None:
    explorer.mode, explorer.amplitude, explorer.arrows = 3, 0.25, False
    controls = explorer.controls
    shown = controls.mode.value, controls.amplitude.value, controls.arrows.value
    assert shown == (3, 0.25, False)
    controls.mode.value, controls.amplitude.value, controls.arrows.value = 4, -0.1, True
    assert (explorer.mode, explorer.amplitude, explorer.arrows) == (4, -0.1, True)
    assert explorer.state.amplitude == -0.1


def test_the_slider_does_not_round_an_amplitude_set_from_python(explorer: Explorer) -> None:
    explorer.amplitude = 0.1234
    assert explorer.amplitude == explorer.state.amplitude == 0.1234
    assert explorer.controls.amplitude.value == 0.12


def test_reset_goes_back_to_the_start(explorer: Explorer, post: Post, methane: Atoms) -> None:
    explorer.mode, explorer.amplitude, explorer.arrows = 3, 0.25, False
    explorer.controls.reset.click()
    assert (explorer.mode, explorer.amplitude, explorer.arrows) == (8, 0.0, True)
    moves = [message for message in post.messages if message[0]["type"] == "binary_single"]
    last = np.frombuffer(moves[-1][1][0], dtype="f4").reshape(-1, 3)
    np.testing.assert_allclose(last, methane.positions, atol=SINGLE)


def test_playing_swings_through_both_ends_and_back(explorer: Explorer) -> None:
    play = explorer.controls.play
    seen = []
    for step in range(play.min, play.max + 1):
        play.value = step
        seen.append(explorer.amplitude)
    assert seen[0] == 0
    assert max(seen) == -min(seen) == explorer.reach
    assert max(np.abs(np.diff([*seen, seen[0]]))) < 0.1


def click(explorer: Explorer, axes: int, x: float) -> None:
    figure = explorer.chart.figure
    figure.canvas.draw()
    target = figure.axes[axes]
    height = np.sqrt(np.prod(target.get_ylim()))
    place = target.transData.transform((x, height))
    figure.canvas.callbacks.process(
        "button_press_event", MouseEvent("button_press_event", figure.canvas, *place, button=1)
    )


def test_a_click_chooses_a_mode_or_an_amplitude(explorer: Explorer) -> None:
    click(explorer, 0, 3.2)
    assert explorer.mode == 3
    click(explorer, 1, 0.3)
    assert explorer.amplitude == pytest.approx(0.3, abs=0.011)


def test_an_error_becomes_a_sentence_and_the_explorer_goes_on() -> None:
    explorer = Explorer(molecule("H2"), Fragile())
    explorer.mode = 0
    end = explorer.reach
    closer = [a for a in (end, -end) if _distance(explorer, a) < 0.5]
    assert closer, "one end of the slider must bring the atoms together"
    explorer.amplitude = closer[0]
    assert explorer.state.spectrum is None
    assert "two atoms are closer than &lt;0.5 Å&gt;." in explorer.controls.sentence.value
    assert all(len(line.get_xdata()) == 0 for line in explorer.chart.values.values())
    assert np.isnan(explorer.chart.traces[0].get_ydata()).any()
    explorer.amplitude = -0.1 * closer[0]
    assert explorer.state.spectrum is not None
    assert "closer" not in explorer.controls.sentence.value
    assert len(drawn(explorer)) == 6


def _distance(explorer: Explorer, amplitude: float) -> float:
    atoms = displacement.displace(explorer.reference, mode=0, amplitude=amplitude)
    return float(atoms.get_distance(0, 1))


def test_no_step_leaves_a_remote_call_behind(explorer: Explorer, post: Post) -> None:
    archived = len(explorer.molecule.widget._ngl_msg_archive)
    for amplitude in np.linspace(-0.5, 0.5, 50):
        explorer.amplitude = amplitude
    assert len(explorer.molecule.widget._ngl_msg_archive) == archived
    assert {content["type"] for content, _ in post.messages} == {"binary_single"}
    assert len(post.messages) == 50


def test_a_view_that_comes_late_gets_the_atoms_as_they_are(explorer: Explorer, post: Post) -> None:
    explorer.amplitude = 0.2
    atoms, arrows = post.last()
    post.messages.clear()
    explorer.molecule.widget._handle_custom_msg({"type": READY}, [])
    np.testing.assert_array_equal(post.last()[0], atoms)
    np.testing.assert_array_equal(post.last()[1], arrows)


def test_in_a_notebook_a_new_mode_stops_the_trace_of_the_old_one(explorer: Explorer) -> None:
    async def choose_twice() -> None:
        explorer.mode = 0
        first = explorer._tracing
        explorer.mode = 1
        await asyncio.sleep(0.1)
        assert next(first, None) is None
        assert not np.isfinite(explorer.chart.traces[0].get_ydata()).all()
        for _ in range(600):
            await asyncio.sleep(0.05)
            if np.isfinite(explorer.chart.traces[0].get_ydata()).all():
                break

    asyncio.run(choose_twice())
    last = displacement.evaluate(
        explorer.reference,
        DESCRIPTOR,
        mode=1,
        amplitude=float(explorer.chart.traces[0].get_xdata()[-1]),
    )
    assert last.spectrum is not None
    assert explorer.chart.traces[0].get_ydata()[-1] == last.spectrum.singular_values[0]


def test_without_ipympl_the_chart_is_a_picture(
    methane: Atoms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canvas, "find_spec", lambda _: None)
    explorer = Explorer(methane, DESCRIPTOR, centers=[0])
    before = explorer.chart.widget.value
    explorer.amplitude = 0.3
    assert before[:8] == explorer.chart.widget.value[:8] == b"\x89PNG\r\n\x1a\n"
    assert before != explorer.chart.widget.value


def test_the_browser_has_the_javascript_that_the_molecule_asks_for(explorer: Explorer) -> None:
    shipped = Path(sys.prefix, "share/jupyter/labextensions/nglview-js-widgets/package.json")
    widget = explorer.molecule.widget
    version = json.loads(shipped.read_text())["version"]
    assert widget._model_module_version == widget._view_module_version == version


def test_it_is_shown_as_a_widget(explorer: Explorer) -> None:
    bundle = explorer._repr_mimebundle_()
    view = bundle["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.widget.model_id


@pytest.mark.parametrize("library", ["nglview", "ipywidgets"])
def test_a_missing_library_is_named_with_its_remedy(
    methane: Atoms, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError, match=rf"need {library}.*atomic-sensitivity\[lab\]"):
        Explorer(methane, DESCRIPTOR, centers=[0])


def test_unknown_keywords_are_refused(methane: Atoms) -> None:
    with pytest.raises(TypeError, match="center"):
        Explorer(methane, DESCRIPTOR, center=[0])  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mode", 15, "mode must be one of 0 to 14, got 15"),
        ("mode", -1, "mode must be one of 0 to 14, got -1"),
        ("amplitude", 5.0, r"amplitude must be between -0\.7 and 0\.7 Å, got 5\.0"),
        ("amplitude", float("nan"), "got nan"),
    ],
)
def test_what_does_not_exist_is_refused(
    explorer: Explorer, name: str, value: float, message: str
) -> None:
    before = getattr(explorer, name)
    with pytest.raises(ValueError, match=message):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before
    assert explorer.controls.amplitude.value == 0.0


def test_arrows_too_short_to_be_seen_have_no_length() -> None:
    pattern = np.array([[0.0, 0.0, 1.0], [0.01, 0.0, 0.0], [0.0, 0.0, 0.0]])
    start, end = displacement.arrow_ends(np.ones((3, 3)), pattern)
    np.testing.assert_array_equal(
        end - start, displacement.ARROW_LENGTH * np.diag([0, 0, 1])[[2, 0, 0]]
    )
