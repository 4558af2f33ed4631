"""Where things are in the page, at all widths, and how they are reached by the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Locator
from scipy.ndimage import find_objects, label
from workbench import HIDE_FILES, STAGES, TWO_FRAMES, Workbench, pixels

PANES = """() => [...document.querySelectorAll('.sensitivity-explorer .sensitivity-picture')]
  .map(e => Math.round(e.getBoundingClientRect().width))"""

FOCUS = """() => {
  const {activeElement: element} = document, place = element.closest('.sensitivity-explorer');
  return [Boolean(place), element.className + ' ' + element.textContent.trim()];
}"""
"""Whether the focus is in the explorer, and a description of the element that has it."""


@pytest.fixture
def bench(opened: Workbench) -> Iterator[Workbench]:
    """A page without the file browser, as somebody leaves it who has little room."""
    opened.page.evaluate(HIDE_FILES)
    opened.tell("explorer.wait()")
    yield opened
    assert opened.complaints.console == []


def explorer(bench: Workbench) -> Locator:
    return bench.page.locator(".sensitivity-explorer").first


def resize(bench: Workbench, width: int, height: int = 900) -> None:
    """Give the window a size, and wait until the chart has taken its own."""
    bench.page.set_viewport_size({"width": width, "height": height})
    bench.page.evaluate(TWO_FRAMES)
    place = bench.page.locator(".sensitivity-chart").first

    def fits() -> bool:
        inside = place.evaluate("e => [e.clientWidth, e.clientHeight]")
        drawn = bench.ask("explorer.chart.figure.bbox.size.tolist()")
        return all(abs(a - b) < 1.5 for a, b in zip(inside, drawn, strict=True))

    bench.wait(fits)


@pytest.mark.parametrize("width", [600, 900, 1300, 1900])
def test_slider_and_molecule_are_in_sight_together(bench: Workbench, width: int) -> None:
    resize(bench, width)
    bench.show_explorer()
    bench.settle()
    for shown in (bench.molecule, bench.slider):
        box = shown.bounding_box()
        assert box is not None
        assert box["y"] >= 80  # below the bars of JupyterLab
        assert box["y"] + box["height"] <= 870
    assert bench.clipped() == []


@pytest.mark.parametrize("width", [900, 1300, 1900])
def test_the_pictures_take_the_whole_width(bench: Workbench, width: int) -> None:
    resize(bench, width)
    left, *_, right = bench.page.locator(".sensitivity-explorer .sensitivity-picture").all()
    first, last, whole = left.bounding_box(), right.bounding_box(), explorer(bench).bounding_box()
    assert first
    assert last
    assert whole
    assert whole["width"] > 0.8 * width - 40
    assert abs(first["x"] - whole["x"]) < 6
    assert abs(last["x"] + last["width"] - whole["x"] - whole["width"]) < 6


def test_the_pictures_have_the_same_widths_at_each_visit(bench: Workbench) -> None:
    resize(bench, 1300)
    before = bench.page.evaluate(PANES)
    bench.tell("globals().update(explorer=Explorer('H2O'))")
    bench.tell("setattr(place, 'children', (explorer.widget,))")
    assert len(before) == 2
    for width in (900, 1900, 1300):
        resize(bench, width)
    bench.wait(lambda: bench.page.evaluate(PANES) == before)


def test_the_settings_fold_away_where_there_is_little_room(bench: Workbench) -> None:
    fold, setting = (
        explorer(bench).get_by_text(text, exact=True) for text in ("settings", "l_max")
    )
    resize(bench, 1300)
    setting.wait_for()
    assert fold.is_hidden()
    resize(bench, 900)
    setting.wait_for(state="hidden")
    for state in ("visible", "hidden"):
        fold.click()
        setting.wait_for(state=state)


@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
def test_the_tabulator_goes_through_the_whole_explorer(bench: Workbench, key: str) -> None:
    resize(bench, 1300)
    buttons = explorer(bench).locator("button:visible:enabled").all_text_contents()
    ends = explorer(bench).locator("button:visible")
    (ends.first if key == "Tab" else ends.last).focus()
    passed = []
    for _ in range(200):
        inside, element = bench.page.evaluate(FOCUS)
        if not inside:
            break
        passed.append(element)
        bench.page.keyboard.press(key)
    else:
        pytest.fail(f"the keyboard is caught: {passed[-3:]}")
    for text in buttons:
        assert any(element.endswith(text.strip()) for element in passed), (text, passed)
    assert sum("noUi-handle" in element for element in passed) == 1


def test_a_click_on_the_chart_does_not_catch_the_keyboard(bench: Workbench) -> None:
    resize(bench, 1300)
    bench.chart.click(position={"x": 200, "y": 200})
    bench.page.wait_for_function("() => document.activeElement.closest('.sensitivity-chart')")
    bench.page.keyboard.press("l")  # which matplotlib takes for a change of scale
    bench.page.keyboard.press("Tab")
    bench.page.wait_for_function("() => !document.activeElement.closest('.sensitivity-chart')")
    assert bench.page.evaluate(FOCUS)[0]
    assert bench.ask("explorer.chart.figure.axes[1].get_yscale()") == "log"


THEME = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"


@pytest.fixture
def dark(bench: Workbench) -> Iterator[Workbench]:
    bench.page.evaluate(THEME, "JupyterLab Dark")
    bench.page.locator(".sensitivity-dark").first.wait_for()
    yield bench
    bench.page.evaluate(THEME, "JupyterLab Light")
    bench.wait(lambda: pixels(bench.chart).mean() > 200)


def test_in_a_dark_page_pictures_are_dark_and_pressed_buttons_differ(dark: Workbench) -> None:
    resize(dark, 1300)
    dark.show_explorer()
    dark.settle()
    for picture in (dark.molecule, dark.chart):
        dark.wait(lambda picture=picture: np.median(pixels(picture)) < 40)
        assert (pixels(picture).max(axis=2) > 120).mean() > 0.01
    arrows = explorer(dark).locator("button", has_text="arrows")
    reset = explorer(dark).locator("button", has_text="reset")
    assert abs(pixels(arrows).mean() - pixels(reset).mean()) > 60
    # The chevron of a list stands out from the paper.
    assert pixels(explorer(dark).locator("select").first)[:, -20:].max() > 150


def test_the_button_for_files_says_what_it_does(bench: Workbench) -> None:
    button = explorer(bench).locator(".widget-upload").first
    assert button.inner_text().strip() == "Upload file"
    bench.tell(
        "setattr(explorer.settings.upload, 'description', 'Other file')"
    )  # it is written again
    bench.wait(lambda: button.inner_text().strip() == "Other file")
    bench.tell("setattr(explorer.settings.upload, 'description', 'Upload file')")
    bench.wait(lambda: button.inner_text().strip() == "Upload file")


CUT = """() => [...document.querySelectorAll('.sensitivity-explorer select')].filter(select => {
  const style = getComputedStyle(select), pen = document.createElement('canvas').getContext('2d');
  pen.font = style.font;
  const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const widths = [...select.options].map(option => pen.measureText(option.label).width);
  return select.clientWidth && Math.max(...widths) > room;
}).map(select => select.innerText)"""
"""Lists with a choice that is cut by the end of their field."""


def test_no_choice_is_cut(bench: Workbench) -> None:
    resize(bench, 1300)
    for order in (1, 2, 3, 4):
        bench.tell(f"explorer.refine('order', {order}) or explorer.wait()")
        for mode in (0, 8):
            bench.tell(f"setattr(explorer, 'mode', {mode}) or explorer.wait()")
            bench.settle()
            assert bench.page.evaluate(CUT) == []
    bench.tell("explorer.refine('order', 2) or explorer.wait()")


TALL = """() => [...document.fullscreenElement.querySelectorAll('.sensitivity-picture')]
  .map(e => e.getBoundingClientRect().height / window.innerHeight)"""


def test_pictures_take_the_height_of_a_full_screen(bench: Workbench) -> None:
    bench.page.set_viewport_size({"width": 1300, "height": 1200})
    button = explorer(bench).locator("button", has_text="full screen")
    button.click()
    bench.wait(lambda: bench.page.evaluate("() => Boolean(document.fullscreenElement)"))
    bench.wait(lambda: all(0.6 < part < 0.7 for part in bench.page.evaluate(TALL)))
    assert bench.clipped() == []
    button.click()
    bench.wait(lambda: bench.page.evaluate("() => !document.fullscreenElement"))


NAMELESS = """() => [...document.querySelectorAll('.sensitivity-explorer button')]
  .filter(e => e.checkVisibility() && !(e.innerText.trim() || e.title || e.ariaLabel))
  .map(e => e.outerHTML)"""


def test_every_button_has_a_name_and_that_of_nglview_is_hidden(bench: Workbench) -> None:
    resize(bench, 1300)
    assert bench.page.evaluate(NAMELESS) == []
    foreign = bench.page.locator(".sensitivity-explorer button:has(.fa-compress)").first
    foreign.evaluate("e => { e.style.display = 'block'; }")  # as nglview does in full screen
    assert not foreign.is_visible()


def test_an_error_goes_away_when_its_field_is_edited(bench: Workbench) -> None:
    resize(bench, 1300)
    cutoff = explorer(bench).locator(".widget-inline-hbox", has_text="cutoff").locator("input")
    message = explorer(bench).get_by_role("status")
    cutoff.fill("1e9")
    cutoff.press("Enter")
    message.get_by_text("too narrow for cutoff").wait_for()
    cutoff.fill("")
    bench.wait(lambda: message.inner_text() == "", message.inner_text)
    cutoff.press("Escape")


SQUEEZED = """shrink => {
  const root = document.fullscreenElement;
  for (const row of root.children) row.style.flexShrink = shrink;
  const rows = [...root.children].filter(row => row.clientHeight && row.scrollHeight);
  const squeezed = rows.filter(row => row.scrollHeight > row.clientHeight + 2).length;
  for (const row of root.children) row.style.flexShrink = '';
  return [squeezed, root.scrollHeight > root.clientHeight];
}"""
"""How many rows are squeezed in full screen, and whether it scrolls, with another rule or none."""


def test_full_screen_scrolls_instead_of_squeezing_its_rows(bench: Workbench) -> None:
    bench.page.set_viewport_size({"width": 1300, "height": 420})
    button = explorer(bench).locator("button", has_text="full screen")
    button.click()
    bench.wait(lambda: bench.page.evaluate("() => Boolean(document.fullscreenElement)"))
    bench.page.evaluate(TWO_FRAMES)
    assert bench.page.evaluate(SQUEEZED, "") == [0, True]
    assert bench.page.evaluate(SQUEEZED, "1")[0] > 0  # what the rule is for
    button.click()
    bench.wait(lambda: bench.page.evaluate("() => !document.fullscreenElement"))


ZOOM = f"() => {STAGES}.at(-1).viewer.camera.position.z"
PLACE = "e => e.getBoundingClientRect().y"


def test_the_wheel_scrolls_the_page_and_zooms_with_ctrl(bench: Workbench) -> None:
    resize(bench, 900)
    bench.show_explorer()
    bench.settle()
    molecule = bench.molecule
    box = molecule.bounding_box()
    assert box is not None
    bench.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    zoom, place = bench.page.evaluate(ZOOM), molecule.evaluate(PLACE)
    bench.page.mouse.wheel(0, 60)
    bench.wait(lambda: molecule.evaluate(PLACE) != place, lambda: "no scroll")
    assert bench.page.evaluate(ZOOM) == zoom
    place = molecule.evaluate(PLACE)
    bench.page.keyboard.down("Control")
    bench.page.mouse.wheel(0, 60)
    bench.page.keyboard.up("Control")
    bench.wait(lambda: bench.page.evaluate(ZOOM) != zoom, lambda: "no zoom")
    assert molecule.evaluate(PLACE) == place


def test_numbers_are_taken_as_they_are_typed(bench: Workbench) -> None:
    """A decimal comma is a point; a field of integers refuses both, and a readout takes no text."""
    resize(bench, 1300)  # where it is narrow the settings are folded
    bench.show_explorer()
    fields = explorer(bench)
    cutoff = fields.locator(".widget-inline-hbox", has_text="cutoff").locator("input")
    before = bench.ask("explorer.descriptor.cutoff")
    cutoff.press("Control+a")
    cutoff.press_sequentially("3,4")
    assert cutoff.input_value() == "3.4"
    cutoff.press("Enter")
    bench.wait(lambda: bench.ask("explorer.descriptor.cutoff") == 3.4)
    cutoff.press("Control+a")
    cutoff.press_sequentially(f"{before:g}")
    cutoff.press("Enter")
    bench.wait(lambda: bench.ask("explorer.descriptor.cutoff") == before)

    n_max = fields.locator(".widget-inline-hbox", has_text="n_max").locator("input")
    n_max.press("Control+a")
    n_max.press_sequentially("1.")
    assert n_max.evaluate("e => e.validationMessage") == "Enter a whole number."
    n_max.press_sequentially("4")
    assert n_max.input_value() == "4"
    assert n_max.evaluate("e => e.validationMessage") == ""
    n_max.press("Enter")
    bench.wait(lambda: bench.ask("explorer.descriptor.n_max") == 4)
    assert fields.locator("[contenteditable=true]").count() == 0


SHOW = "__import__('ase').Atoms('He2', [[0, 0, 0], [0, 0, {apart}]])"


@pytest.mark.parametrize("apart", [1.0, 20.0])
def test_labels_of_atoms_are_legible_at_any_size_of_the_structure(
    bench: Workbench, apart: float
) -> None:
    """Digits of 9 to 16 pixels, although the atoms of a large structure are smaller."""
    resize(bench, 1300)
    bench.tell(f"setattr(explorer, 'structure', {SHOW.format(apart=apart)}) or explorer.wait()")
    bench.settle()
    bench.page.wait_for_timeout(1000)  # the picture with antialiasing comes last
    before = pixels(bench.molecule)
    bench.tell("setattr(explorer, 'labels', 'index')")
    black = lambda: (pixels(bench.molecule).max(axis=2) < 60) & (before.max(axis=2) >= 60)  # noqa: E731
    bench.wait(lambda: black().sum() > 20, lambda: black().sum())
    bench.settle()
    blobs, count = label(black(), structure=np.ones((3, 3)))
    heights = [rows.stop - rows.start for rows, _ in find_objects(blobs)]
    assert count == 2
    assert all(9 <= height <= 16 for height in heights)
    bench.tell("setattr(explorer, 'structure', 'CH4') or explorer.wait()")
    bench.tell("setattr(explorer, 'labels', 'none')")
