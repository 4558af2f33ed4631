"""The axes of an explorer's chart: singular values by cause, and along the chosen mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sensitivity.diagnosis import Diagnosis
from sensitivity.explorers.main.mode_texts import kinds
from sensitivity.explorers.parts.figure_widget import fit_markers
from sensitivity.explorers.parts.state import Reference, State
from sensitivity.numerics import Array
from sensitivity.plots.axes import ZeroAxis, set_decades
from sensitivity.plots.palette import ARROW, COLORS, MARKERS, cause_color
from sensitivity.spectrum import Spectrum

BOLD: dict[str, Any] = {"color": ARROW, "linewidth": 2.2, "zorder": 3}
THIN: dict[str, Any] = {"color": COLORS["internal"], "linewidth": 0.8, "zorder": 2}


@dataclass(frozen=True, eq=False)
class Values:
    """Singular values of a displaced structure, if any, each with its kind or cause."""

    state: State
    values: Array  # (modes,)
    causes: Sequence[str]

    @classmethod
    def of(cls, state: State, spectrum: Spectrum | None) -> Values:
        """Return the values of the spectrum of a state, with causes as far as they are known."""
        if spectrum is None:
            return cls(state, np.zeros(0), ())
        if state.amplitude == 0.0:
            return cls(state, state.reference.singular_values, state.reference.causes)
        return cls(state, spectrum.singular_values, kinds(spectrum))

    @classmethod
    def explained(cls, state: State, diagnosis: Diagnosis) -> Values:
        """Return the values of a diagnosis of a state, with their causes."""
        values = np.array([mode.singular_value for mode in diagnosis.modes])
        return cls(state, values, [mode.cause for mode in diagnosis.modes])


@dataclass(frozen=True, eq=False)
class Traces:
    """Singular values along the chosen mode."""

    amplitudes: Array  # (amplitudes,), Å
    values: Array  # (amplitudes, modes), NaN where they are not known


class SpectrumPlot:
    """Two axes that are drawn once for a structure and then given new data.

    ``values`` has, per kind and cause, the markers of the singular values of the displaced
    structure, and ``before`` those of the reference. ``chosen`` is the ring around the chosen mode.
    ``traces`` has, per mode, the line of its singular value against the amplitude, and ``traced``
    is their data, if any.
    """

    traced: Traces | None

    def draw(self, figure: FigureBase, reference: Reference) -> None:
        """Draw the axes of a structure into a figure, or a part of one."""
        self._kinds, self.traced = reference.spectrum.kinds, None
        self._left, self._right = figure.subplots(1, 2, sharey=True, width_ratios=(1.3, 1))
        self._axis = _scale(self._left, self._right, reference.spectrum)
        heights = self._axis.heights(reference.spectrum.singular_values)
        self.values, self.before, self.chosen = _markers(self._left, heights)
        self.traces = [self._right.add_line(Line2D([], [], **THIN)) for _ in heights]
        self._cursor = self._right.axvline(0.0, color=ARROW, linewidth=1, linestyle=":")
        self._right.set_xlim(-1.05 * reference.reach, 1.05 * reference.reach)

    @property
    def moving(self) -> list[Artist]:
        """The artists that get new data."""
        return [*self.values.values(), self.chosen, *self.traces, self._cursor]

    def place(self, content: Values) -> None:
        """Show other singular values."""
        state, self._shown = content.state, content.values
        named, heights = np.array(content.causes), self._axis.heights(content.values)
        for cause, line in self.values.items():
            line.set_data(np.flatnonzero(named == cause), heights[named == cause])
        self.chosen.set_data([state.mode], heights[[state.mode]] if len(heights) else [np.nan])
        self._cursor.set_xdata([state.amplitude])
        for mode, line in enumerate(self.traces):
            internal = self._kinds[mode] == "internal"
            line.set(visible=internal, **(BOLD if mode == state.mode else THIN))

    def fit_markers(self) -> None:
        """Set the size of the markers so that they do not overlap."""
        count = len(self.traces)
        fit_markers(*self.values.values(), self.before, count=count, largest=8.0)
        self.chosen.set_markersize(1.9 * max(5.0, self.before.get_markersize()))

    def trace(self, traced: Traces) -> None:
        """Show singular values along the mode."""
        self.traced = traced
        top, highest = self._left.get_ylim()[1], np.nanmax(traced.values, initial=0.0)
        if highest > top:  # the reference is more symmetric, and sees less
            self._left.set_ylim(top=2 * float(highest))
        for line, column in zip(self.traces, self._axis.heights(traced.values).T, strict=True):
            line.set_data(traced.amplitudes, column)


def _scale(left: Axes, right: Axes, reference: Spectrum) -> ZeroAxis:
    count, zero = len(reference.singular_values), reference.zero_level or reference.threshold
    room = 8.0  # above the largest singular value, for growth
    # Where symmetry hides everything, displaced atoms have singular values on the usual scale.
    top = room * max(float(reference.singular_values.max()), reference.scale, zero)
    axis = set_decades(left, float(np.log10(zero)), float(np.log10(top)), zero=zero, ticks=6)
    left.set(xlim=(-0.8, count - 0.2), xlabel="mode", ylabel="singular value (1/Å)")
    left.xaxis.set_major_locator(MaxNLocator(8 if count < 100 else 4, integer=True))
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
