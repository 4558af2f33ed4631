"""A course to be read: pictures of explorers, and folded answers in place of guesses."""

from __future__ import annotations

import io
from html import escape
from typing import Any

import matplotlib.image as mpimg
from IPython.core.getipython import get_ipython
from IPython.display import HTML
from matplotlib.figure import Figure

from sensitivity import course
from sensitivity.course import check
from sensitivity.explorers import (
    BandExplorer,
    BasisExplorer,
    Explorer,
    PathExplorer,
    SurveyExplorer,
    TwinExplorer,
)

MOVING = Explorer, PathExplorer, TwinExplorer, BandExplorer, SurveyExplorer


def prepare() -> None:
    """Let explorers have a picture beside the widget, and guesses a folded answer."""
    shell = get_ipython()
    assert shell is not None
    formatter = shell.display_formatter.formatters["image/png"]
    for kind in (*MOVING, BasisExplorer):
        formatter.for_type(kind, draw)
    course.check = fold  # for the imports of the notebook that follow
    # Twice as many pixels as on paper: slides and good screens need them.
    shell.run_line_magic("config", "InlineBackend.figure_formats = ['retina']")


def fold(_: Any, answer: Any, *, within: float = 0.0) -> HTML:
    """Return the answer, folded, in place of the comparison with a guess."""
    text = check(answer, answer, within=within).text.removeprefix("Right: ")
    return HTML(f"<details><summary>Answer</summary>\n<p>{escape(text)}</p>\n</details>")


def draw(view: Any) -> bytes:
    """Return a picture of what an explorer shows when it has computed everything."""
    view.wait()
    if isinstance(view, BasisExplorer):
        figure = _join([view.chart.draw_file("png"), view.map.draw_file("png")])
    else:
        figure = view.figure()
    with io.BytesIO() as file:
        figure.savefig(file, format="png", dpi=150)
        return file.getvalue()


def _join(pictures: list[bytes]) -> Figure:
    """Put pictures beside each other, at the same height."""
    images = [mpimg.imread(io.BytesIO(picture)) for picture in pictures]
    widths = [image.shape[1] / image.shape[0] for image in images]
    figure = Figure(figsize=(8.0, 8.0 / sum(widths)))
    axes = figure.subplots(1, len(images), width_ratios=widths, gridspec_kw={"wspace": 0.0})
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image, interpolation="antialiased")
        ax.set_axis_off()
    return figure
