"""The chart of an explorer: singular values by cause, and along the chosen mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sensitivity.explorers.parts.figure_widget import FigureWidget, alone, fit_markers
from sensitivity.explorers.parts.notes import Note, note_on_mode
from sensitivity.explorers.parts.state import Reference, State
from sensitivity.numerics import Array
from sensitivity.plots.axes import ZeroAxis, count_columns, set_decades
from sensitivity.plots.palette import ARROW, COLORS, MARKERS, cause_color
from sensitivity.spectrum import Spectrum

BOLD: dict[str, Any] = {"color": ARROW, "linewidth": 2.2, "zorder": 3}
THIN: dict[str, Any] = {"color": COLORS["internal"], "linewidth": 0.8, "zorder": 2}


COPIED = (
    *("color", "linestyle", "linewidth", "marker", "markersize", "zorder", "label"),
    *("markerfacecolor", "markeredgecolor", "markeredgewidth"),
)
"""Properties of a line in the chart that it has in a figure, too."""


class Chart(FigureWidget):
    """A figure that is built once for a structure and then given new data.

    ``values`` are, per kind and cause, the markers of singular values of the displaced structure,
    ``before`` those of the reference, ``chosen`` is the ring around the chosen mode, and ``traces``
    are, per mode, the line of its singular value against the amplitude.
    """

    def __init__(self) -> None:
        super().__init__(head=54)  # pixels: three lines of a legend
        self.watch_pointer(self._describe)

    @alone
    def load(self, reference: Reference) -> None:
        """Show another structure, at amplitude zero."""
        self._spectrum, self._kinds = reference.spectrum, reference.spectrum.kinds
        self.clear()
        self._left, self._right = self.figure.subplots(1, 2, sharey=True, width_ratios=(1.3, 1))
        self._axis = _scale(self._left, self._right, reference.spectrum)
        heights = self._axis.heights(reference.spectrum.singular_values)
        self.values, self.before, self.chosen = _markers(self._left, heights)
        self.traces = [self._right.add_line(Line2D([], [], **THIN)) for _ in heights]
        self._cursor = self._right.axvline(0.0, color=ARROW, linewidth=1, linestyle=":")
        self._right.set_xlim(-1.05 * reference.reach, 1.05 * reference.reach)
        self._legend: tuple[str, ...] = ()
        self.finish(*self.values.values(), self.chosen, *self.traces, self._cursor)
        self._fit_markers()

    @alone
    def show(self, state: State, values: Array, causes: Sequence[str]) -> None:
        """Show singular values of the displaced structure, if any, each with its kind or cause."""
        named, self._shown = np.array(causes), values
        heights = self._axis.heights(values)
        for cause, line in self.values.items():
            line.set_data(np.flatnonzero(named == cause), heights[named == cause])
        self.chosen.set_data([state.mode], heights[[state.mode]] if len(heights) else [np.nan])
        self._cursor.set_xdata([state.amplitude])
        for mode, line in enumerate(self.traces):
            internal = self._kinds[mode] == "internal"
            line.set(visible=internal, **(BOLD if mode == state.mode else THIN))
        present = tuple(cause for cause in self.values if cause in causes)
        if present != self._legend:
            self._legend = present
            self._write_legend()
        self.refresh()

    def _describe(self, event: Any) -> Note | None:
        return note_on_mode(event, self.values, self._shown, zero=self._axis.zero)

    @alone
    def show_traces(self, amplitudes: Array, values: Array) -> None:
        """Show singular values, shape (amplitudes, modes), against amplitudes in Å."""
        for line, column in zip(self.traces, self._axis.heights(values).T, strict=True):
            line.set_data(amplitudes, column)
        self.refresh()

    @alone
    def copy(self, left: Axes, right: Axes) -> None:
        """Draw the same into other axes, as in a figure for a file."""
        _scale(left, right, self._spectrum)
        right.axvline(*self._cursor.get_xdata()[:1], color=ARROW, linewidth=1, linestyle=":")
        for axes, own in ((left, self._left), (right, self._right)):
            for line in own.lines:
                if line is not self._cursor and line.get_visible():
                    look = {name: getattr(line, f"get_{name}")() for name in COPIED}
                    axes.plot(line.get_xdata(), line.get_ydata(), **look)
            axes.set(xlim=own.get_xlim(), ylim=own.get_ylim())

    def rearrange(self) -> None:
        """Give the legend as many columns as there is room for now."""
        super().rearrange()
        if self.figure.axes:  # there are none between two structures
            self._fit_markers()
            self._write_legend()

    def _fit_markers(self) -> None:
        count = len(self.traces)
        fit_markers(*self.values.values(), self.before, count=count, largest=8.0)
        self.chosen.set_markersize(1.9 * max(5.0, self.before.get_markersize()))

    def on_click(self, *, mode: Callable[[int], None], amplitude: Callable[[float], None]) -> None:
        """Call these with the mode, or the amplitude, that the user clicked on."""

        def clicked(event: Any) -> None:
            if event.inaxes is self._left:
                mode(int(np.clip(round(event.xdata), 0, len(self.traces) - 1)))
            else:
                amplitude(float(event.xdata))

        self.watch_clicks(clicked)

    def _write_legend(self) -> None:
        for old in tuple(self.figure.legends):
            old.remove()
        lines = [self.before, *(self.values[cause] for cause in self._legend)]
        longest = 97  # points of the longest name of a cause, with its marker
        columns = count_columns(self.figure, names=len(lines), column=longest)
        style: dict[str, Any] = {"fontsize": 8, "frameon": False, "loc": "upper center"}
        tight: dict[str, Any] = {"handletextpad": 0.2, "columnspacing": 1.0, "borderaxespad": 0.2}
        self.figure.legend(handles=lines, ncols=columns, **style, **tight)
        self.paint()
        self.redraw()


def _scale(left: Axes, right: Axes, reference: Spectrum) -> ZeroAxis:
    count, zero = len(reference.singular_values), reference.zero_level or reference.threshold
    room = 8.0  # above the largest singular value, for growth
    # Where symmetry hides everything, displaced atoms are seen on the usual scale.
    top = room * max(float(reference.singular_values.max()), reference.scale, zero)
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


def _markers(axes: Axes, heights: Array) -> tuple[dict[str, Line2D], Line2D, Line2D]:
    style: dict[str, Any] = {"ls": "none"}
    (before,) = axes.plot(heights, marker="_", color="gray", label="at amplitude 0", **style)
    lines, edge = {}, {**style, "mec": "black", "mew": 0.5}
    for cause, marker in MARKERS.items():
        color = cause_color(cause)
        (lines[cause],) = axes.plot([], [], marker=marker, color=color, label=cause, **edge)
    (ring,) = axes.plot([], [], "o", mfc="none", mec=ARROW, mew=2.2, ls="none")
    return lines, before, ring
