"""Singular values along a path, and below them the distance of the features from the start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sensitivity.explorers.parts.figure_widget import FigureWidget, alone
from sensitivity.explorers.path.trajectory import Trajectory
from sensitivity.plots.axes import ROUNDING, scale_axis
from sensitivity.plots.palette import ARROW, COLORS, SERIES
from sensitivity.plots.singular_values import PathLines, draw_path


class PathChart(FigureWidget):
    """Two pictures on one horizontal axis, with a cursor that moves through both.

    Attributes
    ----------
    values
        The lines of the singular values.
    distance
        The line of the feature distance.
    cursors
        Two vertical lines, at the frame that is shown.
    points
        In each picture, the mark where the cursor meets the bold line.
    """

    def __init__(self) -> None:
        super().__init__(column=106)

    @alone
    def load(self, trajectory: Trajectory, *, frame: int) -> None:
        """Show what is known of a trajectory."""
        self.clear()
        upper, lower = self.figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1.0))
        self.values = _draw_values(upper, trajectory)
        self.distance = _draw_distance(lower, trajectory)
        x = self._x = trajectory.coordinate
        room = 0.02 * float(x[-1])  # so that the cursor is seen at both ends
        lower.set(xlim=(-room, x[-1] + room), xlabel="path length (Å)")
        style: dict[str, Any] = {"color": "black", "linewidth": 1.2, "zorder": 4}
        self.cursors = [axes.axvline(0.0, **style) for axes in (upper, lower)]
        mark: dict[str, Any] = {"ls": "none", "mec": "black", "mew": 1.0, "ms": 7, "zorder": 5}
        colors = (upper, ARROW), (lower, SERIES[2])
        self.points = [axes.plot([], [], "o", color=color, **mark)[0] for axes, color in colors]
        for axes in (upper, lower):
            axes.tick_params(labelsize=9)
        self.figure.align_ylabels()
        for artist in (*self.cursors, *self.points):
            artist.set_animated(True)
        self.show(frame)
        self.finish()

    @alone
    def show(self, frame: int) -> None:
        """Move the cursor to a frame."""
        x = float(self._x[frame])
        lines = self.values.smallest, self.distance
        for cursor, point, line in zip(self.cursors, self.points, lines, strict=True):
            cursor.set_xdata([x, x])
            here = np.asarray(line.get_xdata()) == x
            point.set_data([x] if here.any() else [], np.asarray(line.get_ydata())[here])
        self.refresh()

    def on_click(self, frame: Callable[[int], None]) -> None:
        """Call this with the frame that the user clicked on."""
        self.watch_clicks(lambda event: frame(int(np.argmin(np.abs(self._x - event.xdata)))))


def _draw_values(axes: Axes, trajectory: Trajectory) -> PathLines:
    spectra = [each for each in trajectory.spectra if each is not None]
    axes.tick_params(labelbottom=False)
    return draw_path(axes, spectra, trajectory.coordinate[trajectory.known], ticks=3, notes=False)


def _draw_distance(axes: Axes, trajectory: Trajectory) -> Line2D:
    known, start = trajectory.known, trajectory.spectra[0]
    x = trajectory.coordinate[known]
    distance, visible = trajectory.feature_distance[known], trajectory.visible_distance[known]
    size = 0.0 if start is None else float(np.linalg.norm(start.features))
    both = np.concatenate([distance, visible])
    axis = scale_axis(axes, both, zero=ROUNDING * size, ticks=3, notes=False)
    style: dict[str, Any] = {"color": COLORS["internal"], "linewidth": 1.0, "linestyle": "--"}
    axes.plot(x, axis.heights(visible), label="most visible mode", **style)
    style = {"color": SERIES[2], "linewidth": 2.0, "label": "along this path"}
    (line,) = axes.plot(x, axis.heights(distance), **style)
    axes.set_ylabel("feature distance")
    return line
