"""The layout of an explorer in the page, from 800 to 1900 pixels wide."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from sensitivity.notes import missing

FAMILY = "sensitivity-explorer"  # class of the element in the page that holds an explorer

WIDEST, HEIGHT, GAP = 1240, 420, 8
"""Pixels: the width of an explorer, in which the eye has not too far to go from the molecule to the
chart, the height of each picture, and the gap between two."""

TROUBLE = "#B03A00"  # a colour that is seen on light and on dark paper

DEAD = "The kernel behind this was restarted or has ended: run the cell again."
"""Shown by the page, which is all that is left then."""

_PICTURE = "sensitivity-picture"

# Molecule and chart are on white paper, in a dark JupyterLab too. An explorer that has lost its
# kernel is pale, does not react, and says why once, instead of by a broken link at each control.
_STYLE = f"""<style>
.{_PICTURE} {{background: white; border: 1px solid #bdbdbd; border-radius: 4px; overflow: hidden}}
.{FAMILY} .widget-upload, .{FAMILY} .jupyter-button {{overflow: hidden}}
.{FAMILY} .jupyter-widgets-disconnected::before {{display: none}}
.{FAMILY}.jupyter-widgets-disconnected > * {{opacity: 0.5; pointer-events: none}}
.{FAMILY}.jupyter-widgets-disconnected::before {{
  content: "{DEAD}"; font: inherit; color: {TROUBLE}; padding: 4px 8px;
}}
</style>"""


def arrange(*, above: Sequence[Any], left: Any, right: Any, below: Sequence[Any]) -> Any:
    """Put two pictures beside each other, or below where it is narrow, and rows around them."""
    widgets = require("ipywidgets")
    first = widgets.Box([left], layout={"flex": "1 1 280px", "min_width": "280px"})
    second = widgets.Box([right], layout={"flex": "0 1 auto"})
    return _frame([first, second], above=above, below=below)


def spread(*figures: Any, above: Sequence[Any], below: Sequence[Any]) -> Any:
    """Put figure widgets beside each other, or below each other where it is narrow."""
    import traitlets  # of the extra, too

    def fit(width: float) -> None:
        for figure in figures:
            figure.fit(width)

    # An invisible widget tells its width; a molecule does so by itself.
    script = Path(__file__).with_name("width_probe.js").read_text(encoding="utf-8")
    probe = require("anywidget").AnyWidget(_esm=script, layout={"height": "0", "margin": "0"})
    probe.add_traits(pixels=traitlets.Float(0.0).tag(sync=True))
    probe.observe(lambda change: fit(change["new"]), "pixels")
    papers = [require("ipywidgets").Box([figure.widget]) for figure in figures]
    return _frame(papers, above=[probe, *above], below=below)


def row(*children: Any, **layout: str) -> Any:
    """Put widgets beside each other, in several lines where it is narrow."""
    lines = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 12px"}
    return require("ipywidgets").Box(list(children), layout={**lines, **layout})


def _frame(papers: list[Any], *, above: Sequence[Any], below: Sequence[Any]) -> Any:
    widgets = require("ipywidgets")
    for paper in papers:
        paper.add_class(_PICTURE)
    beside = widgets.Box(papers, layout={"flex_flow": "row wrap", "grid_gap": f"{GAP}px"})
    style = widgets.HTML(_STYLE, layout={"display": "none"})
    box = widgets.VBox(
        [style, *above, beside, *below], layout={"max_width": f"{WIDEST}px", "overflow": "hidden"}
    )
    box.add_class(FAMILY)
    return box


def require(name: str) -> Any:
    """Import a library of the extra ``lab``, or say in a ModuleNotFoundError what to install."""
    try:
        with warnings.catch_warnings():
            # nglview 3.1 learns its own version from setuptools, in a way that this warns about.
            warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
            return import_module(name)
    except ModuleNotFoundError as error:
        raise missing("the explorers need", error.name) from error
