"""Measure the delay of the explorer from a key press to the display, in a real browser.

``python -m benchmarks.latency FOLDER``, on an otherwise idle machine, with the extras ``lab`` and
``test`` and a Chromium installed, which renders in software. FOLDER is an earlier checkout, made by
``git worktree add FOLDER 9b6bfee``: both are measured in turn. Writes
``benchmarks/results/latency.json``.

The key is sent to the amplitude slider in JupyterLab; the clock is that of the page. The time of
the atoms ends when the frame after their new positions is painted, that of the chart when its new
image is drawn on its canvas. Keys are pressed one by one, and then repeated as if held down.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from laboratory import NO_BROWSER, browse, find_browser, run_notebook, serve, write_notebook  # noqa: E402
from workbench import STAGES, Workbench  # noqa: E402

from benchmarks.clock import save  # noqa: E402

KEYS = {"single": (12, 3500), "repeated": (60, 200)}
"""Number of keys, and milliseconds between them. The interval of single keys exceeds the time of
all effects of one: two seconds after the last key NGL draws an antialiased image, which takes
another half second in software for 64 atoms. With intervals below 200 ms, Chromium's software
renderer drops some keys."""

SYSTEMS = {
    "CH4, carbon": "Explorer('CH4')",
    "benzene, all atoms": "Explorer('C6H6')",
    "64 copper atoms, one center": (
        "Explorer(__import__('ase.build').build.bulk('Cu', cubic=True).repeat((4, 2, 2)),"
        " centers=[0])"
    ),
}

WATCH = f"""() => {{
  const structure = {STAGES}.at(-1).compList[0].structure;
  const update = structure.updatePosition.bind(structure);
  window.seen = [];
  const note = what => seen.push([what, performance.now()]);
  structure.updatePosition = positions => {{
    update(positions);
    requestAnimationFrame(() => setTimeout(() => note("atoms")));
  }};
  const charts = [...document.querySelectorAll(".jupyter-matplotlib canvas")];
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...inputs) {{
    if (charts.includes(this.canvas)) note("chart");
    return draw.apply(this, inputs);
  }};
  document.addEventListener("keydown", () => note("key"), true);
}}"""


def main() -> None:
    """Measure all systems; print and write the medians in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="an earlier checkout")
    folders = {"before": parser.parse_args().folder.resolve(), "after": ROOT}
    program = find_browser() or sys.exit(NO_BROWSER)
    found = {
        system: {name: _measure(program, made, folder) for name, folder in folders.items()}
        for system, made in SYSTEMS.items()
    }
    print(json.dumps(found, indent=2))
    save("latency", found)


def _measure(program: str, made: str, checkout: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        served, private = Path(folder, "served"), Path(folder, "private")
        for path in (served, private):
            path.mkdir()
        source = (
            f"from sensitivity.explorers import Explorer\nexplorer = Explorer()\nexplorer = {made}"
        )
        write_notebook(served / "a.ipynb", f"{source}\nexplorer")
        with (
            serve(served, private, checkout=checkout) as lab,
            browse(program, height=1000) as (page, complaints),
        ):
            errors = run_notebook(page, lab.notebook("a.ipynb"))
            bench = Workbench(page, lab, complaints)
            bench.show_explorer()
            bench.tell("explorer.wait()")
            bench.settle()
            if errors or complaints.console:
                sys.exit(f"it failed: {errors} {complaints.console}")
            bench.page.evaluate(WATCH)
            bench.slider.focus()
            return {
                f"{what}, {how}": time for how in KEYS for what, time in _press(bench, how).items()
            }


def _press(bench: Workbench, how: str) -> dict[str, float]:
    """Return median milliseconds from a key to the next atoms and the next chart."""
    count, rest = KEYS[how]
    bench.page.evaluate("() => { seen.length = 0; }")
    for k in range(count):
        bench.page.keyboard.press("ArrowRight" if k % 20 < 10 else "ArrowLeft")
        bench.page.wait_for_timeout(rest)
    bench.page.wait_for_timeout(KEYS["single"][1])
    seen: list[Any] = bench.page.evaluate("() => seen")
    keys = [time for what, time in seen if what == "key"]
    return {
        wanted: round(
            statistics.median(
                min(time for what, time in seen if what == wanted and time > key) - key
                for key in keys
            ),
            1,
        )
        for wanted in ("atoms", "chart")
    }


if __name__ == "__main__":
    main()
