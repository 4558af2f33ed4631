"""Two structures that a descriptor cannot tell apart, and what can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import traitlets

from sensitivity.descriptors import REFINABLE, Descriptor, check_descriptor
from sensitivity.explorers.parts.background import Report
from sensitivity.explorers.parts.choices import Share, Switch
from sensitivity.explorers.parts.layout import arrange, row
from sensitivity.explorers.parts.mode_motion import arrow_ends
from sensitivity.explorers.parts.molecule import Body, Camera, Molecule
from sensitivity.explorers.parts.sliders import fold, make_film, make_slider, make_switch
from sensitivity.explorers.parts.structure_input import check_size
from sensitivity.explorers.parts.view import View
from sensitivity.explorers.twin.overlay import Comparison, compare, conclude, list_orders, overlay
from sensitivity.explorers.twin.twin_chart import TwinChart
from sensitivity.plots.palette import SERIES
from sensitivity.progress import Cancelled
from sensitivity.singular import Twin

STOPS = 51
"""Of the slider: every 2 % of the way from one to the other."""

ROOM = 0.6
"""Å around the atoms."""

FIRST, SECOND = SERIES[0], SERIES[1]
"""Colours of the two structures."""


class TwinExplorer(View):
    """The two structures of a twin, and the differences of their features, order by order.

    The first is blue. The second is vermillion; it is laid on the first, and moves from where the
    first is (share 0) to where it belongs (share 1). Shown are the environments of the center.

    Everything a control does can be done from Python too: ``explorer.share = 0.5``,
    ``explorer.side_by_side = True``. ``busy`` tells whether features are being computed, ``wait()``
    waits for them, and ``cancel()`` ends it.

    Parameters
    ----------
    twin
        What ``sensitivity.find_twin`` found.
    descriptor
        With which it was found.

    Attributes
    ----------
    overlay
        The two environments, the second laid on the first.
    comparisons
        What is known of each order.
    share
        From 0, the first structure, to 1, the second.
    side_by_side
        Whether the two stand beside each other.
    arrows
        Whether one arrow per atom of the first points to where the second has it; their lengths
        are relative.

    Raises
    ------
    TypeError, ValueError
        If it is no twin, no descriptor, or the structure is too large.
    """

    share = Share(1.0)
    side_by_side = Switch(False)
    arrows = Switch(False)

    def __init__(self, twin: Twin, descriptor: Descriptor) -> None:
        _check(twin, descriptor)
        super().__init__()
        self.twin = twin
        self.overlay = overlay(twin, descriptor)
        self.chart = TwinChart()
        self.molecule = Molecule(on_width=self.chart.fit)
        self._make_controls()
        self.widget = arrange(
            above=[],
            left=self.molecule.widget,
            right=self.chart.widget,
            below=[
                row(self.key, self.slider, self.film, self.beside, self.switch, self.reset),
                self.panel.box,
            ],
        )
        bodies = Body(self.overlay.first, FIRST), Body(self.overlay.second, SECOND)
        self.molecule.load(*bodies, camera=self._camera())
        self._move()
        self._connect()
        self._compare(list_orders(descriptor))
        self._built = True

    @property
    def comparisons(self) -> list[Comparison]:
        """What is known of each order."""
        return list(self._comparisons)

    def _make_controls(self) -> None:
        from sensitivity.explorers.parts.libraries import require

        stops = ["first", *(f"{k / (STOPS - 1):.0%}" for k in range(1, STOPS - 1)), "second"]
        self.slider = make_slider(
            "second on its way",
            "Where the second structure (vermillion) is on its way from the first (blue)",
            stops=stops,
        )
        self.film = make_film("Go from the first structure to the second and back", count=STOPS)
        self.beside = make_switch(
            "side by side",
            "Put the two beside each other, or lay one on the other",
            icon="columns",
            width=120,
            on=False,
        )
        self.switch = make_switch(
            "arrows",
            "Show for each atom where the second structure has it; the longest arrow is 1 Å",
            icon="arrows",
            width=90,
            on=False,
        )
        key = "".join(
            f'<span style="color: {color}">&#9632;</span> {name} &nbsp;'
            for color, name in ((FIRST, "first"), (SECOND, "second"))
        )
        self.key = require("ipywidgets").HTML(key)
        self.reset = require("ipywidgets").Button(
            description="reset",
            icon="undo",
            tooltip="Lay the second structure on the first, and go back to the first view",
            layout={"width": "90px"},
        )

    def _connect(self) -> None:
        self.observe(lambda _: self._move(), ["share", "arrows", "side_by_side"])
        self.observe(lambda _: self.molecule.look(self._camera()), "side_by_side")
        self.slider.observe(lambda change: self._slide(change["new"]), "index")
        self.film.observe(self._play, "value")
        traitlets.link((self, "arrows"), (self.switch, "value"))
        traitlets.link((self, "side_by_side"), (self.beside, "value"))
        self.reset.on_click(lambda _: self.start_again())

    def start_again(self) -> None:
        """Lay the second structure on the first, and go back to the first view."""
        self.film.playing = False
        self.share, self.arrows, self.side_by_side = 1.0, False, False
        self.molecule.look(self._camera())

    def _slide(self, stop: int) -> None:
        # Slider and film stand at the stop nearest to the share, which may lie between two.
        if stop != self._stop:
            self.share = stop / (STOPS - 1)

    @property
    def _stop(self) -> int:
        return int(np.rint(self.share * (STOPS - 1)))

    def _play(self, change: Any) -> None:
        self._slide(fold(change["new"], count=STOPS))

    def _move(self) -> None:
        """Move the atoms of both by one message."""
        first, second = self.overlay.place(self.share, side_by_side=self.side_by_side)
        difference = self.overlay.difference
        pattern = difference if self.arrows else np.zeros_like(difference)
        self.molecule.show(first, second, arrows=arrow_ends(first, pattern))
        self.slider.index = self._stop
        if fold(self.film.value, count=STOPS) != self._stop:
            self.film.value = self._stop

    def _camera(self) -> Camera:
        pair = [self.overlay.first.copy(), self.overlay.second.copy()]
        for atoms, positions in zip(
            pair, self.overlay.place(1.0, side_by_side=self.side_by_side), strict=True
        ):
            atoms.positions = positions
        return Camera.around(*pair, view=self.overlay.view, room=ROOM)

    def _compare(self, orders: list[tuple[Comparison, Descriptor | str]]) -> None:
        """Compare the features in the background, order by order."""
        twin = self.twin

        def work(report: Report) -> list[Comparison]:
            found = [which for which, _ in orders]
            try:
                for k, (which, descriptor) in enumerate(orders):
                    found[k] = compare(twin, which, descriptor)
                    report(list(found))
            except Cancelled:  # what is known is shown
                found = [
                    each if each.difference is not None or each.problem else _cancelled(each)
                    for each in found
                ]
            return found

        self._show([which for which, _ in orders])
        self.panel.tell("Comparing the features ...")
        self._task.start(work, then=self._finish, failed=self._fail, told=self._show)

    def _show(self, comparisons: list[Comparison]) -> None:
        self._comparisons = comparisons
        self.chart.load(comparisons)
        self.panel.say(describe_twin(self.twin, comparisons), self.twin.status)

    def _finish(self, comparisons: list[Comparison]) -> None:
        self._show(comparisons)
        problems = [each for each in comparisons if each.problem]
        self.panel.tell(" ".join(f"{_name(each)}: {each.problem}" for each in problems))


def describe_twin(twin: Twin, comparisons: list[Comparison]) -> str:
    """Say in one sentence how far the two are apart, and what sees it."""
    return (
        f"The two differ by {twin.rmsd:.3f} Å (root mean square over the atoms, after "
        f"superposition): {conclude(comparisons)}."
    )


def _name(comparison: Comparison) -> str:
    name = " ".join(comparison.name.split())
    return name[:1].upper() + name[1:]


def _cancelled(comparison: Comparison) -> Comparison:
    return replace(comparison, problem="It was cancelled.")


def _check(twin: Twin, descriptor: Descriptor) -> None:
    if not isinstance(twin, Twin):
        raise TypeError(
            f"twin must be what sensitivity.find_twin gives, got {type(twin).__name__}; call it "
            "with a structure, the descriptor and a center."
        )
    check_descriptor(descriptor, REFINABLE)
    if not twin.found:
        raise ValueError(f"twin must be one that was found, got one of status: {twin.status}")
    for atoms in twin.pair:
        check_size(atoms)
