"""Measure the time from the command ``sensitivity lab`` to a moving molecule, in a browser.

``python -m benchmarks.start FOLDER``, on an otherwise idle machine, with the extras ``lab`` and
``test`` and a Chromium installed, which renders in software. FOLDER is an earlier checkout, made by
``git worktree add FOLDER 9b6bfee``: both are started in turn, so that a disturbance affects both.
Writes ``benchmarks/results/start.json``.

Each run is that of a new user: no settings, no caches of Jupyter, IPython and matplotlib, and a new
browser. The clock starts with the command. The cells are run as soon as possible: the first, or all
cells of a checkout whose notebook 1 begins with text, where an arrow key then moves the atoms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import clock

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

from laboratory import NO_BROWSER, READY, ROOT, browse, find_browser, serve_lab
from playwright.sync_api import Page
from workbench import DRAWN, MOVED, SCROLL

NOTEBOOK = "1-methane.ipynb"
RUNS = 3

STARTS_WITH_CODE = "() => jupyterapp.shell.currentWidget.content.widgets[0].model.type === 'code'"


def main() -> None:
    """Measure both; print and write the median seconds from the command to each stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="an earlier checkout")
    folders = {"before": parser.parse_args().folder.resolve(), "after": ROOT}
    program = find_browser() or sys.exit(NO_BROWSER)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in folders}
    for _ in range(RUNS):
        for name, folder in folders.items():
            runs[name].append(measure(program, folder))
            print(name, runs[name][-1], flush=True)
    found = {
        name: {stage: round(statistics.median(r[stage] for r in each), 2) for stage in each[0]}
        for name, each in runs.items()
    }
    print(found)
    clock.save("start", found)


def measure(program: str, checkout: Path) -> dict[str, float]:
    """Return seconds from the command to its address, to a ready notebook, and to motion."""
    times: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, browse(program, height=1000) as (page, _):
        start = time.perf_counter()
        with serve_lab(Path(folder), checkout) as address:
            times["address"] = time.perf_counter() - start
            _open(page, address)
            times["notebook"] = time.perf_counter() - start
            _run(page)
            times["motion"] = time.perf_counter() - start
    return {stage: round(seconds, 2) for stage, seconds in times.items()}


def _open(page: Page, address: str) -> None:
    page.goto(
        address if NOTEBOOK in address else address.replace("/lab?", f"/lab/tree/{NOTEBOOK}?")
    )
    page.wait_for_function(READY)


def _run(page: Page) -> None:
    if page.evaluate(STARTS_WITH_CODE):
        page.evaluate("() => { jupyterapp.commands.execute('notebook:run-cell') }")
        page.wait_for_function(DRAWN)
    else:
        page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")
        page.evaluate(SCROLL)
        page.wait_for_function(DRAWN)
        slider = page.locator(".widget-slider", has=page.get_by_text("amplitude (Å)"))
        slider.last.locator(".noUi-handle").focus()
        page.evaluate(MOVED)
        page.keyboard.press("ArrowRight")
    page.wait_for_function(MOVED)


if __name__ == "__main__":
    main()
