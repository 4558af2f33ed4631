"""Two structures that a descriptor cannot tell apart, and the orders that can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import traitlets
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from sensitivity.descriptors import Descriptor, check_descriptor
from sensitivity.explorers.parts.choices import Share, Switch, make_switch
from sensitivity.explorers.parts.figure_widget import FigureWidget, alone
from sensitivity.explorers.parts.inputs import check_size
from sensitivity.explorers.parts.layout import require
from sensitivity.explorers.parts.molecule import Body, Camera
from sensitivity.explorers.parts.motion_view import Labels, MotionView
from sensitivity.explorers.twin import overlay
from sensitivity.numerics import Array
from sensitivity.plots.palette import SERIES
from sensitivity.singular import Twin

STEPS = 50  # of the slider, each 2 % of the path from the first structure to the second
LOWEST = 1e-17  # lower end of the axis of the chart: below rounding


class TwinExplorer(MotionView):
    """The two structures of a twin, and the differences of their features, order by order.

    The first is blue. The second is vermillion; it is superposed on the first, and moves from the
    first structure (share 0) to its own positions (share 1). Shown are the environments of the
    center.

    Everything a control does can be done from Python too: ``explorer.share = 0.5``,
    ``explorer.side_by_side = True``. ``busy`` tells whether features are being computed, ``wait()``
    waits for them, and ``cancel()`` stops.

    Parameters
    ----------
    twin
        The result of ``sensitivity.find_twin``.
    descriptor
        With which it was found.

    Attributes
    ----------
    overlay
        The two environments, the second superposed on the first.
    share
        From 0, the first structure, to 1, the second.
    side_by_side
        Whether the two are beside each other.
    arrows
        Whether one arrow per atom of the first points to its position in the second; their lengths
        are relative.

    Raises
    ------
    TypeError, ValueError
        If it is no twin, no descriptor, or the structure is too large.
    """

    share = Share(1.0)
    side_by_side = Switch(False)
    arrows = Switch(False)

    labels = Labels(
        label="Morph: first → second",
        slider="Interpolate between the first structure (blue) and the second (vermillion)",
        film="Move from the first structure to the second and back",
        arrows="Show for each atom the displacement to the second structure; the longest "
        "arrow is 1 Å",
        reset="Superpose the two structures, and go back to the first view",
    )
    chart: TwinChart

    def __init__(self, twin: Twin, descriptor: Descriptor) -> None:
        _check(twin, descriptor)
        super().__init__()
        self.twin = twin
        self.overlay = overlay.overlay(twin, descriptor)
        colors = {"first": SERIES[0], "second": SERIES[1]}
        tooltip = "Put the two beside each other, or superpose them"
        self.beside = make_switch("side by side", tooltip, icon="columns", width=120, on=False)
        self.key = require("ipywidgets").HTML(
            "".join(
                f'<span style="color: {color}">&#9632;</span> {name} &nbsp;'
                for name, color in colors.items()
            )
        )
        self._build(
            TwinChart(),
            Body(self.overlay.first, colors["first"]),
            Body(self.overlay.second, colors["second"]),
            stops=["first", *(f"{k / STEPS:.0%}" for k in range(1, STEPS)), "second"],
            legend=[self.key],
            switches=[self.beside],
        )
        traitlets.link((self, "side_by_side"), (self.beside, "value"))
        self.observe(lambda _: self.molecule.look(self._camera()), "side_by_side")
        self._compare(overlay.list_orders(descriptor))
        self._built = True

    @property
    def comparisons(self) -> list[overlay.OrderComparison]:
        """What is known of each order."""
        return list(self._comparisons)

    @property
    def stop(self) -> int:
        """The stop of the slider nearest to the share."""
        return int(np.rint(self.share * STEPS))

    def _go(self, stop: int) -> None:
        self.share = stop / STEPS

    def _place(self) -> tuple[Sequence[Array], Array]:
        positions = self.overlay.place(self.share, side_by_side=self.side_by_side)
        return positions, self.overlay.difference

    def _camera(self) -> Camera:
        places = self.overlay.place(1.0, side_by_side=self.side_by_side)
        return Camera.around(*places, view=self.overlay.view, room=0.6)

    def _compare(self, orders: list[overlay.OrderComparison]) -> None:
        self._show(orders)
        self.panel.tell("Comparing the features ...")
        known = overlay.compare_all(self.twin, orders)
        self._run_through(known, orders, then=self._finish, told=self._show)

    def _show(self, comparisons: list[overlay.OrderComparison]) -> None:
        self._comparisons = comparisons
        self.chart.load(comparisons)
        self.panel.say(
            f"The two differ by {self.twin.rmsd:.3f} Å (root mean square over the atoms, after "
            f"superposition): {overlay.conclude(comparisons)}.",
            self.twin.status,
        )

    def _finish(self, comparisons: list[overlay.OrderComparison]) -> None:
        why = "It was cancelled."
        self._show([each if each.tried else replace(each, problem=why) for each in comparisons])
        self.panel.tell(" ".join(filter(None, (each.complaint for each in self.comparisons))))


def _check(twin: Twin, descriptor: Descriptor) -> None:
    if not isinstance(twin, Twin):
        raise TypeError(
            f"twin must be what sensitivity.find_twin gives, got {type(twin).__name__}; call it "
            "with a structure, the descriptor and a center."
        )
    check_descriptor(descriptor)
    if not twin.found:
        raise ValueError(f"twin must be one that was found, got one of status: {twin.status}")
    for atoms in twin.pair:
        check_size(atoms)


class TwinChart(FigureWidget):
    """One of ``bars`` per order on a logarithmic axis, with a band for rounding.

    Those that are not known have no length.
    """

    @alone
    def load(self, comparisons: Sequence[overlay.OrderComparison]) -> None:
        """Show what is known of each order."""
        self.clear()
        axes = self.figure.subplots()
        _set_axes(axes, comparisons)
        self.bars = [_draw(axes, place, each) for place, each in enumerate(comparisons)]
        title = overlay.conclude(list(comparisons))
        self.figure.suptitle(title[:1].upper() + title[1:], fontsize=12, fontweight="bold")
        self.finish()


def _set_axes(axes: Axes, comparisons: Sequence[overlay.OrderComparison]) -> None:
    axes.set(xscale="log", xlim=(LOWEST, 10.0), ylim=(len(comparisons) - 0.4, -0.6))
    axes.xaxis.set_major_locator(FixedLocator([1e-15, 1e-10, 1e-5, 1.0]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(len(comparisons)), [each.name for each in comparisons])
    for label, each in zip(axes.get_yticklabels(), comparisons, strict=True):
        label.set_fontweight("bold" if each.own else "normal")
    axes.set_xlabel("relative difference of features")
    axes.axvspan(LOWEST, overlay.SAME, color="gray", alpha=0.15, linewidth=0, zorder=0)
    style: dict[str, Any] = {"fontsize": "x-small", "ha": "right", "va": "top"}
    axes.annotate("rounding", (overlay.SAME, -0.6), (-3, -2), textcoords="offset points", **style)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _draw(axes: Axes, place: int, comparison: overlay.OrderComparison) -> Any:
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
