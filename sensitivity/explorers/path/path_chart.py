"""Singular values along a way, and below them how far the features have gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator

from sensitivity.explorers.parts.figure_sheet import Sheet, alone
from sensitivity.explorers.parts.legends import add_legend
from sensitivity.explorers.path.trajectory import Track
from sensitivity.numerics import Array
from sensitivity.plots.palette import ARROW, COLORS, SERIES
from sensitivity.plots.singular_values import plot_path
from sensitivity.plots.zeros import ROUNDING, scale_axis

SHARES = (1.5, 1.0)
"""Heights of the two pictures: the upper one has more lines."""

COLUMN = 106
"""Points of the longest name in a legend, with its line."""

ZERO = ":"
"""How the line is drawn up to which values count as zero."""

MOST_TICKS = (5, 4)
"""Powers of ten beside each picture."""

EDGE = 0.02
"""Of the length: room at both ends, so that the cursor is seen there."""


class PathChart(Sheet):
    """Two pictures on one horizontal axis, with a cursor that moves through both.

    Attributes
    ----------
    values
        Per internal mode, the line of its singular value against the length of the way; then the
        one of the smallest.
    distance
        The line of the feature distance.
    cursors
        Two vertical lines, where the frame is.
    points
        In each picture, the mark where the cursor meets the bold line.
    """

    @alone
    def load(self, track: Track, *, frame: int) -> None:
        """Show what is known of a track."""
        self.clear()
        upper, lower = self.figure.subplots(2, 1, sharex=True, height_ratios=SHARES)
        known = track.known
        x = track.coordinate[known]
        self.values = _draw_values(upper, track, x)
        self.distance = _draw_distance(lower, track, x)
        self._x, self._axes = track.coordinate, (upper, lower)
        room = EDGE * float(track.coordinate[-1])
        lower.set(xlim=(-room, track.coordinate[-1] + room), xlabel="length of the way (Å)")
        style: dict[str, Any] = {"color": "black", "linewidth": 1.2, "zorder": 4}
        self.cursors = [axes.axvline(0.0, **style) for axes in self._axes]
        ends: dict[str, Any] = {"ls": "none", "mec": "black", "mew": 1.0, "ms": 7, "zorder": 5}
        self.points = [
            upper.plot([], [], "o", color=ARROW, **ends)[0],
            lower.plot([], [], "o", color=SERIES[2], **ends)[0],
        ]
        for axes, most in zip(self._axes, MOST_TICKS, strict=True):
            axes.tick_params(labelsize=9)
            _thin_ticks(axes, most=most)
            _name_marks(axes)
        self.figure.align_ylabels()
        for artist in (*self.cursors, *self.points):
            artist.set_animated(True)
        self.show(frame)
        self.finish()

    def finish(self) -> None:
        """Lay the figure out, the names of the lines in as many columns as there is room for."""
        for axes in self.figure.axes:
            add_legend(axes, column=COLUMN)
        super().finish()

    @alone
    def show(self, frame: int) -> None:
        """Move the cursor to a frame."""
        x = float(self._x[frame])
        for cursor, point, line in zip(
            self.cursors, self.points, (self.values[-1], self.distance), strict=True
        ):
            cursor.set_xdata([x, x])
            here = np.asarray(line.get_xdata()) == x
            point.set_data([x] if here.any() else [], np.asarray(line.get_ydata())[here])
        self.refresh()

    def on_click(self, frame: Callable[[int], None]) -> None:
        """Call this with the frame that a person clicked on."""

        def clicked(event: Any) -> None:
            if event.inaxes in self._axes:
                frame(int(np.argmin(np.abs(self._x - event.xdata))))

        self.figure.canvas.mpl_connect("button_press_event", clicked)


def _draw_values(axes: Axes, track: Track, x: Array) -> list[Line2D]:
    spectra = [each for each in track.spectra if each is not None]
    plot_path(spectra, coordinate=x, ax=axes)
    axes.set(xlabel="")
    axes.tick_params(labelbottom=False)
    lines = [line for line in axes.lines if line.get_linestyle() != ZERO]
    return [line for line in lines if len(np.asarray(line.get_xdata())) == len(x)]


def _draw_distance(axes: Axes, track: Track, x: Array) -> Line2D:
    known = track.known
    distance, visible = track.feature_distance[known], track.visible_distance[known]
    start = track.spectra[0]
    size = 0.0 if start is None else float(np.linalg.norm(start.features))
    both = np.concatenate([distance, visible])
    heights = scale_axis(axes, both, zero=ROUNDING * size, threshold=0.0)
    style: dict[str, Any] = {"color": COLORS["internal"], "linewidth": 1.0, "linestyle": "--"}
    axes.plot(x, heights(visible), label="most visible mode", **style)
    (line,) = axes.plot(x, heights(distance), color=SERIES[2], linewidth=2.0, label="this way")
    axes.set_ylabel("feature distance")
    return line


def _thin_ticks(axes: Axes, *, most: int) -> None:
    """Leave away powers of ten that a low picture has no room for, but not the zero."""
    places, names = list(axes.get_yticks()), [label.get_text() for label in axes.get_yticklabels()]
    start = int(names[:1] == ["0"])
    step = max(1, -(-(len(names) - start) // most))
    axes.yaxis.set_major_locator(FixedLocator(places[:start] + places[start::step]))
    axes.yaxis.set_major_formatter(FixedFormatter(names[:start] + names[start::step]))


def _name_marks(axes: Axes) -> None:
    """Explain zeros in the legend, and not beside the axis, where the cursor goes through."""
    for note in tuple(axes.texts):
        dotted = [line for line in axes.lines if line.get_linestyle() == ZERO]
        mark = dotted[0] if "rank" in note.get_text() else axes.patches[0]
        mark.set_label(note.get_text())
        note.remove()
