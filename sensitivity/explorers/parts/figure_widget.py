"""A matplotlib figure as a widget of a given size: live with ipympl, a static image without it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from importlib.util import find_spec
from typing import Any, TypeVar, cast

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_webagg_core import FigureCanvasWebAggCore
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from sensitivity.explorers.parts.background import running_loop
from sensitivity.explorers.parts.figures import DRAWING, write_figure
from sensitivity.explorers.parts.layout import LIGHT, require
from sensitivity.explorers.parts.notes import Note
from sensitivity.plots.axes import add_fitting_legend

Method = TypeVar("Method", bound=Callable[..., Any])


def alone(method: Method) -> Method:
    """Decorate a method so that it waits until no other thread draws or changes the figure."""

    @wraps(method)
    def wait_and_act(self: Any, *arguments: Any, **keywords: Any) -> Any:
        with self.lock:
            return method(self, *arguments, **keywords)

    return cast(Method, wait_and_act)


NEARLY = {LIGHT[1]: "#010101"}, {LIGHT[0]: "#fefefe"}
"""Replacements for a black background, and for white ink."""

NOTE = "note"  # id of the text under the pointer


def fit_markers(*lines: Line2D, count: int, largest: float, smallest: float = 2.0) -> None:
    """Set the size in points of ``count`` adjacent markers so that they do not overlap."""
    if lines:
        axes = lines[0].axes
        assert axes is not None
        apart = 72 * axes.bbox.width / axes.figure.dpi / count
        for line in lines:
            size = float(np.clip(0.85 * apart, smallest, largest))
            line.set_markersize(size)
            if line.get_marker() != "_":  # which is only an edge
                line.set_markeredgewidth(0.06 * size)  # a wider edge covers the colour


PAINTED = Text, Line2D, Patch


def repaint(figure: Figure, old: tuple[str, str], new: tuple[str, str]) -> None:
    """Replace the old colours of all text, lines and patches by the new ones."""
    change = dict(zip(old, new, strict=True))
    # Numbers on the coloured cells of a map already have the most legible colour.
    kept = {text for axes in figure.axes if axes.images for text in axes.texts}
    for artist in set(figure.findobj(lambda each: isinstance(each, PAINTED))) - kept:
        for name in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
            color = to_rgba(getattr(artist, f"get_{name}", lambda: "none")())
            if color[3] and to_hex(color) in change:
                getattr(artist, f"set_{name}")(change[to_hex(color)])


class FigureWidget:
    """A matplotlib figure as a widget, with the size and colours of its place in the page.

    ``figure`` is shown by ``widget``, which is in ``pane``. ``lock`` is held by the thread that
    draws or changes the figure: a cell and a message from a JupyterLab widget run in different
    threads, and a figure that is changed while it is drawn stays blank.

    ``head`` pixels are kept free at the top for a legend that changes without a new layout, and
    ``column`` is the width in points of the longest name in the legends of the axes, if any.
    """

    def __init__(self, *, head: int = 0, column: int | None = None) -> None:
        dots = 100  # per inch: sizes in points then match those in print
        self._head, self._column = head, column
        self._size, self._colors = (420, 420), LIGHT  # until the page reports its own
        width, height = self._size
        self.figure = Figure((width / dots, height / dots), dpi=dots, layout="constrained")
        self._note: Note | None = None
        self.lock = DRAWING
        make = _Live if find_spec("ipympl") else _Still
        canvas = make(self.figure, self.lock)
        self.widget = canvas.widget
        self.pane = require("ipywidgets").Box([self.widget])
        # redraw draws everything soon; refresh draws only the animated artists, which have changed.
        self.redraw, self.refresh = canvas.redraw, canvas.refresh

    def clear(self) -> None:
        """Clear the figure."""
        self.figure.clear()
        self._note = None
        self.redraw()
        self.figure.set_layout_engine("constrained")

    def finish(self, *moving: Artist) -> None:
        """Lay out the figure once, which is slow; ``moving`` artists are drawn over a copy."""
        for artist in moving:
            artist.set_animated(True)
        if self._column is not None:
            for axes in self.figure.axes:
                add_fitting_legend(axes, column=self._column)
        kept = self._head / self._size[1]
        self.figure.set_layout_engine("constrained", rect=(0.0, 0.0, 1.0, 1.0 - kept))
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")
        self.paint()
        self.redraw()

    def paint(self) -> None:
        """Change the colours of newly drawn artists from the defaults to those of the page."""
        repaint(self.figure, LIGHT, self._colors)

    @contextmanager
    def in_print(self) -> Iterator[Figure]:
        """Yield the figure in black on white, as for a file."""
        with self.lock:
            repaint(self.figure, self._colors, LIGHT)
            try:
                yield self.figure
            finally:
                repaint(self.figure, LIGHT, self._colors)

    def draw_file(self, form: str) -> bytes:
        """Return the content of a file in a format of matplotlib, such as png."""
        with self.in_print() as figure:
            return write_figure(figure, form)

    @alone
    def fit(self, width: int, height: int, *, colors: tuple[str, str] = LIGHT) -> None:
        """Set the size in pixels, and the colours of background and ink."""
        # Distinct from the defaults, so that a painted artist is not painted again.
        paper, ink = (other.get(x, x) for x, other in zip(colors, NEARLY, strict=True))
        if (width, height, (paper, ink)) == (*self._size, self._colors):
            return
        repaint(self.figure, self._colors, (paper, ink))
        self._size, self._colors = (width, height), (paper, ink)
        if isinstance(self.figure.canvas, FigureCanvasWebAggCore):
            live: Any = self.figure.canvas
            live.handle_resize({"width": width, "height": height})
        else:
            self.figure.set_size_inches(width / self.figure.dpi, height / self.figure.dpi)
        self.rearrange()

    def rearrange(self) -> None:
        """Adapt the figure to a new size."""
        self.finish()

    def watch_pointer(self, find: Callable[[Any], Note | None]) -> None:
        """Show the note that ``find`` returns for the position of the pointer."""

        def moved(event: Any) -> None:
            with self.lock:
                note = None if event.inaxes is None else find(event)
                if note != self._note:
                    self._note = note
                    self._show_note()

        for name in ("motion_notify_event", "figure_leave_event"):
            self.figure.canvas.mpl_connect(name, moved)

    def _show_note(self) -> None:
        for old in tuple(self.figure.texts):
            if old.get_gid() == NOTE:
                old.remove()
        if self._note is not None:
            width, height = self._size
            x, y = self._note.place
            right, up = x < width / 2, y < height / 2  # on the side with more space
            paper, ink = self._colors
            style: dict[str, Any] = {"fontsize": 9, "color": ink, "gid": NOTE, "animated": True}
            style |= {"ha": "left" if right else "right", "va": "bottom" if up else "top"}
            style["bbox"] = {"boxstyle": "round", "facecolor": paper, "edgecolor": ink}
            place = x + (10 if right else -10), y + (10 if up else -10)
            self.figure.text(place[0] / width, place[1] / height, self._note.text, **style)
        self.refresh()

    def watch_clicks(self, act: Callable[[Any], None]) -> None:
        """Call ``act`` with the event when the user clicks inside axes."""

        def clicked(event: Any) -> None:
            if event.inaxes is not None:
                act(event)

        self.figure.canvas.mpl_connect("button_press_event", clicked)


def load_ipympl() -> Any:
    """Return the backend of ipympl, without changing the backend of pyplot.

    ipympl sets the backend of pyplot if matplotlib is already imported. Figures drawn in later
    cells would then not be shown.
    """
    found = sys.modules.pop("matplotlib")
    try:
        require("ipympl")
    finally:
        sys.modules["matplotlib"] = found
    return require("ipympl.backend_nbagg")


class _Live:
    """A canvas of ipympl that draws animated artists over a copy of all others.

    Text takes most of the drawing time, and does not change with the data.
    """

    def __init__(self, figure: Figure, lock: AbstractContextManager[bool]) -> None:
        backend = load_ipympl()
        self.lock = lock
        self.widget = backend.Canvas(figure)
        # Without a view ipympl stores each image for the first view, as an invalid URL.
        self.widget.syncing_data_url = False
        self._draw_all = self.widget.draw
        self.widget.draw = self._draw  # called by ipympl too
        self.widget.get_diff_image = self._take_whole
        backend.FigureManager(self.widget, 0)  # not known to pyplot, so no cell shows it again
        self.widget.header_visible = self.widget.toolbar_visible = False
        self.widget.footer_visible = self.widget.resizable = False
        # A new view makes itself resizable, and ignores earlier settings.
        self.widget.on_msg(
            lambda _, message, __: (
                message.get("type") == "initialized" and self.widget.send_state("resizable")
            )
        )
        self._figure, self._rest, self._asked = figure, None, False
        figure.canvas.mpl_connect("draw_event", self._keep)

    @alone
    def _draw(self) -> None:
        self._draw_all()

    def _take_whole(self) -> bytes | None:
        """Return the whole image, in a tenth of the drawing time.

        ipympl sends differences, and the page drops an image if the next one arrives first: a
        dropped difference would be lost.
        """
        self.widget._force_full = True
        picture: bytes | None = type(self.widget).get_diff_image(self.widget)
        return picture

    def redraw(self) -> None:
        self._rest = None
        self.widget.draw_idle()

    def refresh(self) -> None:
        loop = running_loop()
        if loop is None:
            self.redraw()
        elif not self._asked:  # consecutive changes become one image
            self._asked = True
            loop.call_soon(self._paint)

    def _keep(self, event: Any) -> None:
        """Keep the drawn image, which has no animated artists, and draw these over it."""
        if event.canvas is not self.widget:  # a file is written, with all artists
            return
        self._rest = self.widget.copy_from_bbox(self._figure.bbox)
        self._draw_animated()

    @alone
    def _paint(self) -> None:
        self._asked = False
        if self._rest is None:  # everything is about to be drawn
            self.widget.draw_idle()
            return
        self.widget.restore_region(self._rest)
        self._draw_animated()
        self.widget.blit()

    def _draw_animated(self) -> None:
        drawn = [artist for axes in self._figure.axes for artist in (*axes.lines, *axes.patches)]
        drawn += self._figure.texts
        for artist in sorted(filter(Artist.get_animated, drawn), key=Artist.get_zorder):
            self._figure.draw_artist(artist)


class _Still:
    """A PNG image, which does not react to clicks."""

    def __init__(self, figure: Figure, lock: AbstractContextManager[bool]) -> None:
        FigureCanvasAgg(figure)
        self._figure = figure
        self.widget = require("ipywidgets").Image(format="png", layout={"max_width": "100%"})

    def redraw(self) -> None:
        with io.BytesIO() as file:
            self._figure.savefig(file, format="png")
            self.widget.value = file.getvalue()

    refresh = redraw
