"""The smaller views in JupyterLab, and all views where a page is unkind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator
from workbench import HIDE_FILES, STAGES, STILL, VIEWS, Workbench, pixels

from sensitivity import DensityCorrelations, compare, structures
from sensitivity.comparison import respond
from sensitivity.explorers.parts.layout import DEAD

HIDE = "async () => { await jupyterapp.commands.execute('launcher:create'); }"

SECOND = "async () => { await jupyterapp.commands.execute('notebook:create-output-view'); }"

DISPOSE = "() => { jupyterapp.shell.currentWidget.dispose(); }"

SHOW = "id => { jupyterapp.shell.activateById(id); }"

RESTART = "() => { jupyterapp.commands.execute('notebook:restart-kernel'); }"

RUN = "async () => { await jupyterapp.commands.execute('notebook:run-all-cells'); }"

BESIDE = dict.fromkeys(("path", "twin", "basis", "bands", "compare", "survey"), 1300)
"""From which width of the page on the pictures stand beside each other, of those tested."""

DESCRIPTORS = {f"order {order}": DensityCorrelations(order) for order in (2, 3)}

TALL = 1400
"""Pixels: an explorer is in sight as a whole, one picture below the other."""

INK = 0.01
"""Of the pixels of a picture that is not blank."""


@pytest.fixture
def bench(opened: Workbench) -> Iterator[Workbench]:
    """A page of the usual size; a test fails too if it complains meanwhile."""
    opened.page.set_viewport_size({"width": 1300, "height": TALL})
    opened.page.evaluate(HIDE_FILES)
    yield opened
    assert opened.complaints.console == []
    assert opened.complaints.elsewhere == []


def explorers(bench: Workbench) -> Locator:
    return bench.page.locator(".sensitivity-explorer:visible")


def wait_until_drawn(bench: Workbench, *, count: int = 1) -> None:
    """Wait until both pictures of so many explorers show something."""

    def ink() -> list[float]:
        screen = pixels(bench.page)
        # Of two canvases of a chart, one is drawn on, and the other lies on it.
        shown = explorers(bench).locator(".sensitivity-picture canvas:not(canvas + canvas)").all()
        return [share(screen, canvas.bounding_box()) for canvas in shown]

    bench.wait(lambda: len(ink()) == 2 * count and min(ink()) > INK, ink)


def share(screen: np.ndarray, box: Any) -> float:
    """Share of the pixels in a box that are not white; zero if it is not on the screen."""
    if box is None:
        return 0.0
    left, top, width, height = (round(box[key]) for key in ("x", "y", "width", "height"))
    part = screen[top : top + height, left : left + width]
    return float((part.min(axis=2) < 250).mean()) if part.size else 0.0


@pytest.mark.parametrize("view", BESIDE)
def test_a_view_fits_into_the_page_at_all_widths(bench: Workbench, view: str) -> None:
    bench.put(VIEWS[view])
    bench.tell("explorer.wait()")

    def measure() -> tuple[bool, bool, list[str]]:
        tops = [top for _, top, _ in boxes(bench)[1:]]
        return filled(bench), len(set(tops)) == 1, bench.clipped()

    for width in (800, 900, 1300, 1900):
        bench.page.set_viewport_size({"width": width, "height": TALL})
        expected = True, width >= BESIDE[view], []
        bench.wait(lambda expected=expected: measure() == expected, measure)
    wait_until_drawn(bench)


def boxes(bench: Workbench) -> list[tuple[float, float, float]]:
    """Of the explorer and of both pictures: left, top and right."""
    papers = explorers(bench).last.locator(".sensitivity-picture").all()
    found = [each.bounding_box() for each in (explorers(bench).last, *papers)]
    return [(box["x"], box["y"], box["x"] + box["width"]) for box in found if box]


def filled(bench: Workbench) -> bool:
    """Whether the pictures reach from the left of the explorer to its right."""
    (left, _, right), *papers = boxes(bench)
    starts, _, ends = zip(*papers, strict=True)
    return abs(min(starts) - left) < 5 and abs(max(ends) - right) < 12


SPLIT = """table => {  // texts of the table with more lines than words
    const lines = node => {
        const range = document.createRange();
        range.selectNodeContents(node);
        return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size;
    };
    return [...table.querySelectorAll('th, td')]
        .filter(cell => lines(cell) > cell.textContent.split(/[\\s-]+/).length)
        .map(cell => cell.textContent);
}"""

OUTSIDE = """explorer => {  // visible lists that stick out of the explorer
    const edge = explorer.getBoundingClientRect().right + 0.5;
    return [...explorer.querySelectorAll('.widget-dropdown, select')]
        .filter(each => each.getBoundingClientRect().right > edge)
        .map(each => each.textContent);
}"""


def test_a_narrow_page_keeps_words_and_numbers_of_the_comparison_whole(bench: Workbench) -> None:
    bench.put("CompareExplorer('N3', ['2', 'dscribe-soap', 'overlap-matrix'])")
    bench.tell("explorer.wait()")
    wait_until_drawn(bench)
    explorer = explorers(bench).last
    bench.page.set_viewport_size({"width": 390, "height": TALL})
    bench.wait(lambda: explorer.evaluate("each => each.clientWidth") < 390)
    assert explorer.locator("table.sensitivity-table").evaluate(SPLIT) == []
    assert explorer.evaluate(OUTSIDE) == []
    scroll = explorer.locator(".sensitivity-scroll")
    ends = scroll.evaluate("each => each.getBoundingClientRect().right")
    assert ends <= explorer.evaluate("each => each.getBoundingClientRect().right")
    long = "density correlations of order 2 with a smaller basis"
    bench.put(f"CompareExplorer(X0, {{{long!r}: look, 'order 3': more}})")
    bench.tell("explorer.wait()")
    bench.page.get_by_text(long).first.wait_for(state="attached")
    assert explorers(bench).last.evaluate(OUTSIDE) == []


@pytest.mark.parametrize("view", ["twin", "basis"])
def test_a_view_can_be_shown_twice(bench: Workbench, view: str) -> None:
    bench.put(VIEWS[view])
    bench.page.evaluate(SECOND)
    wait_until_drawn(bench, count=2)
    bench.page.evaluate(DISPOSE)
    wait_until_drawn(bench)


def test_a_click_on_a_singular_value_shows_what_the_other_descriptor_sees(
    bench: Workbench,
) -> None:
    """The numbers are those of ``compare``, at rest and at an amplitude."""
    bench.put("CompareExplorer('N3', ['2', '3'])")
    bench.tell("explorer.wait()")
    wait_until_drawn(bench)
    expected = compare(structures.load("N3"), DESCRIPTORS, centers=[0])
    x, y = bench.ask(
        "explorer.chart.axes[1].transData.transform("
        "[12, explorer.comparison.spectra[1].relative[12]]).tolist()"
    )
    height = bench.ask("explorer.chart.figure.bbox.height")
    bench.chart.click(position={"x": x, "y": height - y})
    bench.wait(lambda: bench.ask("[explorer.of, explorer.mode]") == ["order 3", 12])
    mode = expected.modes("order 3").displacements[12]
    two, three = expected.responses(mode)
    panel = explorers(bench).last
    panel.get_by_text(f"Its singular value is {three.relative:.3g} of the scale.").wait_for()
    panel.get_by_text(f"its features change by {two.relative:.3g} of the scale.").wait_for()
    # The arrows are those of the mode, and the atoms move along it with the slider.
    arrows = np.array(bench.ask("explorer.molecule.sent['arrows'].tolist()"))
    cosine = np.vdot(arrows[1] - arrows[0], mode) / np.linalg.norm(arrows[1] - arrows[0])
    assert cosine > 0.98
    bench.slider.focus()
    for _ in range(10):
        bench.page.keyboard.press("ArrowRight")
    moved = expected.atoms.copy()
    moved.positions += 0.1 * mode / np.linalg.norm(mode, axis=1).max()
    bench.wait(lambda: agree(bench.scene()["atoms"], moved.positions.ravel().tolist()))
    seen = [respond(each, mode).relative for each in expected.spectra_at(moved)]
    said = f"is {seen[0]:.3g} for order 2, {seen[1]:.3g} for order 3."
    panel.get_by_text(f"At +0.10 Å the change along the arrows, over the scale, {said}").wait_for()
    assert bench.clipped() == []


def agree(shown: np.ndarray, expected: list[float]) -> bool:
    return len(shown) == len(expected) and np.allclose(shown, expected, atol=1e-3)


def test_a_click_on_a_band_moves_its_wave_in_a_supercell(bench: Workbench) -> None:
    bench.put("BandExplorer('Si-diamond', DensityCorrelations(cutoff=4.5), path='GX', points=13)")
    bench.tell("explorer.wait()")
    bench.tell("setattr(explorer, 'amplitude', 0.3)")
    wait_until_drawn(bench)
    sizes = set()
    for number in (12, 9, 6):
        click_band(bench, number)
        sizes.add(len(bench.scene()["atoms"]))
    assert len(sizes) == 3  # each is a supercell of its own
    assert bench.clipped() == []


def click_band(bench: Workbench, number: int) -> None:
    """Click on the first band at a wave vector, and wait until the atoms are at its wave."""
    place = f"explorer.bands.distance[{number}], explorer.bands.singular_values[{number}, 0]"
    x, y = bench.ask(f"explorer.chart.axes.transData.transform([{place}]).tolist()")
    height = bench.ask("explorer.chart.figure.bbox.height")
    bench.chart.click(position={"x": x, "y": height - y})
    # The click is answered in another thread of the kernel than this question.
    chosen = f"bool(abs(explorer.supercell.q - explorer.bands.q[{number}]).max() < 1e-9)"
    bench.wait(lambda: bench.ask(chosen))
    moved = "explorer._place(explorer.amplitude)[0][0].ravel().tolist()"
    bench.wait(lambda: agree(bench.scene()["atoms"], bench.ask(moved)), bench.scene)


SHADERS = f"""() => {{
  const programs = {STAGES}.at(-1).viewer.renderer.info.programs;
  window.shaders ??= new Set(programs);
  return programs.filter(program => !window.shaders.has(program)).length;
}}"""

# How often a chart was encoded, and how often while its image was received.
ENCODED = """() => {
  const encode = HTMLCanvasElement.prototype.toDataURL;
  window.encoded = [0, 0];
  HTMLCanvasElement.prototype.toDataURL = function () {
    window.encoded[0]++;
    if (new Error().stack.includes("handle_binary")) window.encoded[1]++;
    return encode.call(this);
  };
}"""


def test_a_click_on_a_band_neither_compiles_shaders_nor_encodes_the_chart(bench: Workbench) -> None:
    """In software each takes 0.1 s, in which the page stands still."""
    bench.put("BandExplorer('Si-diamond', DensityCorrelations(cutoff=4.5), path='GX', points=13)")
    bench.tell("explorer.wait()")
    bench.tell("setattr(explorer, 'amplitude', 0.3)")
    wait_until_drawn(bench)
    bench.page.wait_for_function(STILL)
    assert bench.page.evaluate(SHADERS) == 0
    bench.page.evaluate(ENCODED)
    for number in (12, 9, 6):
        click_band(bench, number)
        bench.page.wait_for_function(STILL)
        assert bench.page.evaluate(SHADERS) == 0
    bench.wait(lambda: bench.page.evaluate("() => encoded[0]") > 0)  # for notebooks that are saved
    assert bench.page.evaluate("() => encoded[1]") == 0


SURVEYED = """
import numpy as np
from ase.build import molecule
from sensitivity import diagnose, survey
frames = [molecule(name) for name in ("CH3OH", "NH3", "H2O", "CH4")]
for seed, atoms in enumerate(frames):
    atoms.rattle(0.1, seed=seed)
    atoms.info["energy"] = -1.0 * seed
found = survey(frames, look)
table = found.table()

def expect(row):
    rows = {name: values[[row]] for name, values in table.items()}
    (environment,) = found.environments(frames, rows=rows)
    return diagnose(environment, look, centers=[0])

def show(row):
    return f"{table['condition_without_symmetry'][row]:.1e}"
"""


def test_a_click_on_an_environment_shows_the_numbers_of_table_and_diagnose(
    bench: Workbench,
) -> None:
    bench.put("SurveyExplorer([X0], look)")  # for the names
    bench.tell(f"exec({SURVEYED!r}, globals())")
    bench.put("SurveyExplorer(found, look, frames=frames)")
    bench.tell("explorer.wait()")
    bench.tell("setattr(explorer, 'against', 'energy per atom')")
    wait_until_drawn(bench)
    panel, height = explorers(bench).last, bench.ask("explorer.chart.figure.bbox.height")
    for row in (3, 8, 12):
        place = f"explorer.chart.axes.transData.transform(explorer.chart.places[{row}]).tolist()"
        x, y = bench.ask(place)
        bench.chart.click(position={"x": x, "y": height - y})
        frame, center = bench.ask(f"[int(table[name][{row}]) for name in ('frame', 'center')]")
        symbol = bench.ask(f"table['species'][{row}]")
        number = bench.ask(f"show({row})")
        panel.get_by_text(f"Frame {frame}, {symbol}{center}: smallest/largest").wait_for()
        panel.get_by_text(f"singular value {number}, number").wait_for()
        bench.tell("explorer.wait()")
        same = "explorer.diagnosis.spectrum.singular_values.tolist()"
        assert bench.ask(same) == bench.ask(f"expect({row}).spectrum.singular_values.tolist()")
        # The atoms are at the place of the frame, and the center is the first.
        positions = f"frames[{frame}].positions[explorer._placement.sources].ravel().tolist()"
        bench.wait(lambda at=positions: agree(bench.scene()["atoms"], bench.ask(at)), bench.scene)
    bench.slider.focus()
    bench.page.keyboard.press("ArrowRight")
    moved = "explorer._place(0.02)[0][0].ravel().tolist()"
    bench.wait(lambda: agree(bench.scene()["atoms"], bench.ask(moved)), bench.scene)
    assert bench.clipped() == []


def test_a_view_may_go_while_it_loads(bench: Workbench) -> None:
    for wait in (0, 50, 100, 200):
        bench.put(VIEWS["main"])
        bench.page.wait_for_timeout(wait)
    bench.put(VIEWS["main"])
    wait_until_drawn(bench)


@pytest.mark.parametrize("view", VIEWS)
def test_what_was_made_in_a_hidden_tab_is_drawn_when_it_is_shown(
    bench: Workbench, view: str
) -> None:
    notebook = bench.page.evaluate("() => jupyterapp.shell.currentWidget.id")
    bench.page.evaluate(HIDE)
    explorers(bench).first.wait_for(state="hidden")
    bench.put(VIEWS[view])
    bench.tell("explorer.wait()")
    bench.page.wait_for_timeout(500)  # what is wrong in a hidden tab happens there
    bench.page.evaluate(DISPOSE)
    bench.page.evaluate(SHOW, notebook)
    wait_until_drawn(bench)
    assert bench.clipped() == []


def test_after_a_restart_of_the_kernel_the_cell_can_be_run_again(bench: Workbench) -> None:
    bench.put(VIEWS["main"])
    wait_until_drawn(bench)
    bench.page.evaluate(RESTART)
    bench.page.locator(".jp-Dialog .jp-mod-accept").click()
    explorer = explorers(bench).last
    said = "e => getComputedStyle(e, '::before').content"
    bench.wait(lambda: explorer.evaluate(said) == f'"{DEAD}"', lambda: explorer.evaluate(said))
    assert explorer.evaluate("e => e.inert")
    # The mouse on a dead chart, and another width of the page, are of no concern to anybody.
    bench.page.mouse.move(900, 500)
    bench.page.mouse.move(400, 500)
    bench.page.set_viewport_size({"width": 1100, "height": TALL})
    bench.page.wait_for_timeout(500)
    bench.page.evaluate(RUN)
    bench.wait(lambda: explorers(bench).last.evaluate(said) == "none")
    wait_until_drawn(bench)
    bench.slider.focus()
    bench.page.keyboard.press("ArrowRight")
    bench.wait(lambda: bench.ask("explorer.amplitude") == 0.01)
    bench.settle()
