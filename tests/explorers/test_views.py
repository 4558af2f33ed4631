"""Path, twin and basis explorers without a browser: what they send, show and refuse."""

from __future__ import annotations

import asyncio
import io
import sys
import time
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from pathlib import Path as FilePath
from threading import Thread
from typing import Any, ClassVar

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import read as ase_read
from matplotlib.backend_bases import MouseEvent
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from panel import sentence
from PIL import Image
from selection import mostly_slow

from sensitivity import (
    DensityCorrelations,
    Path,
    Twin,
    convergence,
    find_twin,
    follow,
    share,
    spectrum,
    structures,
)
from sensitivity.descriptors import Descriptor
from sensitivity.explorers import (
    BasisExplorer,
    CompareExplorer,
    Explorer,
    PathExplorer,
    TwinExplorer,
)
from sensitivity.explorers.basis import basis_map
from sensitivity.explorers.parts import state
from sensitivity.explorers.parts.choices import Index, fold, name_lengths
from sensitivity.explorers.parts.figure_widget import FigureWidget
from sensitivity.explorers.parts.molecule import ARROWS, LOOK
from sensitivity.explorers.parts.motion_view import MotionChart, MotionView, Texts
from sensitivity.explorers.parts.scene import Body, Camera
from sensitivity.explorers.path import trajectory
from sensitivity.explorers.path.trajectory import coarse_to_fine
from sensitivity.explorers.twin import compare, list_orders
from sensitivity.plots.palette import SERIES
from sensitivity.share.pages import make_page
from sensitivity.structures import environment

# ipympl 0.10 hands its toolbar an argument that traitlets does not want; it works all the same.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:Passing unrecognized arguments to super\(Toolbar\):DeprecationWarning"
)

DESCRIPTOR = DensityCorrelations(order=2, cutoff=3.0, n_max=4, l_max=3)

SINGLE = float(8 * np.finfo(np.float32).eps)
"""Å: coordinates of a few Å are sent in single precision."""

ROUNDING = 1e-12
"""Å, and relative to features: a superposition turns coordinates to within this."""


class Post:
    """What a molecule's widget sends to the browser."""

    def __init__(self, view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []
        monkeypatch.setattr(view.molecule.widget, "send", self.send)

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.messages.append((content, list(buffers or [])))

    def moves(self) -> list[dict[Any, np.ndarray]]:
        """Of each message that moves the atoms, the coordinates by name."""
        return [
            {
                name: np.frombuffer(buffer, dtype="f4").astype(float).reshape(-1, 3)
                for name, buffer in zip(content["data"], buffers, strict=True)
            }
            for content, buffers in self.messages
            if content["type"] == "binary_single"
        ]

    def last(self) -> dict[Any, np.ndarray]:
        return self.moves()[-1]


class Fragile:
    """A descriptor that has no features where a bond is longer than 1.3 Å."""

    def __getattr__(self, name: str) -> Any:
        return getattr(DESCRIPTOR, name)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        if atoms.get_distances(0, range(1, len(atoms))).max() > 1.3:
            raise ValueError("a bond is <broken>")
        return DESCRIPTOR.gradients(atoms, centers=centers)


class Slow:
    """A descriptor that takes its time."""

    def __getattr__(self, name: str) -> Any:
        return getattr(DESCRIPTOR, name)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        time.sleep(0.02)
        return DESCRIPTOR.gradients(atoms, centers=centers)


class Closed:
    """A descriptor without anything that sees more."""

    cutoff, inversion_invariant, order = DESCRIPTOR.cutoff, True, None
    features, gradients = DESCRIPTOR.features, DESCRIPTOR.gradients

    def larger_basis(self) -> None:
        return None

    def higher_order(self) -> None:
        return None


@dataclass(frozen=True)
class Renamed(Descriptor):
    """Correlations whose settings have names of their own."""

    radial: int = 4
    angular: int = 3
    cutoff: float = 3.0
    inversion_invariant = True
    refinable = ("radial", "angular")
    limits: ClassVar = {"radial": (1, 4), "angular": (0, 3), "cutoff": (1.0, 5.0)}

    @property
    def same(self) -> DensityCorrelations:
        return DensityCorrelations(n_max=self.radial, l_max=self.angular, cutoff=self.cutoff)

    def features(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return self.same.features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return self.same.gradients(atoms, centers=centers)


class Nested(Closed):
    """A descriptor of order 2 that is followed by one of order 3."""

    def __init__(self, *, order: int) -> None:
        self.order = order  # type: ignore[assignment]

    def higher_order(self) -> Any:
        return Nested(order=3) if self.order == 2 else None


class Line(Renamed):
    """The same with one setting that enlarges the basis."""

    refinable = ("radial",)


def click(figure: Any, axes: Any, x: float, y: float) -> None:
    figure.canvas.draw()
    place = axes.transData.transform((x, y))
    event = MouseEvent("button_press_event", figure.canvas, *place, button=1)
    figure.canvas.callbacks.process("button_press_event", event)


def distances(atoms: Atoms) -> np.ndarray:
    """All distances, with the numbers of the atoms: equal for congruent structures."""
    i, j = np.triu_indices(len(atoms), 1)
    numbers = np.sort(np.stack([atoms.numbers[i], atoms.numbers[j]]), axis=0)
    table = np.stack([*numbers, atoms.get_all_distances()[i, j]])
    return table[:, np.lexsort((table[2], table[1], table[0]))]


def shuffled(atoms: Atoms, *, seed: int, mirror: bool = False) -> Atoms:
    """A copy that is turned and moved, like atoms exchanged, the first atom kept."""
    order = [0, *(1 + np.random.default_rng(seed).permutation(len(atoms) - 1))]
    copy = atoms[order]
    copy.rotate(70.0, (1.0, 2.0, -1.0))
    copy.translate((0.3, -1.0, 0.5))
    if mirror:
        copy.positions[:, 0] *= -1
    return copy


# Along a path.


@pytest.fixture(scope="module")
def path() -> Path:
    start = structures.load("S1")
    return follow(start, DESCRIPTOR, center=0, mode=8, length=0.3, step=0.05)


@pytest.fixture
def on_the_way(path: Path) -> PathExplorer:
    return PathExplorer(path)


@pytest.fixture
def post(on_the_way: PathExplorer, monkeypatch: pytest.MonkeyPatch) -> Post:
    return Post(on_the_way, monkeypatch)


@pytest.mark.parametrize("frame", [1, 4, 6])
def test_a_step_sends_the_frame_and_its_direction_in_one_message(
    on_the_way: PathExplorer, post: Post, path: Path, frame: int
) -> None:
    on_the_way.frame = frame
    (sent,) = post.moves()
    assert list(sent) == [0, ARROWS]
    positions = path.spectra[frame].atoms.positions
    assert sent[0] == pytest.approx(positions, abs=SINGLE)
    start, end = sent[ARROWS].reshape(2, -1, 3)
    assert start == pytest.approx(positions, abs=SINGLE)
    lengths = np.linalg.norm(end - start, axis=1)
    assert lengths.max() == pytest.approx(1.0, abs=SINGLE)
    shown = lengths > 0
    pattern = path.modes[frame] / np.linalg.norm(path.modes[frame], axis=1).max()
    assert (end - start)[shown] == pytest.approx(pattern[shown], abs=SINGLE)


def test_arrows_can_be_switched_off(on_the_way: PathExplorer, post: Post) -> None:
    on_the_way.controls.arrows.value = False
    start, end = post.last()[ARROWS].reshape(2, -1, 3)
    assert not on_the_way.arrows
    np.testing.assert_array_equal(start, end)


def test_the_lines_of_a_path_are_its_spectra_and_feature_distances(
    on_the_way: PathExplorer, path: Path
) -> None:
    for k in (1, 3, 6):
        found = spectrum(path.frames[k], DESCRIPTOR, centers=[0])
        internal = found.singular_values[: found.internal]
        lines, smallest = on_the_way.chart.values, on_the_way.chart.smallest
        drawn = [line.get_ydata()[k] for line in lines]
        assert drawn == pytest.approx(internal, rel=1e-9)
        assert smallest.get_ydata()[k] == min(drawn)
        start = DESCRIPTOR.features(path.frames[0], centers=[0])
        distance = np.linalg.norm(DESCRIPTOR.features(path.frames[k], centers=[0]) - start)
        assert on_the_way.chart.distance.get_ydata()[k] == pytest.approx(distance, rel=1e-9)
    np.testing.assert_array_equal(on_the_way.chart.distance.get_xdata(), path.length)
    assert smallest.get_linewidth() > lines[0].get_linewidth()


def test_nothing_is_computed_or_drawn_anew_while_scrubbing(
    on_the_way: PathExplorer, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(state, "spectrum", refuse)
    axes, lines = on_the_way.chart.figure.axes, on_the_way.chart.values
    for frame in (2, 5, 3):
        on_the_way.frame = frame
        assert [cursor.get_xdata()[0] for cursor in on_the_way.chart.cursors] == [
            on_the_way.trajectory.coordinate[frame]
        ] * 2
        upper, lower = (point.get_xydata()[0] for point in on_the_way.chart.points)
        assert tuple(upper) == tuple(on_the_way.chart.smallest.get_xydata()[frame])
        assert tuple(lower) == tuple(on_the_way.chart.distance.get_xydata()[frame])
    assert on_the_way.chart.figure.axes == axes
    assert on_the_way.chart.values is lines
    assert {content["type"] for content, _ in post.messages} == {"binary_single"}


def test_slider_film_and_clicks_move_along_the_path(
    on_the_way: PathExplorer, post: Post, path: Path
) -> None:
    on_the_way.slider.index = 2
    assert on_the_way.frame == 2
    on_the_way.film.value = 5
    assert (on_the_way.frame, on_the_way.slider.index) == (5, 5)
    on_the_way.film.value = 9  # on the way back
    assert on_the_way.frame == 3
    for axes in on_the_way.chart.figure.axes:
        click(on_the_way.chart.figure, axes, 0.21, 0.01)
        assert on_the_way.frame == 4
        on_the_way.frame = 0
        assert (on_the_way.film.value, on_the_way.slider.index) == (0, 0)
    on_the_way.frame, on_the_way.arrows = 6, False
    on_the_way.controls.reset.click()
    assert (on_the_way.frame, on_the_way.arrows) == (0, True)
    assert post.messages[-1][0]["type"] == LOOK


def test_the_sentence_names_frame_condition_distance_and_status(
    on_the_way: PathExplorer, path: Path
) -> None:
    on_the_way.frame = 3
    said = sentence(on_the_way)
    assert "Frame 3 of 6, 0.15 of 0.3 Å" in said
    assert f"smallest/largest singular value {path.condition[3]:.1e}" in said
    assert f"{path.feature_distance[3]:.1e}" in said
    assert path.status in said
    assert not on_the_way.busy


@pytest.mark.slow
@pytest.mark.parametrize("mirror", [False, True])
def test_a_way_ends_at_the_second_structure_superposed(mirror: bool) -> None:
    first = molecule("CH3CH2OH")
    second = shuffled(rattled(first), seed=3, mirror=mirror)
    view = PathExplorer.between(first, second, DESCRIPTOR, centers=[0], count=5)
    frames, ends = view.trajectory.frames, (view.trajectory.frames[0], view.trajectory.frames[-1])
    np.testing.assert_array_equal(ends[0].positions, first.positions)
    assert distances(ends[1]) == pytest.approx(distances(second), abs=ROUNDING)
    # Not longer than the way that was gone, less its rigid part.
    moved = np.linalg.norm(rattled(first).positions - first.positions)
    assert view.trajectory.coordinate[-1] <= moved
    middle = (ends[0].positions + ends[1].positions) / 2
    assert frames[2].positions == pytest.approx(middle, abs=ROUNDING)
    there, here = (DESCRIPTOR.features(atoms, centers=[0]) for atoms in (second, first))
    expected = np.linalg.norm(there - here)
    assert view.trajectory.feature_distance[-1] == pytest.approx(expected, rel=1e-9)
    values = spectrum(frames[2], DESCRIPTOR, centers=[0])
    drawn = [line.get_ydata()[2] for line in view.chart.values]
    assert drawn == pytest.approx(values.singular_values[: values.internal], rel=1e-9)


def test_with_all_centers_every_atom_can_be_exchanged_with_like_ones() -> None:
    first = molecule("CH3CH2OH")
    order = np.random.default_rng(0).permutation(len(first))
    second = rattled(first)[order]
    second.rotate(50.0, (0.0, 1.0, 1.0))
    found = PathExplorer.between(first, second, DESCRIPTOR, count=2).trajectory
    assert found.centers == tuple(range(9))
    assert distances(found.frames[-1]) == pytest.approx(distances(second), abs=ROUNDING)
    assert found.coordinate[-1] < np.linalg.norm(rattled(first).positions - first.positions)


def test_large_molecules_are_laid_on_each_other_in_their_order() -> None:
    first = molecule("C60")
    second = rattled(first)
    second.rotate(50.0, (0.0, 1.0, 1.0))
    found = PathExplorer.between(first, second, DESCRIPTOR, centers=[0], count=2).trajectory
    assert found.frames[-1].get_all_distances() == pytest.approx(second.get_all_distances())
    assert found.coordinate[-1] < np.linalg.norm(rattled(first).positions - first.positions)
    assert "in the order in which they were given" in found.status
    with pytest.raises(ValueError, match="same atoms in the same order"):
        trajectory.interpolate(first, first[:-1], DESCRIPTOR, count=2)


def test_a_frame_without_spectrum_is_a_gap_and_a_sentence() -> None:
    first = molecule("CH4")
    second = first.copy()
    second.positions[1:] *= 1.5  # 1.63 Å
    view = PathExplorer.between(first, second, Fragile(), centers=[0], count=4)
    assert list(view.trajectory.known) == [0, 1]
    assert list(view.chart.distance.get_xdata()) == list(view.trajectory.coordinate[:2])
    view.frame = 3
    assert "A bond is &lt;broken&gt;." in view.panel.sentence.value
    assert len(view.chart.points[0].get_xdata()) == 0
    view.frame = 1
    assert "smallest/largest" in view.panel.sentence.value


@pytest.mark.slow
def test_spectra_are_shown_as_they_come_and_can_be_cancelled() -> None:
    first = molecule("CH4")
    second = shuffled(rattled(first), seed=1)

    async def watch() -> None:
        view = PathExplorer.between(first, second, Slow(), count=1000)
        assert view.busy
        assert view.panel.cancel.layout.display != "none"
        while len(view.trajectory.known) < 2:
            await asyncio.sleep(0.01)
        view.frame = 999  # the atoms move nevertheless
        view.panel.cancel.click()
        while view.busy:
            await asyncio.sleep(0.01)
        known = len(view.trajectory.known)
        assert 2 <= known < 1000
        assert f"Cancelled: {1000 - known} frames" in view.panel.message.value
        assert len(view.chart.distance.get_xdata()) == known
        assert view.panel.cancel.layout.display == "none"

    asyncio.run(watch())


def test_the_way_is_shown_roughly_first() -> None:
    for count in (2, 3, 41, 64):
        order = coarse_to_fine(count)
        assert sorted(order) == list(range(count))
        assert order[:2] == [0, count - 1]
        assert np.diff(sorted(order[: count // 2 + 1])).max(initial=0) <= max(4, count // 2)


def test_a_film_goes_to_the_end_and_back() -> None:
    assert [fold(step, count=4) for step in range(7)] == [0, 1, 2, 3, 2, 1, 0]
    assert name_lengths([0.0, 0.0005, 0.001]) == ["0.0000", "0.0005", "0.0010"]


def rattled(atoms: Atoms) -> Atoms:
    copy = atoms.copy()
    copy.rattle(0.05, seed=5)
    return copy


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (molecule("CH4"), "two that are the same after superposition"),
        (molecule("NH3"), "two structures of the same atoms"),
        (bulk("C", "diamond", a=3.6, cubic=True)[:5], "only molecules can be superposed"),
    ],
)
def test_a_way_needs_two_different_molecules_of_the_same_atoms(second: Atoms, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PathExplorer.between(molecule("CH4"), second, DESCRIPTOR, centers=[0])


def test_the_mark_in_the_middle_is_not_spoken_of() -> None:
    said = "first and second must be two structures of the same atoms, got CH4 and C6H6; give"
    with pytest.raises(ValueError, match=said):
        PathExplorer.between(molecule("CH4"), molecule("C6H6"), DESCRIPTOR)


def test_wrong_arguments_of_a_path_explorer(on_the_way: PathExplorer, path: Path) -> None:
    pair = molecule("CH4"), rattled(molecule("CH4"))
    with pytest.raises(TypeError, match=r"a result of sensitivity\.follow, got Atoms"):
        PathExplorer(pair[0])
    with pytest.raises(TypeError, match="unexpected keyword"):
        PathExplorer(path, frame=3)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="from 2 to 1000, got 1; try 41"):
        PathExplorer.between(*pair, DESCRIPTOR, count=1)
    with pytest.raises(TypeError, match=r"number of frames from 2 to 1000, got 2\.5"):
        PathExplorer.between(*pair, DESCRIPTOR, count=2.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a descriptor"):
        PathExplorer.between(*pair, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at most 500"):
        PathExplorer.between(Atoms("H501"), Atoms("H501"), DESCRIPTOR)
    with pytest.raises(ValueError, match="the first structure has no spectrum: A bond"):
        PathExplorer.between(stretched(), pair[0], Fragile(), centers=[0])
    for frame in (-1, 7):
        with pytest.raises(ValueError, match=f"frame must be one of 0 to 6, got {frame}"):
            on_the_way.frame = frame
    assert on_the_way.frame == 0


def stretched() -> Atoms:
    atoms = molecule("CH4")
    atoms.positions *= 1.5
    return atoms


# Twins.


@pytest.fixture(scope="module")
def twin() -> Twin:
    return find_twin(structures.load("S1"), DESCRIPTOR, center=0, amplitude=0.3)


@pytest.fixture
def both(twin: Twin) -> TwinExplorer:
    return TwinExplorer(twin, DESCRIPTOR)


def test_the_second_of_a_twin_lies_on_the_first(
    twin: Twin, both: TwinExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post(both, monkeypatch)
    both.share = 0.0
    both.share = 1.0
    sent = post.last()
    assert list(sent) == [0, 1, ARROWS]
    first, second = (environment(atoms, 0, DESCRIPTOR.cutoff) for atoms in twin.pair)
    assert sent[0] == pytest.approx(first.positions, abs=SINGLE)
    rmsd = np.sqrt(np.mean(np.sum((sent[0] - sent[1]) ** 2, axis=1)))
    assert rmsd == pytest.approx(twin.rmsd, abs=SINGLE)
    laid = both.overlay.second
    assert sent[1] == pytest.approx(laid.positions, abs=SINGLE)
    assert distances(laid) == pytest.approx(distances(second), abs=ROUNDING)
    features = [DESCRIPTOR.features(atoms, centers=[0]) for atoms in (laid, twin.pair[0])]
    assert features[0] == pytest.approx(features[1], rel=ROUNDING, abs=ROUNDING)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.6])
def test_a_twin_moves_from_the_first_to_the_second(
    both: TwinExplorer, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    post = Post(both, monkeypatch)
    both.share = share
    (sent,) = post.moves()
    first, second = both.overlay.first.positions, both.overlay.second.positions
    assert sent[1] == pytest.approx((1 - share) * first + share * second, abs=SINGLE)
    assert sent[0] == pytest.approx(first, abs=SINGLE)
    assert both.slider.index == round(50 * share)


def test_twins_stand_side_by_side_without_being_rebuilt(
    both: TwinExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post(both, monkeypatch)
    both.beside.value = True
    assert sorted(content["type"] for content, _ in post.messages) == ["binary_single", LOOK]
    sent = post.last()
    first, second = both.overlay.first.positions, both.overlay.second.positions
    shifts = sent[0] - first, sent[1] - second
    for shift in shifts:  # a translation
        assert shift == pytest.approx(np.broadcast_to(shift[0], shift.shape), abs=SINGLE)
    right = both.overlay.view[0]
    assert (sent[1] @ right).min() > (sent[0] @ right).max() + 1.0
    both.side_by_side = False
    assert post.last()[1] == pytest.approx(second, abs=SINGLE)


def test_the_difference_of_a_twin_can_be_shown_larger_than_it_is(
    both: TwinExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = both.molecule.camera
    assert before is not None
    post = Post(both, monkeypatch)
    both.exaggerate.value = 10.0
    first, second = both.overlay.first.positions, both.overlay.second.positions
    assert post.last()[1] == pytest.approx(first + 10 * (second - first), abs=SINGLE)
    assert both.molecule.camera.radius > before.radius + 0.1
    both.share = 0.5
    assert post.last()[1] == pytest.approx(first + 5 * (second - first), abs=SINGLE)
    with pytest.raises(ValueError, match=r"exaggeration must be one of \(1, 2, 5, 10, 20, 50\)"):
        both.exaggeration = 3.0
    both.controls.reset.click()
    assert (both.exaggeration, both.exaggerate.value) == (1.0, 1.0)


def test_atoms_of_a_twin_keep_the_colours_of_their_elements(both: TwinExplorer) -> None:
    scene = both.molecule._scene
    assert scene is not None
    for body, color in zip(scene["bodies"], SERIES[:2], strict=True):
        assert [style.get("color") for style in body["styles"]] == [None, color, color]
        assert body["names"][0] == ["C", "0"]


def test_views_download_what_they_show(
    both: TwinExplorer, on_the_way: PathExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, bytes] = {}
    for view in (both, on_the_way):
        monkeypatch.setattr(view.page, "download", files.__setitem__)
        for button in view.downloads.children[1:]:
            button.click()
            view.wait()
            assert view.panel.message.value.count("Saved ") == 1
    starts = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
    assert all(files[f"twin.{form}"].startswith(start) for form, start in starts.items())
    pair = ase_read(io.StringIO(files["twin.extxyz"].decode()), index=":", format="extxyz")
    assert [len(atoms) for atoms in pair] == [5, 5]
    frames = ase_read(io.StringIO(files["path.extxyz"].decode()), index=":", format="extxyz")
    assert len(frames) == len(on_the_way.trajectory.frames)
    assert frames[-1].info["path_length"] == pytest.approx(on_the_way.trajectory.coordinate[-1])
    films = [Image.open(io.BytesIO(files[f"{name}.gif"])) for name in ("twin", "path")]
    on_the_way.frame = 3
    on_the_way.export("geometry")
    content = files["path.extxyz"].decode()
    assert (
        ase_read(io.StringIO(content), format="extxyz").info["path_length"]
        == (on_the_way.trajectory.coordinate[3])
    )
    on_the_way.frame = 0
    count = len(frames)
    assert [film.n_frames for film in films] == [2 * 25, 2 * (count - 1)]
    with pytest.raises(ValueError, match="name must be one of"):
        both.export("film")


def test_twins_and_paths_have_a_page(
    both: TwinExplorer, path: Path, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, bytes] = {}
    monkeypatch.setattr(both.page, "download", files.__setitem__)
    both.export("page")
    both.wait()
    assert files["twin.html"].decode() == make_page(both.twin, descriptor=DESCRIPTOR)
    share.page(PathExplorer(path, DESCRIPTOR), tmp_path / "path.html")
    assert (tmp_path / "path.html").read_text() == make_page(path, descriptor=DESCRIPTOR)
    with pytest.raises(ValueError, match="name must be one of"):
        PathExplorer(path).export("page")


def test_files_of_a_twin_say_that_the_difference_is_exaggerated(
    both: TwinExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, bytes] = {}
    monkeypatch.setattr(both.page, "download", files.__setitem__)
    both.exaggeration, both.side_by_side = 5.0, True
    both.export("geometry")
    shown = ase_read(io.StringIO(files["twin.extxyz"].decode()), index=":", format="extxyz")
    assert [atoms.info["difference_shown_times"] for atoms in shown] == [5, 5]
    assert [atoms.info["structure"] for atoms in shown] == ["first", "second"]
    assert shown[1].info["share_of_difference"] == both.share
    both.export("svg")
    both.wait()
    assert b"difference shown 5x" in files["twin.svg"]
    figure, _ = both._draw({both.stop: both.molecule.scene})
    molecule = figure.subfigs[0].axes[0]
    assert [text.get_text() for text in molecule.get_legend().get_texts()] == ["first", "second"]
    both.start_again()
    both.export("geometry")
    assert b"difference_shown_times" not in files["twin.extxyz"]
    assert both._draw({both.stop: both.molecule.scene})[0].subfigs[0].axes[0].get_title() == ""


def test_a_path_goes_through_given_structures_as_they_are() -> None:
    """The circle from X+ through X0 to X-: three atoms stay, and X0 is singular."""
    angles = np.pi * np.linspace(-0.2, 0.2, 9)
    walk = [structures.ch4_pair(np.pi + t, 0.0, sign=1) for t in angles]
    view = PathExplorer.through(walk, DensityCorrelations(cutoff=3.0), centers=[0])
    view.wait()
    for frame, atoms in zip(view.trajectory.frames, walk, strict=True):
        np.testing.assert_array_equal(frame.positions, atoms.positions)
    steps = [np.linalg.norm(b.positions - a.positions) for a, b in pairwise(walk)]
    np.testing.assert_allclose(np.diff(view.trajectory.coordinate), steps)
    moving = np.linalg.norm(view.trajectory.directions[4], axis=1)
    np.testing.assert_allclose(moving, [0, 0, 0, 0, 1], atol=1e-12)
    assert view.trajectory.spectra[4].rank == 8
    distances = view.trajectory.feature_distance
    assert distances[4] > 0.1
    assert distances[8] < 1e-12
    assert view.trajectory.status == "A path through 9 structures, 1.37 Å long."


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([structures.load("X0")], "the number of frames must be 2 to 1000, got 1"),
        (2 * [structures.load("X0")], "frames 0 and 1 are the same; leave one of them out"),
        ([structures.load("X0"), structures.load("NH3")], "got CH4 and, as frame 1, NH3"),
    ],
)
def test_frames_that_make_no_path_are_refused(frames: list[Atoms], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PathExplorer.through(frames, DESCRIPTOR)


def test_choices_of_figures_are_checked_and_kept_when_the_view_is_reset(both: TwinExplorer) -> None:
    with pytest.raises(ValueError, match="columns must be 1 or 2, got 3; give one of these"):
        both.columns = 3
    both.columns, both.transparent, both.exaggeration = 1, True, 5.0
    both.start_again()
    assert (both.columns, both.transparent, both.exaggeration) == (1, True, 1.0)
    width, height = both.figure().get_size_inches()
    assert width < height
    both.columns, both.transparent = 2, False


def test_the_figure_of_a_path_shows_the_frame(on_the_way: PathExplorer) -> None:
    on_the_way.frame = 2
    figure, show = on_the_way._draw({k: on_the_way._scene(k) for k in (2, 5)})
    upper, lower = figure.subfigs[1].axes
    places = [
        line.get_xdata()[0]
        for axes in (upper, lower)
        for line in axes.lines
        if line.get_linestyle() == "-" and len(line.get_xdata()) == 2
    ]
    assert places == 2 * [on_the_way.trajectory.coordinate[2]]
    assert upper.get_legend() is not None
    show(5)
    points = [line for line in lower.lines if line.get_marker() == "o"]
    assert points[0].get_xdata() == [on_the_way.trajectory.coordinate[5]]
    on_the_way.frame = 0


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_views_can_be_looked_at_along_an_axis(both: TwinExplorer, axis: str) -> None:
    both.controls.look[axis].click()
    assert both.molecule.camera is not None
    assert both.molecule.camera.view[2].tolist() == [axis == other for other in "xyz"]
    both.controls.reset.click()
    np.testing.assert_array_equal(both.molecule.camera.view, both.overlay.view)
    with pytest.raises(ValueError, match="axis must be one of x, y, z, got 'w'"):
        both.look("w")


def test_arrows_of_a_twin_point_from_the_first_to_the_second(
    both: TwinExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post(both, monkeypatch)
    both.controls.arrows.value = True
    start, end = post.last()[ARROWS].reshape(2, -1, 3)
    difference = both.overlay.second.positions - both.overlay.first.positions
    longest = np.linalg.norm(difference, axis=1).max()
    assert start == pytest.approx(both.overlay.first.positions, abs=SINGLE)
    shown = np.linalg.norm(end - start, axis=1) > 0
    assert shown.sum() > 1
    assert (end - start)[shown] == pytest.approx((difference / longest)[shown], abs=SINGLE)


def test_orders_of_a_twin_are_compared_with_its_features(twin: Twin, both: TwinExplorer) -> None:
    higher = DESCRIPTOR.higher_order()
    assert higher is not None
    looks = [replace(DESCRIPTOR, order=1), DESCRIPTOR, higher, higher.higher_order()]
    for comparison, look, bar in zip(both.comparisons, looks, both.chart.bars, strict=True):
        assert look is not None
        first, second = (look.features(atoms, centers=[0]) for atoms in twin.pair)
        expected = np.linalg.norm(first - second) / np.linalg.norm(first)
        assert comparison.difference == pytest.approx(expected, rel=1e-9, abs=1e-17)
        assert bar.get_x() + bar.get_width() == pytest.approx(max(expected, 1e-17), abs=1e-17)
    assert [each.same for each in both.comparisons] == [True, True, False, False]
    assert [each.own for each in both.comparisons] == [False, True, False, False]
    assert both.comparisons[1].difference == twin.residual
    assert both.comparisons[2].difference == pytest.approx(twin.next_order)
    assert both.chart.figure.get_suptitle() == "Orders 3 and 4 distinguish them"
    written = [text.get_text() for text in both.chart.figure.axes[0].texts]
    assert [text.split(" (")[0] for text in written if "(" in text] == [
        *["the same"] * 2,
        *["different"] * 2,
    ]
    for words in (f"{twin.rmsd:.3f} Å", "Orders 3 and 4 distinguish them", twin.status):
        assert words in sentence(both)


def test_lower_orders_of_a_twin_of_order_three_are_the_same_too() -> None:
    look = DensityCorrelations(order=3, cutoff=3.0, n_max=3, l_max=2)
    found = find_twin(structures.load("S1"), look, center=0)
    assert found.found
    for which in list_orders(look)[:3]:
        assert compare(found, which).same


def test_other_descriptors_are_compared_as_far_as_they_go(twin: Twin) -> None:
    view = TwinExplorer(twin, Closed())
    (only,) = view.comparisons
    assert only.same
    assert "No order here distinguishes them" in view.panel.sentence.value


def test_every_order_that_a_descriptor_reaches_is_compared() -> None:
    found = list_orders(Nested(order=2))
    assert [each.name.split("\n")[0] for each in found] == ["order 2", "order 3"]
    assert [each.own for each in found] == [True, False]


def test_an_order_that_cannot_be_computed_is_said(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = DensityCorrelations.features

    def fail(self: DensityCorrelations, atoms: Atoms, *, centers: Any = None) -> Any:
        if self.order == 4:
            raise ValueError("too many features")
        return features(self, atoms, centers=centers)

    monkeypatch.setattr(DensityCorrelations, "features", fail)
    view = TwinExplorer(twin, DESCRIPTOR)
    assert view.comparisons[3].problem == "Too many features."
    assert "Order 4 trispectrum: Too many features." in view.panel.message.value
    assert view.chart.figure.get_suptitle() == "Order 3 distinguishes them"
    view.share = 0.5


def test_controls_of_a_twin(both: TwinExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    both.slider.index = 10
    assert both.share == pytest.approx(0.2)
    both.film.value = 60  # on the way back
    assert (both.share, both.slider.index) == (pytest.approx(0.8), 40)
    both.share = 0.337  # between two stops
    assert both.share == 0.337
    both.side_by_side = both.arrows = True
    both.controls.speed.value = 2.0
    assert both.film.interval == 40
    both.controls.reset.click()
    assert (both.share, both.side_by_side, both.arrows) == (1.0, False, False)
    with pytest.raises(ValueError, match=r"share must be a number from 0 to 1, got 1\.5"):
        both.share = 1.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("view", "name", "value", "said"),
    [
        (
            "on_the_way",
            "fram",
            1,
            "'fram' of PathExplorer does not exist; .* arrow_length, arrows, .*frame",
        ),
        ("on_the_way", "widget", 3, "'widget' of PathExplorer cannot be set; the attributes that"),
        ("on_the_way", "trajectory", 3, "'trajectory' of PathExplorer cannot be set"),
        ("on_the_way", "frame", 1.5, r"frame must be a whole number, got 1\.5"),
        ("on_the_way", "arrows", "no", "arrows must be True or False, got 'no'"),
        ("both", "shar", 1, "'shar' of TwinExplorer does not exist; .* labels, share, side_by"),
        ("both", "panel", 3, "'panel' of TwinExplorer cannot be set"),
        ("both", "comparisons", [], "'comparisons' of TwinExplorer cannot be set"),
        ("both", "share", "a", r"share must be a number from 0 to 1, got 'a'; give e\.g\. 0\.5"),
        ("both", "share", True, "share must be a number from 0 to 1, got True"),
        ("both", "share", np.nan, "share must be a number from 0 to 1, got nan"),
        ("both", "side_by_side", "no", "side_by_side must be True or False, got 'no'"),
        ("basis", "nmax", 1, "'nmax' of BasisExplorer does not exist; .* cutoff, descriptor, l_m"),
        ("basis", "chart", 3, "'chart' of BasisExplorer cannot be set"),
        ("basis", "reference", 3, "'reference' of BasisExplorer cannot be set"),
    ],
)
def test_what_cannot_be_set_is_refused(
    request: pytest.FixtureRequest, view: str, name: str, value: Any, said: str
) -> None:
    explorer = request.getfixturevalue(view)
    before = getattr(explorer, name, None)
    with pytest.raises((AttributeError, TypeError, ValueError), match=said):
        setattr(explorer, name, value)
    assert getattr(explorer, name, None) == before


def test_wrong_arguments_of_a_twin_explorer(twin: Twin) -> None:
    with pytest.raises(TypeError, match=r"a result of sensitivity\.find_twin, got Atoms"):
        TwinExplorer(twin.pair[0], DESCRIPTOR)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a descriptor"):
        TwinExplorer(twin, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unexpected keyword"):
        TwinExplorer(twin, DESCRIPTOR, share=0.5)  # type: ignore[call-arg]
    nothing = find_twin(structures.load("CH4"), DESCRIPTOR, center=0)
    with pytest.raises(ValueError, match="got one with status: The structure is singular by its"):
        TwinExplorer(nothing, DESCRIPTOR)


# A view of one's own.


class Breathing(MotionView):
    """Bonds that grow and shrink: the least that a view of moving atoms needs."""

    frame = Index()
    moved = "frame"
    texts = Texts("bond length", "Stretch", "Breathe", "Show directions", "Reset", "bond")

    def __init__(self, atoms: Atoms) -> None:
        super().__init__()
        self._atoms = atoms
        self._build(MotionChart(), Body(atoms), stops=["100 %", "110 %", "120 %"])
        self._built = True

    def _place(self, frame: int) -> Any:
        return [self._atoms.positions * (1 + 0.1 * frame)], self._atoms.positions

    def _camera(self) -> Camera:
        return Camera.around(self._atoms.positions, view=np.eye(3))


def test_a_small_view_has_all_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    atoms = molecule("CH4")
    view = Breathing(atoms)
    post = Post(view, monkeypatch)
    view.slider.index = 1
    assert view.frame == 1
    assert post.last()[0] == pytest.approx(1.1 * atoms.positions, abs=SINGLE)
    view.film.value = 2
    assert (view.frame, view.slider.index) == (2, 2)
    view.controls.arrows.value = False
    assert not view.arrows
    view.controls.reset.click()
    assert (view.frame, view.arrows) == (0, True)
    with pytest.raises(
        AttributeError, match=r"'fram' of Breathing does not exist; .* arrows, atom_size, .*fra"
    ):
        view.fram = 1


# Bases.


@pytest.fixture
def few_bases(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"n_max": (1, 2, 4), "l_max": (0, 1, 3)}
    orders = {order: sizes if order > 1 else {**sizes, "l_max": ()} for order in basis_map.SIZES}
    monkeypatch.setattr(basis_map, "SIZES", orders)


@pytest.fixture
def basis(few_bases: None) -> BasisExplorer:
    return BasisExplorer(structures.load("S1"), DESCRIPTOR, centers=[0])


def drawn(view: BasisExplorer) -> np.ndarray:
    """Heights of all markers, in the order of the modes."""
    points = [point for line in view.chart.values.values() for point in line.get_xydata()]
    return np.array(sorted(map(tuple, points)))[:, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    mostly_slow(
        [{"n_max": 2}, {"l_max": 1}, {"smearing": 0.5}, {"cutoff": 3.5}, {"n_max": 5, "l_max": 4}],
        fast=[{"smearing": 0.5}, {"n_max": 5, "l_max": 4}],
    ),
)
def test_the_markers_are_the_singular_values_with_the_basis(
    basis: BasisExplorer, change: dict[str, Any]
) -> None:
    for name, value in change.items():
        setattr(basis, name, value)
        assert getattr(basis, name) == value
    changed = replace(DESCRIPTOR, **change)
    assert basis.descriptor == changed
    found = spectrum(structures.load("S1"), changed, centers=[0])
    seen = slice(0, found.rank)
    assert drawn(basis)[seen] == pytest.approx(found.singular_values[seen], rel=1e-6)
    assert f"{found.features.shape[1]} features per center" in basis.panel.sentence.value
    assert found.status in sentence(basis)


def test_a_small_basis_is_named_as_the_cause(basis: BasisExplorer) -> None:
    before = basis.reference.singular_values
    basis.l_max = 1
    assert {"sensitive", "truncation"} <= set(basis.chart.values)
    count = len(basis.chart.values["truncation"].get_xdata())
    assert count == basis.reference.causes.count("truncation") > 0
    seen = before > 1e-10
    assert basis.chart.before.get_ydata()[seen] == pytest.approx(before[seen])


def test_the_map_is_the_convergence_study(basis: BasisExplorer) -> None:
    expected = convergence(
        structures.load("S1"), DESCRIPTOR, centers=[0], n_max=[1, 2, 4], l_max=[0, 1, 3]
    )
    for name in ("smallest", "rank", "internal", "visible"):
        np.testing.assert_array_equal(getattr(basis.convergence, name), getattr(expected, name))
    assert basis.convergence.status == expected.status
    assert expected.status in basis.panel.message.value
    (image,) = basis.map.figure.axes[0].images
    assert image.get_array().shape == (3, 3)


def test_ranks_colour_the_map_where_nothing_is_sharp(basis: BasisExplorer) -> None:
    # S1 is singular in every basis, so that the smallest singular value tells nothing.
    (image,) = basis.map.figure.axes[0].images
    np.testing.assert_array_equal(image.get_array(), basis.convergence.rank.T)
    generic = structures.load("S1")
    generic.rattle(0.1, seed=2)
    view = BasisExplorer(generic, DESCRIPTOR, centers=[0])
    (image,) = view.map.figure.axes[0].images
    assert image.get_array()[2, 2] == pytest.approx(view.convergence.smallest[2, 2])


def test_the_basis_is_framed_and_a_click_chooses_another(basis: BasisExplorer) -> None:
    assert [frame.get_xy() for frame in basis.map.frames] == [(1.5, 1.5)] * 2
    computed = basis.convergence
    click(basis.map.figure, basis.map.figure.axes[0], 1.2, 0.9)
    assert (basis.n_max, basis.l_max) == (2, 1)
    assert [frame.get_xy() for frame in basis.map.frames] == [(0.5, 0.5)] * 2
    assert (basis.sliders["n_max"].index, basis.sliders["l_max"].index) == (1, 1)
    assert basis.convergence is computed
    basis.smearing = 0.4
    assert basis.convergence is not computed
    assert basis.convergence.descriptor.smearing == 0.4


@pytest.mark.slow
def test_sliders_choose_the_basis(basis: BasisExplorer) -> None:
    basis.sliders["n_max"].index = 1
    basis.sliders["l_max"].index = 1
    basis.sliders["smearing"].index = 8
    basis.sliders["cutoff"].index = 25
    assert basis.descriptor == replace(DESCRIPTOR, n_max=2, l_max=1, smearing=0.4, cutoff=3.5)
    basis.smearing = 0.412  # between two stops
    assert (basis.smearing, basis.sliders["smearing"].index) == (0.412, 8)
    basis.n_max = 3  # not in the map
    assert basis.convergence.parameters["n_max"] == (1, 2, 3, 4)
    assert basis.sliders["n_max"].index == 2


@pytest.mark.usefixtures("few_bases")
def test_order_one_has_no_degrees() -> None:
    view = BasisExplorer(structures.load("S1"), replace(DESCRIPTOR, order=1), centers=[0])
    assert view.sliders["l_max"].disabled
    (frame,) = view.map.frames
    assert list(frame.get_xdata()) == [4, 4]
    click(view.map.figure, view.map.figure.axes[0], 1.8, 1.0)
    assert view.n_max == 2


NOTHING = {
    "symmetry makes every displacement invisible": bulk("Si"),
    "the only neighbours are images of the centers,\nwhich move with them": bulk("Cu"),
    "no neighbour within the cutoff (3 Å)": Atoms("H2", [(0, 0, 0), (0, 0, 4)]),
    "an isolated atom has no internal displacement": Atoms("H"),
}


@pytest.mark.usefixtures("few_bases")
@pytest.mark.parametrize("reason", NOTHING)
def test_where_nothing_can_be_seen_the_map_says_why(reason: str) -> None:
    view = BasisExplorer(NOTHING[reason], DESCRIPTOR)
    (axes,) = view.map.figure.axes
    assert [text.get_text() for text in axes.texts] == [reason]
    assert f"The map is empty: {reason}.".replace("\n", " ") in view.panel.message.value
    click(view.map.figure, axes, 0.9, 0.9)
    assert view.descriptor == DESCRIPTOR
    symmetric = "symmetry" in view.chart.values
    assert symmetric == ("symmetry" in reason)
    assert len(set(drawn(view))) == 1  # all are zero


@pytest.mark.usefixtures("few_bases")
def test_where_nothing_can_be_computed_the_map_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("too many features")

    monkeypatch.setattr(sys.modules[convergence.__module__], "_measure", refuse)
    view = BasisExplorer(structures.load("S1"), DESCRIPTOR, centers=[0])
    (text,) = view.map.figure.axes[0].texts
    assert text.get_text() == "no basis could be computed"


@pytest.mark.slow
def test_the_map_says_how_much_symmetry_allows(basis: BasisExplorer) -> None:
    # S1 has no symmetry: 9 internal displacements; of methane it allows only that of its bonds.
    assert colour_label(basis) == "rank (symmetry allows 9)"
    methane = BasisExplorer(structures.load("CH4"), DESCRIPTOR, centers=[0])
    title = methane.map.figure.axes[0].get_title()
    assert title.endswith("lower number: rank (symmetry allows 1)")


def colour_label(view: BasisExplorer) -> str:
    return str(view.map.figure.axes[-1].get_ylabel())


def test_the_colours_of_ranks_are_whole_numbers(basis: BasisExplorer) -> None:
    bar = basis.map.figure.axes[-1]
    low, high = bar.get_ylim()
    assert [tick for tick in bar.get_yticks() if low <= tick <= high] == list(range(10))
    (image,) = basis.map.figure.axes[0].images
    assert image.cmap.N == 10  # a colour for each


@pytest.mark.slow
def test_the_two_figures_have_the_sizes_of_their_places(basis: BasisExplorer) -> None:
    for sizes in ([[602, 380], [602, 381]], [[348, 420], [370, 420]]):
        basis.page.widget.sizes = sizes
        for sheet, size in zip((basis.chart, basis.map), sizes, strict=True):
            assert sheet.figure.get_size_inches() * 100 == pytest.approx(size)


def test_a_basis_that_does_not_work_is_said_and_not_taken(basis: BasisExplorer) -> None:
    with pytest.raises(ValueError, match="n_max must be"):
        basis.n_max = 0
    with pytest.raises(ValueError, match="cutoff must be"):
        basis.cutoff = -1.0
    assert basis.descriptor == DESCRIPTOR
    basis.attempt(setattr, basis, "n_max", 0)
    assert "n_max must be" in basis.panel.message.value
    basis.n_max = 2
    assert basis.n_max == 2


@pytest.mark.slow
def test_any_descriptor_with_two_settings_of_its_basis_has_a_map() -> None:
    view = BasisExplorer(structures.load("S1"), Renamed(), centers=[0])
    assert list(view.convergence.parameters) == list(view.sliders)[:2] == ["radial", "angular"]
    assert view.convergence.parameters["radial"] == (1, 2, 3, 4)
    axes = view.map.figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("radial", "angular")
    view.change(radial=2)
    found = spectrum(structures.load("S1"), Renamed(2), centers=[0])
    assert drawn(view)[: found.rank] == pytest.approx(found.singular_values[: found.rank])
    assert "Renamed, radial = 2, angular = 3, cutoff = 3 Å" in view.panel.sentence.value
    click(view.map.figure, axes, 3.0, 1.0)
    assert view.descriptor == Renamed(4, 1)
    view.sliders["cutoff"].index = 15
    assert view.descriptor == Renamed(4, 1, 2.5)
    with pytest.raises(TypeError, match="Renamed has no setting n_max"):
        view.n_max = 3
    with pytest.raises(TypeError, match="must have the settings radial, angular, got Density"):
        view.descriptor = DESCRIPTOR


def test_a_descriptor_with_one_setting_of_its_basis_has_a_line() -> None:
    view = BasisExplorer(structures.load("S1"), Line(), centers=[0])
    (frame,) = view.map.frames
    assert list(frame.get_xdata()) == [4, 4]
    click(view.map.figure, view.map.figure.axes[0], 1.8, 1.0)
    assert view.descriptor == Line(2)


def test_a_map_can_be_cancelled() -> None:
    look = replace(DESCRIPTOR, smearing=0.31)  # not computed before

    async def watch() -> None:
        view = BasisExplorer(structures.load("S1"), look, centers=[0])
        assert view.busy
        view.panel.cancel.click()
        while view.busy:
            await asyncio.sleep(0.01)
        assert "bases were not computed" in view.panel.message.value
        assert drawn(view).shape == (15,)

    asyncio.run(watch())


def test_wrong_arguments_of_a_basis_explorer() -> None:
    atoms = structures.load("S1")
    with pytest.raises(TypeError, match="settings that enlarge its basis, got Closed with none"):
        BasisExplorer(atoms, Closed())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="BasisExplorer takes centers="):
        BasisExplorer(atoms, DESCRIPTOR, center=0)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="center"):
        BasisExplorer(atoms, DESCRIPTOR, centers=[99])
    with pytest.raises(ValueError, match="at most 500"):
        BasisExplorer(Atoms("H501"), DESCRIPTOR)


def test_views_are_shown_as_widgets(
    on_the_way: PathExplorer, both: TwinExplorer, basis: BasisExplorer
) -> None:
    for view in (on_the_way, both, basis):
        bundle = view._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" in bundle


# What is written in the pictures.


def test_a_page_is_told_no_picture_that_it_cannot_load() -> None:
    # As base64 without a scheme, the page took it for an address, and said that there is nothing.
    sheet = FigureWidget()
    canvas: Any = sheet.figure.canvas
    sheet.figure.subplots().plot([0.0, 1.0])
    canvas.draw()
    canvas.manager.refresh_all()
    assert canvas.get_state()["_data_url"] is None


def written(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text outside of the pictures in a figure, and each legend as one, with its place."""
    found: list[Any] = [figure._suptitle, *figure.legends]  # type: ignore[attr-defined]
    for axes in figure.axes:
        found += [axes.title, axes.get_legend()]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            found += [axis.label, *(tick.label1 for tick in ticks)]
    shown = [each for each in found if each is not None and each.get_visible()]
    named = [(name(each), each.get_window_extent()) for each in shown]
    return [(text, place) for text, place in named if text]


def name(artist: Any) -> str:
    texts = [artist] if isinstance(artist, Text) else artist.get_texts()
    return "; ".join(text.get_text() for text in texts)


def inner(figure: Figure) -> list[tuple[str, Bbox]]:
    """Texts within the pictures and the legends."""
    texts = [text for axes in figure.axes for text in axes.texts]
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    texts += [text for legend in legends for text in legend.get_texts()]
    return [(text.get_text(), text.get_window_extent()) for text in texts]


def misplaced(figure: Figure) -> list[str]:
    """What is not wholly inside the figure, and what stands on something else."""
    figure.draw_without_rendering()
    outside, around = written(figure), figure.bbox
    clipped = [
        text
        for text, box in outside + inner(figure)
        if not (around.x0 <= box.x0 <= box.x1 <= around.x1)
        or not (around.y0 <= box.y0 <= box.y1 <= around.y1)
    ]
    pairs = combinations(outside, 2)
    return clipped + [f"{one} on {other}" for (one, a), (other, b) in pairs if a.overlaps(b)]


def check_widths(*sheets: FigureWidget) -> None:
    for sheet in sheets:
        for width, height in ((345, 380), (410, 360), (450, 380), (600, 420), (900, 520)):
            sheet.fit(width, height)
            assert (sheet.figure.get_size_inches() * 100).round().tolist() == [width, height]
            assert misplaced(sheet.figure) == [], width
            assert len(written(sheet.figure)) > 5


def test_a_text_outside_or_on_another_is_found(on_the_way: PathExplorer) -> None:
    figure = on_the_way.chart.figure
    axes = figure.axes[0]
    axes.set_title("on the legend", y=1.0)
    axes.text(1.0, 0.1, "too far on the right", transform=axes.transAxes)
    found = misplaced(figure)
    assert "too far on the right" in found
    assert any(each.startswith("on the legend on ") for each in found)


@pytest.mark.slow
def test_all_text_of_paths_is_inside_and_apart(on_the_way: PathExplorer) -> None:
    short = follow(structures.load("S1"), DESCRIPTOR, center=0, mode=8, length=0.1, step=0.05)
    ends = structures.load("CH4"), structures.load("X0")  # zeros at both
    way = PathExplorer.between(*ends, DESCRIPTOR, centers=[0], count=5)
    check_widths(on_the_way.chart, PathExplorer(short).chart, way.chart)


def test_all_text_of_twins_is_inside_and_apart(twin: Twin, both: TwinExplorer) -> None:
    check_widths(both.chart, TwinExplorer(twin, Closed()).chart)


@pytest.mark.slow
@pytest.mark.usefixtures("few_bases")
def test_all_text_of_bases_is_inside_and_apart(basis: BasisExplorer) -> None:
    basis.l_max = 1  # truncation, incompleteness, and what was seen before
    generic = BasisExplorer(rattled(structures.load("S1")), DESCRIPTOR, centers=[0])
    single = BasisExplorer(structures.load("S1"), replace(DESCRIPTOR, order=1), centers=[0])
    check_widths(basis.chart, basis.map, generic.map, single.map)


def test_all_text_of_comparisons_is_inside_and_apart() -> None:
    small = DensityCorrelations(order=2, cutoff=3.0, n_max=2, l_max=1)
    long = {"a descriptor with quite a long name, as own ones may have": small}
    for view in (
        CompareExplorer("S1", ["1", DESCRIPTOR], centers=[0]),
        CompareExplorer("N3", ["1", "2", small]),
        CompareExplorer("CH4", {**long, "DensityCorrelations(smearing=0.25)": DESCRIPTOR}),
    ):
        check_widths(view.chart)


def test_all_text_of_the_explorer_is_inside_and_apart() -> None:
    small = DensityCorrelations(order=2, cutoff=3.0, n_max=2, l_max=1)
    explorer = Explorer("S1", small, centers=[0])
    explorer.wait()
    check_widths(explorer.chart)
    explorer.chart.fit(500, 420)
    (legend,) = explorer.chart.figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:4] == ["at amplitude 0", "sensitive", "truncation", "incompleteness"]


def test_markers_of_a_legend_have_one_size_with_any_number_of_modes() -> None:
    """Those of 192 modes are dots in the plot."""
    silicon, few = bulk("Si", cubic=True) * 2, DensityCorrelations(cutoff=3.0, n_max=2, l_max=1)
    explorer, basis = Explorer(silicon, few), BasisExplorer(silicon, few, centers=[0])
    explorer.wait()
    basis.wait()
    for chart, (legend, *_) in (
        (explorer.chart, explorer.chart.figure.legends),
        (basis.chart, [basis.chart.figure.axes[0].get_legend()]),
    ):
        assert {line.get_markersize() for line in chart.values.values()} == {2.0}
        marked = [h for h in legend.legend_handles if h.get_marker() not in ("None", None)]
        assert len(marked) >= 2
        assert {handle.get_markersize() for handle in marked} == {6.0}


def test_the_cursor_goes_through_no_text(on_the_way: PathExplorer) -> None:
    for axes in on_the_way.chart.figure.axes:
        assert not axes.texts
    upper, lower = (axes.get_legend() for axes in on_the_way.chart.figure.axes)
    assert name(upper) == "smallest; other internal; zero for the rank; 0: at most 2e-13"
    assert name(lower).startswith("most visible mode; along this path; 0: at most")


def test_a_figure_is_not_changed_while_it_is_drawn(on_the_way: PathExplorer) -> None:
    # JupyterLab's messages to widgets are handled in another thread than cells are.
    chart, seen = on_the_way.chart, []
    loading = Thread(target=lambda: chart.load(on_the_way.trajectory, frame=1))

    def look(_: Any) -> None:
        if not seen:
            seen.append(chart.figure.axes[0])
            loading.start()
            loading.join(0.3)  # it waits meanwhile
            seen.append(chart.figure.axes[0])

    chart.figure.canvas.mpl_connect("draw_event", look)
    chart.widget.draw()
    loading.join()
    assert seen[0] is seen[1]
    assert seen[0] is not chart.figure.axes[0]


@pytest.mark.parametrize("width", [345, 424, 600, 900])
@pytest.mark.parametrize("name", ["CH4", "C6H6"])
def test_markers_do_not_overlap(name: str, width: int) -> None:
    chart = Explorer(name, DensityCorrelations(order=1, cutoff=3.0, n_max=2)).chart
    chart.fit(width, 400)
    chart_lines = [line for line in chart.values.values() if len(line.get_xdata()) > 1]
    assert chart_lines
    for line in chart_lines:
        places = line.axes.transData.transform(line.get_xydata())
        apart = np.diff(np.sort(places[:, 0])).min() * 72 / chart.figure.dpi
        assert 2.0 <= line.get_markersize() <= apart


def hover(chart: FigureWidget, axes: Any, point: Any) -> str:
    """Move the pointer to a point of axes; the text that appears, if any."""
    x, y = axes.transData.transform(point)
    MouseEvent("motion_notify_event", chart.figure.canvas, x, y)._process()
    return "".join(text.get_text() for text in chart.figure.texts if text.get_gid() == "note")


def test_the_pointer_on_a_marker_tells_its_value(basis: BasisExplorer) -> None:
    explorer = Explorer("CH4", DESCRIPTOR)
    explorer.wait()
    axes = explorer.chart.figure.axes[0]
    points = explorer.chart.values["symmetry"].get_xydata()
    assert hover(explorer.chart, axes, points[2]) == "mode 3: 0 1/Å, symmetry"
    (seen,) = explorer.chart.values["sensitive"].get_xydata()
    value = explorer.reference.singular_values[0]
    assert hover(explorer.chart, axes, seen) == f"mode 0: {value:.2g} 1/Å, sensitive"
    assert hover(explorer.chart, axes, (8.0, seen[1])) == ""
    explorer.amplitude = 0.2
    assert hover(explorer.chart, axes, (0.0, explorer.shown.spectrum.singular_values[0])) != ""
    assert hover(basis.map, basis.map.figure.axes[0], (0, 0)).startswith(
        "n_max = 1, l_max = 0\nrank"
    )


def test_the_pointer_on_a_path_tells_its_values(on_the_way: PathExplorer) -> None:
    chart, last = on_the_way.chart, float(on_the_way.trajectory.coordinate[-1])
    upper, lower = chart.figure.axes
    middle = [float(np.sqrt(np.prod(axes.get_ylim()))) for axes in (upper, lower)]
    assert hover(chart, upper, (last, middle[0])).startswith(f"{last:.3g} Å, smallest: ")
    assert hover(chart, lower, (last, middle[1])).startswith(f"{last:.3g} Å, along this path: ")


def test_the_figures_of_bases_can_be_saved(
    basis: BasisExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, bytes] = {}
    monkeypatch.setattr(basis.page, "download", files.__setitem__)
    for name in ("chart", "map"):
        for form in ("png", "pdf", "svg"):
            basis.export(name, form)
    starts = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
    assert sorted({file.partition(".")[0] for file in files}) == ["map", "singular-values"]
    assert all(content.startswith(starts[name[-3:]]) for name, content in files.items())
    with pytest.raises(ValueError, match=r"name must be one of .* got 'film' and 'png'"):
        basis.export("film", "png")
