"""The explorer of twins: two structures with the same features, compared order by order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import traitlets
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from sensitivity.descriptors import Descriptor, check_descriptor, with_defaults
from sensitivity.explorers.parts.background import Work
from sensitivity.explorers.parts.choices import Length, Share, Switch, make_control, make_switch
from sensitivity.explorers.parts.downloads import ATOMS, FIGURES, PAGE
from sensitivity.explorers.parts.figure_widget import alone
from sensitivity.explorers.parts.inputs import ORDERS, check_size
from sensitivity.explorers.parts.layout import require
from sensitivity.explorers.parts.motion_view import MotionChart, MotionView, Texts
from sensitivity.explorers.parts.scene import Body, Camera
from sensitivity.explorers.parts.view import as_sentence
from sensitivity.numerics import Array, check_real
from sensitivity.observation import Observation
from sensitivity.plots.camera import choose_view
from sensitivity.plots.palette import SERIES
from sensitivity.share.pages import make_page
from sensitivity.singular import Twin, superpose
from sensitivity.structures import environment

_BOTH = {"trajectory": ("trajectory", "extxyz", "Both structures, the second laid on the first")}

STEPS = 50  # of the slider, each 2 % of the path from the first structure to the second
LOWEST = 1e-17  # lower end of the axis of the chart: below rounding

EXAGGERATIONS = (1, 2, 5, 10, 20, 50)
"""Factors by which the shown difference of the positions can be enlarged."""

SMALL = 0.05  # Å, root mean square: smaller differences are hard to see

NAMES = {"first": SERIES[0], "second": SERIES[1]}
"""Colours of the two structures."""

SAME = 1e-12
"""Relative to the features: differences up to this are rounding. Twins agree to 1e-13 at their own
order; at a lower one the same rounding is relative to fewer and smaller features."""


class TwinExplorer(MotionView):
    """The two structures of a twin, and the differences of their features, order by order.

    The first structure has blue bonds and shells, the second vermilion ones. The second is
    superposed on the first, and moves from the first structure (share 0) to its own positions
    (share 1). Only the environments of the center are shown.

    Every control has a Python equivalent: ``explorer.share = 0.5``,
    ``explorer.side_by_side = True``. ``busy`` is true while features are computed, ``wait()`` waits
    for them, and ``cancel()`` stops.

    Parameters
    ----------
    twin
        The result of ``sensitivity.find_twin``.
    descriptor
        The descriptor with which it was found.

    Attributes
    ----------
    overlay
        The two environments, the second superposed on the first.
    share
        From 0, the first structure, to 1, the second.
    side_by_side
        Whether the two are beside each other.
    exaggeration
        The factor by which the shown difference of the positions is enlarged.
    arrows
        Whether one arrow per atom of the first points to its position in the second; their lengths
        are relative.

    Raises
    ------
    TypeError, ValueError
        If the arguments are not a twin and a descriptor, or the structure is too large.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, find_twin, structures
    >>> from sensitivity.explorers import TwinExplorer
    >>> descriptor = DensityCorrelations()
    >>> twin = find_twin(structures.load("X0"), descriptor, center=0)
    >>> explorer = TwinExplorer(twin, descriptor)
    >>> explorer.share = 0.5
    >>> explorer.wait()
    >>> [atoms.get_chemical_formula() for atoms in explorer.frames()]
    ['CH4', 'CH4']
    """

    share = Share(1.0)
    side_by_side = Switch(False)
    exaggeration = Length(1.0)
    arrows = Switch(False)
    moved, per_stop = "share", 1 / STEPS

    files = ATOMS | _BOTH | FIGURES | PAGE

    texts = Texts(
        label="Morph: first → second",
        slider="Interpolate between the first structure (blue) and the second (vermilion)",
        film="Move from the first structure to the second and back",
        arrows="Show the direction in which each atom moves to reach its position in the second "
        "structure; lengths are relative",
        reset="Superpose the two structures, and restore the initial view",
        file="twin",
    )
    chart: TwinChart

    def __init__(self, twin: Twin, descriptor: Descriptor) -> None:
        _check(twin, descriptor)
        super().__init__()
        self.twin, self._descriptor = twin, descriptor
        self.overlay = overlay(twin, descriptor)
        colors = NAMES
        tooltip = "Put the two beside each other, or superpose them"
        self.beside = make_switch("side by side", tooltip, icon="columns", width=120, on=False)
        self.exaggerate = make_control(
            *("Dropdown", 140),
            description="exaggerate",
            tooltip="Factor by which the shown difference of the positions is enlarged",
            options=[(f"{times}x", float(times)) for times in EXAGGERATIONS],
        )
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
            switches=[self.beside, self.exaggerate],
        )
        traitlets.link((self, "side_by_side"), (self.beside, "value"))
        traitlets.link((self, "exaggeration"), (self.exaggerate, "value"))
        self.observe(lambda _: self.look(), ["side_by_side", "exaggeration"])
        orders = list_orders(descriptor)
        self._show(orders)
        self.panel.tell("Comparing the features ...")
        known = compare_all(twin, orders)
        self._run_through(known, orders, then=self._finish, told=self._show)
        self._built = True

    @property
    def comparisons(self) -> list[OrderComparison]:
        """The comparisons so far, one per order."""
        return list(self._comparisons)

    @traitlets.validate("exaggeration")
    def _validate_exaggeration(self, proposal: Any) -> float:
        expected, remedy = f"one of {EXAGGERATIONS}", "give one of these"
        known = EXAGGERATIONS.__contains__
        return check_real(proposal["value"], "exaggeration", expected, accepts=known, remedy=remedy)

    def _place(self, at: float) -> tuple[Sequence[Array], Array]:
        share = at * self.exaggeration
        positions = self.overlay.place(share, side_by_side=self.side_by_side)
        return positions, self.overlay.difference

    def _camera(self) -> Camera:
        places = self.overlay.place(self.exaggeration, side_by_side=self.side_by_side)
        return Camera.around(*places, view=self.overlay.view, room=0.6)

    def frames(self) -> list[Atoms]:
        """Return the two structures, the second superposed on the first."""
        pair = [self.overlay.first.copy(), self.overlay.second.copy()]
        for atoms, name in zip(pair, NAMES, strict=True):
            atoms.info["structure"] = name
        return pair

    def _page(self) -> Work:
        twin, descriptor = self.twin, self._descriptor
        return lambda report: make_page(twin, descriptor=descriptor, progress=report).encode()

    @property
    def _notes(self) -> list[dict[str, Any]]:
        times = self.exaggeration
        exaggerated = {} if times == 1 else {"difference_shown_times": times}
        shown = {"structure": "second", "share_of_difference": self.share}
        return [each | exaggerated for each in ({"structure": "first"}, shown)]

    def _explain(self, axes: Axes) -> None:
        marks = [Line2D([], [], color=color, marker="o", ls="none") for color in NAMES.values()]
        look: dict[str, Any] = {"loc": "lower center", "ncols": 2, "fontsize": 7, "frameon": False}
        axes.legend(marks, NAMES, bbox_to_anchor=(0.5, -0.08), **look)
        if self.exaggeration != 1:
            axes.set_title(f"difference shown {self.exaggeration:g}x", fontsize=8)

    def _show(self, comparisons: list[OrderComparison]) -> None:
        self._comparisons = comparisons
        self.chart.load(comparisons)
        orders = conclude(comparisons)
        self.panel.say(
            f"{orders[:1].upper()}{orders[1:]}.",
            ""
            if self.twin.rmsd > SMALL
            else "The difference is small: choose a larger factor in the menu 'exaggerate'.",
            "The bars always compare the two structures; they do not change with the slider.",
            self.twin.status,
        )

    def _finish(self, comparisons: list[OrderComparison]) -> None:
        why = "It was cancelled."
        self._show([each if each.tried else replace(each, problem=why) for each in comparisons])
        self.panel.tell(" ".join(filter(None, (each.complaint for each in self.comparisons))))


def _check(twin: Twin, descriptor: Descriptor) -> None:
    if not isinstance(twin, Twin):
        raise TypeError(
            f"twin must be a result of sensitivity.find_twin, got {type(twin).__name__}; call it "
            "with a structure, the descriptor and a center."
        )
    check_descriptor(descriptor)
    if not twin.found:
        raise ValueError(f"twin must be a successful search, got one with status: {twin.status}")
    for atoms in twin.pair:
        check_size(atoms)


class TwinChart(MotionChart):
    """A bar per order on a logarithmic axis with a band for rounding; unknown bars are empty."""

    @alone
    def load(self, comparisons: Sequence[OrderComparison]) -> None:
        """Show the comparisons so far."""
        self.clear()
        self._shown = comparisons
        self.bars = self._draw(self.figure)
        self.finish()

    def copy(self, figure: FigureBase) -> Callable[[int], None]:
        """Draw the chart into another figure, or a part of one; it does not move."""
        self._draw(figure)
        return lambda stop: None

    def _draw(self, figure: FigureBase) -> list[Any]:
        comparisons, axes = self._shown, figure.subplots()
        axes.set(xscale="log", xlim=(LOWEST, 10.0), ylim=(len(comparisons) - 0.4, -0.6))
        axes.xaxis.set_major_locator(FixedLocator([1e-15, 1e-10, 1e-5, 1.0]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_yticks(
            range(len(comparisons)), [each.name for each in comparisons], parse_math=False
        )
        for label, each in zip(axes.get_yticklabels(), comparisons, strict=True):
            label.set_fontweight("bold" if each.own else "normal")
        axes.set_xlabel("relative difference of features")
        axes.axvspan(LOWEST, SAME, color="gray", alpha=0.15, linewidth=0, zorder=0)
        style: dict[str, Any] = {"fontsize": "x-small", "ha": "right", "va": "top"}
        axes.annotate("rounding", (SAME, -0.6), (-3, -2), textcoords="offset points", **style)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right"]].set_visible(False)
        title = conclude(list(comparisons))
        figure.suptitle(
            title[:1].upper() + title[1:], fontsize=12, fontweight="bold", parse_math=False
        )
        return [_draw(axes, place, each) for place, each in enumerate(comparisons)]


def _draw(axes: Axes, place: int, comparison: OrderComparison) -> Any:
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
    inside = length > 1e-6  # the text fits into the bar
    shift, side, color = (-6, "right", "white") if inside else (6, "left", "black")
    style: dict[str, Any] = {"textcoords": "offset points", "va": "center", "color": color}
    weight = "bold" if comparison.own else "normal"
    axes.annotate(text, (length, place), (shift, 0), ha=side, fontweight=weight, **style)
    return bar


@dataclass(frozen=True, eq=False)
class Overlay:
    """Two environments of a center, the second superposed on the first.

    The second has the same order of atoms; it is rotated, with like atoms exchanged, and mirrored
    if that fits better and the descriptor is invariant to inversion.
    """

    first: Atoms  # N atoms, the center first
    second: Atoms
    rmsd: float  # Å, root mean square distance of the atoms

    @property
    def difference(self) -> Array:
        """Shape (N, 3), in Å: the displacement from the first to the second."""
        return np.asarray(self.second.positions - self.first.positions)

    @cached_property
    def view(self) -> Array:
        """Shape (3, 3): the view that shows the difference; rows: right, up, to the viewer."""
        return choose_view(self.first, self.difference)

    def place(self, share: float, *, side_by_side: bool) -> tuple[Array, Array]:
        """Return positions of both, each (N, 3), the second moved by a share of the difference."""
        start, right, gap = self.first.positions, self.view[0], 1.5  # Å
        width = np.ptp(np.concatenate([start, self.second.positions]) @ right) + gap
        shift = width * side_by_side * right
        return start - shift / 2, start + share * self.difference + shift / 2


@dataclass(frozen=True)
class OrderComparison:
    """The difference between the features of two structures at one order."""

    name: str  # of the order
    descriptor: Descriptor | None  # of this order, if there is one
    own: bool = False  # true for the order with which the twin was found
    difference: float | None = None  # relative to the norm of the features, if known
    problem: str = ""  # the reason why it cannot be computed

    @property
    def tried(self) -> bool:
        """True if the comparison is known or has failed."""
        return self.difference is not None or bool(self.problem)

    @property
    def same(self) -> bool:
        """True if the features are equal to rounding."""
        return self.difference is not None and self.difference <= SAME

    @property
    def complaint(self) -> str:
        """The name and the problem; empty without a problem."""
        name = " ".join(self.name.split())
        return f"{name[:1].upper()}{name[1:]}: {self.problem}" if self.problem else ""


def overlay(twin: Twin, descriptor: Descriptor) -> Overlay:
    """Superpose the second environment of a twin on the first; ValueError if atoms differ."""
    first, second = (environment(atoms, twin.center, descriptor.cutoff) for atoms in twin.pair)
    found = superpose(second, first, center=0, inversion=descriptor.inversion_invariant)
    return Overlay(first, found.atoms, found.rmsd)


def list_orders(descriptor: Descriptor) -> list[OrderComparison]:
    """Return the comparisons to compute, one per available order."""
    known = with_defaults(descriptor)
    if known.order is None:
        own = OrderComparison(f"this descriptor:\n{known.name}", descriptor, own=True)
        higher = known.higher_order()
        return [own, *([] if higher is None else [OrderComparison("next order", higher)])]
    found = []
    for order, title in sorted({known.order: str(known.order), **ORDERS}.items()):
        name, mine = f"order {title.replace(': ', chr(10))}", order == known.order
        try:
            other = descriptor if mine else known.of_order(order)
        except ValueError as error:
            found.append(OrderComparison(name, None, problem=as_sentence(error)))
        else:
            found += [] if other is None else [OrderComparison(name, other, mine)]
    return found


def compare(twin: Twin, which: OrderComparison) -> OrderComparison:
    """Return the difference of the features of the center of a twin."""
    if which.descriptor is None:
        return which
    centers = (twin.center,)
    try:
        first, second = (
            Observation.of(atoms, which.descriptor, centers=centers).features for atoms in twin.pair
        )
    except (ValueError, TypeError, ArithmeticError, MemoryError) as error:
        return replace(which, problem=as_sentence(error))
    difference = float(np.linalg.norm(first - second) / (np.linalg.norm(first) or 1.0))
    return replace(which, difference=difference)


def compare_all(twin: Twin, orders: Sequence[OrderComparison]) -> Iterator[list[OrderComparison]]:
    """Yield the list of all comparisons after each one is computed."""
    found = list(orders)
    for k, which in enumerate(orders):
        found[k] = compare(twin, which)
        yield list(found)


def conclude(comparisons: list[OrderComparison]) -> str:
    """Return a phrase that names the orders that distinguish the two structures."""
    known = [each for each in comparisons if each.difference is not None]
    apart = [each.name.split("\n")[0].rstrip(":") for each in known if not each.same]
    if not all(each.tried for each in comparisons):
        return "comparing the features ..."
    if not known:
        return "nothing could be compared"
    if not apart:
        return "no order here distinguishes them"
    verb = "distinguishes" if len(apart) == 1 else "distinguish"
    return f"{_enumerate(apart)} {verb} them"


def _enumerate(names: list[str]) -> str:
    """Join names; 'order 3 and order 4' becomes 'orders 3 and 4'."""
    if len(names) > 1 and all(name.startswith("order ") for name in names):
        numbers = [name.removeprefix("order ") for name in names]
        return f"orders {', '.join(numbers[:-1])} and {numbers[-1]}"
    return " and ".join(names)
