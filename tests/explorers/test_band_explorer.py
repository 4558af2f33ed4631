"""The explorer of bands without a browser: waves in supercells, what it sends, says and refuses."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path as FilePath
from statistics import median
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene, molecule
from ase.io import read as ase_read
from matplotlib.backend_bases import MouseEvent
from matplotlib.figure import Figure
from panel import TOOLBAR, sentence
from PIL import Image

from sensitivity import Cancelled, DensityCorrelations, bands, jacobian, share
from sensitivity.bands.study import Study
from sensitivity.bands.supercell import find_supercell
from sensitivity.descriptors import Descriptor
from sensitivity.explorers import BandExplorer
from sensitivity.explorers.bands.band_chart import NEAR
from sensitivity.explorers.parts.molecule import ARROWS, LOAD
from sensitivity.plots.bands_plot import wave_heights
from sensitivity.share.pages import make_page

pytestmark = TOOLBAR

DESCRIPTOR = DensityCorrelations(cutoff=3.0, n_max=4, l_max=3)
DIAMOND = bulk("C")
QUARTER, ODD = 3, 4
"""Wave vectors of the explorer below: one that fits a small supercell, and one that fits none."""

SINGLE = float(32 * np.finfo(np.float32).eps)
"""Å: coordinates of some ten Å are sent in single precision."""


@pytest.fixture
def view() -> BandExplorer:
    q = [[x, 0, x] for x in (0, 0.1, 0.2, 0.25, 0.3141, 0.5)]
    q[ODD][1] = 0.1
    return BandExplorer(DIAMOND, DESCRIPTOR, path=q)


@pytest.fixture
def sent(view: BandExplorer, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    messages: list[tuple[Any, Any]] = []

    def send(content: Any, buffers: Any = None) -> None:
        messages.append((content, buffers))

    monkeypatch.setattr(view.molecule.widget, "send", send)
    return messages


def positions(message: tuple[Any, Any]) -> dict[Any, np.ndarray]:
    content, buffers = message
    return {
        name: np.frombuffer(buffer, dtype="f4").reshape(-1, 3).astype(float)
        for name, buffer in zip(content["data"], buffers, strict=True)
    }


def act(kind: str, view: BandExplorer, number: int, band: int, *, up: float = 0.0) -> None:
    """Press, or move, the mouse at a wave, or some pixels above it."""
    chart = view.chart
    assert view.bands is not None
    place = view.bands.distance[number], wave_heights(view.bands)[number, band]
    x, y = chart.axes.transData.transform(place)
    button = 1 if kind == "button_press_event" else None
    event = MouseEvent(kind, chart.figure.canvas, x, y + up, button=button)  # type: ignore[arg-type]
    chart.figure.canvas.callbacks.process(kind, event)


def click(view: BandExplorer, number: int, band: int) -> None:
    act("button_press_event", view, number, band)


# Waves


@pytest.mark.parametrize("band", range(6))
def test_the_displacement_has_the_singular_value_of_the_wave(view: BandExplorer, band: int) -> None:
    view.select(QUARTER, band)
    assert view.waves is not None
    pattern = view._place(0.0)[1]
    size = np.linalg.norm(jacobian(view.supercell.atoms, DESCRIPTOR).dense() @ pattern.ravel())
    value = view.waves.singular_values[band] * np.linalg.norm(pattern)
    np.testing.assert_allclose(size, value, atol=1e-8)


def test_an_invisible_wave_does_not_change_the_features_to_first_order(view: BandExplorer) -> None:
    assert view.bands is not None
    changes, step = [], 1e-3
    for band in (0, int(view.bands.rank[QUARTER])):
        view.select(QUARTER, band)
        cell, rest = view.supercell.atoms, DESCRIPTOR.features(view.supercell.atoms)
        moved = cell.copy()
        (moved.positions,), _ = view._place(step)
        changes.append(float(np.abs(DESCRIPTOR.features(moved) - rest).max()))
    assert view.waves is not None
    assert view.waves.causes[view.band] == "symmetry"
    assert changes[1] < 0.05 * changes[0]


def test_a_click_moves_the_supercell_along_the_wave(
    view: BandExplorer, sent: list[tuple[Any, Any]]
) -> None:
    view.amplitude = 0.3
    click(view, 5, 0)
    sent.clear()
    click(view, QUARTER, 1)
    assert (view.wave_vector, view.band) == (QUARTER, 1)
    loads = [content for content, _ in sent if content["type"] == LOAD]
    assert len(loads) == 1
    last = positions(sent[-1])
    cell, pattern = view.supercell.atoms, view._place(0.0)[1]
    np.testing.assert_allclose(last[0], cell.positions + 0.3 * pattern, atol=SINGLE)
    assert np.linalg.norm(pattern, axis=1).max() == pytest.approx(1.0)
    start, end = last[ARROWS].reshape(2, -1, 3)
    assert np.linalg.norm(end - start, axis=1).max() == pytest.approx(1.0, abs=SINGLE)


def test_another_band_of_the_same_wave_vector_only_moves_the_atoms(
    view: BandExplorer, sent: list[tuple[Any, Any]]
) -> None:
    click(view, QUARTER, 0)
    sent.clear()
    click(view, QUARTER, 4)
    assert view.band == 4
    assert {content["type"] for content, _ in sent} == {"binary_single"}


def test_a_click_takes_less_than_a_third_of_a_second() -> None:
    view = BandExplorer("Si-diamond", DensityCorrelations(cutoff=4.5), path="GXWKGL")
    times = []
    for number in range(0, 100, 5):
        start = time.perf_counter()
        click(view, number, number % 6)
        times.append(time.perf_counter() - start)
    assert median(times) < 0.1  # the page takes the rest


def test_both_ends_of_the_path_can_be_clicked_on(view: BandExplorer) -> None:
    for number in (0, 5):
        click(view, number, 0)
        assert (view.wave_vector, view.band) == (number, 0)


def test_sliders_choose_the_wave_and_follow_the_choice(view: BandExplorer) -> None:
    view.sliders["wave_vector"].index = 5
    view.sliders["band"].index = 3
    assert (view.wave_vector, view.band) == (5, 3)
    click(view, QUARTER, 0)
    assert [view.sliders[name].index for name in ("wave_vector", "band")] == [QUARTER, 0]
    assert view.chart.point.get_data()[0][0] == view.chart.found.distance[QUARTER]  # type: ignore[union-attr]


def test_the_amplitude_moves_the_atoms_to_both_sides_and_reset_returns_to_the_crystal(
    view: BandExplorer,
) -> None:
    crystal, pattern = view.supercell.atoms.positions, view._place(0.0)[1]
    for stop, amplitude in ((0, -0.5), (100, 0.5), (50, 0.0), (80, 0.3)):
        view.slider.index = stop
        assert view.amplitude == pytest.approx(amplitude)
        np.testing.assert_allclose(view.molecule.sent[0], crystal + amplitude * pattern)
    chosen = view.wave_vector, view.band
    view.controls.reset.click()
    assert (view.amplitude, view.wave_vector, view.band) == (0.0, *chosen)
    np.testing.assert_allclose(view.molecule.sent[0], crystal)


def test_the_direction_of_the_view_stays_in_another_supercell(view: BandExplorer) -> None:
    view.look("y")
    before = view.molecule.camera
    click(view, 5, 0)
    after = view.molecule.camera
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(before.view, after.view)


def test_the_film_starts_at_the_crystal_and_its_stop_button_returns_there(
    view: BandExplorer,
) -> None:
    seen = []
    for step in (0, 50, 100, 150, 199, 0):
        view.film.value = step
        seen.append(round(view.amplitude, 2))
    assert seen == [0.0, 0.5, 0.0, -0.5, -0.01, 0.0]
    view.amplitude = -0.2
    assert view.film.value in (120, 180)


# Texts


def test_a_sentence_has_the_value_and_the_cause(view: BandExplorer) -> None:
    click(view, QUARTER, 0)
    assert view.bands is not None
    value = view.bands.singular_values[QUARTER, 0]
    assert f"q = (0.25, 0, 0.25), band 0: visible, singular value {value:.2g} 1/Å." in sentence(
        view
    )
    assert "in which it is periodic: " in sentence(view)
    click(view, QUARTER, int(view.bands.rank[QUARTER]))
    assert "invisible by symmetry, singular value " in sentence(view)
    click(view, 0, 5)
    assert "a translation of all atoms" in sentence(view)


def test_a_wave_that_fits_no_supercell_is_said(view: BandExplorer) -> None:
    click(view, ODD, 0)
    said = sentence(view)
    assert "q = (0.314, 0.1, 0.314), band 0: visible" in said
    assert (
        "Shown is the nearest wave whose wave vector has a common denominator of at most 24" in said
    )
    q = find_supercell(np.array([0.3141, 0.1, 0.3141]), DIAMOND).q
    assert f"There, q = ({q[0]:.3g}, {q[1]:.3g}, {q[2]:.3g}), band 0: visible" in said


@pytest.mark.parametrize("band", [0, 5])
def test_the_pointer_on_a_wave_tells_its_wave_vector_value_and_cause(
    view: BandExplorer, band: int
) -> None:
    act("motion_notify_event", view, QUARTER, band)
    assert view.bands is not None
    (note,) = [text for text in view.chart.figure.texts if text.get_gid() == "note"]
    value = f"{view.bands.singular_values[QUARTER, band]:.2g} 1/Å"
    seen = value if band == 0 else "invisible, symmetry"
    assert note.get_text() == f"q = (0.25, 0, 0.25), band {band}\n{seen}"
    act("motion_notify_event", view, QUARTER, 0, up=-2 * NEAR)
    assert [text for text in view.chart.figure.texts if text.get_gid() == "note"] == []


def test_causes_of_the_chart_are_those_of_the_waves() -> None:
    small = DensityCorrelations(cutoff=4.5, n_max=1, l_max=0)
    view = BandExplorer("Si-diamond", small, path="GK", points=7)
    assert view.bands is not None
    for number, q in enumerate(view.bands.q):
        assert list(view.bands.waves(q).causes) == view.chart._causes[number]
    assert "truncation" in view.chart._causes[3]


# Files


def test_the_shared_page_is_that_of_its_bands(
    view: BandExplorer, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, bytes] = {}
    monkeypatch.setattr(view.page, "download", files.__setitem__)
    view.export("page")
    view.wait()
    assert files["bands.html"].decode() == make_page(view.bands)
    share.page(view, tmp_path / "bands.html")
    assert (tmp_path / "bands.html").read_bytes() == files["bands.html"]
    view.save(tmp_path / "bands.extxyz")
    assert len(ase_read(tmp_path / "bands.extxyz")) == len(view.supercell.atoms)
    with pytest.raises(ValueError, match=r"must end in \.xyz, \.extxyz, .*\.html, got .*a\.csv"):
        view.save(tmp_path / "a.csv")


def test_bands_that_are_not_known_are_not_shared(view: BandExplorer) -> None:
    view._bands = None
    with pytest.raises(ValueError, match="share them when they are computed"):
        view.export("page")


def test_files_have_the_wave(view: BandExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, bytes] = {}
    monkeypatch.setattr(view.page, "download", files.__setitem__)
    view.select(QUARTER, 2)
    view.amplitude = 0.25
    for name in ("geometry", "trajectory", "png", "gif"):
        view.export(name)
        view.wait()
    assert [*files] == ["bands.extxyz", "bands.png", "bands.gif"]
    frames = ase_read(io.StringIO(files["bands.extxyz"].decode()), ":", format="extxyz")
    assert len(frames) == 21
    cell, pattern = view.supercell.atoms, view._place(0.0)[1]
    for frame in frames:
        assert frame.pbc.all()
        np.testing.assert_allclose(frame.cell.array, cell.cell.array, atol=1e-6)
        moved = cell.positions + frame.info["amplitude"] * pattern
        np.testing.assert_allclose(frame.positions, moved, atol=1e-6)
        np.testing.assert_allclose(frame.info["q"], [0.25, 0, 0.25])
        assert frame.info["band"] == 2
    assert Image.open(io.BytesIO(files["bands.gif"])).n_frames > 20  # type: ignore[attr-defined]
    assert isinstance(view.figure(), Figure)
    assert view._notes[0]["amplitude"] == 0.25


# Computing


class Slow(DensityCorrelations):
    """A descriptor whose bands take a second."""

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        time.sleep(0.2)
        return super().gradients(atoms, centers=centers)


def test_bands_are_computed_in_the_background_with_progress() -> None:
    async def use() -> BandExplorer:
        view = BandExplorer(DIAMOND, Slow(cutoff=3.0, n_max=3, l_max=3), path="GX", points=9)
        assert view.busy
        assert view.bands is None
        assert view.panel.cancel.layout.display != "none"
        view.wave_vector, view.amplitude = 8, 0.2  # the atoms rest meanwhile
        np.testing.assert_array_equal(view.molecule.sent[0], view.supercell.atoms.positions)
        said = set()
        while view.busy:
            said.add(view.panel.message.value)
            await asyncio.sleep(0.01)
        assert any("gradients of 1 of 2 centers" in text for text in said)
        return view

    view = asyncio.run(use())
    expected = bands(
        DIAMOND, DensityCorrelations(cutoff=3.0, n_max=3, l_max=3), path="GX", points=9
    )
    assert view.bands is not None
    np.testing.assert_allclose(view.bands.singular_values, expected.singular_values, atol=1e-12)
    assert not np.array_equal(view.molecule.sent[0], view.supercell.atoms.positions)


def test_the_computation_can_be_cancelled() -> None:
    async def use() -> BandExplorer:
        view = BandExplorer(DIAMOND, Slow(cutoff=3.0, n_max=3, l_max=3), path="GX", points=9)
        view.panel.cancel.click()
        while view.busy:
            await asyncio.sleep(0.01)
        return view

    view = asyncio.run(use())
    assert view.bands is None
    assert "ancelled" in view.panel.message.value
    view.amplitude = 0.3
    np.testing.assert_array_equal(view.molecule.sent[0], view.supercell.atoms.positions)
    assert [text.get_text() for text in view.chart.figure.texts] == ["no bands"]


def test_a_cancelled_computation_keeps_the_wave_vectors_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts: list[BandExplorer] = []
    decompose = Study.decompose

    def watched(study: Study, q: np.ndarray) -> Any:
        parts[0].cancel()
        return decompose(study, q)

    monkeypatch.setattr(Study, "decompose", watched)

    async def use() -> BandExplorer:
        view = BandExplorer(DIAMOND, Slow(cutoff=3.0, n_max=3, l_max=3), path="GX", points=100)
        parts.append(view)
        while view.busy:
            await asyncio.sleep(0.01)
        return view

    view = asyncio.run(use())
    assert view.bands is not None
    assert 0 < len(view.bands.q) < 100
    assert "Cancelled early." in view.panel.message.value
    view.select(99, 0)  # a wave of any wave vector can be shown
    assert "q = (0.5, 0, 0.5), band 0: visible" in sentence(view)
    assert not view.chart.point.get_visible()


def test_bands_without_a_wave_vector_leave_the_chart_empty(view: BandExplorer) -> None:
    def stop(text: str) -> None:
        if text.startswith("0 of"):
            raise Cancelled

    found = bands(DIAMOND, DESCRIPTOR, path="GX", progress=stop)
    assert len(found.q) == 0
    view._learn(found)
    for kind in ("button_press_event", "motion_notify_event"):
        event = MouseEvent(kind, view.chart.figure.canvas, 200, 200, button=1)  # type: ignore[arg-type]
        view.chart.figure.canvas.callbacks.process(kind, event)
    assert not view.chart.point.get_visible()
    assert view.panel.message.value.count("Cancelled before the first wave vector.") == 1


class Fragile(DensityCorrelations):
    """A descriptor that has no gradients."""

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        time.sleep(0.3)
        raise ValueError("the features have a <kink>")


def test_an_error_is_raised_before_the_explorer_is_shown_and_said_afterwards() -> None:
    with pytest.raises(ValueError, match="the features have a <kink>"):
        BandExplorer(DIAMOND, Fragile())

    async def use() -> str:
        view = BandExplorer(DIAMOND, Fragile())
        while view.busy:
            await asyncio.sleep(0.01)
        return str(view.panel.message.value)

    assert "The features have a &lt;kink&gt;." in asyncio.run(use())


@pytest.mark.parametrize(
    ("crystal", "descriptor", "path", "message"),
    [
        (molecule("CH4"), DESCRIPTOR, None, "bands need a crystal"),
        ("CH4", DESCRIPTOR, None, "bands need a crystal"),
        (7, DESCRIPTOR, None, "a structure must be ase.Atoms or a name"),
        (DIAMOND, "soap", None, "descriptor"),
        (DIAMOND, DESCRIPTOR, "GQ", "path must name special points"),
    ],
)
def test_wrong_arguments(crystal: Any, descriptor: Any, path: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        BandExplorer(crystal, descriptor, path=path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("wave_vector", 6, "wave_vector must be one of 0 to 5, got 6"),
        ("band", -1, "band must be one of 0 to 5, got -1"),
        ("amplitude", 0.6, "amplitude must be a number from -0.5 to 0.5 Å, got 0.6"),
        ("bands", None, "'bands' of BandExplorer cannot be set"),
        ("q", 1, "'q' of BandExplorer does not exist"),
    ],
)
def test_what_cannot_be_set_is_refused(
    view: BandExplorer, name: str, value: Any, message: str
) -> None:
    with pytest.raises((ValueError, AttributeError), match=message):
        setattr(view, name, value)


def test_a_layer_and_a_wire_have_bands() -> None:
    wire = Atoms("HF", [[0, 0, 0], [0.4, 0, 1.0]], cell=[9, 9, 2.1], pbc=[False, False, True])
    look: Descriptor = DensityCorrelations(cutoff=2.5, n_max=3, l_max=3)
    for atoms in (graphene(vacuum=4.0), wire):
        view = BandExplorer(atoms, look, points=11)
        view.select(5, 0)
        assert view.supercell.atoms.pbc.tolist() == atoms.pbc.tolist()
        assert "visible" in sentence(view)


@pytest.mark.parametrize(
    ("wave_vector", "band", "name"),
    [(1000, 0, "wave_vector"), (-1, 0, "wave_vector"), (2, 77, "band"), (2, -1, "band")],
)
def test_a_wave_that_does_not_exist_is_refused_and_changes_nothing(
    view: BandExplorer, wave_vector: int, band: int, name: str
) -> None:
    view.wait()
    before = view.wave_vector, view.band, view.waves
    with pytest.raises(ValueError, match=f"{name} must be one of 0 to 5, got"):
        view.select(wave_vector, band)
    assert (view.wave_vector, view.band, view.waves) == before
    view.select(1, 2)
    assert view.waves is not None
    assert view.waves.q == pytest.approx([0.1, 0, 0.1])
