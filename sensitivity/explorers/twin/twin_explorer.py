"""Two structures that a descriptor cannot tell apart, and the orders that can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import traitlets

from sensitivity.descriptors import Descriptor, check_descriptor
from sensitivity.explorers.parts.choices import Share, Switch
from sensitivity.explorers.parts.libraries import require
from sensitivity.explorers.parts.molecule import Body, Camera
from sensitivity.explorers.parts.motion_view import Labels, MotionView
from sensitivity.explorers.parts.sliders import make_switch
from sensitivity.explorers.parts.structure_input import check_size
from sensitivity.explorers.parts.view import run_through
from sensitivity.explorers.twin.overlay import (
    OrderComparison,
    compare_all,
    conclude,
    list_orders,
    overlay,
)
from sensitivity.explorers.twin.twin_chart import TwinChart
from sensitivity.numerics import Array
from sensitivity.plots.palette import SERIES
from sensitivity.singular import Twin

STEPS = 50
"""Of the slider, each 2 % of the path from the first structure to the second."""


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
    comparisons
        What is known of each order.
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
        self.overlay = overlay(twin, descriptor)
        first, second = SERIES[:2]
        self.beside = make_switch(
            "side by side",
            "Put the two beside each other, or superpose them",
            icon="columns",
            width=120,
            on=False,
        )
        self.key = require("ipywidgets").HTML(_name_colors(first=first, second=second))
        self._build(
            TwinChart(),
            Body(self.overlay.first, first),
            Body(self.overlay.second, second),
            stops=["first", *(f"{k / STEPS:.0%}" for k in range(1, STEPS)), "second"],
            legend=[self.key],
            switches=[self.beside],
        )
        traitlets.link((self, "side_by_side"), (self.beside, "value"))
        self.observe(lambda _: self.molecule.look(self._camera()), "side_by_side")
        self._compare(list_orders(descriptor))
        self._built = True

    @property
    def comparisons(self) -> list[OrderComparison]:
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
        pair = [self.overlay.first.copy(), self.overlay.second.copy()]
        for atoms, positions in zip(
            pair, self.overlay.place(1.0, side_by_side=self.side_by_side), strict=True
        ):
            atoms.positions = positions
        return Camera.around(*pair, view=self.overlay.view, room=0.6)

    def _compare(self, orders: list[OrderComparison]) -> None:
        """Compare the features in the background, order by order."""
        twin = self.twin
        self._show(orders)
        self.panel.tell("Comparing the features ...")
        self._task.start(
            lambda report: run_through(compare_all(twin, orders), report, start=orders),
            then=self._finish,
            failed=self._fail,
            told=self._show,
        )

    def _show(self, comparisons: list[OrderComparison]) -> None:
        self._comparisons = comparisons
        self.chart.load(comparisons)
        self.panel.say(describe_twin(self.twin, comparisons), self.twin.status)

    def _finish(self, comparisons: list[OrderComparison]) -> None:
        left = [each.difference is None and not each.problem for each in comparisons]
        self._show(
            [
                replace(each, problem="It was cancelled.") if missing else each
                for each, missing in zip(comparisons, left, strict=True)
            ]
        )
        complaints = (each.complaint for each in self.comparisons)
        self.panel.tell(" ".join(filter(None, complaints)))


def describe_twin(twin: Twin, comparisons: list[OrderComparison]) -> str:
    """Return a sentence on the distance of the two, and the orders that tell them apart."""
    return (
        f"The two differ by {twin.rmsd:.3f} Å (root mean square over the atoms, after "
        f"superposition): {conclude(comparisons)}."
    )


def _name_colors(**colors: str) -> str:
    return "".join(
        f'<span style="color: {color}">&#9632;</span> {name} &nbsp;'
        for name, color in colors.items()
    )


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
