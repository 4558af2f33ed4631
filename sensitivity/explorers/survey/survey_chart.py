"""The environments of a survey as a chart on which one is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator

from sensitivity.explorers.parts.figure_widget import alone
from sensitivity.explorers.parts.motion_view import MotionChart
from sensitivity.explorers.parts.notes import Note
from sensitivity.numerics import Array, Indices
from sensitivity.plots.axes import add_fitting_legend
from sensitivity.plots.survey_plot import choose_drawn, draw_conditions
from sensitivity.survey.properties import Property
from sensitivity.survey.rows import Table
from sensitivity.survey.summary import describe_worst

COLUMN = 124  # points of the longest name in the legend, with a number of six digits

MOST_DRAWN = 20_000
"""Markers: they are drawn in 0.2 s, and are more than a chart has places for."""

NEAR = 15.0
"""Pixels within which an environment is under the pointer."""


class SurveyPlot:
    """The condition of each environment against a property, with a ring around one of them.

    ``drawn`` is the number of markers, and ``known`` the rows that have a place in the plot.
    """

    table: Table | None = None
    axes: Axes
    drawn = 0
    known: Indices = np.zeros(0, dtype=np.intp)

    def draw(self, figure: FigureBase, table: Table, against: Property) -> None:
        """Draw all environments into a figure, or a part of one."""
        self.table, self.against = table, against
        self.axes = figure.subplots()
        logarithmic = against.logarithmic
        marked = choose_drawn(against.values, table, most=MOST_DRAWN, logarithmic=logarithmic)
        self.drawn = int(marked.sum())
        x = _spread(against.values) if against.names else against.values
        if logarithmic:
            self.axes.set_xscale("log")
        y = draw_conditions(self.axes, x, table, drawn=marked)
        self.places = np.column_stack([x, y])  # [row, x/y]
        self.known: Indices = np.flatnonzero(np.isfinite(self.places).all(axis=1))
        self._finish_axis(against)
        ring: dict[str, Any] = {"mfc": "none", "mec": "black", "mew": 2.0, "ms": 13, "zorder": 6}
        (self.ring,) = self.axes.plot([], [], "o", clip_on=False, **ring)

    def _finish_axis(self, against: Property) -> None:
        axes = self.axes
        axes.tick_params(labelsize=8)
        axes.set_xlabel(against.label, parse_math=False)  # a name in a file may have any sign
        if against.names:
            axes.set_xticks(range(len(against.names)), against.names)
            axes.set_xlim(-0.6, len(against.names) - 0.4)
        elif against.whole:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))

    def place(self, row: int) -> None:
        """Move the ring to an environment; away if it has no place in the plot."""
        shown = bool(np.isin(row, self.known))
        self.ring.set_data(*(self.places[row, :, None] if shown else ([], [])))


def _spread(values: Array) -> Array:
    """Return values with fixed shifts of up to 0.3, so that markers of one name are seen."""
    shifts = np.arange(len(values)) * (np.sqrt(5.0) - 1.0) / 2.0 % 1.0
    return np.asarray(values + 0.6 * (shifts - 0.5))


class SurveyChart(SurveyPlot, MotionChart):
    """The environments as a widget."""

    def __init__(self) -> None:
        super().__init__(column=COLUMN)
        self.watch_pointer(self._describe)
        self.write("no survey")

    @alone
    def write(self, text: str) -> None:
        """Show a text in place of the environments."""
        self.table = None
        self.clear()
        look: dict[str, Any] = {"color": "gray", "ha": "center", "va": "center"}
        self.figure.text(0.5, 0.5, text, parse_math=False, **look)  # may have the name of a file
        self.finish()

    @alone
    def load(self, table: Table, against: Property, *, row: int) -> None:
        """Show environments against a property, with one of them chosen."""
        self.clear()
        self.draw(self.figure, table, against)
        self.place(row)
        self.finish(self.ring)

    @alone
    def show(self, row: int) -> None:
        """Choose another environment."""
        if self.table is not None:
            self.place(row)
            self.refresh()

    def copy(self, figure: FigureBase) -> Callable[[int], None]:
        """Draw the chart into another figure, or a part of one; it is the same at all stops."""
        plot = SurveyPlot()
        if self.table is not None:
            plot.draw(figure, self.table, self.against)
            plot.ring.set_data(*self.ring.get_data())
            add_fitting_legend(plot.axes, column=COLUMN)
        return lambda stop: None

    def on_click(self, choose: Callable[[int], None]) -> None:
        """Call ``choose`` with the row of the environment nearest to a click."""

        def clicked(event: Any) -> None:
            if self.table is not None and len(self.known):
                choose(self._nearest(event)[0])

        self.watch_clicks(clicked)

    def _nearest(self, event: Any) -> tuple[int, Array]:
        """Return the row nearest to an event, of several the first, and its place in pixels."""
        places = self.axes.transData.transform(self.places[self.known])
        nearest = int(np.argmin(np.linalg.norm(places - (event.x, event.y), axis=1)))
        return int(self.known[nearest]), places[nearest]

    def _describe(self, event: Any) -> Note | None:
        if self.table is None or not len(self.known):
            return None
        row, place = self._nearest(event)
        if np.linalg.norm(place - (event.x, event.y)) > NEAR:
            return None
        one = {name: values[row : row + 1] for name, values in self.table.items()}
        ((where, condition, cause),) = describe_worst(one)
        return Note((float(place[0]), float(place[1])), f"{where}\n{condition}, {cause}")
