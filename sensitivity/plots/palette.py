"""One colour and one marker per kind of mode and per cause of a zero, and the frame of a figure.

The colours are those of M. Okabe and K. Ito, Color Universal Design (2008), which people with any
common colour blindness tell apart, and a light grey; the markers tell them apart in print.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_hex

COLORS: Mapping[str, str] = MappingProxyType(
    {
        "internal": "#0072B2",
        "sensitive": "#0072B2",
        "symmetry": "#E69F00",
        "truncation": "#CC79A7",
        "incompleteness": "#D55E00",
        "undetermined": "#F0E442",
        "unseen": "#D0D0D0",
        "rotation": "#56B4E9",
        "translation": "#009E73",
    }
)
"""Colour of each kind and cause."""

MARKERS: Mapping[str, str] = MappingProxyType(
    {
        "internal": "o",
        "sensitive": "o",
        "symmetry": "s",
        "truncation": "P",
        "incompleteness": "D",
        "undetermined": "*",
        "unseen": "X",
        "rotation": "^",
        "translation": "v",
    }
)
"""Marker of each kind and cause, as matplotlib names it."""

TRIVIAL = ("unseen", "rotation", "translation")
"""What no descriptor can see, of which a diagnosis speaks in grey."""

GREY = "#D0D0D0"
"""Colour of what is there, but not to be looked at."""

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours of lines that have no cause of their own."""

ARROW = "#D55E00"
"""Colour of a displacement."""

WIDTH = 85 / 25.4
"""Inches: the column of a journal, 85 mm."""

# More markers than this in a column overlap at their usual size.
_MANY_MODES = 40


def make_axes(ax: Axes | None, *, height: float) -> Axes:
    """Return ``ax``, or the axes of a new figure one column wide and ``height`` inches high."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    _, made = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    assert isinstance(made, Axes)
    return made


def foreground(ax: Axes) -> str:
    """Return the colour in which this axes writes its labels: dark on light, or light on dark."""
    return to_hex(ax.xaxis.label.get_color())


def background(ax: Axes) -> str:
    """Return the colour on which this axes is drawn."""
    return to_hex(ax.get_facecolor())


def mode_marker(ax: Axes, kind: str, *, count: int) -> dict[str, Any]:
    """Return the style of the markers of modes of one kind or cause, of so many modes in all."""
    many = count > _MANY_MODES
    return {
        "linestyle": "none",
        "marker": MARKERS[kind],
        "markersize": 3.5 if many else 5.5,
        "markerfacecolor": COLORS[kind],
        "markeredgecolor": foreground(ax),
        "markeredgewidth": 0.3 if many else 0.6,
        "label": kind,
        "clip_on": False,
        "zorder": 3,
    }


def add_legend(ax: Axes, *, wide: bool = False) -> None:
    """Add a legend above the axes, and leave away the frame that it would stand on.

    A wide one, of long names, stands in three columns that reach to the left beyond the axes.
    """
    ax.spines[["top", "right"]].set_visible(False)
    if not ax.get_legend_handles_labels()[0]:
        return
    ax.legend(
        loc="lower right" if wide else "lower center",
        bbox_to_anchor=(1.0 if wide else 0.5, 1.0),
        ncols=3 if wide else 4,
        frameon=False,
        fontsize="x-small" if wide else "small",
        handletextpad=0.4,
        columnspacing=0.9,
        borderaxespad=0.2,
        handlelength=1.2,
        labelcolor=foreground(ax),
    )
