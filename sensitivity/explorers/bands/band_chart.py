"""The bands of a crystal as a chart on which waves are chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from sensitivity.bands import Bands
from sensitivity.explorers.parts.figure_widget import alone
from sensitivity.explorers.parts.motion_view import MotionChart
from sensitivity.explorers.parts.notes import Note
from sensitivity.numerics import Array
from sensitivity.plots.bands_plot import plot_bands, wave_heights
from sensitivity.plots.palette import ARROW
from sensitivity.reports.crystals import list_causes, name_wave_vector

Choice = tuple[int, int]
"""Number of a wave vector and of a wave."""

NEAR = 15.0
"""Pixels within which a wave is under the pointer."""


class BandPlot:
    """Bands with a cursor at a wave vector, and a point at one of its waves."""

    found: Bands | None = None
    axes: Axes

    def draw(self, figure: FigureBase, found: Bands) -> None:
        """Draw the bands into a figure, or a part of one."""
        self.found, self._x, self._heights = found, found.distance, wave_heights(found)
        self.axes = plot_bands(found, ax=figure.subplots())
        self.axes.tick_params(labelsize=8)
        low, high = self.axes.get_xlim()
        room = 0.015 * (high - low)  # the ends can be clicked on
        self.axes.set_xlim(low - room, high + room)
        self.cursor = self.axes.axvline(0.0, color="black", linewidth=1.2, zorder=4)
        mark: dict[str, Any] = {"color": ARROW, "mec": "black", "mew": 1.0, "ms": 8, "zorder": 5}
        (self.point,) = self.axes.plot([], [], "o", clip_on=False, **mark)

    def place(self, choice: Choice) -> None:
        """Move the cursor and the point to a wave; away if its wave vector was not computed."""
        number, band = choice
        known = number < len(self._x)
        self.cursor.set_visible(known)
        self.point.set_visible(known)
        if known:
            x = float(self._x[number])
            self.cursor.set_xdata([x, x])
            self.point.set_data([x], [self._heights[number, band]])


class BandChart(BandPlot, MotionChart):
    """The bands as a widget."""

    def __init__(self) -> None:
        super().__init__(column=95)
        self.watch_pointer(self._describe)
        self.write("computing the bands …")

    @alone
    def write(self, text: str) -> None:
        """Show a text in place of the bands."""
        self.clear()
        self.figure.text(0.5, 0.5, text, color="gray", ha="center", va="center")
        self.finish()

    @alone
    def load(self, found: Bands, choice: Choice) -> None:
        """Show bands, with a wave chosen."""
        self.clear()
        self.draw(self.figure, found)
        self._causes = list_causes(found)
        self.place(choice)
        self.finish(self.cursor, self.point)

    @alone
    def show(self, choice: Choice) -> None:
        """Choose another wave."""
        if self.found is not None:
            self.place(choice)
            self.refresh()

    def copy(self, figure: FigureBase) -> Callable[[int], None]:
        """Draw the chart into another figure, or a part of one; it is the same at all stops."""
        plot = BandPlot()
        if self.found is not None:
            plot.draw(figure, self.found)
            plot.cursor.set_xdata(self.cursor.get_xdata())
            plot.point.set_data(*self.point.get_data())
        return lambda stop: None

    def on_click(self, choose: Callable[[int, int], None]) -> None:
        """Call ``choose`` with the wave vector and the wave nearest to a click."""

        def clicked(event: Any) -> None:
            if self._known is not None:
                choose(*self._nearest(event)[0])

        self.watch_clicks(clicked)

    @property
    def _known(self) -> Bands | None:
        """The bands, if they have any wave vector."""
        return self.found if self.found is not None and len(self.found.q) else None

    def _nearest(self, event: Any) -> tuple[Choice, Array]:
        """Return the wave nearest to an event, and its place in pixels."""
        x = np.broadcast_to(self._x[:, None], self._heights.shape)
        points = np.stack([x, self._heights], axis=-1)  # [q, band, x/y]
        places = self.axes.transData.transform(points.reshape(-1, 2))
        nearest = int(np.argmin(np.linalg.norm(places - (event.x, event.y), axis=1)))
        number, band = divmod(nearest, self._heights.shape[1])
        return (number, band), places[nearest]

    def _describe(self, event: Any) -> Note | None:
        found = self._known
        if found is None:
            return None
        (number, band), place = self._nearest(event)
        if np.linalg.norm(place - (event.x, event.y)) > NEAR:
            return None
        cause = self._causes[number][band]
        value = f"{found.singular_values[number, band]:.2g} 1/Å"
        seen = value if cause == "sensitive" else f"invisible, {cause}"
        text = f"q = {name_wave_vector(found.q[number])}, band {band}\n{seen}"
        return Note((float(place[0]), float(place[1])), text)
