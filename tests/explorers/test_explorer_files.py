"""What is taken home: each file is read by the program it is for, and says what is shown."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import ase.io
import chemiscope
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from panel import QUICK, TOOLBAR, drawn, heights, message, xyz
from PIL import Image
from scipy.spatial.transform import Rotation

from sensitivity import DensityCorrelations, SphericalBessel, notes, spectrum, structures
from sensitivity.explorers import Explorer
from sensitivity.explorers.main.controls import EXPORTS
from sensitivity.explorers.main.exports import make_export, oscillation
from sensitivity.explorers.main.figures import _compute_all, draw_figure
from sensitivity.explorers.parts.figures import write_figure
from sensitivity.explorers.parts.molecule import TURN
from sensitivity.explorers.parts.scene import Body, Camera, Scene
from sensitivity.plots.palette import ARROW, HALO, MARKERS
from sensitivity.plots.structures import OUTLINE
from sensitivity.progress import Cancelled

pytestmark = TOOLBAR

FRAMES = 32  # of an oscillation


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    explorer = Explorer("H2O", QUICK, centers=[0])
    explorer.mode, explorer.amplitude = 1, 0.17
    return explorer


@pytest.fixture
def offer(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], bytes]:
    """Click on a button, and take what the browser is told to save."""
    told: list[tuple[dict[str, Any], bytes]] = []

    def send(content: dict[str, Any], buffers: list[bytes]) -> None:
        told.append((content, *buffers))

    monkeypatch.setattr(explorer.page.widget, "send", send)

    def offered(name: str) -> bytes:
        explorer.actions.exports[name].click()
        file = EXPORTS[name][1]
        numbers = [each["number"] for each, _ in told]
        assert numbers == sorted(set(numbers))
        about, content = told[-1]
        assert about["download"] == file
        assert message(explorer) == f"Saved {file}, {len(content) / 1000:.3g} kB."
        return content

    return offered


def read(content: bytes) -> list[Atoms]:
    return ase.io.read(io.StringIO(content.decode()), index=":", format="extxyz")


def amplitudes(explorer: Explorer) -> list[float]:
    phases = 2 * np.pi * np.arange(FRAMES) / FRAMES
    return np.round(explorer.reference.reach * np.sin(phases), 2).tolist()


def test_the_geometry(explorer: Explorer, offer: Callable[[str], bytes]) -> None:
    (atoms,) = read(offer("geometry"))
    np.testing.assert_array_equal(atoms.positions, explorer.shown.atoms.positions)
    assert atoms.info["amplitude"] == 0.17
    found = spectrum(explorer.shown.atoms, QUICK, centers=[0])
    assert atoms.info["condition"] == found.condition
    np.testing.assert_array_equal(atoms.arrays["mode"], explorer.reference.modes[1])


def test_the_trajectory(explorer: Explorer, offer: Callable[[str], bytes]) -> None:
    frames = read(offer("trajectory"))
    expected = amplitudes(explorer)
    assert [frame.info["amplitude"] for frame in frames] == expected
    assert len(frames) == FRAMES
    assert max(expected) == -min(expected) == explorer.reference.reach
    start, mode = explorer.structure.positions, explorer.reference.modes[1]
    for frame, amplitude in zip(frames, expected, strict=True):
        np.testing.assert_allclose(frame.positions, start + amplitude * mode, rtol=0, atol=1e-15)


@pytest.mark.slow
def test_the_film_has_frames_that_differ(offer: Callable[[str], bytes]) -> None:
    film = Image.open(io.BytesIO(offer("gif")))
    assert (film.format, film.n_frames, film.info["loop"]) == ("GIF", FRAMES, 0)
    pictures = []
    for number in range(film.n_frames):
        film.seek(number)
        pictures.append(np.asarray(film.convert("RGB"), dtype=int))
    changes = [np.abs(a - b).max() for a, b in pairwise(pictures)]
    assert min(changes) > 100
    np.testing.assert_array_equal(pictures[1] == pictures[FRAMES // 2 - 1], True)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "known"), [("H", False), ("CH4", True)])
def test_what_has_no_internal_displacement_is_taken_home_too(name: str, known: bool) -> None:
    """One atom, and a molecule that sees a neighbour at the ends of a swing only; every button."""
    lonely = Explorer(name, replace(QUICK, cutoff=1.0))
    assert lonely.reference.spectrum.internal == 0
    files = {}
    for button, (_, file, _) in EXPORTS.items():
        lonely.actions.exports[button].click()
        lonely.wait()
        assert message(lonely).startswith(f"Saved {file}, ")
        files[button] = make_export(file, lonely._picture())
    (atoms,) = read(files["geometry"])
    assert atoms.info == {"amplitude": 0.0}
    assert [frame.info["amplitude"] for frame in read(files["trajectory"])] == amplitudes(lonely)
    assert Image.open(io.BytesIO(files["gif"])).n_frames == FRAMES
    data = json.loads(gzip.decompress(files["chemiscope"]))
    assert ("condition" in data["properties"]) == known
    assert ("smallest_singular_value" in data["properties"]) == known
    assert printed(lonely).tolist() == [0.0] * 3 * len(atoms)


@pytest.mark.parametrize(("columns", "size"), [(1, (1020, 1620)), (2, (2100, 870))])
def test_the_figure(
    explorer: Explorer, offer: Callable[[str], bytes], columns: int, size: tuple[int, int]
) -> None:
    explorer.columns = columns
    picture = Image.open(io.BytesIO(offer("png")))
    assert (picture.format, picture.size) == ("PNG", size)
    assert len(picture.convert("RGB").getcolors(2**24)) > 20
    assert np.asarray(picture.convert("RGBA"))[..., 3].min() == 255
    explorer.transparent = True
    clear = np.asarray(Image.open(io.BytesIO(offer("png"))).convert("RGBA"))[..., 3]
    assert (clear == 0).mean() > 0.3
    explorer.transparent = False
    assert offer("pdf").startswith(b"%PDF-")
    assert b"<svg" in offer("svg")


def outlines(axes: Any, *, order: float) -> list[Any]:
    """The outlines of filled shapes, and their colours."""
    (drawn,) = [each for each in axes.collections if each.get_zorder() == order]
    return list(zip(drawn.get_paths(), drawn.get_facecolors(), strict=True))


def middles(axes: Any, *, color: str, alpha: float = 1.0) -> np.ndarray:
    """The middles of shapes of a colour, [shape, x/y]."""
    found = [
        outline.get_extents().get_points().mean(axis=0)
        for outline, shade in outlines(axes, order=2.0)
        if np.allclose(shade, to_rgba(color, alpha))
    ]
    return np.array(found)


def test_the_figure_shows_what_the_screen_shows(explorer: Explorer) -> None:
    picture = explorer._picture()
    figure = draw_figure(picture)
    molecule, left, right = (axes for part in figure.subfigs for axes in part.axes)
    seen = picture.state.atoms.positions @ explorer.molecule.camera.view.T
    balls = middles(molecule, color="black")  # edges of atoms and bonds
    assert all(np.linalg.norm(balls - place[:2], axis=1).min() < 1e-9 for place in seen)
    halos = middles(molecule, color=HALO, alpha=0.3)
    np.testing.assert_allclose(halos, seen[[0], :2], atol=1e-12)
    assert {tuple(np.round(shade, 3)) for _, shade in outlines(molecule, order=4.0)} == {
        tuple(np.round(to_rgba(color), 3)) for color in (ARROW, "white")
    }
    lines = [line for line in left.lines if line.get_label() in MARKERS]
    shown = {int(x): y for line in lines for x, y in line.get_xydata()}
    assert [shown[mode] for mode in sorted(shown)] == pytest.approx(drawn(explorer).tolist())
    curves = [line for line in explorer.chart.traces if line.get_visible()]
    copied = [line for line in right.lines if line.get_visible() and len(line.get_xdata()) > 2]
    assert len(copied) == len(curves)
    np.testing.assert_array_equal(copied[0].get_xydata(), curves[0].get_xydata())


def test_figures_show_images_cell_labels_and_the_size_of_atoms() -> None:
    explorer = Explorer(bulk("NaCl", "rocksalt", a=5.64), QUICK, centers=[0])
    images = explorer.molecule.scene.bodies[0].images
    assert images == 5
    axes = draw_figure(explorer._picture()).subfigs[0].axes[0]
    (cell,) = [each for each in axes.collections if each.get_zorder() == 0.5]
    assert len(cell.get_segments()) == 12
    pale = middles(axes, color=str(0.7))
    positions = explorer.molecule.sent[0] @ explorer.molecule.camera.view.T
    for place in positions[2:]:
        assert np.linalg.norm(pale - place[:2], axis=1).min() < 1e-9
    inside = np.array([axes.get_xlim(), axes.get_ylim()]).T
    assert (positions[:, :2] > inside[0]).all()
    assert (positions[:, :2] < inside[1]).all()
    count = len(outlines(axes, order=2.0))

    explorer.labels, explorer.atom_size, explorer.cells = "index", 2.0, 1
    larger = draw_figure(explorer._picture()).subfigs[0].axes[0]
    assert len(outlines(larger, order=2.0)) == count + 2 * (
        2 + images
    )  # a number on each, with an edge
    edges = [
        [
            outline.get_extents().width
            for outline, shade in outlines(each, order=2.0)
            if len(outline.vertices) > 20 and np.allclose(shade, to_rgba("black"))
        ]
        for each in (axes, larger)
    ]
    assert edges[0] == pytest.approx(2 * [2 * (0.22 + OUTLINE)])
    assert max(edges[1]) == pytest.approx(2 * (2 * 0.22 + OUTLINE))

    explorer.cells = 2
    assert explorer.molecule.scene.bodies[0].images == 14
    block = draw_figure(explorer._picture()).subfigs[0].axes[0]
    assert len(middles(block, color=str(0.7))) >= 14


def test_bonds_stay_when_the_atoms_move(explorer: Explorer) -> None:
    scene = explorer.molecule.scene
    (body,) = scene.bodies
    assert sorted(zip(body.bonds.i, body.bonds.j, strict=True)) == [(0, 1), (0, 2), (1, 0), (2, 0)]
    far = replace(scene, positions=(3 * scene.positions[0],))
    counts = []
    for each in (scene, far):
        axes = Figure().subplots()
        each.draw(axes)
        counts.append(len(outlines(axes, order=2.0)))
    assert counts[0] == counts[1]


@pytest.mark.slow
def test_the_film_has_the_colours_of_causes(explorer: Explorer) -> None:
    """At amplitude 0 those of the reference; displaced along symmetry, those of the frame."""
    methane = Explorer("CH4", QUICK, centers=[0])
    methane.mode = 0  # breathing keeps the symmetry
    states = oscillation(methane.state)
    found = _compute_all(states, lambda _: None)
    assert len(found) == len({state.amplitude for state in states})
    for each in found:
        assert each.causes[1:9] == 8 * ["symmetry"] or each.causes[1:9] == 8 * ("symmetry",)


def test_a_film_says_how_far_it_is_and_can_be_cancelled(explorer: Explorer) -> None:
    said: list[str] = []

    def report(words: str) -> None:
        said.append(words)
        if words.startswith("Drawing frames: 2 of"):
            raise Cancelled

    with pytest.raises(Cancelled):
        make_export("a.gif", explorer._picture(), report=report)
    count = len(set(amplitudes(explorer)))
    assert f"Computing singular values: 0 of {count} …" in said
    assert said[-1].startswith(f"Drawing frames: 2 of {count}")


def test_five_hundred_atoms_are_drawn_in_a_moment() -> None:
    atoms = bulk("Cu", cubic=True) * (5, 5, 5)
    scene = Scene(
        (Body(atoms),),
        (atoms.positions,),
        np.stack([atoms.positions] * 2),
        Camera.around(atoms.positions, view=np.eye(3)),
    )
    figure = Figure()
    start = perf_counter()
    scene.draw(figure.subplots())
    write_figure(figure, "png")
    assert perf_counter() - start < 5  # 0.9 s on a quiet machine; one patch per disc takes 20 s


def test_files_are_seen_as_the_user_has_turned_the_molecule(explorer: Explorer) -> None:
    camera = explorer.molecule.camera
    turn = Rotation.from_euler("xyz", [20, 40, 60], degrees=True).as_matrix()
    turned = replace(camera, view=turn @ camera.view)
    elements = np.reshape(turned.describe()["view"], (4, 4)).T
    elements[:3] *= 1.7  # the picture is larger
    scene = explorer.molecule._scene
    assert scene is not None
    number = scene["camera"]["number"]
    message = {"type": TURN, "view": elements.T.ravel().tolist(), "number": number}
    explorer.molecule.widget._handle_custom_msg(message, [])
    np.testing.assert_allclose(explorer._picture().scene.camera.view, turned.view, atol=1e-12)
    explorer.look("z")
    np.testing.assert_allclose(explorer._picture().scene.camera.view[2], [0, 0, 1], atol=1e-12)
    explorer.molecule.widget._handle_custom_msg(message, [])  # of a view that has not looked yet
    np.testing.assert_allclose(explorer._picture().scene.camera.view[2], [0, 0, 1], atol=1e-12)


def test_figures_have_one_or_two_columns(explorer: Explorer) -> None:
    with pytest.raises(ValueError, match="columns must be 1 or 2, got 3; give one of these"):
        explorer.columns = 3


def test_chemiscope_reads_its_file(explorer: Explorer, offer: Callable[[str], bytes]) -> None:
    data = json.loads(gzip.decompress(offer("chemiscope")))
    assert len(data["structures"]) == FRAMES
    assert data["properties"]["amplitude"]["values"] == amplitudes(explorer)
    conditions = [
        spectrum(state.atoms, QUICK, centers=[0]).condition for state in oscillation(explorer.state)
    ]
    assert data["properties"]["condition"]["values"] == pytest.approx(conditions, rel=1e-9)
    shown = data["structures"][3]
    np.testing.assert_allclose(
        np.transpose([shown["x"], shown["y"], shown["z"]]),
        oscillation(explorer.state)[3].atoms.positions,
    )


def test_the_file_for_chemiscope_says_what_it_is(
    explorer: Explorer, offer: Callable[[str], bytes]
) -> None:
    data = json.loads(gzip.decompress(offer("chemiscope")))
    assert data["meta"]["name"].startswith("H2O, mode 1: ")
    assert "Mode 1 is" in data["meta"]["description"]
    assert "DensityCorrelations (order 2, cutoff 3.0, n_max 2" in data["meta"]["description"]
    assert data["meta"]["description"].endswith("centers 0.")
    assert "10.12688/openreseurope.14156.1" in data["meta"]["references"][0]
    units = {name: entry["units"] for name, entry in data["properties"].items()}
    assert units == {"amplitude": "Å", "condition": "", "smallest_singular_value": "1/Å"}
    assert all(entry["description"] for entry in data["properties"].values())
    assert data["settings"]["map"]["x"]["property"] == "amplitude"
    assert data["settings"]["structure"][0]["shape"] == ["mode"]
    arrows = data["shapes"]["mode"]["parameters"]["atom"]
    assert len(arrows) == 3 * FRAMES
    vectors = np.array([arrow["vector"] for arrow in arrows[:3]])
    assert np.linalg.norm(vectors, axis=1).max() == pytest.approx(explorer.arrow_length)
    mode = explorer.reference.modes[1]
    cosine = np.sum(vectors * mode) / np.linalg.norm(vectors) / np.linalg.norm(mode)
    assert cosine == pytest.approx(1.0, abs=1e-2)


def test_chemiscope_shows_its_file(explorer: Explorer, tmp_path: Path) -> None:
    file = tmp_path / "motion.json.gz"
    explorer.save(file)
    assert chemiscope.show_input(str(file)) is not None


def test_without_chemiscope_the_panel_says_what_to_install(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise notes.missing("the explorers need", name)

    monkeypatch.setattr("sensitivity.explorers.main.exports.require", missing)
    explorer.actions.exports["chemiscope"].click()
    assert message(explorer).startswith(
        "Chemiscope is not installed, and the explorers need it; run"
    )


@pytest.mark.parametrize(
    "name", ["a.xyz", "a.traj.extxyz", "a.png", "a.pdf", "a.svg", "a.json", "a.JSON.GZ", "a.py"]
)
def test_saved_is_what_is_offered(explorer: Explorer, tmp_path: Path, name: str) -> None:
    explorer.save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    assert content[:4] in {b"3\nPr", b"\x89PNG", b"%PDF", b"<?xm", b'{"me', b"from"} or (
        content[:2] == b"\x1f\x8b"
    )
    if name.endswith("xyz"):
        assert len(read(content)) == (FRAMES if ".traj." in name else 1)
    if name.endswith("json"):
        assert len(json.loads(content)["structures"]) == FRAMES


def test_an_unknown_ending_is_refused(explorer: Explorer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.xyz, .* got a\.docx; choose"):
        explorer.save(tmp_path / "a.docx")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_refused(explorer: Explorer, tmp_path: Path) -> None:
    for path in (tmp_path / "gone" / "a.xyz", tmp_path, tmp_path / f"{'a' * 300}.xyz"):
        with pytest.raises(ValueError, match=re.escape(str(path.parent))):
            explorer.save(path)
    assert not list(tmp_path.iterdir())


def test_a_structure_without_a_spectrum_is_taken_home_all_the_same(explorer: Explorer) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            return getattr(QUICK, name)

        def gradients(self, *_: object, **__: object) -> None:
            raise ValueError("no")

    reference = replace(explorer.reference, descriptor=Broken())
    state = replace(explorer.state, reference=reference)
    (atoms,) = read(make_export("a.xyz", replace(explorer._picture(), state=state)))
    assert atoms.info == {"amplitude": 0.17}


def printed(explorer: Explorer, *, descriptor: str = "descriptor = ...") -> np.ndarray:
    """The singular values that the script of the explorer prints, run on its own.

    ``descriptor`` is the line that a person writes in place of the one that is left open.
    """
    script = explorer.code().replace("descriptor = ...", descriptor)
    with io.StringIO() as screen, redirect_stdout(screen):
        exec(compile(script, "explore.py", "exec"), {"__name__": "__main__"})
        text = screen.getvalue()
    return np.array(re.findall(r"[\d.]+(?:e[+-]\d+)?", text[text.index("[") :]), dtype=float)


def crystal() -> Atoms:
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    atoms.rattle(0.05, seed=2)
    return atoms


@pytest.mark.slow
@pytest.mark.parametrize(
    ("atoms", "descriptor", "centers"),
    [
        ("CH4", QUICK, None),
        ("H2O", replace(QUICK, order=3, parity_odd=True, contract_channels=3), [1]),
        (
            Atoms("OH", [[0, 0, 0], [0.1, 0.2, 1 / 1.1]]),
            DensityCorrelations(2, 2.5, 3, 3, smearing=0.4, basis=SphericalBessel()),
            None,
        ),
        (crystal(), DensityCorrelations(order=2, cutoff=4.0, n_max=2, l_max=2), [1]),
    ],
    ids=["library", "settings", "own", "periodic"],
)
def test_the_code_prints_what_is_on_the_screen(
    atoms: Atoms | str, descriptor: DensityCorrelations, centers: list[int] | None
) -> None:
    explorer = Explorer(atoms, descriptor, centers=centers)
    explorer.mode, explorer.amplitude = 1, -0.137
    values = heights(printed(explorer), explorer)
    assert values == pytest.approx(drawn(explorer), rel=1e-7)  # printed with eight digits
    exact = explorer.shown.spectrum
    assert exact is not None
    assert len(values) == len(exact.singular_values)


def test_the_code_after_a_way_to_a_singular_point() -> None:
    start = structures.load("CH4")
    start.rattle(0.05, seed=1)
    explorer = Explorer(start, QUICK, centers=[0])
    explorer.locate()
    assert explorer.reference.name == ""
    explorer.amplitude = 0.05
    assert heights(printed(explorer), explorer) == pytest.approx(drawn(explorer), rel=1e-7)


@pytest.mark.slow
def test_the_code_of_a_file_prints_what_is_on_the_screen() -> None:
    explorer = Explorer("H2O", QUICK, centers=[0])
    atoms = crystal()
    atoms.set_tags([1, 2])
    explorer.open("two.xyz", xyz(structures.load("CO"), atoms), index=1)
    explorer.mode, explorer.amplitude = 2, 0.06
    assert heights(printed(explorer), explorer) == pytest.approx(drawn(explorer), rel=1e-7)


@dataclass(frozen=True)
class Own:
    """A descriptor of a person's own."""

    scale: float
    cutoff: float = 3.0
    inversion_invariant: bool = True

    def features(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return QUICK.features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return QUICK.gradients(atoms, centers=centers)


def test_the_code_of_an_own_descriptor_runs() -> None:
    explorer = Explorer("H2O", Own(2.0), centers=[0])
    explorer.mode, explorer.amplitude = 1, 0.1
    assert f"from {__name__} import Own\n" in explorer.code()
    assert "descriptor = Own(scale=2.0, cutoff=3.0, inversion_invariant=True)\n" in explorer.code()
    assert heights(printed(explorer), explorer) == pytest.approx(drawn(explorer), rel=1e-7)


class Closed:
    """A descriptor that does not tell how it was made."""

    cutoff, inversion_invariant = 3.0, True

    def __repr__(self) -> str:
        return "Closed(\nraise SystemExit\n)"

    def features(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return QUICK.features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return QUICK.gradients(atoms, centers=centers)


def test_the_code_of_a_closed_descriptor_says_what_to_write_and_then_runs() -> None:
    explorer = Explorer("H2O", Closed(), centers=[0])
    explorer.mode, explorer.amplitude = 1, 0.1
    code = explorer.code()
    assert "Create your Closed below" in code
    assert "# Closed( raise SystemExit )\n" in code
    assert f"# from {__name__} import Closed\n" in code
    written = f"from {__name__} import Closed\ndescriptor = Closed()"
    values = heights(printed(explorer, descriptor=written), explorer)
    assert values == pytest.approx(drawn(explorer), rel=1e-7)
    with pytest.raises(SystemExit, match="Define your descriptor in this script, in place of the"):
        printed(explorer)


def test_the_code_button_offers_the_code(explorer: Explorer, offer: Callable[[str], bytes]) -> None:
    assert offer("code").decode() == explorer.code()
    assert 'structures.load("H2O")' in explorer.code()
