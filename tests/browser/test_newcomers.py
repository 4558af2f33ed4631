"""What people want within the first ten minutes, done with mouse, keyboard or finger.

``pytest -m "" tests/browser/test_newcomers.py --durations=0 -vv`` says how long each takes.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.io import write
from laboratory import READY, browse, join, run_notebook, serve_lab
from PIL import Image
from playwright.sync_api import Locator
from workbench import DRAWN, HIDE_FILES, MOVED, TWO_FRAMES, Workbench

from sensitivity import DensityCorrelations, spectrum, structures

INCOMPLETE = "incompleteness of correlations of order 2"
HAS_FOCUS = "element => element === document.activeElement"


def test_from_the_command_to_a_moving_molecule(browser: str, tmp_path: Path) -> None:
    with serve_lab(tmp_path) as address, browse(browser) as (page, complaints):
        page.goto(address)
        page.wait_for_function(READY)
        page.keyboard.press("Shift+Enter")
        page.wait_for_function(DRAWN)
        page.wait_for_function(MOVED)
        shown = page.locator(".sensitivity-explorer canvas").first.bounding_box()
        assert shown is not None
        assert shown["y"] + shown["height"] <= 900  # without scrolling
        assert page.locator(".jp-Launcher, .jp-toast-message").count() == 0
    assert complaints.console == []
    assert complaints.elsewhere == []


@pytest.fixture
def fresh(opened: Workbench) -> Workbench:
    """A new explorer, as the first cell shows it."""
    opened.tell("globals().update(explorer=Explorer())")
    opened.tell("setattr(place, 'children', (explorer.widget,))")
    opened.show_explorer()
    opened.settle()
    return opened


def panel(bench: Workbench) -> Locator:
    return bench.page.locator(".sensitivity-explorer:visible").first


def button(bench: Workbench, text: str) -> Locator:
    # The name for assistive technology begins with the sign of an icon.
    return panel(bench).locator("button", has_text=re.compile(rf"^\s*{text}\s*$"))


def field(bench: Workbench, label: str) -> Locator:
    row = panel(bench).locator(".widget-inline-hbox", has=bench.page.get_by_text(label, exact=True))
    return row.locator("input, select").first


def download(bench: Workbench, text: str) -> tuple[str, bytes]:
    """Press a button, and return name and content of the file that the browser saves."""
    with bench.page.expect_download() as event:
        button(bench, text).click()
    return event.value.suggested_filename, Path(event.value.path()).read_bytes()


def choose_file(bench: Workbench, path: Path) -> None:
    with bench.page.expect_file_chooser() as chooser:
        panel(bench).locator(".widget-upload", has_text="Upload file").click()
    chooser.value.set_files(path)


def wait_for_twin(bench: Workbench) -> None:
    explorers = bench.page.locator(".sensitivity-explorer:visible")
    bench.wait(lambda: explorers.count() == 2)
    explorers.last.get_by_text("distinguish them").first.wait_for()


def test_the_three_examples(fresh: Workbench) -> None:
    for example, sentence in (
        ("hidden by incompleteness", INCOMPLETE),
        ("hidden by symmetry", "symmetry"),
    ):
        button(fresh, example).click()
        panel(fresh).locator("p, div").get_by_text(sentence).first.wait_for()
        start = fresh.scene()["atoms"]
        fresh.wait(lambda start=start: np.abs(fresh.scene()["atoms"] - start).max() > 0.01)
    button(fresh, "two structures with the same features").click()
    wait_for_twin(fresh)


def test_load_my_own_file(fresh: Workbench, tmp_path: Path) -> None:
    ethanol = molecule("CH3CH2OH")
    write(tmp_path / "ethanol.xyz", ethanol)
    choose_file(fresh, tmp_path / "ethanol.xyz")
    panel(fresh).get_by_text("ethanol.xyz: C2H6O, 9 atoms").wait_for()
    fresh.settle()
    atoms = fresh.scene()["atoms"].reshape(-1, 3)
    np.testing.assert_allclose(atoms, ethanol.positions, atol=1e-5)


def test_five_hundred_atoms(fresh: Workbench, tmp_path: Path) -> None:
    """The atoms come at once, then the values; the causes, which take long, can be left out."""
    write(tmp_path / "copper.extxyz", bulk("Cu", cubic=True).repeat(5))
    choose_file(fresh, tmp_path / "copper.extxyz")
    own = 500
    fresh.wait(lambda: len(fresh.scene()["atoms"]) >= 3 * own)
    assert fresh.ask("len(explorer.structure)") == 5  # no values yet: it is still methane's state
    panel(fresh).get_by_text("copper.extxyz: Cu500, 500 atoms").wait_for()
    fresh.wait(lambda: fresh.ask("len(explorer.structure)") == own)
    panel(fresh).get_by_text("Computing the causes").wait_for()
    button(fresh, "cancel").click()
    panel(fresh).get_by_text("Computing the causes").wait_for(state="hidden")
    drawn = "sum(len(line.get_xdata()) for line in explorer.chart.values.values())"
    assert fresh.ask(drawn) == 3 * own


def test_make_a_figure_for_a_paper(fresh: Workbench) -> None:
    field(fresh, "figure").select_option(label="one column")
    button(fresh, "transparent").click()
    name, content = download(fresh, "PNG")
    picture = Image.open(io.BytesIO(content))
    assert (name, picture.mode) == ("figure.png", "RGBA")
    assert abs(picture.width / 300 - 3.4) < 0.01  # inches
    opaque = np.asarray(picture)[:, :, 3] > 0
    halves = np.array_split(opaque, 2)  # the molecule, and the chart below it
    assert all(0.02 < half.mean() < 0.6 for half in halves)
    name, content = download(fresh, "PDF")
    assert (name, content[:4]) == ("figure.pdf", b"%PDF")


def test_make_a_film(fresh: Workbench) -> None:
    name, content = download(fresh, "GIF")
    film = Image.open(io.BytesIO(content))
    assert (name, film.n_frames) == ("motion.gif", 32)
    first = np.asarray(film.convert("RGB"), dtype=int)
    film.seek(8)
    assert (np.abs(np.asarray(film.convert("RGB"), dtype=int) - first) > 50).any(axis=2).sum() > 200


def test_use_all_of_it_by_the_keyboard(fresh: Workbench) -> None:
    """An example, mode, amplitude, camera, a name, a file, a result and back: without a mouse."""
    keys = fresh.page.keyboard

    def go_to(target: Locator) -> None:
        for _ in range(120):
            if target.evaluate(HAS_FOCUS):
                return
            keys.press("Tab")
        pytest.fail("the tabulator does not reach it")

    button(fresh, "hidden by symmetry").focus()
    example = button(fresh, "hidden by incompleteness")
    go_to(example)
    keys.press("Enter")
    panel(fresh).get_by_text(INCOMPLETE).wait_for()
    assert example.evaluate(HAS_FOCUS)
    go_to(field(fresh, "structure"))
    keys.press("Control+a")
    keys.type("benzene")
    keys.press("Enter")
    fresh.wait(lambda: fresh.ask("len(explorer.structure)") == 12)
    fresh.tell("explorer.wait()")  # the causes are written into the list of modes
    fresh.settle()
    go_to(field(fresh, "mode"))
    before = fresh.ask("explorer.mode")
    keys.press("ArrowUp")
    fresh.wait(lambda: fresh.ask("explorer.mode") == before - 1)
    fresh.settle()
    fresh.exchange()
    go_to(fresh.slider)
    keys.press("ArrowRight")
    fresh.wait(lambda: fresh.ask("explorer.amplitude") > 0)
    fresh.settle()
    go_to(button(fresh, "x"))
    camera = fresh.scene()["camera"]
    keys.press("Enter")
    fresh.wait(lambda: np.abs(fresh.scene()["camera"] - camera).max() > 1e-3)
    go_to(button(fresh, "xyz"))
    with fresh.page.expect_download() as event:
        keys.press("Enter")
    assert event.value.suggested_filename == "geometry.extxyz"
    button(fresh, "hidden by incompleteness").focus()
    keys.press("Enter")
    panel(fresh).get_by_text(INCOMPLETE).wait_for()
    task = button(fresh, "find twin")
    go_to(task)
    keys.press("Enter")
    wait_for_twin(fresh)
    go_to(button(fresh, "close"))
    keys.press("Enter")
    fresh.wait(lambda: fresh.page.locator(".sensitivity-explorer:visible").count() == 1)
    fresh.wait(lambda: task.evaluate(HAS_FOCUS))


@pytest.fixture
def phone(fresh: Workbench) -> Iterator[Workbench]:
    wide = fresh.page.viewport_size
    fresh.page.evaluate(HIDE_FILES)
    fresh.page.set_viewport_size({"width": 390, "height": 844})
    yield fresh
    fresh.page.set_viewport_size(wide)


def test_on_a_phone(phone: Workbench) -> None:
    """Nothing is wider than the window; molecule and slider are in it together, and move."""
    phone.page.evaluate(TWO_FRAMES)
    phone.show_explorer()
    button(phone, "hidden by incompleteness").click()
    panel(phone).get_by_text(INCOMPLETE).wait_for()
    assert phone.clipped() == []
    phone.slider.scroll_into_view_if_needed()
    for shown in (phone.molecule, phone.slider):
        box = shown.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["y"] + box["height"] <= 844
    box = phone.molecule.bounding_box()
    assert box is not None
    assert box["y"] >= 0
    phone.settle()
    before = phone.ask("explorer.amplitude")
    handle = phone.slider.bounding_box()
    assert handle is not None
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    phone.page.mouse.move(x, y)
    phone.page.mouse.down()
    phone.page.mouse.move(x + 40, y, steps=4)
    phone.page.mouse.up()
    phone.wait(lambda: phone.ask("explorer.amplitude") > before)


def test_find_the_least_visible_mode(fresh: Workbench) -> None:
    field(fresh, "structure").fill("X0")
    field(fresh, "structure").press("Enter")
    panel(fresh).get_by_text(INCOMPLETE).wait_for()
    modes = field(fresh, "mode")
    chosen = modes.evaluate("select => select.selectedOptions[0].textContent")
    assert chosen.replace("\xa0", " ") == "8: 0, incompleteness"
    button(fresh, "higher order").click()
    panel(fresh).get_by_text("Mode 8 is visible").wait_for()


def test_copy_the_code_and_get_the_same_numbers(fresh: Workbench, tmp_path: Path) -> None:
    fresh.slider.focus()
    for _ in range(12):
        fresh.page.keyboard.press("ArrowRight")
    fresh.wait(lambda: abs(fresh.ask("explorer.amplitude") - 0.12) < 1e-9)
    expected = fresh.ask("explorer.shown.spectrum.singular_values.tolist()")
    name, content = download(fresh, "Python")
    (tmp_path / name).write_bytes(content)
    run = subprocess.run(
        [sys.executable, str(tmp_path / name)], capture_output=True, text=True, check=True
    )
    numbers = run.stdout[run.stdout.index("[") :].strip("[] \n").split()
    np.testing.assert_allclose([float(x) for x in numbers], expected, rtol=1e-6, atol=1e-10)


def test_from_a_file_to_its_worst_environment(opened: Workbench, tmp_path: Path) -> None:
    """Two hundred frames, of which one has an environment that order 2 does not see."""
    frames = [molecule(name) for name in ("CH4", "H2O", "NH3", "CH3OH") for _ in range(50)]
    for seed, atoms in enumerate(frames):
        atoms.rattle(0.1, seed=seed)
    planted = 117
    frames[planted] = structures.load("X0")
    write(tmp_path / "train.extxyz", frames, columns=["symbols", "positions"])
    made = f"explorers.SurveyExplorer({str(tmp_path / 'train.extxyz')!r})"
    opened.tell(f"exec('from sensitivity import explorers\\nexplorer = ' + {made!r}, globals())")
    opened.tell("setattr(place, 'children', (explorer.widget,))")
    opened.show_explorer(molecule=False)
    shown = panel(opened)
    shown.get_by_text("train.extxyz: ").get_by_text("of 200 frames, none failed").wait_for()
    shown.get_by_text(f"Frame {planted}, C0: ").get_by_text("number 1 of").wait_for()
    shown.get_by_text("1 by incompleteness. Incompleteness: a higher order sees them").wait_for()
    worst = field(opened, "worst")
    worst.focus()
    opened.page.keyboard.press("ArrowDown")
    shown.get_by_text("number 2 of").wait_for()
    opened.page.keyboard.press("ArrowUp")
    shown.get_by_text("number 1 of").wait_for()
    opened.wait(lambda: not opened.ask("explorer.busy"))
    button(opened, "open in Explorer").click()
    below = shown.locator(".sensitivity-explorer")
    below.get_by_text(INCOMPLETE).wait_for()
    opened.wait(lambda: opened.ask("explorer.opened.reference.diagnosis is not None"))
    found = opened.ask("explorer.opened.reference.spectrum.singular_values.tolist()")
    expected = spectrum(frames[planted], DensityCorrelations(), centers=[0]).singular_values
    np.testing.assert_allclose(found, expected, atol=1e-6)
    for element in (below.locator(".sensitivity-chart"), below.locator("canvas").first):
        element.wait_for(state="visible")
    button(opened, "close").click()
    below.wait_for(state="hidden")
    opener = button(opened, "open in Explorer")
    opened.wait(lambda: opener.evaluate(HAS_FOCUS))


SHOWN = "float(explorer.reference.singular_values[explorer.mode])"


def test_share_a_page_and_open_it_elsewhere(fresh: Workbench, tmp_path: Path) -> None:
    """Somebody else, without the server, sees the same mode with the same number."""
    field(fresh, "structure").fill("X0")
    field(fresh, "structure").press("Enter")
    panel(fresh).get_by_text(INCOMPLETE).wait_for()
    name, content = download(fresh, "Share")
    assert name == "diagnosis.html"
    (tmp_path / name).write_bytes(content)
    page, complaints = join(fresh.page)
    page.context.set_offline(True)
    page.goto((tmp_path / name).as_uri())
    assert page.get_by_label("Mode", exact=True).input_value() == str(fresh.ask("explorer.mode"))
    said = re.sub("<[^>]*>", "", fresh.ask("explorer.panel.sentence.value"))
    assert page.locator("#sentence").inner_text() in said
    shown = float(page.locator("#singular").get_attribute("value"))
    assert shown == pytest.approx(fresh.ask(SHOWN), abs=1e-12)
    data = json.loads(page.locator("#data").text_content())
    expected = fresh.ask("explorer.reference.singular_values.tolist()")
    np.testing.assert_allclose(data["report"]["singular_values"], expected, rtol=0, atol=1e-12)
    page.get_by_role("slider", name="Amplitude").press("End")
    assert "of 9 internal displacements" in page.locator("#now").inner_text()
    page.context.close()
    assert complaints.console == []
    assert complaints.elsewhere == [(tmp_path / name).as_uri()]


VALUES = "explorer.shown.spectrum.singular_values.tolist()"
PLACES = "explorer.shown.atoms.positions.tolist()"
PROCESS = "__import__('os').getpid()"


def test_a_saved_session_opens_in_a_new_kernel_after_a_reload(
    fresh: Workbench, tmp_path: Path
) -> None:
    field(fresh, "structure").fill("S1")
    field(fresh, "structure").press("Enter")
    panel(fresh).get_by_text(INCOMPLETE).wait_for()
    fresh.slider.focus()
    for _ in range(7):
        fresh.page.keyboard.press("ArrowRight")
    fresh.wait(lambda: abs(fresh.ask("explorer.amplitude") - 0.07) < 1e-9)
    name, content = download(fresh, "Save session")
    (tmp_path / name).write_bytes(content)
    values, places, before = (fresh.ask(each) for each in (VALUES, PLACES, PROCESS))
    fresh.page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")
    assert run_notebook(fresh.page, fresh.laboratory.notebook("explore.ipynb")) == []
    fresh.show_explorer()
    fresh.settle()
    assert fresh.ask(PROCESS) != before
    assert fresh.ask("explorer.reference.name") == "CH4"
    with fresh.page.expect_file_chooser() as chooser:
        panel(fresh).locator(".widget-upload", has_text="Open session").click()
    chooser.value.set_files(tmp_path / name)
    panel(fresh).get_by_text("Opened the session.").wait_for()
    np.testing.assert_allclose(fresh.ask(VALUES), values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fresh.ask(PLACES), places, rtol=0, atol=1e-12)
    assert fresh.ask("explorer.reference.name") == "S1"


def test_compare_soap_with_another_descriptor(opened: Workbench, tmp_path: Path) -> None:
    """What does SOAP of dscribe miss, of which structure, and what does that look like?"""
    opened.tell("globals().update(explorer=__import__('sensitivity').explorers.CompareExplorer())")
    opened.tell("setattr(place, 'children', (explorer.widget,))")
    opened.show_explorer()
    field(opened, "first").select_option(label="dscribe-soap")
    said = panel(opened)
    said.get_by_text("Order 3 sees 1 displacement that dscribe-soap does not see.").wait_for()
    field(opened, "structure").fill("N3")
    field(opened, "structure").press("Enter")
    said.get_by_text("Order 3 sees 6 displacements that dscribe-soap does not see.").wait_for()
    field(opened, "third").select_option(label="3: bispectrum")
    said.get_by_text("the descriptors must differ, but order 3 is chosen twice").wait_for()
    field(opened, "modes of").select_option(label="order 3")
    said.get_by_text("Mode 20 of order 3 is invisible by incompleteness").wait_for()
    field(opened, "modes of").select_option(label="dscribe-soap")
    said.get_by_text("Mode 20 of dscribe-soap is invisible by incompleteness").wait_for()
    opened.slider.focus()
    for _ in range(20):
        opened.page.keyboard.press("ArrowRight")
    said.get_by_text("At +0.20 Å the change along the arrows, over the scale, is ").wait_for()
    opened.wait(lambda: opened.ask("round(explorer.amplitude, 2)") == 0.2)
    name, content = download(opened, "Python")
    (tmp_path / name).write_bytes(content)
    run = subprocess.run(
        [sys.executable, str(tmp_path / name)], capture_output=True, text=True, check=True
    )
    assert opened.ask("explorer.comparison.status") in run.stdout
    opened.tell("explorer.wait()")
    smallest = opened.ask("[float(each[-1]) for each in explorer.shown.relative]")
    ends = re.findall(r"([\d.]+(?:e-?\d+)?)\]", run.stdout)[-2:]
    np.testing.assert_allclose([float(end) for end in ends], smallest, rtol=1e-6, atol=1e-10)
