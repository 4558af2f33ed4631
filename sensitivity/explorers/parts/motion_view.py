"""The view of atoms that move from stop to stop, beside a chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import traitlets
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from sensitivity.explorers.parts import choices
from sensitivity.explorers.parts.background import Report, Work
from sensitivity.explorers.parts.downloads import (
    ATOMS,
    FIGURES,
    Kinds,
    make_downloads,
    write_frames,
)
from sensitivity.explorers.parts.figure_widget import FigureWidget
from sensitivity.explorers.parts.figures import DRAWING, TALL, make_figure, write_figure, write_film
from sensitivity.explorers.parts.layout import arrange, row
from sensitivity.explorers.parts.molecule import Molecule
from sensitivity.explorers.parts.molecule_view import MoleculeView
from sensitivity.explorers.parts.scene import Body, Scene
from sensitivity.explorers.parts.scene_controls import SceneControls
from sensitivity.explorers.parts.state import arrow_ends
from sensitivity.numerics import Array
from sensitivity.outputs import check_output, write_output


@dataclass(frozen=True)
class Texts:
    """The label of the slider, tooltips of the controls, and the name of files without suffix."""

    label: str
    slider: str
    film: str
    arrows: str
    reset: str
    file: str


class MotionChart(FigureWidget):
    """A chart beside atoms that move."""

    def copy(self, figure: FigureBase) -> Callable[[int], None]:
        """Draw the chart into another figure, or a part of one; return its move to a stop."""
        raise NotImplementedError


class MotionView(MoleculeView):
    """A molecule that moves along stops, beside a chart, with a slider and an animation.

    A subclass defines its choices as traits with defaults, which the reset button restores, and
    ``texts``, ``moved``, ``_place`` and ``_camera``. It extends ``_move`` to show its choices, and
    ``frames`` if it has several structures. If it has a page, it adds it to ``files`` and makes it
    in ``_page``; otherwise ``pageless`` is a sentence on what to do. It calls
    ``_build`` as soon as all of these can be used.
    """

    files: Kinds = ATOMS | FIGURES

    texts: ClassVar[Texts]
    moved: ClassVar[str]  # the trait that the slider sets
    per_stop: ClassVar[float] = 1  # its change from stop to stop
    rest: ClassVar[int] = 0  # the stop at which it is zero, and at which the film starts
    pageless = "this view has no page; save it as a figure, such as .png."
    chart: MotionChart

    @property
    def stop(self) -> int:
        """The number of the slider stop nearest to the current value."""
        return self.rest + round(float(self._here) / self.per_stop)

    def _go(self, stop: int) -> None:
        setattr(self, self.moved, self._value(stop))

    def _value(self, stop: int) -> float:
        return (stop - self.rest) * self.per_stop

    def _stop_of_film(self, step: int) -> int:
        return choices.fold(self.rest + step, count=self._count)

    def _place(self, at: Any) -> tuple[Sequence[Array], Array]:
        """Return positions of each body, (N, 3), and the motion of the first, without its images.

        ``at`` is a value of the trait that the slider sets.
        """
        raise NotImplementedError

    @property
    def _here(self) -> Any:
        return getattr(self, self.moved)

    def _build(
        self,
        chart: MotionChart,
        *bodies: Body,
        stops: Sequence[str],
        legend: Sequence[Any] = (),
        switches: Sequence[Any] = (),
        above: Sequence[Any] = (),
        below: Sequence[Any] = (),
    ) -> None:
        """Make the widgets; ``legend`` and ``switches`` are added to the common ones.

        ``above`` and ``below`` are rows above and below the pictures.
        """
        self.chart, self._bodies, texts = chart, bodies, self.texts
        count = self._count = len(stops)
        self.molecule = Molecule()
        self.controls = SceneControls(arrows=texts.arrows, reset=texts.reset)
        self.slider = choices.make_slider(texts.label, texts.slider, stops=stops)
        step = ceil(count / 120)  # at most 120 steps to the end: ten seconds
        self.film = choices.make_play(texts.film, steps=2 * (count - 1), step=step)
        self.downloads = make_downloads(self.files, partial(self.attempt, self.export))
        rows = (
            row(*legend, self.slider, flex="1 1 300px"),
            row(self.film, *switches, *self.controls.main),
            self.controls.more,
        )
        left = [self.molecule.pane, row(*rows)]
        right = [chart.pane, self.panel.box, self.downloads]
        rows_of = {"above": above, "left": left, "right": right, "below": below}
        self.widget = arrange(self.page, **rows_of, charts=[chart])
        self.molecule.load(*bodies, camera=self._camera())
        self._move()
        self.observe(lambda _: self._move())
        self.slider.observe(lambda change: self._slide(change["new"]), "index")
        self.film.observe(lambda change: self._slide(self._stop_of_film(change["new"])), "value")
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
        """Return all structures for a file; by default those on the screen."""
        found = []
        placed = zip(self._bodies, self._place(self._here)[0], self._notes, strict=True)
        for body, positions, notes in placed:
            atoms = body.atoms.copy()
            atoms.positions = positions
            atoms.info |= notes
            found.append(atoms)
        return found

    @property
    def _notes(self) -> list[dict[str, Any]]:
        """Entries for ``info`` in a file of the displayed atoms."""
        return [{} for _ in self._bodies]

    def export(self, name: str) -> None:
        """Download a file of ``files``, from tables of the module ``downloads``."""
        file = f"{self.texts.file}.{self.files[choices.check_name(name, 'name', self.files)][1]}"
        if name in ATOMS:
            shown = MotionView.frames(self) if name == "geometry" else self.frames()
            self.download(file, write_frames(shown))
        else:
            self._save(file, self._make(name))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the current view to a file; the suffix selects the format.

        .xyz or .extxyz: the displayed atoms; .png, .pdf, .svg: molecule and chart; .gif: an
        animation; .html: the page of ``share.page``, and .session.json: the session of
        ``save_state``, if the view has one.

        Raises
        ------
        ValueError
            If the suffix is unknown, the view has no page, or the file cannot be written.
        """
        file = Path(path)
        names = {suffix: name for name, (_, suffix, _) in self.files.items() if name not in ATOMS}
        name = file.name.lower()
        suffix = "session.json" if name.endswith(".session.json") else Path(name).suffix[1:]
        if suffix == "html" and "page" not in self.files:
            raise ValueError(self.pageless)
        if suffix not in (*names, "xyz", "extxyz"):
            known = ", ".join(f".{each}" for each in ("xyz", "extxyz", *names))
            raise ValueError(f"the name must end in {known}, got {file}; choose one of these.")
        check_output(file, option="path")
        frames = suffix in ("xyz", "extxyz")
        content = (
            write_frames(MotionView.frames(self))
            if frames
            else self._make(names[suffix])(lambda _: None)
        )
        write_output(file, content, option="path")

    def _make(self, name: str) -> Work:
        """Return the job that makes a page, a figure or a film."""
        if name == "page":
            return self._page()
        if name == "gif":
            return self._film()
        scenes, clear = {self.stop: self.molecule.scene}, self.transparent
        return lambda _: write_figure(self._draw(scenes)[0], name, transparent=clear)

    def _page(self) -> Work:
        """Return the job that makes the page; ValueError if there is nothing to share yet."""
        raise NotImplementedError

    def figure(self) -> Figure:
        """Return a figure of molecule and chart; ``figure().savefig("a.pdf")`` writes it."""
        return self._draw({self.stop: self.molecule.scene})[0]

    def _film(self) -> Work:
        """Return the job that makes a film of about forty stops at most, to the end and back."""
        step = ceil((self._count - 1) / 40)
        out = [*range(0, self._count - 1, step), self._count - 1]
        scenes = {stop: self._scene(stop) for stop in out}

        def make(report: Report) -> bytes:
            figure, show = self._draw(scenes)
            return write_film(figure, [*out, *out[-2:0:-1]], show, report=report)

        return make

    def _scene(self, stop: int) -> Scene:
        positions, direction = self._place(self._value(stop))
        ends = self._arrows(positions[0], direction)
        return replace(self.molecule.scene, positions=tuple(positions), arrows=ends)

    def _draw(self, scenes: Mapping[int, Scene]) -> tuple[Figure, Callable[[int], None]]:
        """Return molecule and chart as a figure at the first stop, and what moves it to others."""
        figure, axes, part = make_figure(TALL[self.columns])

        def show(stop: int) -> None:
            scenes[stop].draw(axes, scenes=list(scenes.values()))
            self._explain(axes)
            move(stop)

        with DRAWING:
            move = self.chart.copy(part)
            show(next(iter(scenes)))
        return figure, show

    def _explain(self, axes: Axes) -> None:
        """Add legend and title to the molecule in a figure."""

    def start_again(self) -> None:
        """Return to the default choices and the initial view."""
        self.film.playing = False
        for name, trait in self.traits(kept=None).items():
            setattr(self, name, trait.default_value)
        self.look()

    def _slide(self, stop: int) -> None:
        # The value may lie between two stops: setting the slider to the nearest one must not
        # change it.
        if stop != self.stop:
            self._go(stop)

    def _move(self) -> None:
        """Move all atoms with one message, and the controls to the stop."""
        positions, direction = self._place(self._here)
        self.molecule.show(*positions, arrows=self._arrows(positions[0], direction))
        self.slider.index = self.stop
        if self._stop_of_film(self.film.value) != self.stop:
            self.film.value = (self.stop - self.rest) % (2 * self._count - 2)

    def _arrows(self, positions: Array, direction: Array) -> Array:
        length = self.arrow_length * self.arrows
        return arrow_ends(positions[: len(direction)], direction, length=length)
