"""What the page gets of the explorer: messages, pictures, JavaScript; and what that needs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from panel import DESCRIPTOR, QUICK, SINGLE, TOOLBAR, Post

from sensitivity.explorers import BasisExplorer, Explorer
from sensitivity.explorers.parts import figure_widget
from sensitivity.explorers.parts.molecule import DRESS, LOAD, PICK, READY

pytestmark = TOOLBAR


def test_no_step_leaves_a_remote_call_behind(explorer: Explorer, post: Post) -> None:
    archived = len(explorer.molecule.widget._ngl_msg_archive)
    for amplitude in np.linspace(-0.5, 0.5, 12):
        explorer.amplitude = amplitude
    assert len(explorer.molecule.widget._ngl_msg_archive) == archived
    assert post.types() == 12 * ["binary_single"]


def test_a_view_that_comes_late_gets_the_scene_and_the_atoms_as_they_are(
    explorer: Explorer, post: Post
) -> None:
    explorer.amplitude = 0.2
    explorer.look("x")
    camera = post.messages[-1][0]["camera"]
    atoms, arrows = explorer.molecule.sent[0], explorer.molecule.sent["arrows"]
    post.messages.clear()
    explorer.molecule.widget._handle_custom_msg({"type": READY, "view": "v7"}, [])
    scene, _ = post.messages[0]
    assert (scene["type"], scene["to"], scene["count"]) == ("load", "v7", 5)
    assert scene["camera"] == camera
    assert len(scene["bodies"][0]["text"].split("ATOM")) == 6
    assert post.types() == ["load", "binary_single"]
    np.testing.assert_allclose(post.last()[0], atoms, atol=SINGLE)
    np.testing.assert_allclose(post.last()[1], arrows, atol=SINGLE)


def page_of(explorer: Explorer) -> Any:
    """The widget by which the page tells sizes and colours."""
    return next(child for child in explorer.widget.children if hasattr(child, "sizes"))


def test_the_chart_has_the_size_of_its_place_in_the_page(explorer: Explorer) -> None:
    for size in ([790, 420], [421, 260]):
        page_of(explorer).sizes = [size]
        figure = explorer.chart.figure
        assert figure.get_size_inches() * figure.dpi == pytest.approx(size)


DARK, LIGHT = ("#111111", "#e0e0e0"), ("#ffffff", "#212121")


def colors(figure: Figure) -> set[str]:
    """Colours of the paper and of all that is written on it, without the numbers of a map."""
    texts = [text for axes in figure.axes for text in (axes.title, axes.xaxis.label)]
    texts += [text for axes in figure.axes for text in axes.get_xticklabels()]
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    return {to_hex(figure.get_facecolor()), *(to_hex(text.get_color()) for text in texts)}


def test_the_chart_has_the_colours_of_the_page(explorer: Explorer) -> None:
    for paper, ink in (DARK, LIGHT, DARK):
        page_of(explorer).set_state({"sizes": [[600, 400]], "paper": paper, "ink": ink})
        assert colors(explorer.chart.figure) == {paper, ink}
        explorer.structure = "H2O"
        explorer.amplitude = 0.1
        explorer.wait()
        assert colors(explorer.chart.figure) == {paper, ink}


def test_white_ink_and_black_paper_stay_apart_from_what_is_not_painted(explorer: Explorer) -> None:
    for _ in range(2):
        explorer.chart.fit(500, 400, colors=("#000000", "#ffffff"))
        explorer.chart.fit(400, 400, colors=("#000000", "#ffffff"))
        assert colors(explorer.chart.figure) == {"#010101", "#fefefe"}


def test_files_are_black_on_white_in_a_dark_page_too(explorer: Explorer, tmp_path: Path) -> None:
    explorer.save(tmp_path / "light.svg")
    explorer.chart.fit(420, 420, colors=DARK)
    explorer.save(tmp_path / "dark.svg")
    light, dark = (set(re.findall("#[0-9a-f]{6}", path.read_text())) for path in tmp_path.iterdir())
    assert light == dark
    assert colors(explorer.chart.figure) == set(DARK)


def test_a_map_in_a_dark_page_keeps_its_colours(methane: Atoms) -> None:
    chart = BasisExplorer(methane, QUICK, centers=[0]).map
    before = {text.get_text(): text.get_color() for text in chart.figure.axes[0].texts}
    chart.fit(420, 421, colors=DARK)
    assert {text.get_text(): text.get_color() for text in chart.figure.axes[0].texts} == before
    assert colors(chart.figure) == set(DARK)
    assert all(to_rgba(axes.patch.get_facecolor())[3] for axes in chart.figure.axes)


@pytest.mark.slow
def test_without_ipympl_the_chart_is_a_picture(
    methane: Atoms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure_widget, "find_spec", lambda _: None)
    explorer = Explorer(methane, QUICK, centers=[0])
    before = explorer.chart.widget.value
    explorer.amplitude = 0.3
    assert before[:8] == explorer.chart.widget.value[:8] == b"\x89PNG\r\n\x1a\n"
    assert before != explorer.chart.widget.value


def pick(explorer: Explorer, atom: int, *, more: bool = False) -> None:
    """Click on an atom, with the shift key for more."""
    message = {"type": PICK, "atom": atom, "more": more}
    explorer.molecule.widget._handle_custom_msg(message, [])
    explorer.wait()


def test_a_click_on_an_atom_makes_it_the_center(methane: Atoms) -> None:
    explorer = Explorer(methane, QUICK, centers=[0])
    for atom, more, centers in ((2, False, (2,)), (4, True, (2, 4)), (2, True, (4,))):
        pick(explorer, atom, more=more)
        assert explorer.centers == centers
    pick(explorer, 4, more=True)  # some atom has to be one
    assert explorer.centers == (4,)
    explorer.undo()
    assert explorer.centers == (4,)


def test_a_block_of_cells_is_drawn_and_moves(explorer: Explorer) -> None:
    salt = Explorer(bulk("NaCl", "rocksalt", a=5.6), QUICK, centers=[0])
    salt.cells = 2
    scene = salt.molecule._scene
    assert scene is not None
    assert scene["bodies"][0]["text"].count("ATOM") == 16
    assert scene["bodies"][0]["names"][-1] == ["Cl", "1"]
    assert salt.controls.cells.value == 2
    salt.amplitude = 0.2
    moved = salt.molecule.sent[0]
    own, cell = salt.state.atoms.positions, salt.structure.cell.array
    np.testing.assert_allclose(moved[-2:], own + cell.sum(axis=0), atol=SINGLE)
    pick(salt, 15)  # an image of chlorine
    assert salt.centers == (1,)
    assert salt.cells == 2
    salt.structure = "H2O"
    assert (salt.cells, salt.controls.cells.layout.display) == (1, "none")
    with pytest.raises(
        ValueError, match="cells must be 1, got 2; the structure is not a small cryst"
    ):
        salt.cells = 2


def test_labels_and_sizes_of_atoms_come_to_new_views_too(explorer: Explorer, post: Post) -> None:
    explorer.labels, explorer.atom_size = "element and index", 1.5
    expected = {"labels": "element and index", "size": 1.5}
    assert post.messages[-1][0] == {"type": DRESS, "dress": expected}
    explorer.molecule.widget._handle_custom_msg({"type": READY, "view": "v7"}, [])
    (scene,) = [content for content, _ in post.messages if content["type"] == LOAD]
    assert scene["dress"] == expected
    assert scene["bodies"][0]["names"] == [["C", "0"], *(["H", str(k)] for k in range(1, 5))]
    for name, value in (("labels", "name"), ("atom_size", 3.0)):
        with pytest.raises(ValueError, match=f"{name} must be one of"):
            setattr(explorer, name, value)
    explorer.reset()
    assert (explorer.controls.labels.value, explorer.controls.atom_size.value) == ("none", 1.0)


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
    with pytest.raises(ModuleNotFoundError, match=rf"{library} is not.*atomic-sensitivity\[lab\]"):
        Explorer(methane, DESCRIPTOR, centers=[0])


def test_unknown_keywords_are_refused(methane: Atoms) -> None:
    with pytest.raises(TypeError, match="center"):
        Explorer(methane, DESCRIPTOR, center=[0])  # type: ignore[call-arg]
