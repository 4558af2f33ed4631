"""Measure how long the explorer takes from a key to what is seen, in a real browser.

``python -m benchmarks.latency``, on an otherwise idle machine, with the extras ``lab`` and ``test``
and a Chromium installed, which draws by software. Writes ``benchmarks/results/latency.json``.

The key goes to the amplitude slider in JupyterLab; the clock is that of the page. The atoms are
there when the frame after their new positions has been painted, the chart when its new picture is
drawn on its canvas.
"""

from __future__ import annotations

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

RESULTS = Path(__file__).parent / "results" / "latency.json"

KEYS, REST = 30, 1600
"""How many, and milliseconds between them: longer than all that a key sets off. Half a second after
the last change NGL draws once more, smoothly, which by software takes another half second for 64
atoms; a key that comes meanwhile waits for it (at 900 ms, 120 to 290 ms until the atoms move)."""

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
    """Measure all systems, print and write the medians in milliseconds."""
    program = find_browser() or sys.exit(NO_BROWSER)
    found = {name: _measure(program, made) for name, made in SYSTEMS.items()}
    print(json.dumps(found, indent=2))
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


def _measure(program: str, made: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        served, private = Path(folder, "served"), Path(folder, "private")
        for path in (served, private):
            path.mkdir()
        source = (
            f"from sensitivity.explorers import Explorer\nexplorer = Explorer()\nexplorer = {made}"
        )
        write_notebook(served / "a.ipynb", f"{source}\nexplorer")
        with serve(served, private) as lab, browse(program, height=1000) as (page, complaints):
            errors = run_notebook(page, lab.notebook("a.ipynb"))
            bench = Workbench(page, lab, complaints)
            bench.show_explorer()
            bench.tell("explorer.wait()")
            bench.settle()
            if errors or complaints.console:
                sys.exit(f"it failed: {errors} {complaints.console}")
            return _press(bench)


def _press(bench: Workbench) -> dict[str, float]:
    bench.page.evaluate(WATCH)
    bench.slider.focus()
    times: dict[str, list[float]] = {"atoms": [], "chart": []}
    for k in range(KEYS):
        bench.page.evaluate("() => { seen.length = 0; }")
        bench.page.keyboard.press("ArrowRight" if k % 20 < 10 else "ArrowLeft")
        bench.page.wait_for_timeout(REST)
        seen: list[Any] = bench.page.evaluate("() => seen")
        start = next(time for what, time in seen if what == "key")
        for what in times:
            after = [time - start for name, time in seen if name == what and time > start]
            times[what] += after[:1]
    return {
        f"{what}, {name}": round(pick(measured), 1)
        for what, measured in times.items()
        for name, pick in (("median", statistics.median), ("longest", max))
    }


if __name__ == "__main__":
    main()
