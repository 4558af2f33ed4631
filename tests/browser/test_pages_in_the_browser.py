"""Pages of results, opened from a file without a network: what a reader can do and see."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from accessibility import violations
from hostile import HOSTILE
from laboratory import Complaints, browse, join
from playwright.sync_api import Locator, Page
from workbench import TWO_FRAMES, pixels

from sensitivity import (
    DensityCorrelations,
    bands,
    compare,
    diagnose,
    find_twin,
    follow,
    share,
    structures,
    survey,
)

FRAMES = [structures.load(name) for name in ("X0", "CH3OH")]

COMMAND = ("diagnose", "X0", "--center", "0", "--n-max", "4", "--l-max", "4", "--json")

FITS = "() => document.documentElement.scrollWidth <= innerWidth"

# The name of the structure, with escapes for characters that hide.
NAME = """() => JSON.parse(document.getElementById('data').textContent).report.structure.name
  .replace(/[\\0-\\x1f\\u2028-\\u202e]|\\p{Surrogate}/gu,
    found => '\\\\u' + found.charCodeAt(0).toString(16).padStart(4, '0'))"""

# Tables that scroll sideways.
WIDE = """() => [...document.querySelectorAll('.wide:has(table)')]
  .filter(e => e.scrollWidth > e.clientWidth).map(e => `${e.scrollWidth} in ${e.clientWidth}`)"""

# Numbers such as 3e-18, and words of tables, that are on two lines.
SPLIT = """() => {
  const lines = (node, start, end) => {
    const range = document.createRange();
    range.setStart(node, start);
    range.setEnd(node, end);
    return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size;
  };
  const found = [], walker = document.createTreeWalker(document.querySelector('main'), 4);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const pattern = node.parentElement.closest('td') ? /[\\w.]+/g : /[\\d.]+e-\\d+( 1\\/Å)?/g;
    for (const match of node.data.matchAll(pattern))
      if (lines(node, match.index, match.index + match[0].length) > 1) found.push(match[0]);
  }
  return found;
}"""

# Elements whose content is larger than they are.
CLIPPED = """() => [...document.querySelectorAll('.panes *:not(option):not(svg *)')]
  .filter(e => e.offsetParent && e.clientWidth && e.scrollWidth > e.clientWidth + 1)
  .map(e => `${e.id || e.tagName}: ${e.scrollWidth} in ${e.clientWidth}`)"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The page of the command, and the object that it prints."""
    file = tmp_path_factory.mktemp("pages") / "X0 & <b>.html"
    command = [sys.executable, "-m", "sensitivity", *COMMAND, "--page", str(file)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return file, json.loads(said)


@pytest.fixture(scope="module")
def visited(browser: str, written) -> Iterator[tuple[Page, Complaints]]:
    with browse(browser) as (page, complaints):
        page.context.set_offline(True)
        yield page, complaints


@pytest.fixture
def page(visited, written) -> Iterator[Page]:
    page, complaints = visited
    complaints.elsewhere.clear()
    address = written[0].as_uri()
    page.goto(address)
    draw(page)
    yield page
    assert complaints.console == []
    assert complaints.elsewhere == [address]  # and nothing else was asked for


def draw(page: Page) -> None:
    page.evaluate(TWO_FRAMES)


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Amplitude")


def marker(page: Page, mode: int) -> Locator:
    return page.get_by_role("radio", name=re.compile(f"^{mode}: "))


def test_a_click_chooses_a_mode_with_the_numbers_of_the_command(page: Page, written) -> None:
    modes = written[1]["modes"]
    assert page.get_by_label("Mode", exact=True).input_value() == "8"
    assert page.locator("#singular").inner_text() == "0"  # as in the list, not 3e-18
    before = pixels(page.locator("#molecule"))
    marker(page, 3).click()
    draw(page)
    assert float(page.locator("#singular").get_attribute("value")) == modes[3]["singular_value"]
    assert page.locator("#singular").inner_text() == f"{modes[3]['singular_value']:.3e}"
    assert page.locator("#sentence").inner_text().startswith("Mode 3 is visible.")
    assert page.locator("#number").inner_text() == f"3: {modes[3]['cause']}"
    assert (pixels(page.locator("#molecule")) != before).any()  # other arrows


def test_the_slider_moves_the_atoms_and_the_singular_values(page: Page) -> None:
    data = json.loads(page.locator("#data").text_content())
    before = [pixels(page.locator(name)) for name in ("#molecule", "#values", "#along")]
    slider(page).focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    draw(page)
    step = data["amplitudes"].index(0) + 10
    assert page.locator("#amount").inner_text() == f"+{data['amplitudes'][step]:.2f} Å"
    condition = data["modes"]["8"]["trace"]["conditions"][step]
    said = f"rank 9 of 9 internal displacements; smallest/largest singular value {condition:.1e}."
    assert said in page.locator("#now").inner_text()
    after = [pixels(page.locator(name)) for name in ("#molecule", "#values", "#along")]
    for new, old in zip(after, before, strict=True):
        assert (new != old).any()
    page.get_by_role("button", name="Reset").click()
    draw(page)
    assert page.locator("#amount").inner_text() == "0 Å"
    again = pixels(page.locator("#molecule"))  # scrolled by a fraction of a pixel
    assert np.abs(again - before[0]).mean() < 0.1 * np.abs(after[0] - before[0]).mean()


def test_the_keyboard_reaches_every_mode_and_turns_the_structure(page: Page) -> None:
    marker(page, 8).focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#number").inner_text().startswith("7: ")
    page.keyboard.press("Home")
    assert page.locator("#number").inner_text().startswith("0: ")
    page.keyboard.press("End")
    assert page.locator("#number").inner_text() == "14: translation"
    assert page.locator("#unknown").is_visible()
    page.locator("#molecule").focus()
    before = pixels(page.locator("#molecule"))
    page.keyboard.press("ArrowLeft")
    draw(page)
    assert (pixels(page.locator("#molecule")) != before).any()


def test_a_pointer_shows_the_value_of_a_mode_and_a_drag_sets_the_amplitude(page: Page) -> None:
    marker(page, 2).hover()
    assert page.locator("#values .hover").text_content().startswith("2: ")
    box = page.locator("#along").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"], box["y"] + 50)
    page.mouse.up()
    assert slider(page).input_value() == slider(page).get_attribute("max")


def test_play_moves_and_pause_stays_at_a_known_amplitude(page: Page) -> None:
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.getElementById('amount').textContent !== '0 Å'")
    page.get_by_role("button", name="Pause").click()
    shown = page.locator("#amount").inner_text()
    before = pixels(page.locator("#molecule"))
    draw(page)
    assert page.locator("#amount").inner_text() == shown
    assert (pixels(page.locator("#molecule")) == before).all()


def test_the_downloads_have_all_digits(page: Page, written, tmp_path: Path) -> None:
    with page.expect_download() as started:
        page.get_by_role("button", name="Download data").click()
    assert json.loads(started.value.path().read_text()) == written[1]
    slider(page).focus()
    page.keyboard.press("End")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download structure").click()
    started.value.save_as(tmp_path / "structure.extxyz")
    moved = ase.io.read(tmp_path / "structure.extxyz")
    data = json.loads(page.locator("#data").text_content())
    motion = data["amplitudes"][-1] * np.array(written[1]["modes"][8]["displacements"])
    expected = np.array(written[1]["structure"]["positions"]) + motion
    np.testing.assert_allclose(moved.positions, expected, rtol=0, atol=1e-15)


def test_without_webgl_the_numbers_are_still_there(visited, written) -> None:
    other, complaints = join(visited[0])
    other.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    other.goto(written[0].as_uri())
    assert "no WebGL" in other.locator("#molecule").inner_text()
    marker(other, 3).click()
    assert other.locator("#number").inner_text().startswith("3: ")
    assert complaints.console == []
    other.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 900, 1600])
def test_it_fits_and_is_accessible(page: Page, width: int, scheme: str) -> None:
    size = page.viewport_size
    try:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        draw(page)
        assert page.evaluate(FITS)
        assert page.evaluate(CLIPPED) == []
        assert page.evaluate(WIDE) == []
        assert page.evaluate(SPLIT) == []
        assert violations(page) == []
        picture = pixels(page)
        assert (picture[0, -1] < 60).all() == (scheme == "dark")
        top, bottom = page.locator("#molecule").bounding_box(), slider(page).bounding_box()
        assert bottom["y"] + bottom["height"] - top["y"] < 800  # in sight together
    finally:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="light")


def test_the_halo_of_a_center_is_seen_on_light_and_dark_pages(page: Page) -> None:
    """In the halo, 65 % of the background are mixed with 35 % of orange, in light and shade."""
    stages = {"light": [0xEE, 0xF0, 0xF4], "dark": [0x24, 0x24, 0x2B]}
    orange, size = np.array([0xE6, 0x9F, 0x00]), page.viewport_size
    try:
        page.get_by_label("Arrows").uncheck()
        for width in (360, 900):
            page.set_viewport_size({"width": width, "height": 800})
            for scheme, stage in stages.items():
                page.emulate_media(color_scheme=scheme)  # changes while the page is open
                draw(page)
                picture = pixels(page.locator("#molecule"))
                assert picture[9, picture.shape[1] // 2].tolist() == stage
                rest = picture - 0.65 * np.array(stage)
                light = rest[..., 0] / (0.35 * orange[0])
                mixed = np.abs(rest - 0.35 * light[..., None] * orange).max(axis=-1) < 2.5
                assert (mixed & (light > 0.25) & (light < 1.05)).mean() > 0.003
    finally:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="light")


def test_text_of_others_runs_nothing_and_loads_nothing(visited, tmp_path: Path) -> None:
    page, complaints = visited
    found = diagnose(structures.load("Td"), DensityCorrelations(n_max=2, l_max=2), centers=[0])
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    for number, texts in enumerate(zip(*[iter(HOSTILE)] * 4, strict=True)):
        text = " ".join(texts)  # a page takes seconds; tests/share has one for each text
        complaints.elsewhere.clear()
        file = tmp_path / f"{number}.html"
        share.page(found, file, title=text)
        page.goto(file.as_uri())
        draw(page)
        for label in ("Mode", "Amplitude"):
            page.get_by_label(label, exact=True).press("ArrowUp")
        assert page.evaluate("() => window.ran") is None, text
        assert complaints.console == asked == [], text
        assert complaints.elsewhere == [file.as_uri()], text
        assert page.locator("h1").text_content() == page.evaluate(NAME), text


@pytest.mark.parametrize("name", ["bands", "compare", "survey"])
def test_text_of_others_does_nothing_on_pages_with_modes(
    visited, tmp_path: Path, name: str
) -> None:
    page, complaints = visited
    text, basis, file = (
        " ".join(HOSTILE),
        DensityCorrelations(n_max=2, l_max=2),
        tmp_path / "a.html",
    )
    if name == "bands":
        found = bands(structures.load("C-diamond"), basis, path="GX", points=3)
    elif name == "compare":
        found = compare(FRAMES[0], {"order 1": DensityCorrelations(1), text: basis}, centers=[0])
    else:
        found = survey(FRAMES[:1], basis, species=["C"])
    share.page(found, file, title=text, descriptor=basis, frames=FRAMES[:1])
    complaints.elsewhere.clear()
    page.goto(file.as_uri())
    draw(page)
    for label in ("#subject", "#mode", "#amplitude"):
        page.locator(label).press("ArrowDown")
    page.get_by_role("radio").last.hover(force=True)
    assert page.evaluate("() => window.ran") is None
    assert complaints.console == []
    assert complaints.elsewhere == [file.as_uri()]


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of other results."""
    folder, basis = tmp_path_factory.mktemp("others"), DensityCorrelations(n_max=3, l_max=3)
    start = structures.load("X0")
    results = {
        "twin": find_twin(start, basis, center=0),
        "path": follow(start, basis, center=0, mode=8, length=0.2),
        "bands": bands(structures.load("C-diamond"), basis, path="GX", points=5),
        "invisible waves": bands(structures.load("C-diamond"), basis, path="G", points=2),
        "compare": compare(start, {"2": basis, "1": DensityCorrelations(1)}, centers=[0]),
        "survey": survey(FRAMES, basis),
    }
    files = {name: folder / f"{name}.html" for name in results}
    for name, result in results.items():
        share.page(result, files[name], descriptor=basis, frames=FRAMES)
    return files


@pytest.fixture
def other(visited, others, request) -> Iterator[Page]:
    """The page of another result; a test fails too if it complains or asks for anything."""
    page, complaints = visited
    complaints.elsewhere.clear()
    address = others[request.param].as_uri()
    page.goto(address)
    draw(page)
    yield page
    assert complaints.console == []
    assert complaints.elsewhere == [address]


NAMES = ["twin", "path", "bands", "invisible waves", "compare", "survey"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("other", NAMES, indirect=True)
def test_other_results_fit_and_are_accessible(other: Page, scheme: str) -> None:
    size = other.viewport_size
    try:
        other.emulate_media(color_scheme=scheme)
        for width in (360, 900, 1600, 1900):
            other.set_viewport_size({"width": width, "height": 800})
            draw(other)
            assert other.evaluate(FITS)
            assert other.evaluate(CLIPPED) == []
            assert other.evaluate(WIDE) == []
            assert other.evaluate(SPLIT) == []
            if width in (360, 1600):
                assert violations(other) == []
    finally:
        other.set_viewport_size(size)
        other.emulate_media(color_scheme="light")


def chosen_mode(page: Page) -> tuple[dict[str, Any], dict[str, Any]]:
    """Subject and mode that the lists have chosen, from the data of the page."""
    data = json.loads(page.locator("#data").text_content())
    subject = data["subjects"][int(page.locator("#subject").input_value())]
    number = int(page.locator("#mode").input_value())
    return subject, next(mode for mode in subject["modes"] if mode["number"] == number)


@pytest.mark.parametrize("other", ["bands", "compare", "survey"], indirect=True)
def test_a_marker_chooses_a_mode_and_the_slider_moves_it(other: Page, tmp_path: Path) -> None:
    before = chosen_mode(other)
    radios = other.get_by_role("radio")
    unchecked = radios.and_(other.locator("[aria-checked=false]")).first
    picture = pixels(other.locator("#molecule"))
    unchecked.click(force=True)  # equal waves have one place
    draw(other)
    subject, mode = chosen_mode(other)
    assert (subject, mode) != before
    assert (pixels(other.locator("#molecule")) != picture).any()
    assert float(other.locator("#singular").get_attribute("value")) == mode["value"]
    assert other.locator("#sentence").inner_text() == mode["sentence"]
    picture = pixels(other.locator("#molecule"))
    slider(other).press("End")
    draw(other)
    amplitude = subject["amplitudes"][-1]
    assert other.locator("#amount").inner_text() == f"+{amplitude:.2f} Å"
    assert (pixels(other.locator("#molecule")) != picture).any()
    with other.expect_download() as started:
        other.get_by_role("button", name="Download structure").click()
    started.value.save_as(tmp_path / "structure.extxyz")
    data = json.loads(other.locator("#data").text_content())
    positions = data["scenes"][subject["scene"]]["positions"][: len(mode["displacements"])]
    moved = ase.io.read(tmp_path / "structure.extxyz")
    expected = np.array(positions) + amplitude * np.array(mode["displacements"])
    np.testing.assert_allclose(moved.positions, expected, rtol=0, atol=1e-12)
    with other.expect_download() as started:
        other.get_by_role("button", name="Download data").click()
    assert json.loads(started.value.path().read_text()) == data["report"]


@pytest.mark.parametrize("other", ["bands"], indirect=True)
def test_a_click_on_a_band_has_the_value_of_the_command(other: Page) -> None:
    report = json.loads(other.locator("#data").text_content())["report"]
    other.locator("#subject").select_option(label="X (0.5, 0, 0.5)")
    draw(other)
    number = report["labels"].index("X")
    atoms = other.evaluate("() => JSON.parse(get('data').textContent).scenes.length")
    assert atoms == 2  # a supercell for each
    for band in range(report["rank"][number]):
        other.locator("#mode").select_option(str(band))
        shown = float(other.locator("#singular").get_attribute("value"))
        assert shown == pytest.approx(report["singular_values"][number][band], rel=1e-9)
    other.get_by_role("radio", checked=True).focus()
    for key, changed in (("ArrowLeft", "#subject"), ("ArrowDown", "#mode"), ("End", "#mode")):
        before = other.locator(changed).input_value()
        other.keyboard.press(key)
        assert other.locator(changed).input_value() != before
        assert other.get_by_role("radio", checked=True).evaluate(
            "e => e === document.activeElement"
        )


@pytest.mark.parametrize("other", ["invisible waves"], indirect=True)
def test_a_chart_without_visible_waves_has_boxes_and_markers(other: Page) -> None:
    data = json.loads(other.locator("#data").text_content())
    assert other.locator("#values rect").count() == len(data["chart"]["boxes"]) > 0
    for mode in data["subjects"][0]["modes"]:
        other.get_by_label("Wave", exact=True).select_option(str(mode["number"]))
        assert other.get_by_role("radio", checked=True).get_attribute("aria-label") == mode["name"]


@pytest.mark.parametrize("other", ["compare"], indirect=True)
def test_another_descriptor_has_modes_of_its_own(other: Page) -> None:
    report = json.loads(other.locator("#data").text_content())["report"]
    for described in report["descriptors"]:
        other.locator("#subject").select_option(label=described["label"])
        scale = described["scale"]
        for mode in range(described["rank"]):
            other.locator("#mode").select_option(str(mode))
            shown = float(other.locator("#singular").get_attribute("value"))
            assert shown * scale == pytest.approx(described["singular_values"][mode], rel=1e-9)


@pytest.mark.parametrize("other", ["bands", "compare", "survey"], indirect=True)
def test_a_wave_plays_and_the_structure_turns(other: Page) -> None:
    other.get_by_role("button", name="Play").click()
    other.wait_for_function("() => document.getElementById('amount').textContent !== '0 Å'")
    other.get_by_role("button", name="Pause").click()
    other.get_by_role("button", name="Reset").click()
    assert other.locator("#amount").inner_text() == "0 Å"
    draw(other)
    before = pixels(other.locator("#molecule"))
    other.locator("#molecule").focus()
    other.keyboard.press("ArrowLeft")
    draw(other)
    assert (pixels(other.locator("#molecule")) != before).any()


@pytest.mark.parametrize(
    ("name", "key", "end"), [("twin", "Home", "first"), ("path", "End", "0.20 Å")]
)
def test_frames_are_shown_one_by_one(visited, others, name: str, key: str, end: str) -> None:
    page, _ = visited
    page.goto(others[name].as_uri())
    draw(page)
    before = pixels(page.locator("#molecule"))
    page.get_by_role("slider").press(key)
    draw(page)
    assert page.locator("#amount").inner_text() == end
    assert (pixels(page.locator("#molecule")) != before).any()
    assert page.locator("#along").is_visible() == (name == "path")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download structures").click()
    started.value.save_as(others[name].with_suffix(".extxyz"))
    assert len(ase.io.read(others[name].with_suffix(".extxyz"), index=":")) in (2, 5)
