"""The singular values, and beside them, on the same scale, their trace against the amplitude."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sensitivity.explorers.parts.figure_widget import FigureWidget, alone
from sensitivity.explorers.parts.reference import Reference
from sensitivity.explorers.parts.state import State
from sensitivity.numerics import Array
from sensitivity.plots.axes import ZeroAxis, count_columns, set_decades
from sensitivity.plots.palette import ARROW, COLORS, MARKERS, cause_color
from sensitivity.spectrum import Spectrum

BOLD: dict[str, Any] = {"color": ARROW, "linewidth": 2.2, "zorder": 3}
THIN: dict[str, Any] = {"color": COLORS["internal"], "linewidth": 0.8, "zorder": 2}


class Chart:
    """A figure that is built once for a structure and then given new data.

    Attributes
    ----------
    figure, widget
        The matplotlib figure, and the widget that shows it.
    values
        Per kind and cause, the markers of the singular values of the displaced structure.
    before
        The markers of the singular values of the reference.
    chosen
        The ring around the singular value of the chosen mode.
    traces
        Per mode, the line of its singular value against the amplitude.
    """

    def __init__(self) -> None:
        self._sheet = FigureWidget(head=54)  # pixels: three lines of a legend
        self.figure, self.widget = self._sheet.figure, self._sheet.widget
        self.lock = self._sheet.lock

    @alone
    def load(self, reference: Reference) -> None:
        """Show another structure, at amplitude zero."""
        self._kinds = reference.spectrum.kinds
        self._sheet.clear()
        self._left, self._right = self.figure.subplots(1, 2, sharey=True, width_ratios=(1.3, 1))
        self._axis = _scale(self._left, self._right, reference.spectrum)
        self.values, self.before, self.chosen = _markers(self._left, len(self._kinds))
        self.traces, self._cursor = _lines(self._right, len(self._kinds), reach=reference.reach)
        self.before.set_ydata(self._axis.heights(reference.spectrum.singular_values))
        self._legend: tuple[str, ...] = ()
        for line in (*self.values.values(), self.chosen, *self.traces, self._cursor):
            line.set_animated(True)
        self._sheet.finish()

    @alone
    def show(self, state: State, values: Array, causes: Sequence[str]) -> None:
        """Show singular values of the displaced structure, each with its kind or cause.

        There are none of either if the structure has no spectrum.
        """
        named = np.array(causes)
        heights = self._axis.heights(values)
        for cause, line in self.values.items():
            line.set_data(np.flatnonzero(named == cause), heights[named == cause])
        self.chosen.set_data([state.mode], heights[[state.mode]] if len(heights) else [np.nan])
        self._cursor.set_xdata([state.amplitude])
        for mode, line in enumerate(self.traces):
            internal = self._kinds[mode] == "internal"
            line.set(visible=internal, **(BOLD if mode == state.mode else THIN))
        self._name(causes)
        self._sheet.refresh()

    @alone
    def show_traces(self, amplitudes: Array, values: Array) -> None:
        """Show singular values, shape (amplitudes, modes), against amplitudes in Å."""
        for line, column in zip(self.traces, self._axis.heights(values).T, strict=True):
            line.set_data(amplitudes, column)
        self._sheet.refresh()

    @alone
    def fit(self, width: float) -> None:
        """Take a share of the width of the explorer, or, if that is too little, all of it."""
        self._sheet.fit(width)
        self._write_legend()

    def on_click(self, *, mode: Callable[[int], None], amplitude: Callable[[float], None]) -> None:
        """Call these with the mode, or the amplitude, that the user clicked on."""

        def clicked(event: Any) -> None:
            if event.inaxes is self._left:
                last = len(self.traces) - 1
                mode(int(np.clip(round(event.xdata), 0, last)))
            elif event.inaxes is self._right:
                amplitude(float(event.xdata))

        self.figure.canvas.mpl_connect("button_press_event", clicked)

    def _name(self, causes: Sequence[str]) -> None:
        """Say in the legend which causes there are, if they are others than before."""
        present = tuple(cause for cause in self.values if cause in causes)
        if present != self._legend:
            self._legend = present
            self._write_legend()

    def _write_legend(self) -> None:
        """Above both pictures, in as many columns as there is room for."""
        for old in tuple(self.figure.legends):
            old.remove()
        lines = [self.before, *(self.values[cause] for cause in self._legend)]
        longest = 97  # points of the longest name of a cause, with its marker
        columns = count_columns(self.figure, names=len(lines), column=longest)
        style: dict[str, Any] = {"fontsize": 8, "frameon": False, "loc": "upper center"}
        tight: dict[str, Any] = {"handletextpad": 0.2, "columnspacing": 1.0, "borderaxespad": 0.2}
        self.figure.legend(handles=lines, ncols=columns, **style, **tight)
        self._sheet.redraw()


def _scale(left: Axes, right: Axes, reference: Spectrum) -> ZeroAxis:
    count, zero = len(reference.singular_values), reference.zero_level or reference.threshold
    room = 8.0  # above the largest singular value, for growth
    top = room * max(float(reference.singular_values.max()), zero)
    axis = set_decades(left, float(np.log10(zero)), float(np.log10(top)), zero=zero, ticks=6)
    left.set(xlim=(-0.8, count - 0.2), xlabel="mode", ylabel="singular value (1/Å)")
    left.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    right.set(xlabel="amplitude (Å)")
    right.xaxis.set_major_locator(MaxNLocator(4))
    for axes in (left, right):
        axis.shade(axes)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    return axis


def _markers(axes: Axes, count: int) -> tuple[dict[str, Line2D], Line2D, Line2D]:
    size = 8.0 if count <= 20 else 5.0
    style: dict[str, Any] = {"linestyle": "none", "markersize": size}
    (before,) = axes.plot(
        np.arange(count), np.ones(count), marker="_", color="gray", label="at amplitude 0", **style
    )
    lines = {}
    for cause, marker in MARKERS.items():
        color = cause_color(cause)
        edge: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 0.5}
        (lines[cause],) = axes.plot(
            [], [], marker=marker, color=color, label=cause, **style, **edge
        )
    (ring,) = axes.plot([], [], "o", mfc="none", mec=ARROW, mew=2.2, ms=1.9 * size, ls="none")
    return lines, before, ring


def _lines(axes: Axes, count: int, *, reach: float) -> tuple[list[Line2D], Line2D]:
    traces = [axes.plot([], [], **THIN)[0] for _ in range(count)]
    cursor = axes.axvline(0.0, color=ARROW, linewidth=1, linestyle=":")
    axes.set_xlim(-1.05 * reach, 1.05 * reach)
    return traces, cursor
