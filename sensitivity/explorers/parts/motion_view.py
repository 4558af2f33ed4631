"""A view of atoms that move from one stop to the next, beside a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar

import traitlets

from sensitivity.explorers.parts import choices
from sensitivity.explorers.parts.figure_widget import FigureWidget
from sensitivity.explorers.parts.layout import arrange, row
from sensitivity.explorers.parts.molecule import Body, Camera, Molecule
from sensitivity.explorers.parts.state import ARROW_LENGTH, arrow_ends
from sensitivity.explorers.parts.view import View
from sensitivity.numerics import Array


@dataclass(frozen=True)
class Labels:
    """The label of the slider, and the tooltips of the controls that every such view has."""

    label: str
    slider: str
    film: str
    arrows: str
    reset: str


class MotionView(View):
    """A molecule that moves along stops, beside a chart, with a slider and an animation.

    A subclass gives its choices as traits with defaults, to which the reset button returns, and
    defines ``labels``, ``moved``, ``_place`` and ``_camera``. It extends ``_move`` to show its
    choices, and calls ``_build`` when all of these can be used.
    """

    arrows = choices.Switch(True)

    labels: ClassVar[Labels]
    moved: ClassVar[str]  # the trait that the slider sets
    per_stop: ClassVar[float] = 1  # its change from stop to stop, from 0
    chart: FigureWidget

    @property
    def stop(self) -> int:
        """The number of the stop of the slider that is nearest to what is shown."""
        moved: float = getattr(self, self.moved)
        return round(moved / self.per_stop)

    def _go(self, stop: int) -> None:
        setattr(self, self.moved, stop * self.per_stop)

    def _place(self) -> tuple[Sequence[Array], Array]:
        """Positions of each body and the direction of motion of the first, shapes (N, 3)."""
        raise NotImplementedError

    def _camera(self) -> Camera:
        """The first view."""
        raise NotImplementedError

    def _build(
        self,
        chart: FigureWidget,
        *bodies: Body,
        stops: Sequence[str],
        legend: Sequence[Any] = (),
        switches: Sequence[Any] = (),
    ) -> None:
        """Make the widgets; ``legend`` and ``switches`` are added to those of every such view."""
        self.chart, labels = chart, self.labels
        count = self._count = len(stops)
        self.molecule = Molecule()
        self.slider = choices.make_slider(labels.label, labels.slider, stops=stops)
        step = ceil(count / 120)  # at most so many steps to the end: ten seconds
        self.film = choices.make_play(labels.film, steps=2 * (count - 1), step=step)
        self.switch = choices.make_switch(
            "arrows", labels.arrows, icon="arrows", width=90, on=self.arrows
        )
        self.reset = choices.make_control(
            "Button", 90, description="reset", icon="undo", tooltip=labels.reset
        )
        controls = row(*legend, self.slider, self.film, *switches, self.switch, self.reset)
        left, right = [self.molecule.pane, controls], [chart.pane, self.panel.box]
        self.widget = arrange(left=left, right=right, charts=[chart])
        self.molecule.load(*bodies, camera=self._camera())
        self._move()
        self.observe(lambda _: self._move())
        self.slider.observe(lambda change: self._slide(change["new"]), "index")
        self.film.observe(
            lambda change: self._slide(choices.fold(change["new"], count=count)), "value"
        )
        traitlets.link((self, "arrows"), (self.switch, "value"))
        self.reset.on_click(lambda _: self.start_again())

    def start_again(self) -> None:
        """Return to the first choices and the first view."""
        self.film.playing = False
        for name, trait in self.traits().items():
            setattr(self, name, trait.default_value)
        self.molecule.look(self._camera())

    def _slide(self, stop: int) -> None:
        # What is shown may lie between two stops: a slider that is set to the nearest one must not
        # change it.
        if stop != self.stop:
            self._go(stop)

    def _move(self) -> None:
        """Move all atoms by one message, and the controls to the stop."""
        positions, direction = self._place()
        ends = arrow_ends(positions[0], direction, length=ARROW_LENGTH * self.arrows)
        self.molecule.show(*positions, arrows=ends)
        self.slider.index = self.stop
        if choices.fold(self.film.value, count=self._count) != self.stop:
            self.film.value = self.stop
