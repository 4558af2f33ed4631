"""What a person sees of an explorer in JupyterLab."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from workbench import STAGES, TWO_FRAMES, Workbench, pixels


def test_the_molecule_is_drawn_and_not_black(workbench: Workbench) -> None:
    picture = pixels(workbench.molecule)
    inked = (picture.min(axis=2) < 250).mean()
    assert 0.03 < inked < 0.6
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 200
    assert (picture.max(axis=2) < 40).mean() < 0.01


def test_the_arrows_are_drawn_in_their_colour(workbench: Workbench) -> None:
    orange = lambda image: ((image[..., 0] - image[..., 2]) > 100).sum()  # noqa: E731
    shown = orange(pixels(workbench.molecule))
    workbench.tell("setattr(explorer, 'arrows', False)")
    workbench.wait(lambda: orange(pixels(workbench.molecule)) == 0)
    assert shown > 100


def test_the_arrow_keys_move_atoms_arrows_and_chart_but_not_the_camera(
    workbench: Workbench,
) -> None:
    workbench.tell("setattr(explorer, 'amplitude', 0.01)")  # everything has been drawn once
    workbench.settle()
    workbench.tell("explorer.reset()")
    workbench.settle()
    before, heights = workbench.scene(), workbench.heights()
    molecule, chart = pixels(workbench.molecule), pixels(workbench.chart)
    workbench.slider.focus()
    for _ in range(20):
        workbench.page.keyboard.press("ArrowRight")
    workbench.wait(lambda: abs(workbench.ask("explorer.amplitude") - 0.2) < 1e-9)
    workbench.settle()
    after = workbench.scene()
    mode = np.array(workbench.ask("explorer.reference.modes[8].ravel().tolist()"))
    np.testing.assert_allclose(after["atoms"] - before["atoms"], 0.2 * mode, atol=1e-5)
    assert np.abs(after["arrows"] - before["arrows"]).max() > 0.05
    for name in ("camera", "components", "geometries", "textures"):
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)
    assert after["components"] == 2
    assert len(heights) == 1
    workbench.wait(lambda: len(workbench.heights()) > 1)
    workbench.wait(lambda: (pixels(workbench.chart) != chart).any(axis=2).sum() > 100)
    assert (pixels(workbench.molecule) != molecule).any(axis=2).sum() > 1000


# Milliseconds from the last of some keys until NGL has drawn once more, smoothly.
SMOOTH = f"""() => new Promise(done => {{
  let last = null, drawn = false;  // since then, coarsely
  document.addEventListener("keydown", () => {{ last = performance.now(); }}, true);
  const look = () => {{
    const {{isStill}} = {STAGES}.at(-1).viewer;
    drawn ||= last !== null && !isStill;
    drawn && isStill ? done(performance.now() - last) : requestAnimationFrame(look);
  }};
  window.waiting = true;
  look();
}})"""


def test_the_smooth_drawing_waits_while_keys_arrive(workbench: Workbench) -> None:
    workbench.slider.focus()
    workbench.page.evaluate(f"() => {{ window.smooth = ({SMOOTH})(); }}")
    workbench.page.wait_for_function("() => window.waiting")
    before = workbench.scene()["atoms"]
    for _ in range(3):
        workbench.page.keyboard.press("ArrowRight")
    workbench.wait(lambda: np.abs(workbench.scene()["atoms"] - before).max() > 0.005)
    assert workbench.page.evaluate("() => window.smooth") > 1000


def test_the_browser_keeps_what_python_sets(workbench: Workbench) -> None:
    for amplitude in (0.2, 0.3, -0.1, 0.1234):
        workbench.tell(f"setattr(explorer, 'amplitude', {amplitude})")
    workbench.page.get_by_text("+0.12").last.wait_for()
    workbench.settle()
    workbench.exchange()
    assert workbench.ask("explorer.amplitude") == 0.1234


def test_a_click_on_a_marker_chooses_its_mode(workbench: Workbench) -> None:
    axes = "explorer.chart.figure.axes[0]"
    x, y = workbench.ask(
        f"{axes}.transData.transform(explorer.chart.values['symmetry'].get_xydata()[2]).tolist()"
    )
    height = workbench.ask("explorer.chart.figure.bbox.height")
    workbench.chart.click(position={"x": x, "y": height - y})
    workbench.wait(lambda: workbench.ask("explorer.mode") == 3)
    workbench.page.get_by_text("Mode 3 is invisible by symmetry (Td)").last.wait_for()


def test_playing_moves_the_atoms_and_stop_brings_them_back(workbench: Workbench) -> None:
    start = workbench.scene()["atoms"]
    play, stop = (workbench.page.locator(".widget-play button:visible").nth(k) for k in (-2, -1))
    play.click()
    workbench.wait(lambda: np.abs(workbench.scene()["atoms"] - start).max() > 0.1)
    stop.click()
    workbench.wait(lambda: workbench.ask("explorer.amplitude") == 0.0)
    workbench.settle()
    np.testing.assert_allclose(workbench.scene()["atoms"], start, atol=1e-5)


# The picture in the page, as numbers.
SHOWN = """() => {
  const canvas = [...document.querySelectorAll('.jupyter-matplotlib canvas')].at(-2);
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const text = Array.from(data, x => String.fromCharCode(x)).join("");
  return [canvas.height, canvas.width, btoa(text)];
}"""
DRAWN = (
    "(lambda canvas: [*canvas._last_buff.shape, __import__('base64').b64encode("
    "canvas._last_buff.tobytes()).decode()])(explorer.chart.figure.canvas)"
)


def picture(found: tuple[int, int, str]) -> np.ndarray:
    """Shape (height, width, 4)."""
    height, width, data = found
    return np.frombuffer(base64.b64decode(data), dtype=np.uint8).reshape(height, width, 4)


def test_the_page_shows_the_chart_that_the_kernel_has_drawn(workbench: Workbench) -> None:
    def differs() -> float:
        shown = picture(workbench.page.evaluate(SHOWN)).astype(int)
        drawn = picture(workbench.ask(DRAWN)).astype(int)
        return float(abs(shown - drawn).max()) if shown.shape == drawn.shape else np.inf

    for line in ("structure='C6H6'", "structure='H2O'", "mode=1", "amplitude=.2", "structure='X0'"):
        name, _, value = line.partition("=")
        workbench.tell(f"setattr(explorer, {name!r}, {value})")
        workbench.tell("explorer.wait()")
        workbench.settle()
        workbench.slider.focus()
        for key in ("ArrowRight", "ArrowLeft", "ArrowRight"):
            workbench.page.keyboard.press(key)
        workbench.wait(lambda: differs() < 2, differs)
    workbench.tell("setattr(explorer, 'structure', 'CH4')")


def test_fewer_stops_of_the_slider_leave_the_atoms_where_they_are(workbench: Workbench) -> None:
    workbench.tell("setattr(explorer, 'structure', 'C6H6')")
    workbench.page.get_by_text("amplitude (Å)").last.wait_for()
    workbench.settle()
    stops = workbench.ask("len(explorer.controls.amplitude.options)")
    workbench.tell("setattr(explorer, 'structure', 'H2')")
    workbench.tell("explorer.wait()")
    workbench.settle()
    workbench.exchange()
    assert workbench.ask("len(explorer.controls.amplitude.options)") < stops / 2
    assert workbench.ask("explorer.amplitude") == 0.0
    workbench.tell("setattr(explorer, 'structure', 'CH4')")


SOAK = 3000
# What a page needs grows at first, until everything has been used; after so many it may not.
WARM = 500
HEAP = "() => { gc(); return performance.memory.usedJSHeapSize; }"


def test_thousands_of_updates_leave_nothing_behind(workbench: Workbench) -> None:
    def update(first: int, last: int) -> None:
        swing = "0.4 * __import__('math').sin(0.1 * k)"
        for k in range(first, last, 100):  # between them the page can show what has come
            numbers = f"range({k + 1}, {k + 101})"
            workbench.tell(f"[setattr(explorer, 'amplitude', {swing}) for k in {numbers}]")
            workbench.settle()

    update(0, WARM)
    before = workbench.scene()
    heap = min(workbench.page.evaluate(HEAP) for _ in range(3))
    widgets = workbench.ask("len(__import__('ipywidgets').Widget.widgets)")
    update(WARM, SOAK)
    after = workbench.scene()
    assert np.abs(after["atoms"] - before["atoms"]).max() > 0.05
    # One collection can miss what the page still holds for a moment; what leaks never goes.
    workbench.wait(lambda: workbench.page.evaluate(HEAP) < 1.1 * heap)
    assert workbench.ask("len(__import__('ipywidgets').Widget.widgets)") == widgets
    for name in ("camera", "components", "geometries", "textures"):
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)


def test_a_second_view_shows_the_same_atoms(workbench: Workbench) -> None:
    workbench.tell("setattr(explorer, 'amplitude', 0.3)")
    workbench.page.evaluate("() => jupyterapp.commands.execute('notebook:create-output-view')")
    expected = workbench.positions()[::3]
    workbench.wait(lambda: all(np.allclose(x, expected, atol=1e-5) for x in two_views(workbench)))
    widths = f"() => {STAGES}.map(stage => stage.viewer.container.clientWidth)"
    workbench.wait(lambda: min(workbench.page.evaluate(widths)) > 100)
    workbench.page.evaluate("() => jupyterapp.shell.currentWidget.dispose()")


def two_views(workbench: Workbench) -> list[list[float]]:
    """The first coordinates of all atoms in each of two views; NaN until there are two."""
    views: list[list[float]] = workbench.page.evaluate(
        f"() => {STAGES}.filter(stage => stage.compList.length === 2)"
        ".map(stage => Array.from(stage.compList[0].structure.atomStore.x))"
    )
    return views if len(views) == 2 else [[np.nan] * 5]


@pytest.mark.parametrize("width", [900, 1300, 1900])
def test_nothing_is_clipped(workbench: Workbench, width: int) -> None:
    workbench.page.set_viewport_size({"width": width, "height": 900})
    explorer = workbench.page.locator(".sensitivity-explorer").last

    def measure() -> tuple[bool, list[str]]:
        box = explorer.bounding_box()
        wide = box is not None and box["width"] > 0.5 * min(width, 1240)
        return wide, workbench.clipped()

    workbench.wait(lambda: measure() == (True, []), measure)
    workbench.page.evaluate(TWO_FRAMES)
    assert (pixels(workbench.molecule).min(axis=2) < 250).mean() > 0.02


def test_another_descriptor_and_the_arrows_of_a_feature(workbench: Workbench) -> None:
    page, panel = workbench.page, workbench.page.locator(".sensitivity-explorer").last

    def choose(label: str, index: int) -> None:
        field = panel.locator(".widget-dropdown", has_text=label).locator("select").first
        offered = "([field, index]) => !field.disabled && field.options.length > index"
        page.wait_for_function(offered, arg=[field.element_handle(), index])
        field.select_option(index=index)

    names: list[str] = workbench.ask("[name for _, name in explorer.settings.descriptor.options]")
    choose("descriptor", names.index("dscribe-acsf"))
    reason = "dscribe ACSF has no larger basis to compare with."
    panel.locator(f'button[title="{reason}"]:disabled').wait_for()
    panel.get_by_text("dscribe ACSF has no settings to change here.").wait_for()
    choose("mode", 0)
    choose("feature", 0)
    workbench.settle()
    of_mode = workbench.scene()["arrows"]
    choose("feature", 1)
    panel.get_by_text("changes fastest along these arrows").wait_for()
    workbench.wait(lambda: not np.allclose(workbench.scene()["arrows"], of_mode, atol=1e-3))
    choose("feature", 0)
    workbench.wait(lambda: np.allclose(workbench.scene()["arrows"], of_mode, atol=1e-3))
    assert panel.get_by_text("changes fastest").count() == 0
    choose("descriptor", names.index("2"))
    panel.locator('button[title^="Enlarge the basis"]:enabled').wait_for()
