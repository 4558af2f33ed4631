"""Make the pictures of this folder in a real JupyterLab: explorers at three widths, and a film.

Run it from anywhere, with the extras ``lab`` and ``test`` and a Chromium installed:
``python docs/pictures/make_pictures.py``.
"""

from __future__ import annotations

import io
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[1] / "tests" / "browser"))

from laboratory import NO_BROWSER, browse, find_browser, run_notebook, serve, write_notebook  # noqa: E402
from workbench import Workbench  # noqa: E402

VIEWS = {
    "explorer": "from sensitivity.explorers import Explorer\nexplorer = Explorer('X0')\nexplorer",
    "path": (
        "from sensitivity import DensityCorrelations, follow, structures\n"
        "from sensitivity.explorers import PathExplorer\n"
        "path = follow(structures.load('X0'), DensityCorrelations(), center=0, mode=8)\n"
        "explorer = PathExplorer(path)\nexplorer"
    ),
    "twin": (
        "from sensitivity import DensityCorrelations, find_twin, structures\n"
        "from sensitivity.explorers import TwinExplorer\n"
        "twin = find_twin(structures.load('X0'), DensityCorrelations(), center=0)\n"
        "explorer = TwinExplorer(twin, DensityCorrelations())\nexplorer"
    ),
    "basis": (
        "from sensitivity import DensityCorrelations, structures\n"
        "from sensitivity.explorers import BasisExplorer\n"
        "descriptor = DensityCorrelations(n_max=3, l_max=3)\n"
        "explorer = BasisExplorer(structures.load('S1'), descriptor, centers=[0])\nexplorer"
    ),
    "bands": (
        "from sensitivity import DensityCorrelations\n"
        "from sensitivity.explorers import BandExplorer\n"
        "descriptor = DensityCorrelations(cutoff=4.5)\n"
        "explorer = BandExplorer('Si-diamond', descriptor, path='GXWKGL')\nexplorer"
    ),
    "compare": (
        "from sensitivity.explorers import CompareExplorer\n"
        "explorer = CompareExplorer('X0', ['2', '3'])\nexplorer"
    ),
    "survey": (
        "import numpy as np\n"
        "from ase.calculators.emt import EMT\n"
        "from ase.collections import g2\n"
        "from sensitivity.explorers import SurveyExplorer\n"
        "rng, frames = np.random.default_rng(0), []\n"
        "for name in g2.names:\n"
        "    atoms = g2[name]\n"
        "    if set(atoms.symbols) <= {'H', 'C', 'N', 'O'}:\n"
        "        atoms.positions += 0.05 * rng.normal(size=atoms.positions.shape)\n"
        "        atoms.calc = EMT()\n"
        "        atoms.get_potential_energy()\n"
        "        frames.append(atoms)\n"
        "explorer = SurveyExplorer(frames)\nexplorer.against = 'energy per atom'\nexplorer"
    ),
}
"""Name of the picture, and the cell that shows it."""

WIDTHS = (900, 1300, 1900)
"""Pixels of the window."""

HEIGHT = 1600
"""Pixels: the largest explorer is in sight as a whole."""

SCALE = 1.25
"""Pixels of the picture of the README per pixel of the page, so that it is crisp."""

MARGIN = 4
"""Pixels of the page around the explorer."""

FRAMES, REACH, DURATION = 36, 0.5, 80
"""Of the film: how many, how far in Å, and milliseconds of each."""


def main() -> None:
    """Take all pictures."""
    program = find_browser() or sys.exit(NO_BROWSER)
    with tempfile.TemporaryDirectory() as folder:
        served, private = Path(folder, "served"), Path(folder, "private")
        for path in (served, private):
            path.mkdir()
        for name, cell in VIEWS.items():
            write_notebook(served / f"{name}.ipynb", cell)
        with serve(served, private) as lab:
            for name in VIEWS:
                with browse(program, width=1300, height=HEIGHT, scale=SCALE) as (page, complaints):
                    _take(Workbench(page, lab, complaints), name)


def _take(bench: Workbench, name: str) -> None:
    errors = run_notebook(bench.page, bench.laboratory.notebook(f"{name}.ipynb"))
    if errors:
        sys.exit(f"the notebook {name} failed: {errors}")
    bench.page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
    bench.tell("explorer.wait()")
    for width in WIDTHS:
        bench.page.set_viewport_size({"width": width, "height": HEIGHT})
        bench.page.wait_for_timeout(3000)  # the chart is drawn after the atoms
        bench.page.screenshot(path=FOLDER / f"{name}-{width}.png", clip=_clip(bench))
    if name == "explorer":
        bench.page.set_viewport_size({"width": WIDTHS[1], "height": HEIGHT})
        bench.page.wait_for_timeout(3000)
        _film(bench)


def _film(bench: Workbench) -> None:
    frames = []
    for k in range(FRAMES):
        amplitude = round(REACH * math.sin(2 * math.pi * k / FRAMES), 2)
        bench.tell(f"setattr(explorer, 'amplitude', {amplitude})")
        bench.tell("explorer.wait()")
        bench.settle()
        bench.page.wait_for_timeout(400)
        picture = Image.open(io.BytesIO(bench.page.screenshot(clip=_clip(bench))))
        small = picture.convert("RGB").resize((820, round(820 * picture.height / picture.width)))
        frames.append(small.quantize(96, dither=Image.Dither.NONE))
    first, *others = frames
    style: dict[str, Any] = {"duration": DURATION, "loop": 0, "optimize": True}
    first.save(FOLDER / "explorer.gif", save_all=True, append_images=others, **style)


def _clip(bench: Workbench) -> Any:
    box = bench.page.locator(".sensitivity-explorer").last.bounding_box()
    assert box is not None
    return {
        "x": box["x"] - MARGIN,
        "y": box["y"] - MARGIN,
        "width": box["width"] + 2 * MARGIN,
        "height": box["height"] + 2 * MARGIN,
    }


if __name__ == "__main__":
    main()
