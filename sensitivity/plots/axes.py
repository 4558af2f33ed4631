"""Axes of figures: size, colours, legends, and a logarithmic axis with a band for zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter
from matplotlib.transforms import blended_transform_factory

from sensitivity.numerics import Array

WIDTH = 85 / 25.4
"""Inches: the column of a journal, 85 mm."""

ROUNDING = 1e-13
"""Fraction of the largest singular value, exact to 1e-14 of it; smaller values are rounding."""


def make_axes(ax: Axes | None, *, height: float) -> Axes:
    """Return ``ax``, or the axes of a new figure one column wide and ``height`` inches high."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(WIDTH, height), layout="constrained").add_subplot()


def foreground(ax: Axes) -> str:
    """Return the colour of the labels of the axes: dark on light, or light on dark."""
    return to_hex(ax.xaxis.label.get_color())


def background(ax: Axes) -> str:
    """Return the background colour of the axes."""
    return to_hex(ax.get_facecolor())


def add_legend(ax: Axes, *, wide: bool = False) -> None:
    """Add a legend above the axes; a wide one, with long names, extends beyond them to the left."""
    look: dict[str, Any] = {"labelcolor": foreground(ax), "columnspacing": 0.9, "ncols": 4}
    if wide:
        look |= {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0)}
        look |= {"ncols": 3, "fontsize": "x-small"}
    _draw_legend(ax, *ax.get_legend_handles_labels(), **look)


def add_fitting_legend(ax: Axes, *, column: int) -> None:
    """Add a legend above the axes, centred in their figure, in as many columns as fit its width.

    An existing legend is replaced. ``column`` is the width in points of the longest name with its
    marker. Explanations of background elements come last.
    """
    figure: Any = ax.figure
    entries = list(zip(*ax.get_legend_handles_labels(), strict=True))
    entries.sort(key=lambda entry: -entry[0].get_zorder())
    handles, names = [entry[0] for entry in entries], [entry[1] for entry in entries]
    columns = count_columns(figure, names=len(names), column=column)
    place = blended_transform_factory(figure.transSubfigure, ax.transAxes)
    _draw_legend(ax, handles, names, ncols=columns, bbox_transform=place, columnspacing=1.0)
    legend = ax.get_legend()
    if legend is not None:
        show_markers(legend)


def count_columns(figure: Figure, *, names: int, column: int) -> int:
    """Return the number of columns, ``column`` points wide, that fills all lines about evenly."""
    most = max(1, int(72 * figure.bbox.width / figure.dpi / column))
    return -(-names // -(-names // most)) if names else 1


def _draw_legend(ax: Axes, handles: Any, names: Any, **look: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    if handles:
        usual = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "fontsize": "small"}
        tight = {"handletextpad": 0.4, "borderaxespad": 0.2, "handlelength": 1.2}
        legend = ax.legend(handles, names, frameon=False, **(usual | tight | look))
        for text in legend.get_texts():  # a name of the user may have any sign
            text.set_parse_math(False)


def show_markers(legend: Legend, *, size: float = 6.0) -> None:
    """Set the size in points of the markers in a legend; those of 1500 modes are dots in a plot."""
    for handle in legend.legend_handles:
        if isinstance(handle, Line2D):
            handle.set_markersize(size)
            if handle.get_marker() != "_":  # which is only an edge
                handle.set_markeredgewidth(0.06 * size)
        elif isinstance(handle, PathCollection):
            handle.set_sizes([size**2])


@dataclass(frozen=True)
class ZeroAxis:
    """A logarithmic vertical axis with a band for zeros."""

    zero: float  # values up to this one count as zero
    floor: float  # their height on the axis
    edge: float  # upper end of the band around ``floor``

    def heights(self, values: Array) -> Array:
        """Return the heights at which values are drawn; NaN stays NaN and leaves a gap."""
        return np.where(values <= self.zero, self.floor, values)

    def shade(self, ax: Axes) -> Artist:
        """Draw the band in axes that share this vertical axis."""
        low = ax.get_ylim()[0]
        return ax.axhspan(low, self.edge, color=foreground(ax), alpha=0.12, linewidth=0, zorder=0)


def scale_axis(
    ax: Axes,
    values: Array,
    *,
    zero: float,
    threshold: float = 0.0,
    ticks: int = 5,
    notes: bool = True,
) -> ZeroAxis:
    """Set the vertical axis for values; values up to ``zero`` count as zero.

    A dotted line is drawn at ``threshold``, up to which values count as zero for the rank. About
    ``ticks`` powers of ten are labelled. Notes beside the axis explain band and line; without
    ``notes``, their labels in a legend do.
    """
    seen = values[values > zero]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (1.0, 1.0)
    bottom, top = float(np.floor(np.log10(low))), float(np.log10(high))
    bottom -= top - bottom < 1.0
    hidden = bool((values <= zero).any())
    axis = set_decades(ax, bottom, top, zero=zero, hidden=hidden, ticks=ticks if seen.size else 0)

    def explain(artist: Artist, text: str, *, place: tuple[float, float], side: str) -> None:
        if not notes:
            return artist.set_label(text)
        style: dict[str, Any] = {"textcoords": "offset points", "fontsize": "x-small", "ha": side}
        style |= {"xycoords": ("axes fraction", "data"), "color": foreground(ax)}
        ax.annotate(text, place, (0, 2), **style)

    if hidden:
        text = f"0: at most {zero:.0e}" if zero else "all exactly 0"
        explain(axis.shade(ax), text, place=(0.02, ax.get_ylim()[0]), side="left")
    if threshold > 10.0**bottom:
        line = ax.axhline(threshold, color=foreground(ax), linewidth=0.8, linestyle=":", zorder=1)
        # Singular values fall: at the right there is none above the line, unless all are.
        explain(line, "zero for the rank", place=(0.98, threshold), side="right")
    return axis


def set_decades(
    ax: Axes, bottom: float, top: float, *, zero: float, hidden: bool = True, ticks: int = 5
) -> ZeroAxis:
    """Set the vertical axis for values between two powers of ten, and for hidden zeros if any.

    About ``ticks`` powers of ten are labelled; those between have small ticks if there are few.
    """
    room = 0.08 * (top - bottom)  # decades
    step = 0.2 * (top - bottom) if hidden else 0.0  # decades, from the lowest value to zero
    axis = ZeroAxis(zero, 10.0 ** (bottom - step), 10.0 ** (bottom - 0.4 * step))
    ax.set_yscale("log")
    ax.set_ylim(10.0 ** (bottom - 1.8 * step - room * (not hidden)), 10.0 ** (top + room))
    label_decades(ax, bottom, top, zero=axis.floor if hidden else None, ticks=ticks)
    return axis


def label_decades(ax: Axes, bottom: float, top: float, *, zero: float | None, ticks: int) -> None:
    """Label about ``ticks`` powers of ten between two, and a height as that of zero, if any."""
    decades = np.arange(np.ceil(bottom), np.floor(top) + 1)
    decades = decades[:: max(1, round((top - bottom) / ticks))] if ticks else decades[:0]
    places, labels = 10.0**decades, [f"$10^{{{decade:.0f}}}$" for decade in decades]
    if zero is not None:
        places, labels = np.array([zero, *places]), ["0", *labels]
    ax.yaxis.set_major_locator(FixedLocator(places.tolist()))
    ax.yaxis.set_major_formatter(FixedFormatter(labels))
    few = ticks and top - bottom < 3
    minor = np.outer(10.0 ** np.arange(np.floor(bottom), top), np.arange(2, 10)) if few else places
    ax.yaxis.set_minor_locator(FixedLocator(minor[minor > 10.0**bottom].tolist()))
    ax.yaxis.set_minor_formatter(NullFormatter())
