"""One colour and one marker per kind of mode and per cause of a zero, and the frame of a figure.

The colours are those of M. Okabe and K. Ito, Color Universal Design (2008), which people with any
common colour blindness tell apart, and a light grey; the markers tell them apart in print.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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

ARROW = "#D55E00"
"""Colour of a displacement."""

WIDTH = 85 / 25.4
"""Inches: the column of a journal, 85 mm."""


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
