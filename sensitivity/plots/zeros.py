"""An axis for values that may be zero: logarithmic, with a band below for what is zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter
from numpy.typing import NDArray

from sensitivity.plots.palette import foreground

Heights = Callable[[NDArray[np.float64]], NDArray[np.float64]]

ROUNDING = 1e-13
"""Of the largest singular value: what is below is rounding, as they are exact to 1e-14 of it."""


def scale_axis(ax: Axes, values: NDArray[np.float64], *, zero: float, threshold: float) -> Heights:
    """Set the vertical axis for these values; return where on it a value is drawn.

    Values up to ``zero`` have one height, in a shaded band below the logarithmic axis. A dotted
    line is drawn at ``threshold``, up to which values count as zero for the rank.
    """
    seen = values[values > zero]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (1.0, 1.0)
    bottom, top = np.floor(np.log10(low)), np.log10(high)
    if top - bottom < 1.0:
        bottom -= 1.0
    room = 0.08 * (top - bottom)  # decades
    hidden = bool((values <= zero).any())
    step = 0.2 * (top - bottom) if hidden else 0.0  # decades, from the lowest tick to that of zero
    floor = 10.0 ** (bottom - step)
    ax.set_yscale("log")
    ax.set_ylim(10.0 ** (bottom - 1.8 * step - room * (not hidden)), 10.0 ** (top + room))
    _set_ticks(ax, bottom=bottom, top=top, floor=floor if hidden else None, any_seen=seen.size > 0)
    if hidden:
        _add_band(ax, upper=10.0 ** (bottom - 0.4 * step), zero=zero)
    if threshold > 10.0**bottom:
        ax.axhline(threshold, color=foreground(ax), linewidth=0.8, linestyle=":", zorder=1)
        _add_note(ax, "zero for the rank", place=threshold, offset=-9)
    return lambda drawn: np.where(drawn <= zero, floor, drawn)


def _set_ticks(ax: Axes, *, bottom: float, top: float, floor: float | None, any_seen: bool) -> None:
    decades = np.arange(bottom, np.floor(top) + 1)[:: max(1, round((top - bottom) / 5))]
    places = [10.0**decade for decade in decades] if any_seen else []
    labels = [f"$10^{{{decade:.0f}}}$" for decade in decades] if any_seen else []
    if floor is not None:
        places, labels = [floor, *places], ["0", *labels]
    ax.yaxis.set_major_locator(FixedLocator(places))
    ax.yaxis.set_major_formatter(FixedFormatter(labels))
    few = any_seen and top - bottom < 3
    minor = np.outer(10.0 ** np.arange(bottom, top), np.arange(2, 10)) if few else np.empty(0)
    ax.yaxis.set_minor_locator(FixedLocator(minor.ravel().tolist()))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _add_band(ax: Axes, *, upper: float, zero: float) -> None:
    low = ax.get_ylim()[0]
    ax.axhspan(low, upper, color=foreground(ax), alpha=0.12, linewidth=0, zorder=0)
    _add_note(ax, f"0: at most {zero:.0e}" if zero else "all exactly 0", place=low, offset=2)


def _add_note(ax: Axes, text: str, *, place: float, offset: float) -> None:
    """Write small text at the left, so many points above this height."""
    style: dict[str, Any] = {"textcoords": "offset points", "fontsize": "x-small"}
    place_in_axes = ("axes fraction", "data")
    ax.annotate(text, (0.02, place), (0, offset), place_in_axes, color=foreground(ax), **style)
