"""A course to be read: pictures of explorers, and folded answers in place of guesses."""

from __future__ import annotations

import io
import tempfile
from html import escape
from pathlib import Path
from typing import Any

import matplotlib.image as mpimg
import numpy as np
from IPython.core.getipython import get_ipython
from IPython.display import HTML
from matplotlib.figure import Figure

from sensitivity import course
from sensitivity.course import check
from sensitivity.explorers import BasisExplorer, Explorer, PathExplorer, TwinExplorer
from sensitivity.plots.modes import draw_scene, scene_limits

DOTS = 110
"""Per inch: sharp enough for a page of 800 pixels."""

NAMES = {PathExplorer: ("start", "middle", "end"), TwinExplorer: ("first", "second")}
"""Of the structures that are drawn of a view."""


def prepare() -> None:
    """Let explorers have a picture beside the widget, and guesses a folded answer."""
    shell = get_ipython()
    assert shell is not None
    formatter = shell.display_formatter.formatters["image/png"]
    for kind in (Explorer, PathExplorer, TwinExplorer, BasisExplorer):
        formatter.for_type(kind, draw)
    course.check = fold  # for the imports of the notebook that follow


def fold(_: Any, answer: Any, *, within: float = 0.0) -> HTML:
    """Return the answer, folded, in place of the comparison with a guess."""
    text = check(answer, answer, within=within).text.removeprefix("Right: ")
    return HTML(f"<details><summary>Answer</summary>\n<p>{escape(text)}</p>\n</details>")


def draw(view: Explorer | PathExplorer | TwinExplorer | BasisExplorer) -> bytes:
    """Return a picture of what an explorer shows when it has computed everything."""
    view.wait()
    if isinstance(view, Explorer):
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder, "explorer.png")
            view.save(picture)
            return picture.read_bytes()
    if isinstance(view, BasisExplorer):
        return _compose([view.chart.draw_file("png"), view.map.draw_file("png")])
    return _compose([_draw_structures(view), view.chart.draw_file("png")])


def _draw_structures(view: PathExplorer | TwinExplorer) -> bytes:
    frames, names = view.frames(), NAMES[type(view)]
    shown = [frames[k] for k in np.linspace(0, len(frames) - 1, len(names)).round().astype(int)]
    camera = view.molecule.camera
    assert camera is not None
    nothing = np.zeros((len(shown[0]), 3))
    x, y = scene_limits(np.array([a.positions for a in shown]), view=camera.view, arrows=nothing)
    figure = Figure(figsize=(2.2, 2.2 * len(shown)), layout="constrained")
    for ax, atoms, name in zip(figure.subplots(len(shown)), shown, names, strict=True):
        draw_scene(ax, atoms, view=camera.view, arrows=nothing)
        ax.set(xlim=x, ylim=y, aspect="equal")
        ax.set_title(name, fontsize="medium")
        ax.set_axis_off()
    return _write(figure)


def _compose(pictures: list[bytes]) -> bytes:
    """Put pictures beside each other, at the same height."""
    images = [mpimg.imread(io.BytesIO(picture)) for picture in pictures]
    widths = [image.shape[1] / image.shape[0] for image in images]
    figure = Figure(figsize=(8.0, 8.0 / sum(widths)))
    axes = figure.subplots(1, len(images), width_ratios=widths, gridspec_kw={"wspace": 0.0})
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image, interpolation="antialiased")
        ax.set_axis_off()
    return _write(figure)


def _write(figure: Figure) -> bytes:
    with io.BytesIO() as file:
        figure.savefig(file, format="png", dpi=DOTS)
        return file.getvalue()
