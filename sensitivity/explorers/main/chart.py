"""The chart of an explorer: singular values by cause, and along the chosen mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sensitivity.explorers.main.spectrum_plot import SpectrumPlot, Traces, Values
from sensitivity.explorers.parts.figure_widget import FigureWidget, alone
from sensitivity.explorers.parts.notes import Note, note_on_mode
from sensitivity.explorers.parts.state import Reference
from sensitivity.plots.axes import count_columns, show_markers


class Chart(SpectrumPlot, FigureWidget):
    """A plot of singular values as a widget."""

    def __init__(self) -> None:
        super().__init__(head=54)  # pixels: three lines of a legend
        self.watch_pointer(self._describe)

    @alone
    def load(self, reference: Reference) -> None:
        """Show another structure, at amplitude zero."""
        self.clear()
        self.draw(self.figure, reference)
        self._legend: tuple[str, ...] = ()
        self.finish(*self.moving)
        self.fit_markers()

    @alone
    def show(self, content: Values) -> None:
        """Show singular values of the displaced structure."""
        self.place(content)
        present = tuple(cause for cause in self.values if cause in content.causes)
        if present != self._legend:
            self._legend = present
            self._write_legend()
        self.refresh()

    @alone
    def show_traces(self, traced: Traces) -> None:
        """Show singular values along the mode."""
        top = self._left.get_ylim()[1]
        self.trace(traced)
        if self._left.get_ylim()[1] == top:
            self.refresh()
        else:
            self.redraw()

    def _describe(self, event: Any) -> Note | None:
        return note_on_mode(event, self.values, self._shown, zero=self._axis.zero)

    def rearrange(self) -> None:
        """Give the legend as many columns as fit."""
        super().rearrange()
        if self.figure.axes:  # empty between two structures
            self.fit_markers()
            self._write_legend()

    def on_click(self, *, mode: Callable[[int], None], amplitude: Callable[[float], None]) -> None:
        """Call ``mode`` or ``amplitude`` with the value that the user clicks on."""

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
        show_markers(self.figure.legend(handles=lines, ncols=columns, **style, **tight))
        self.paint()
        self.redraw()
