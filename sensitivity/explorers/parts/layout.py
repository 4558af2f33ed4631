"""How an explorer is laid out in the page, from 800 to 1900 pixels wide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensitivity.explorers.parts.libraries import require
from sensitivity.explorers.parts.width_probe import make_ruler

FAMILY = "sensitivity-explorer"
"""Class of the element in the page that holds an explorer."""

PICTURE = "sensitivity-picture"

WIDEST = 1240
"""Pixels: wider, the eye has too far to go from the molecule to the chart."""

GAP = 8
"""Pixels between two pictures."""

TROUBLE = "#B03A00"
"""A colour that is seen on light and on dark paper."""

DEAD = "The kernel behind this was restarted or has ended: run the cell again."
"""Said by the page, since nobody else is there to say it."""

STYLE = f"""<style>
.{PICTURE} {{background: white; border: 1px solid #bdbdbd; border-radius: 4px; overflow: hidden}}
.{FAMILY} .widget-upload, .{FAMILY} .jupyter-button {{overflow: hidden}}
.{FAMILY} .jupyter-widgets-disconnected::before {{display: none}}
.{FAMILY}.jupyter-widgets-disconnected > * {{opacity: 0.5; pointer-events: none}}
.{FAMILY}.jupyter-widgets-disconnected::before {{
  content: "{DEAD}"; font: inherit; color: {TROUBLE}; padding: 4px 8px;
}}
</style>"""
"""Molecule and chart are on white paper, in a dark JupyterLab too. What has lost its kernel is
pale, does not react, and says why once, instead of by a broken link at each control."""


def arrange(*, above: Any, left: Any, right: Any, below: Any) -> Any:
    """Put two pictures beside each other, or below each other where it is narrow, and rows around.

    ``above`` and ``below`` are sequences of widgets.
    """
    widgets = require("ipywidgets")
    first = widgets.Box([left], layout={"flex": "1 1 280px", "min_width": "280px"})
    second = widgets.Box([right], layout={"flex": "0 1 auto"})
    return _frame([first, second], above=above, below=below)


def spread(
    *pictures: Any, above: Any, below: Any, on_width: Callable[[float], None] = lambda _: None
) -> Any:
    """Put figures beside each other, or below each other where it is narrow.

    ``on_width`` is called with the width in pixels of it all, when that has changed.
    """
    papers = [require("ipywidgets").Box([picture]) for picture in pictures]
    return _frame(papers, above=[make_ruler(on_width), *above], below=below)


def _frame(papers: list[Any], *, above: Any, below: Any) -> Any:
    """The papers with pictures on them, and rows around."""
    widgets = require("ipywidgets")
    for paper in papers:
        paper.add_class(PICTURE)
    beside = widgets.Box(papers, layout={"flex_flow": "row wrap", "grid_gap": f"{GAP}px"})
    style = widgets.HTML(STYLE, layout={"display": "none"})
    box = widgets.VBox(
        [style, *above, beside, *below],
        layout={"max_width": f"{WIDEST}px", "overflow": "hidden"},
    )
    box.add_class(FAMILY)
    return box


def row(*children: Any) -> Any:
    """Put widgets beside each other, in several lines where it is narrow."""
    widgets = require("ipywidgets")
    return widgets.Box(
        list(children),
        layout={"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 12px"},
    )
