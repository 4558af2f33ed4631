"""A matplotlib figure as a widget: live with ipympl, a picture without it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from importlib.util import find_spec
from threading import RLock
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_webagg_core import FigureCanvasWebAggCore
from matplotlib.figure import Figure

from sensitivity.explorers.parts.libraries import require


def resize(figure: Figure, *, width: int, height: int) -> None:
    """Give a live figure another size, in pixels of the page; a picture scales by itself."""
    if isinstance(figure.canvas, FigureCanvasWebAggCore):
        live: Any = figure.canvas
        live.handle_resize({"width": width, "height": height})


class Canvas:
    """Shows a figure, live with ipympl, and as a picture without it.

    Attributes
    ----------
    widget
        The widget.
    lock
        Held by who draws the figure or changes it. A cell runs in another thread than what a
        widget of JupyterLab says, and a figure that is changed while it is drawn stays blank.
    """

    widget: Any

    def __init__(self) -> None:
        self.lock = RLock()

    def redraw(self) -> None:
        """Draw everything, soon; several requests become one."""

    def refresh(self) -> None:
        """Draw again what is animated, which is all that has changed."""


def embed(figure: Figure) -> Canvas:
    """Return the canvas of a figure."""
    return _Live(figure) if find_spec("ipympl") else _Still(figure)


class _Live(Canvas):
    """With ipympl. What is animated is drawn over a copy of all the rest.

    Text takes most of the time of a drawing, and does not change with the data.
    """

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        backend = require("ipympl.backend_nbagg")
        self.widget = backend.Canvas(figure)
        # Without a view ipympl keeps each picture for the first one, as an address that is none.
        self.widget.syncing_data_url = False
        self.widget.draw = self._alone(self.widget.draw)  # whoever asks for it
        self.widget.get_diff_image = self._take_whole
        backend.FigureManager(self.widget, 0)  # not known to pyplot, so no cell shows it again
        self.widget.header_visible = self.widget.toolbar_visible = False
        self.widget.footer_visible = self.widget.resizable = False
        # A new view makes itself resizable, whatever it is told before.
        self.widget.on_msg(lambda _, message, __: self._fix_size(message))
        self._figure, self._rest, self._asked = figure, None, False
        figure.canvas.mpl_connect("draw_event", self._keep)

    def _alone(self, act: Callable[[], None]) -> Callable[[], None]:
        """Do something when nobody else draws the figure or changes it."""

        def wait_and_act() -> None:
            with self.lock:
                act()

        return wait_and_act

    def _take_whole(self) -> bytes | None:
        """Take the whole picture, in a tenth of the time of a drawing.

        ipympl sends differences, and its page drops a picture that the next one overtakes: a
        difference that was dropped would be missing for good.
        """
        self.widget._force_full = True
        picture: bytes | None = type(self.widget).get_diff_image(self.widget)
        return picture

    def redraw(self) -> None:
        self._rest = None
        self.widget.draw_idle()

    def refresh(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.redraw()
            return
        if not self._asked:  # many changes in a row become one picture
            self._asked = True
            loop.call_soon(self._alone(self._paint))

    def _keep(self, event: Any) -> None:
        """All but what is animated has been drawn: keep it, and draw the others over it."""
        if event.canvas is not self.widget:  # a file is written, with all that there is
            return
        self._rest = self.widget.copy_from_bbox(self._figure.bbox)
        self._draw_animated()

    def _paint(self) -> None:
        self._asked = False
        if self._rest is None:  # a drawing of everything is on its way
            self.widget.draw_idle()
            return
        self.widget.restore_region(self._rest)
        self._draw_animated()
        self.widget.blit()

    def _draw_animated(self) -> None:
        artists = [
            artist
            for axes in self._figure.axes
            for artist in (*axes.lines, *axes.patches)
            if artist.get_animated()
        ]
        for artist in sorted(artists, key=lambda artist: artist.get_zorder()):
            self._figure.draw_artist(artist)

    def _fix_size(self, message: dict[str, Any]) -> None:
        if message.get("type") == "initialized":
            self.widget.send_state("resizable")


class _Still(Canvas):
    """A PNG, which does not see clicks."""

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        FigureCanvasAgg(figure)
        self._figure = figure
        self.widget = require("ipywidgets").Image(format="png", layout={"max_width": "100%"})

    def redraw(self) -> None:
        with io.BytesIO() as file:
            self._figure.savefig(file, format="png")
            self.widget.value = file.getvalue()

    refresh = redraw
