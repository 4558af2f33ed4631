"""How much the features of two structures differ, order by order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from sensitivity.explorers.parts.figure_sheet import Sheet, alone
from sensitivity.explorers.twin.overlay import SAME, Comparison, conclude
from sensitivity.plots.palette import SERIES

LOWEST, HIGHEST = 1e-17, 10.0
"""Ends of the axis: below rounding, and beyond a difference as large as the features."""

DECADES = (-15, -10, -5, 0)

INSIDE = 1e-6
"""A bar that is longer has room for what is said of it."""

SAME_COLOR, DIFFERENT_COLOR = "#8C8C8C", SERIES[2]


class TwinChart(Sheet):
    """One bar per order on a logarithmic axis, with a band of what is rounding.

    Attributes
    ----------
    bars
        The bars, one per order; those that are not known have no length.
    """

    @alone
    def load(self, comparisons: Sequence[Comparison]) -> None:
        """Show what is known of each order."""
        self.clear()
        axes = self.figure.subplots()
        _set_axes(axes, comparisons)
        self.bars = [_draw(axes, place, each) for place, each in enumerate(comparisons)]
        title = conclude(list(comparisons))
        self.figure.suptitle(title[:1].upper() + title[1:], fontsize=12, fontweight="bold")
        self.finish()


def _set_axes(axes: Axes, comparisons: Sequence[Comparison]) -> None:
    count = len(comparisons)
    axes.set(xscale="log", xlim=(LOWEST, HIGHEST), ylim=(count - 0.4, -0.6))
    axes.xaxis.set_major_locator(FixedLocator([10.0**decade for decade in DECADES]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(count), [each.name for each in comparisons])
    for label, each in zip(axes.get_yticklabels(), comparisons, strict=True):
        label.set_fontweight("bold" if each.own else "normal")
    axes.set_xlabel("relative difference of features")
    axes.axvspan(LOWEST, SAME, color="gray", alpha=0.15, linewidth=0, zorder=0)
    style: dict[str, Any] = {"fontsize": "x-small", "ha": "right", "va": "top"}
    axes.annotate("rounding", (SAME, -0.6), (-3, -2), textcoords="offset points", **style)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _draw(axes: Axes, place: int, comparison: Comparison) -> Any:
    """The bar of one order, and beside it what it means."""
    difference = comparison.difference
    length = LOWEST if difference is None else max(difference, LOWEST)
    color = SAME_COLOR if comparison.same else DIFFERENT_COLOR
    (bar,) = axes.barh(place, length - LOWEST, left=LOWEST, height=0.5, color=color, zorder=2)
    if difference is None:
        text = "not computed" if comparison.problem else "..."
    elif comparison.same:
        text = f"the same ({difference:.0e})"
    else:
        text = f"different ({difference:.1e})"
    inside = length > INSIDE
    style: dict[str, Any] = {"textcoords": "offset points", "va": "center"}
    style |= {"fontweight": "bold" if comparison.own else "normal"}
    style |= {"ha": "right", "color": "white"} if inside else {"ha": "left", "color": "black"}
    axes.annotate(text, (length, place), (-6 if inside else 6, 0), **style)
    return bar
