"""A view of atoms that move from one stop to the next, beside a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any, ClassVar

import traitlets
from ase import Atoms

from sensitivity.explorers.parts import choices
from sensitivity.explorers.parts.downloads import ATOMS, CHART, make_downloads, write_frames
from sensitivity.explorers.parts.figure_widget import FigureWidget
from sensitivity.explorers.parts.layout import arrange, row
from sensitivity.explorers.parts.molecule import Body, Molecule
from sensitivity.explorers.parts.molecule_view import MoleculeView
from sensitivity.explorers.parts.scene_controls import SceneControls
from sensitivity.explorers.parts.state import arrow_ends
from sensitivity.numerics import Array


@dataclass(frozen=True)
class Texts:
    """The label of the slider, tooltips of the controls, and the name of files without ending."""

    label: str
    slider: str
    film: str
    arrows: str
    reset: str
    file: str


class MotionView(MoleculeView):
    """A molecule that moves along stops, beside a chart, with a slider and an animation.

    A subclass gives its choices as traits with defaults, to which the reset button returns, and
    defines ``texts``, ``moved``, ``_place`` and ``_camera``. It extends ``_move`` to show its
    choices, and ``frames`` where there are more structures than one, and calls ``_build`` when all
    of these can be used.
    """

    texts: ClassVar[Texts]
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

    def _build(
        self,
        chart: FigureWidget,
        *bodies: Body,
        stops: Sequence[str],
        legend: Sequence[Any] = (),
        switches: Sequence[Any] = (),
    ) -> None:
        """Make the widgets; ``legend`` and ``switches`` are added to those of every such view."""
        self.chart, self._bodies, texts = chart, bodies, self.texts
        count = self._count = len(stops)
        self.molecule = Molecule()
        self.controls = SceneControls(arrows=texts.arrows, reset=texts.reset)
        self.slider = choices.make_slider(texts.label, texts.slider, stops=stops)
        step = ceil(count / 120)  # at most so many steps to the end: ten seconds
        self.film = choices.make_play(texts.film, steps=2 * (count - 1), step=step)
        self.downloads = make_downloads(ATOMS | CHART, partial(self.attempt, self.export))
        rows = (
            row(*legend, self.slider, flex="1 1 300px"),
            row(self.film, *switches, *self.controls.main),
            self.controls.more,
        )
        left = [self.molecule.pane, row(*rows)]
        right = [chart.pane, self.panel.box, self.downloads]
        self.widget = arrange(self.page, left=left, right=right, charts=[chart])
        self.molecule.load(*bodies, camera=self._camera())
        self._move()
        self.observe(lambda _: self._move())
        self.slider.observe(lambda change: self._slide(change["new"]), "index")
        self.film.observe(
            lambda change: self._slide(choices.fold(change["new"], count=count)), "value"
        )
        self._connect()

    def _connect(self) -> None:
        controls = self.controls
        for name in ("arrows", "arrow_length", "labels", "atom_size"):
            traitlets.link((self, name), (getattr(controls, name), "value"))
        for axis, button in controls.look.items():
            button.on_click(lambda _, axis=axis: self.look(axis))
        controls.reset.on_click(lambda _: self.start_again())
        controls.speed.observe(lambda change: choices.hurry(self.film, change["new"]), "value")

    def frames(self) -> list[Atoms]:
        """All structures, for a file; those that are shown, if there are no others."""
        found = []
        for body, positions in zip(self._bodies, self._place()[0], strict=True):
            atoms = body.atoms.copy()
            atoms.positions = positions
            found.append(atoms)
        return found

    def export(self, name: str) -> None:
        """Let the browser save a file of ``ATOMS`` or ``CHART``, tables of ``parts.downloads``."""
        if name not in ATOMS | CHART:
            raise ValueError(f"name must be one of {[*ATOMS, *CHART]}, got {name!r}.")
        file = f"{self.texts.file}.{(ATOMS | CHART)[name][1]}"
        if name in CHART:
            content = self.chart.draw_file(name)
        else:
            shown = MotionView.frames(self) if name == "geometry" else self.frames()
            content = write_frames(shown)
        self.download(file, content)

    def start_again(self) -> None:
        """Return to the first choices and the first view."""
        self.film.playing = False
        for name, trait in self.traits().items():
            setattr(self, name, trait.default_value)
        self.look()

    def _slide(self, stop: int) -> None:
        # What is shown may lie between two stops: a slider that is set to the nearest one must not
        # change it.
        if stop != self.stop:
            self._go(stop)

    def _move(self) -> None:
        """Move all atoms by one message, and the controls to the stop."""
        positions, direction = self._place()
        ends = arrow_ends(positions[0], direction, length=self.arrow_length * self.arrows)
        self.molecule.show(*positions, arrows=ends)
        self.slider.index = self.stop
        if choices.fold(self.film.value, count=self._count) != self.stop:
            self.film.value = self.stop
