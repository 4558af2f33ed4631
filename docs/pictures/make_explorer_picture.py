"""Make ``explorer.png``, the picture of the explorer in the README, in a real JupyterLab.

Run it from anywhere, with the extras ``lab`` and ``test`` and a Chromium installed:
``python docs/pictures/make_explorer_picture.py``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "1-methane.ipynb"
PICTURE = Path(__file__).with_name("explorer.png")

WINDOW = 1210
"""Pixels, with the side bar closed: the explorer is then about 1080 wide."""

SCALE = 1.25
"""Pixels of the picture per pixel of the page, so that it is crisp and 1300 to 1400 wide."""

MARGIN = 4
"""Pixels of the page around the explorer."""

AMPLITUDE = 0.2
"""Å: all modes are visible, and the molecule is still methane."""


def main() -> None:
    """Run the first notebook, move the atoms a little, and crop the explorer."""
    laboratory, workbench = _load("laboratory"), _load("workbench")
    program = laboratory.find_browser() or sys.exit(laboratory.NO_BROWSER)
    with tempfile.TemporaryDirectory() as folder:
        served, private = Path(folder, "served"), Path(folder, "private")
        for path in (served, private):
            path.mkdir()
        shutil.copy(NOTEBOOK, served)
        with (
            laboratory.serve(served, private) as lab,
            laboratory.browse(program, width=WINDOW, scale=SCALE) as (page, complaints),
        ):
            errors = laboratory.run_notebook(page, lab.notebook(NOTEBOOK.name))
            page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
            _take(workbench.Workbench(page, lab, complaints))
    if errors:
        sys.exit(f"the notebook failed: {errors}")


def _take(bench) -> None:  # type: ignore[no-untyped-def]
    bench.show_explorer()
    bench.tell(f"setattr(explorer, 'amplitude', {AMPLITUDE})")
    bench.settle()
    bench.page.wait_for_timeout(2000)  # the chart is drawn after the atoms, by the browser's leave
    box = bench.page.locator(".sensitivity-explorer").last.bounding_box()
    clip = {
        "x": box["x"] - MARGIN,
        "y": box["y"] - MARGIN,
        "width": box["width"] + 2 * MARGIN,
        "height": box["height"] + 2 * MARGIN,
    }
    bench.page.screenshot(path=PICTURE, clip=clip)


def _load(name: str) -> ModuleType:
    """Load what the browser tests use, which is not part of the package."""
    spec = spec_from_file_location(name, ROOT / "tests" / "browser" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
