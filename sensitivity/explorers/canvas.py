"""A matplotlib figure as a widget: live with ipympl, a picture without it."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_webagg_core import FigureCanvasWebAggCore
from matplotlib.figure import Figure

from sensitivity.explorers.libraries import require


def resize(figure: Figure, *, width: int, height: int) -> None:
    """Give a live figure another size, in pixels of the page; a picture scales by itself."""
    if isinstance(figure.canvas, FigureCanvasWebAggCore):
        live: Any = figure.canvas
        live.handle_resize({"width": width, "height": height})


def embed(figure: Figure) -> tuple[Any, Callable[[], None]]:
    """Widget that shows the figure, and a function to call after its data changed.

    With ipympl the function only asks for a drawing and returns at once; several requests become
    one. Without it, each call draws a PNG, and clicks on the figure are not seen.
    """
    return _live(figure) if find_spec("ipympl") else _still(figure)


def _live(figure: Figure) -> tuple[Any, Callable[[], None]]:
    backend = require("ipympl.backend_nbagg")
    canvas = backend.Canvas(figure)
    backend.FigureManager(canvas, 0)  # not known to pyplot, so no cell shows the figure again
    canvas.header_visible = canvas.toolbar_visible = canvas.footer_visible = False
    canvas.resizable = False
    # A new view makes itself resizable, whatever it is told before.
    canvas.on_msg(lambda _, message, __: _fix_size(canvas, message))
    return canvas, canvas.draw_idle


def _fix_size(canvas: Any, message: dict[str, Any]) -> None:
    if message.get("type") == "initialized":
        canvas.send_state("resizable")


def _still(figure: Figure) -> tuple[Any, Callable[[], None]]:
    widgets = require("ipywidgets")
    FigureCanvasAgg(figure)
    image = widgets.Image(format="png", layout={"max_width": "100%"})

    def refresh() -> None:
        with io.BytesIO() as file:
            figure.savefig(file, format="png")
            image.value = file.getvalue()

    return image, refresh
