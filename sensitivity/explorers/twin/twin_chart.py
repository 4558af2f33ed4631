"""The difference between the features of two structures, order by order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from sensitivity.explorers.parts.figure_widget import FigureWidget, alone
from sensitivity.explorers.twin.overlay import SAME, OrderComparison, conclude
from sensitivity.plots.palette import SERIES

LOWEST = 1e-17
"""Lower end of the axis: below rounding."""


class TwinChart(FigureWidget):
    """One bar per order on a logarithmic axis, with a band for rounding.

    Attributes
    ----------
    bars
        The bars, one per order; those that are not known have no length.
    """

    @alone
    def load(self, comparisons: Sequence[OrderComparison]) -> None:
        """Show what is known of each order."""
        self.clear()
        axes = self.figure.subplots()
        _set_axes(axes, comparisons)
        self.bars = [_draw(axes, place, each) for place, each in enumerate(comparisons)]
        title = conclude(list(comparisons))
        self.figure.suptitle(title[:1].upper() + title[1:], fontsize=12, fontweight="bold")
        self.finish()


def _set_axes(axes: Axes, comparisons: Sequence[OrderComparison]) -> None:
    axes.set(xscale="log", xlim=(LOWEST, 10.0), ylim=(len(comparisons) - 0.4, -0.6))
    axes.xaxis.set_major_locator(FixedLocator([1e-15, 1e-10, 1e-5, 1.0]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(len(comparisons)), [each.name for each in comparisons])
    for label, each in zip(axes.get_yticklabels(), comparisons, strict=True):
        label.set_fontweight("bold" if each.own else "normal")
    axes.set_xlabel("relative difference of features")
    axes.axvspan(LOWEST, SAME, color="gray", alpha=0.15, linewidth=0, zorder=0)
    style: dict[str, Any] = {"fontsize": "x-small", "ha": "right", "va": "top"}
    axes.annotate("rounding", (SAME, -0.6), (-3, -2), textcoords="offset points", **style)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _draw(axes: Axes, place: int, comparison: OrderComparison) -> Any:
    """Draw the bar of one order, and beside it what it means."""
    difference = comparison.difference
    length = LOWEST if difference is None else max(difference, LOWEST)
    color = "#8C8C8C" if comparison.same else SERIES[2]
    (bar,) = axes.barh(place, length - LOWEST, left=LOWEST, height=0.5, color=color, zorder=2)
    if difference is None:
        text = "not computed" if comparison.problem else "..."
    elif comparison.same:
        text = f"the same ({difference:.0e})"
    else:
        text = f"different ({difference:.1e})"
    inside = length > 1e-6  # the bar is long enough for the text
    shift, side, color = (-6, "right", "white") if inside else (6, "left", "black")
    style: dict[str, Any] = {"textcoords": "offset points", "va": "center", "color": color}
    weight = "bold" if comparison.own else "normal"
    axes.annotate(text, (length, place), (shift, 0), ha=side, fontweight=weight, **style)
    return bar
