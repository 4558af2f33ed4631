"""The layout of an explorer in the page, from 400 to 1900 pixels wide."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from sensitivity.notes import missing

DEAD = "The kernel behind this was restarted or has ended: run the cell again."
"""Message in the page after the kernel has ended."""

LIGHT = "#ffffff", "#000000"
"""Colours of background and ink of charts, initially and in files."""


class Page:
    """The exchange between an explorer and the page around it.

    ``widget`` has no height, and belongs in the box of the explorer.
    """

    def __init__(self) -> None:
        import traitlets  # also from the extra

        self.widget = require("anywidget").AnyWidget(_esm=_read("page.js"), layout={"height": "0"})
        self.widget.add_traits(
            sizes=traitlets.List().tag(sync=True),
            paper=traitlets.Unicode(LIGHT[0]).tag(sync=True),
            ink=traitlets.Unicode(LIGHT[1]).tag(sync=True),
            tooltips=traitlets.Dict().tag(sync=True),
            charts=traitlets.List().tag(sync=True),
            keeps=traitlets.Bool(False).tag(sync=True),
        )
        self._downloads = 0

    def fit(self, charts: Sequence[Any]) -> None:
        """Keep figure widgets at the sizes and colours of the page."""

        def act(_: Any) -> None:
            page = self.widget
            for chart, size in zip(charts, page.sizes, strict=True):
                chart.fit(*size, colors=(page.paper, page.ink))

        self.widget.observe(act, ["sizes", "paper", "ink"])
        self.widget.charts = [chart.widget.model_id for chart in charts]

    def on_typing(self, act: Callable[[], None]) -> None:
        """Call ``act`` when the user types into a field."""
        self.widget.on_msg(lambda _, content, __: act() if "typing" in content else None)

    def on_session(self, act: Callable[[str], None]) -> None:
        """Ask the page for the session that it keeps, and call ``act`` with it, or with "".

        ``act`` is called again when the user opens a link to a session.
        """
        self.widget.keeps = True
        self.widget.on_msg(
            lambda _, content, __: act(str(content["session"])) if "session" in content else None
        )

    def keep(self, session: str) -> None:
        """Keep a session in the page until its tab is closed."""
        self.widget.send({"keep": session})

    def copy_link(self, session: str) -> None:
        """Copy a link to a session; it has neither the token nor the rest of the query."""
        self.widget.send({"link": session})

    def name(self, box: Any) -> None:
        """Set tooltips on inputs in the page: ipywidgets shows none for dropdowns and texts."""
        tooltips: dict[str, str] = {}

        def look(widget: Any) -> None:
            if getattr(widget, "description", "") and getattr(widget, "tooltip", ""):
                tooltips[widget.description] = widget.tooltip
            for child in getattr(widget, "children", ()):
                look(child)
            if hasattr(widget, "children"):
                widget.observe(again, "children")

        def again(_: Any) -> None:
            look(box)
            self.widget.tooltips = dict(tooltips)

        again(None)

    def download(self, name: str, content: bytes) -> None:
        """Download a file."""
        self._downloads += 1  # only one of several views saves the file
        self.widget.send({"download": name, "number": self._downloads}, buffers=[content])


def arrange(
    page: Page,
    *,
    above: Sequence[Any] = (),
    left: Sequence[Any],
    right: Sequence[Any],
    below: Sequence[Any] = (),
    charts: Sequence[Any],
) -> Any:
    """Arrange two columns, each with a picture at the top, between rows of widgets.

    In a narrow page the columns are stacked. ``charts`` are the figure widgets among them.
    """
    widgets = require("ipywidgets")
    page.fit(charts)
    for chart in charts:
        chart.pane.add_class("sensitivity-chart")
    for picture, *_ in (left, right):
        picture.add_class("sensitivity-picture")
    beside = widgets.Box([widgets.VBox(list(column)) for column in (left, right)])
    beside.add_class("sensitivity-columns")
    style = _read("explorer.css").replace("DEAD", json.dumps(DEAD))
    style = widgets.HTML(f"<style>{style}</style>", layout={"display": "none"})
    box = widgets.VBox([style, page.widget, *above, beside, *below])
    box.add_class("sensitivity-explorer")
    page.name(box)
    return box


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def make_fold(description: str, tooltip: str, *content: Any) -> Any:
    """Return a button that shows or hides some boxes in a narrow explorer."""
    button = require("ipywidgets").ToggleButton(
        description=description, tooltip=tooltip, icon="caret-down", layout={"width": "auto"}
    )
    button.add_class("sensitivity-fold")

    def toggle(change: Any) -> None:
        for box in content:
            (box.add_class if change["new"] else box.remove_class)("sensitivity-open")

    for box in content:
        box.add_class("sensitivity-folding")
    button.observe(toggle, "value")
    return button


def make_heading(title: str, close: Callable[[], None]) -> Any:
    """Return a row with the title of a view that appears below, and a button that closes it."""
    widgets = require("ipywidgets")
    look = {"description": "close", "icon": "times", "tooltip": "Close this view"}
    button = widgets.Button(**look, layout={"width": "auto"})
    button.on_click(lambda _: close())
    return row(widgets.HTML(f"<strong>{escape(title)}</strong>"), button)


def row(*children: Any, **layout: str) -> Any:
    """Arrange widgets in a row, which wraps in a narrow page."""
    lines = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 12px"}
    return require("ipywidgets").Box(list(children), layout={**lines, **layout})


def require(name: str) -> Any:
    """Import a library of the extra ``lab``; the ModuleNotFoundError names what to install."""
    try:
        with warnings.catch_warnings():
            # nglview 3.1 gets its own version from setuptools, which emits this warning.
            warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
            return import_module(name)
    except ModuleNotFoundError as error:
        raise missing("the explorers need", error.name) from error
