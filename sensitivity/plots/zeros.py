"""An axis for values that may be zero: logarithmic, with a band below for zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter

from sensitivity.numerics import Array
from sensitivity.plots.axes import foreground

ROUNDING = 1e-13
"""Of the largest singular value: what is below is rounding, as they are exact to 1e-14 of it."""


@dataclass(frozen=True)
class ZeroAxis:
    """A logarithmic vertical axis with a place for zeros."""

    zero: float  # values up to this one count as zero
    floor: float  # where on the axis they are drawn
    edge: float  # upper end of the band around ``floor``

    def heights(self, values: Array) -> Array:
        """Return where on the axis values are drawn; NaN stays NaN and leaves a gap."""
        return np.where(values <= self.zero, self.floor, values)

    def shade(self, ax: Axes) -> Artist:
        """Draw the band in axes that have this vertical axis."""
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
    """Set the vertical axis for values, of which those up to ``zero`` count as zero.

    A dotted line is drawn at ``threshold``, up to which values count as zero for the rank. About
    ``ticks`` powers of ten are labelled. Band and line are explained by notes beside the axis or,
    without ``notes``, by their labels in a legend.
    """
    seen = values[values > zero]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (1.0, 1.0)
    bottom, top = float(np.floor(np.log10(low))), float(np.log10(high))
    bottom -= top - bottom < 1.0
    hidden = bool((values <= zero).any())
    axis = set_decades(ax, bottom, top, zero=zero, hidden=hidden, ticks=ticks if seen.size else 0)

    def explain(artist: Artist, text: str, *, place: float, offset: float) -> None:
        if not notes:
            return artist.set_label(text)
        style: dict[str, Any] = {"textcoords": "offset points", "fontsize": "x-small"}
        style |= {"xycoords": ("axes fraction", "data"), "color": foreground(ax)}
        ax.annotate(text, (0.02, place), (0, offset), **style)

    if hidden:
        text = f"0: at most {zero:.0e}" if zero else "all exactly 0"
        explain(axis.shade(ax), text, place=ax.get_ylim()[0], offset=2)
    if threshold > 10.0**bottom:
        line = ax.axhline(threshold, color=foreground(ax), linewidth=0.8, linestyle=":", zorder=1)
        explain(line, "zero for the rank", place=threshold, offset=-9)
    return axis


def set_decades(
    ax: Axes, bottom: float, top: float, *, zero: float, hidden: bool = True, ticks: int = 5
) -> ZeroAxis:
    """Set the vertical axis for values between two powers of ten, and for zeros if any are hidden.

    About ``ticks`` powers of ten are labelled; those between them have small ticks if they are few.
    """
    room = 0.08 * (top - bottom)  # decades
    step = 0.2 * (top - bottom) if hidden else 0.0  # decades, from the lowest value to zero
    axis = ZeroAxis(zero, 10.0 ** (bottom - step), 10.0 ** (bottom - 0.4 * step))
    ax.set_yscale("log")
    ax.set_ylim(10.0 ** (bottom - 1.8 * step - room * (not hidden)), 10.0 ** (top + room))
    decades = np.arange(np.ceil(bottom), np.floor(top) + 1)
    decades = decades[:: max(1, round((top - bottom) / ticks))] if ticks else decades[:0]
    places, labels = 10.0**decades, [f"$10^{{{decade:.0f}}}$" for decade in decades]
    if hidden:
        places, labels = np.array([axis.floor, *places]), ["0", *labels]
    ax.yaxis.set_major_locator(FixedLocator(places.tolist()))
    ax.yaxis.set_major_formatter(FixedFormatter(labels))
    few = ticks and top - bottom < 3
    minor = np.outer(10.0 ** np.arange(np.floor(bottom), top), np.arange(2, 10)) if few else places
    ax.yaxis.set_minor_locator(FixedLocator(minor[minor > 10.0**bottom].tolist()))
    ax.yaxis.set_minor_formatter(NullFormatter())
    return axis
