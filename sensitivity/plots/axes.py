"""Axes of figures: their size, the colours they are drawn in, and legends above them."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

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


def add_legend(ax: Axes, *, wide: bool = False) -> None:
    """Add a legend above the axes, and remove the frame at the top and on the right.

    A wide one, of long names, has three columns and extends to the left beyond the axes.
    """
    look = (1.0, "right", 3, "x-small") if wide else (0.5, "center", 4, "small")
    place, side, columns, size = look
    _draw_legend(
        ax,
        *ax.get_legend_handles_labels(),
        ncols=columns,
        loc=f"lower {side}",
        bbox_to_anchor=(place, 1.0),
        fontsize=size,
        labelcolor=foreground(ax),
        columnspacing=0.9,
    )


def add_fitting_legend(ax: Axes, *, column: int) -> None:
    """Add a legend above the axes, centred in the figure, in as many columns as fit its width.

    A legend that is there is replaced. ``column`` is the width in points of the longest name with
    its mark. What is drawn behind the rest, which explains it, comes last.
    """
    figure: Any = ax.figure
    found = zip(*ax.get_legend_handles_labels(), strict=True)
    handles, names = zip(*sorted(found, key=lambda entry: -entry[0].get_zorder()), strict=True)
    _draw_legend(
        ax,
        handles,
        names,
        ncols=count_columns(figure, names=len(names), column=column),
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        bbox_transform=blended_transform_factory(figure.transFigure, ax.transAxes),
        fontsize="small",
        columnspacing=1.0,
    )


def count_columns(figure: Figure, *, names: int, column: int) -> int:
    """Return the number of columns, ``column`` points wide, with which all lines are about full."""
    most = max(1, int(72 * figure.get_figwidth() / column))
    return -(-names // -(-names // most))


def _draw_legend(ax: Axes, handles: Any, names: Any, **look: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    if handles:
        tight: dict[str, Any] = {"handletextpad": 0.4, "borderaxespad": 0.2, "handlelength": 1.2}
        ax.legend(handles, names, frameon=False, **tight, **look)
