"""An explorer in a browser: look at it, press its keys, and ask the kernel behind it."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from laboratory import MINUTE, Complaints, Laboratory
from PIL import Image
from playwright.sync_api import Locator, Page

# The explorer leaves NGL's stage on the element that it draws in.
STAGES = "[...document.querySelectorAll('div')].map(e => e.stage).filter(Boolean)"

SCROLL = """async () => {
  const notebook = jupyterapp.shell.currentWidget.content;
  const cells = notebook.widgets.map(cell => cell.model.sharedModel.getSource());
  const index = cells.findIndex(source => source.includes("explorer = "));
  notebook.activeCellIndex = index;
  await notebook.scrollToItem(index, "start");
}"""

SCENE = f"""() => {{
  const stage = {STAGES}.at(-1);
  if (!(stage?.compList.length > 1)) return {{atoms: []}};
  const atoms = stage.compList[0].structure.atomStore;
  const arrows = stage.compList[1].reprList[0].repr.bufferList[0];
  if (!arrows?.splitPosition) return {{atoms: []}};  // they are being made
  const memory = stage.viewer.renderer.info.memory;
  return {{
    atoms: [...Array(atoms.count).keys()].flatMap(i => [atoms.x[i], atoms.y[i], atoms.z[i]]),
    arrows: Array.from(arrows.splitPosition),
    camera: stage.viewerControls.getOrientation().elements,
    components: stage.compList.length,
    geometries: memory.geometries, textures: memory.textures,
  }};
}}"""


DRAWN = f"() => {STAGES}.some(stage => stage.compList.length > 1)"

# The atoms are elsewhere than when this was first asked.
MOVED = f"""() => {{
  const {{x, y, z}} = {STAGES}.at(-1).compList[0].structure.atomStore;
  const places = [...x, ...y, ...z];
  window.firstPlaces ??= places;
  return places.some((place, k) => Math.abs(place - window.firstPlaces[k]) > 1e-4);
}}"""

# NGL draws in the next frame, and only then makes what it needs to draw.
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

# The kernel answers in turn: by then it has heard all that the page had said before.
ROUND_TRIP = """async () => {
  await jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo();
}"""

# Half a second after the last change NGL draws once more, smoothly, which needs two textures.
STILL = f"() => {STAGES}.at(-1)?.viewer.isStill === true"


HIDE_FILES = """async () => {
  if (!jupyterapp.shell.leftCollapsed)
    await jupyterapp.commands.execute('application:toggle-left-area');
}"""
"""Leaves the page without the file browser, as somebody does who has little room."""

VIEWS = {
    "main": "Explorer(X0)",
    "path": "PathExplorer(follow(X0, look, center=0, mode=8, length=0.3))",
    "twin": "TwinExplorer(find_twin(X0, look, center=0), look)",
    "basis": "BasisExplorer(X0, look, centers=[0])",
    "bands": "BandExplorer('C-diamond', look, path='GX', points=13)",
    "compare": "CompareExplorer(X0, {'order 2': look, 'order 3': more}, centers=[0])",
    "survey": "SurveyExplorer([X0, structures.load('CH4')], look)",
}

MAKE = """
from sensitivity import DensityCorrelations, find_twin, follow, structures
from sensitivity.explorers import BandExplorer, BasisExplorer, CompareExplorer, Explorer
from sensitivity.explorers import PathExplorer, SurveyExplorer, TwinExplorer
X0, look = structures.load("X0"), DensityCorrelations(n_max=3, l_max=3)
more = DensityCorrelations(3, n_max=3, l_max=3)
explorer = {}
place.children = (explorer.widget,)
"""

# What sticks out of the explorer, or is larger inside than outside.
CLIPPED = """() => {
  const explorer = [...document.querySelectorAll('.sensitivity-explorer')].at(-1);
  const outside = explorer.getBoundingClientRect();
  return [...explorer.querySelectorAll('.jupyter-widgets, canvas')].filter(e => e.offsetParent)
    .filter(e => {
      const {left, right, bottom} = e.getBoundingClientRect();
      return left < outside.left - 1 || right > outside.right + 1 || bottom > outside.bottom + 1
        || e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1;
    })
    .map(e => `${e.className}: ${e.scrollWidth} in ${e.clientWidth} wide, `
      + `${e.scrollHeight} in ${e.clientHeight} high`);
}"""


@dataclass(frozen=True)
class Workbench:
    """A page with an explorer, its laboratory, and what the page complained about."""

    page: Page
    laboratory: Laboratory
    complaints: Complaints

    @property
    def molecule(self) -> Locator:
        """The canvas of the molecule."""
        return self.page.locator(
            ".jp-OutputArea-output canvas:not(.jupyter-matplotlib canvas)"
        ).last

    @property
    def chart(self) -> Locator:
        """The canvas of the chart."""
        return self.page.locator(".jupyter-matplotlib canvas").last

    @property
    def slider(self) -> Locator:
        """The handle of the amplitude slider; nglview has sliders of its own, without a label."""
        row = self.page.locator(".widget-slider", has=self.page.get_by_text("amplitude (Å)"))
        return row.last.locator(".noUi-handle")

    def show_explorer(self, *, molecule: bool = True) -> None:
        """Scroll to the explorer and wait until its pictures are there."""
        self.page.evaluate(SCROLL)
        if molecule:
            self.page.wait_for_function(DRAWN)
        self.chart.wait_for(state="visible")

    def ask(self, expression: str) -> Any:
        """Value of an expression in the kernel."""
        return self.laboratory.ask(expression)

    def tell(self, statement: str) -> None:
        """Execute in the kernel what gives no value, such as a call or a setattr."""
        self.laboratory.ask(f"({statement}) and None")

    def put(self, view: str) -> None:
        """Show a view, an expression such as those of ``VIEWS``, in the place of the one before."""
        self.tell(f"exec({MAKE.format(view)!r}, globals())")

    def scene(self) -> dict[str, Any]:
        """What NGL shows: atoms, arrows, camera, and what is in its memory."""
        scene = self.page.evaluate(SCENE)
        return {name: np.array(value) for name, value in scene.items()}

    def positions(self) -> np.ndarray:
        """The atoms as the kernel has them, flat, in Å."""
        return np.array(self.ask("explorer.state.atoms.positions.ravel().tolist()"))

    def heights(self) -> list[float]:
        """Data of the markers of the modes that are seen."""
        heights: list[float] = self.ask("explorer.chart.values['sensitive'].get_ydata().tolist()")
        return heights

    def clipped(self) -> list[str]:
        """What sticks out of the explorer, or has scroll bars."""
        found: list[str] = self.page.evaluate(CLIPPED)
        return found

    def settle(self) -> None:
        """Wait until the browser has the atoms that the kernel has, and has drawn them for good."""
        self.wait(lambda: self._agrees(self.scene()["atoms"]))
        self.page.wait_for_function(STILL)
        self.page.evaluate(TWO_FRAMES)

    def exchange(self) -> None:
        """Wait until the page has drawn, and the kernel has heard what the page says about it."""
        for _ in range(2):  # a widget that waits for an answer speaks again after the first
            self.page.evaluate(TWO_FRAMES)
            self.page.evaluate(ROUND_TRIP)

    def _agrees(self, atoms: np.ndarray) -> bool:
        expected = self.positions()
        own = atoms[: len(expected)]  # periodic images are behind them
        return own.shape == expected.shape and np.allclose(own, expected, atol=1e-5)

    def wait(self, condition: Callable[[], bool], seen: Callable[[], object] = str) -> None:
        """Wait until a condition holds; if it never does, say what was seen instead."""
        deadline = time.monotonic() + MINUTE / 1000
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen within a minute: {seen()}"
            self.page.wait_for_timeout(50)


def pixels(locator: Locator | Page) -> np.ndarray:
    """The picture as it is on the screen, shape (height, width, 3)."""
    picture = Image.open(io.BytesIO(locator.screenshot()))
    return np.asarray(picture.convert("RGB"), dtype=int)
