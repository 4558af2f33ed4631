"""A figure on white paper beside the atoms, which takes its share of the width of the page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from matplotlib.figure import Figure

from sensitivity.explorers.parts.figure_widget import embed, resize

HEIGHT = 420
"""Pixels."""

WIDTHS = (420, 640)
"""Pixels: narrower, the labels crowd; wider, there is nothing more to see."""

MARGINS = 10
"""Pixels: the border, and what ipympl leaves free on both sides."""

SHARE = 0.52
"""Of the width of the explorer, beside the molecule."""

DOTS = 100
"""Dots per inch: sizes in points are then what they are in print at this size."""


P = ParamSpec("P")
T = TypeVar("T")


class Lockable(Protocol):
    """What only one thread at a time may change."""

    lock: AbstractContextManager[bool]


S = TypeVar("S", bound=Lockable)


def alone(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Let a method wait until nobody else draws the figure or changes it."""

    @wraps(method)
    def wait_and_act(self: S, /, *arguments: P.args, **keywords: P.kwargs) -> T:
        with self.lock:
            return method(self, *arguments, **keywords)

    return wait_and_act


class Sheet:
    """A matplotlib figure as a widget.

    Parameters
    ----------
    width
        Pixels, as long as nobody says how much room there is.
    height
        Pixels.
    head
        Pixels that are kept free at the top, for a legend that changes while nothing else does.

    Attributes
    ----------
    figure, widget
        The matplotlib figure, and the widget that shows it.
    lock
        Held by who draws the figure or changes it.
    """

    def __init__(self, *, width: int = WIDTHS[0], height: int = HEIGHT, head: int = 0) -> None:
        size = (width / DOTS, height / DOTS)
        self.figure = Figure(figsize=size, dpi=DOTS, layout="constrained")
        self._canvas = embed(self.figure)
        self.widget = self._canvas.widget
        self.lock: AbstractContextManager[bool] = self._canvas.lock
        self._width, self._height = width, height
        self._share = 1.0 - head / height

    def clear(self) -> None:
        """Begin with an empty figure."""
        self.figure.clear()
        self.redraw()
        self.figure.set_layout_engine("constrained")

    def finish(self) -> None:
        """Lay the figure out, once: that takes longer than to draw it again with other data."""
        self.figure.set_layout_engine("constrained", rect=(0.0, 0.0, 1.0, self._share))
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")
        self.redraw()

    def redraw(self) -> None:
        """Draw everything."""
        self._canvas.redraw()

    def refresh(self) -> None:
        """Draw again only what is animated."""
        self._canvas.refresh()

    def fit(self, width: float) -> None:
        """Take a share of the width of the explorer, or, if that is too little, all of it."""
        share = int(SHARE * width)
        self.take(min(share, WIDTHS[1]) if share >= WIDTHS[0] else int(width) - MARGINS)

    @alone
    def take(self, pixels: int) -> None:
        """Be so wide, unless that is nothing, as in a hidden tab, or what it is already."""
        if pixels > 0 and pixels != self._width:
            self._width = pixels
            resize(self.figure, width=pixels, height=self._height)
            self.rearrange()

    def rearrange(self) -> None:
        """Do what another width asks for."""
        self.finish()
