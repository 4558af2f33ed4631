"""Legends above the pictures, in as many columns as the width of the figure has room for."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory


def add_legend(axes: Axes, *, column: int) -> None:
    """Add a legend above the axes, in the middle of the figure, or put another in its place.

    ``column`` is the width in points of the longest name with its mark.
    """
    figure: Any = axes.figure
    found = zip(*axes.get_legend_handles_labels(), strict=True)
    # What stands behind the rest explains it, and comes last.
    handles, names = zip(*sorted(found, key=lambda entry: -entry[0].get_zorder()), strict=True)
    columns = count_columns(figure, names=len(names), column=column)
    tight: dict[str, Any] = {"handletextpad": 0.4, "columnspacing": 1.0, "borderaxespad": 0.2}
    axes.legend(
        handles,
        names,
        ncols=columns,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        bbox_transform=blended_transform_factory(figure.transFigure, axes.transAxes),
        frameon=False,
        fontsize="small",
        handlelength=1.2,
        **tight,
    )
    axes.spines[["top", "right"]].set_visible(False)


def count_columns(figure: Figure, *, names: int, column: int) -> int:
    """Return the number of columns, of so many points each, in which lines are about full."""
    most = max(1, int(72 * figure.get_figwidth() / column))
    return -(-names // -(-names // most))
