"""Five things that a person wants within the first ten minutes, done with mouse and keyboard."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule
from ase.io import write
from laboratory import READY, browse, serve_lab
from PIL import Image
from playwright.sync_api import Locator
from workbench import DRAWN, MOVED, Workbench


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
        page.get_by_role("button", name="hidden by incompleteness").click()
        page.get_by_text("incompleteness of correlations of order 2").wait_for()
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


def press(bench: Workbench, text: str) -> None:
    # The name for assistive technology begins with the sign of an icon.
    panel(bench).locator("button", has_text=re.compile(rf"^\s*{text}\s*$")).click()


def field(bench: Workbench, label: str) -> Locator:
    row = panel(bench).locator(".widget-inline-hbox", has=bench.page.get_by_text(label, exact=True))
    return row.locator("input, select").first


def download(bench: Workbench, button: str) -> tuple[str, bytes]:
    """Press a button, and return name and content of the file that the browser saves."""
    with bench.page.expect_download() as event:
        press(bench, button)
    return event.value.suggested_filename, Path(event.value.path()).read_bytes()


def test_load_my_own_file(fresh: Workbench, tmp_path: Path) -> None:
    ethanol = molecule("CH3CH2OH")
    write(tmp_path / "ethanol.xyz", ethanol)
    with fresh.page.expect_file_chooser() as chooser:
        panel(fresh).locator(".widget-upload").click()
    chooser.value.set_files(tmp_path / "ethanol.xyz")
    fresh.wait(lambda: len(fresh.ask("explorer.structure.numbers.tolist()")) == len(ethanol))
    fresh.settle()
    atoms = fresh.scene()["atoms"].reshape(-1, 3)
    np.testing.assert_allclose(atoms, ethanol.positions, atol=1e-5)


def test_find_the_least_visible_mode(fresh: Workbench) -> None:
    field(fresh, "structure").fill("X0")
    field(fresh, "structure").press("Enter")
    panel(fresh).get_by_text("incompleteness of correlations of order 2").wait_for()
    chosen = field(fresh, "mode at 0 Å").evaluate("select => select.selectedOptions[0].textContent")
    assert chosen.replace("\xa0", " ") == "8: 0, incompleteness"
    press(fresh, "higher order")
    panel(fresh).get_by_text("Mode 8 is visible").wait_for()


def test_make_a_gif(fresh: Workbench) -> None:
    name, content = download(fresh, "GIF")
    film = Image.open(io.BytesIO(content))
    assert (name, film.n_frames) == ("motion.gif", 32)
    first = np.asarray(film.convert("RGB"), dtype=int)
    film.seek(8)
    assert (np.abs(np.asarray(film.convert("RGB"), dtype=int) - first) > 50).any(axis=2).sum() > 200


def test_find_the_twin(fresh: Workbench) -> None:
    field(fresh, "structure").fill("X0")
    field(fresh, "structure").press("Enter")
    panel(fresh).get_by_text("incompleteness of correlations of order 2").wait_for()
    press(fresh, "find twin")
    explorers = fresh.page.locator(".sensitivity-explorer:visible")
    fresh.wait(lambda: explorers.count() == 2)
    explorers.last.get_by_text("tell the two apart").first.wait_for()


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
