"""The singular values of several descriptors side by side, as a chart on which modes are chosen."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sensitivity.comparison import Comparison
from sensitivity.explorers.compare.compared import Values
from sensitivity.explorers.parts.figure_widget import alone, fit_markers
from sensitivity.explorers.parts.motion_view import MotionChart
from sensitivity.explorers.parts.notes import Note, note_on_mode
from sensitivity.numerics import Array
from sensitivity.plots.axes import count_columns, label_decades, set_decades, show_markers
from sensitivity.plots.palette import ARROW, MARKERS, cause_color

LABELS = {"internal": "invisible"}
"""Names in the legend of kinds that are not named as causes."""

LINE = "along the arrows"

TICKS = 6
"""Powers of ten that are labelled, about."""


class ComparePlot:
    """One axes for each descriptor, with a common vertical axis, drawn once and given new data.

    ``values`` has, for each descriptor, the markers of each kind and cause, ``before`` those at
    amplitude zero, ``lines`` the responses to the chosen mode, and ``rings`` the marks on its
    value at amplitude zero: the modes of the displaced structure are others.
    """

    axes: tuple[Axes, ...] = ()

    def draw(self, figure: FigureBase, found: Comparison) -> None:
        """Draw the axes of a comparison into a figure, or a part of one."""
        self._figure: Any = figure
        self._names = found.names
        self._shown: Values | None = None
        self.axes = tuple(figure.subplots(1, len(found.names), sharey=True, squeeze=False)[0])
        levels = [each.zero_level / (each.scale or 1.0) for each in found.spectra]
        room = 3.0  # above the largest singular value, for growth
        low, high = np.log10(max(levels) or 1e-5), np.log10(room)
        self._axis = set_decades(self.axes[0], low, high, zero=float(10**low), ticks=TICKS)
        self._decades = self._reached = float(low), float(high)
        self._top = self.axes[0].get_ylim()[1]
        self.values: list[dict[str, Line2D]] = []
        self.before, self.lines, self.rings = list[Line2D](), list[Line2D](), list[Line2D]()
        for axes, spectrum in zip(self.axes, found.spectra, strict=True):
            self._add(axes, self._axis.heights(spectrum.relative[: spectrum.internal]))
        self.axes[0].set_ylabel("singular value / scale")
        self.name()

    def _add(self, axes: Axes, heights: Array) -> None:
        style: dict[str, Any] = {"ls": "none"}
        dash: dict[str, Any] = {"color": ARROW, "linewidth": 1.4, "linestyle": "--", "zorder": 1.5}
        self.before += axes.plot(heights, marker="_", color="gray", label="at amplitude 0", **style)
        marks, edge = {}, {**style, "mec": "black", "mew": 0.5}
        for cause, marker in MARKERS.items():
            look: dict[str, Any] = {
                "marker": marker,
                "color": cause_color(cause),
                "label": LABELS.get(cause, cause),
            }
            (marks[cause],) = axes.plot([], [], **look, **edge)
        marks["internal"].set_markerfacecolor("none")
        self.values.append(marks)
        self.lines.append(axes.axhline(np.nan, label=LINE, **dash))
        ring: dict[str, Any] = {"mfc": "none", "mec": ARROW, "mew": 2.2, "ls": "none"}
        self.rings += axes.plot([], [], "o", clip_on=False, in_layout=False, **ring)
        self._axis.shade(axes)
        axes.set(xlim=(-0.8, max(2, len(heights)) - 0.2), xlabel="mode")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)

    @property
    def moving(self) -> list[Artist]:
        """The artists that get new data."""
        marks = [line for each in self.values for line in each.values()]
        return [*marks, *self.lines, *self.rings]

    @property
    def legend(self) -> dict[str, Line2D]:
        """The artists of the legend, by name; of causes, those that are shown."""
        assert self._shown is not None
        present = {cause for each in self._shown.causes for cause in each}
        marks = {
            LABELS.get(cause, cause): self.values[0][cause] for cause in MARKERS if cause in present
        }
        return {"at amplitude 0": self.before[0], LINE: self.lines[0], **marks}

    def name(self) -> None:
        """Write the names of the descriptors above their axes, in lines that fit."""
        size, margin = 8, 62  # points; pixels of the labels on the left
        width = (self._figure.bbox.width - margin) / len(self.axes)
        letters = max(8, int(width / (0.62 * size * self._figure.dpi / 72)))
        titles = [fill(each, letters, max_lines=3, placeholder="…") for each in self._names]
        if len({*titles}) < len(titles):  # long names that begin alike
            numbered = [f"{number}: {each}" for number, each in enumerate(self._names, start=1)]
            titles = [fill(each, letters, max_lines=3, placeholder="…") for each in numbered]
        for axes, title in zip(self.axes, titles, strict=True):
            axes.set_title(title, fontsize=size, parse_math=False)

    def lay_out(self) -> None:
        """Lay out the whole figure, which sets the sizes of the axes, and fit the markers."""
        self._figure.figure.draw_without_rendering()
        self.fit_markers()

    def fit_markers(self) -> None:
        """Set the size of the markers so that they do not overlap."""
        for marks, before, ring in zip(self.values, self.before, self.rings, strict=True):
            count = len(np.asarray(before.get_xdata()))
            fit_markers(*marks.values(), before, count=max(1, count), largest=7.0)
            ring.set_markersize(1.9 * max(5.0, before.get_markersize()))

    def place(self, content: Values) -> bool:
        """Show other values; return True if the vertical axis has changed."""
        self._shown = content
        place, mode = content.choice
        columns = content.relative, content.causes
        for number, (values, causes) in enumerate(zip(*columns, strict=True)):
            named, heights = np.array(causes), self._axis.heights(values)
            for cause, line in self.values[number].items():
                line.set_data(np.flatnonzero(named == cause), heights[named == cause])
            seen = content.responses[number].relative if content.responses else np.nan
            self.lines[number].set_ydata([float(self._axis.heights(np.array(seen)))] * 2)
            before = np.asarray(self.before[number].get_ydata())
            chosen = [mode] if number == place and mode < len(before) else []
            self.rings[number].set_data(chosen, before[chosen])
        highest = max(float(values.max(initial=0.0)) for values in content.relative)
        return self._reach(highest)

    def _reach(self, highest: float) -> bool:
        """Fit the vertical axis to the highest value; return True if it has changed.

        It grows by whole decades, since the displaced structure is less symmetric and more of it is
        visible, and it returns with the atoms.
        """
        (low, high), top = self._decades, self._top
        if highest > top:
            high = float(np.ceil(np.log10(2 * highest)))
            top = 10.0**high
        if self._reached == (low, high):
            return False
        self._reached = low, high
        self.axes[0].set_ylim(top=top)
        label_decades(self.axes[0], low, high, zero=self._axis.floor, ticks=TICKS)
        return True


class CompareChart(ComparePlot, MotionChart):
    """The singular values of several descriptors as a widget.

    ``values_at`` returns what is shown at a stop of the slider; it may compute it.
    """

    found: Comparison | None = None
    values_at: Callable[[int], Values]

    def __init__(self) -> None:
        super().__init__()
        self.watch_pointer(self._describe)
        self._legend: tuple[str, ...] = ()
        self.write("comparing the descriptors …")

    @alone
    def write(self, text: str) -> None:
        """Show a text in place of the singular values."""
        self.clear()
        self.found, self.axes = None, ()
        self.figure.text(0.5, 0.5, text, color="gray", ha="center", va="center")
        self.finish()

    @alone
    def load(self, found: Comparison, content: Values) -> None:
        """Show a comparison."""
        self.clear()
        self.found, self._legend = found, ()
        self.draw(self.figure, found)
        self.place(content)
        self._leave_room()
        self.finish(*self.moving)
        self.fit_markers()
        self._write_legend()

    @alone
    def show(self, content: Values) -> None:
        """Show other values, or another mode."""
        if self.found is None:
            return
        changed = self.place(content)
        if changed or tuple(self.legend) != self._legend:
            self._write_legend()
        else:
            self.refresh()

    def rearrange(self) -> None:
        """Adapt names, markers and legend to another size."""
        if self.found is not None:
            self.name()
            self._leave_room()
        super().rearrange()
        if self.found is not None:
            self.fit_markers()
            self._write_legend()

    def copy(self, figure: FigureBase) -> Callable[[int], None]:
        """Draw the chart into another figure, or a part of one; return its move to a stop."""
        plot = ComparePlot()
        if self.found is None:
            return lambda stop: None
        assert self._shown is not None
        plot.draw(figure, self.found)
        plot.place(self._shown)
        style: dict[str, Any] = {"fontsize": 7, "frameon": False, "loc": "outside upper center"}
        tight: dict[str, Any] = {"handletextpad": 0.2, "columnspacing": 1.0, "markerscale": 0.8}
        figure.legend(plot.legend.values(), plot.legend, ncols=3, **style, **tight)
        plot.lay_out()
        values_at = self.values_at

        def move(stop: int) -> None:
            plot.place(values_at(stop))

        return move

    def on_click(self, choose: Callable[[int, int], None]) -> None:
        """Call ``choose`` with the descriptor and the mode nearest to a click."""

        def clicked(event: Any) -> None:
            if event.inaxes in self.axes:
                place = self.axes.index(event.inaxes)
                count = len(np.asarray(self.before[place].get_xdata()))
                if count:
                    choose(place, int(np.clip(round(event.xdata), 0, count - 1)))

        self.watch_clicks(clicked)

    def _describe(self, event: Any) -> Note | None:
        if self._shown is None or event.inaxes not in self.axes:
            return None
        place, zero = self.axes.index(event.inaxes), self._axis.zero
        values, amplitude = self._shown.relative[place], self._shown.amplitude
        unit = f"of the scale at {amplitude:+.2f} Å" if amplitude else "of the scale"
        return note_on_mode(event, self.values[place], values, zero=zero, unit=unit)

    def _leave_room(self) -> None:
        """Keep space for the lines of the legend at the top."""
        self._head = 12 + 15 * -(-len(self.legend) // self._columns)  # pixels

    @property
    def _columns(self) -> int:
        longest = 90  # points of the longest name of a cause, with its marker
        return count_columns(self.figure, names=len(self.legend), column=longest)

    def _write_legend(self) -> None:
        for old in tuple(self.figure.legends):
            old.remove()
        self._legend, columns = tuple(self.legend), self._columns
        style: dict[str, Any] = {"fontsize": 8, "frameon": False, "loc": "upper center"}
        tight: dict[str, Any] = {"handletextpad": 0.4, "columnspacing": 1.0, "borderaxespad": 0.2}
        show_markers(
            self.figure.legend(self.legend.values(), self.legend, ncols=columns, **style, **tight)
        )
        self.paint()
        self.redraw()
