"""Molecule, chart and sentence show a state: first the atoms move, then the values follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sensitivity.diagnosis import Diagnosis
from sensitivity.explorers.main import mode_texts
from sensitivity.explorers.main.controls import CELLS, Controls
from sensitivity.explorers.parts.background import Report, Worker
from sensitivity.explorers.parts.estimate import Estimate
from sensitivity.explorers.parts.figure_widget import FigureWidget, alone, fit_markers
from sensitivity.explorers.parts.molecule import (
    Body,
    Camera,
    Images,
    Molecule,
    near_images,
    repeated_images,
)
from sensitivity.explorers.parts.notes import Note, note_on_mode
from sensitivity.explorers.parts.state import (
    FEW,
    Reference,
    Shown,
    State,
    Subject,
    arrow_ends,
    compute,
    explain,
    explain_spectrum,
    trace_amplitudes,
)
from sensitivity.explorers.parts.view import Panel, as_sentence
from sensitivity.numerics import Array
from sensitivity.plots.axes import ZeroAxis, count_columns, set_decades
from sensitivity.plots.camera import choose_view
from sensitivity.plots.palette import ARROW, COLORS, MARKERS, cause_color
from sensitivity.progress import checkpoint
from sensitivity.spectrum import Spectrum

SETTLED = 0.25  # seconds without a change, then the causes for a displaced structure are computed

BOLD: dict[str, Any] = {"color": ARROW, "linewidth": 2.2, "zorder": 3}
THIN: dict[str, Any] = {"color": COLORS["internal"], "linewidth": 0.8, "zorder": 2}


COPIED = (
    *("color", "linestyle", "linewidth", "marker", "markersize", "zorder", "label"),
    *("markerfacecolor", "markeredgecolor", "markeredgewidth"),
)
"""Properties of a line in the chart that it has in a figure, too."""


class Presenter:
    """Shows a ``state`` in ``molecule``, ``chart``, controls and panel; errors go to ``failed``."""

    def __init__(
        self, controls: Controls, panel: Panel, *, failed: Callable[[Exception], None]
    ) -> None:
        self.chart = Chart()
        self.molecule = Molecule()
        self._controls, self._panel, self._fail = controls, panel, failed
        self._spectra = Worker()
        self._causes, self._tracer = Worker(changed=self._hint), Worker(changed=self._hint)
        self.workers = self._spectra, self._causes, self._tracer
        self._hints = {
            self._tracer: "Computing the curves along the mode",
            self._causes: "Computing the causes",
        }
        self._progress: dict[Worker, str] = {}
        self._previewing = False
        self.cells = 1
        self._timer: asyncio.TimerHandle | None = None

    def load(self, state: State) -> None:
        """Show another reference; nothing is changed if it cannot be shown."""
        reference = state.reference
        cells = min(self.cells, most_cells(reference.atoms))
        subject, labels = reference.subject, mode_texts.labels(reference)
        images = find_images(subject, cells)
        body, camera = draw_body(subject, images), _camera_of(state, images)
        self._previewing = False
        for worker in self.workers:
            worker.drop()
        self.state, self._images, self.cells = state, images, cells
        self._seeking = reference.diagnosis is None
        self._draw(body, camera)
        self.chart.load(reference)
        self._controls.load(labels, mode=state.mode, reference=reference)

    @property
    def owners(self) -> list[int]:
        """The atom of each atom that is drawn; of an image the one of which it is the image."""
        own = len(self._body.atoms) - self._body.images
        return [*range(own), *self._body.owners]

    def _draw(self, body: Body, camera: Camera) -> None:
        self._body = body
        self.molecule.load(body, camera=camera)

    def repeat(self, cells: int) -> None:
        """Draw so many cells along each periodic direction; 1 draws the images that centers see."""
        if cells != self.cells:
            subject, self.cells = self.state.reference.subject, cells
            self._images = find_images(subject, cells)
            if not self._previewing:
                camera = _camera_of(self.state, self._images)
                self._draw(draw_body(subject, self._images), camera)
                self._move()

    def preview(self, subject: Subject) -> None:
        """Show the atoms of what is to be loaded, while its singular values are computed."""
        atoms = subject.atoms
        images = find_images(subject, min(self.cells, most_cells(atoms)))
        body = draw_body(subject, images)
        self._previewing = True
        for worker in self.workers:
            worker.drop()
        still = np.zeros_like(atoms.positions)
        self._draw(body, _best_camera(atoms, still, images))
        ends = arrow_ends(atoms.positions, still)
        self.molecule.show(images.extend(atoms.positions), arrows=ends)
        self.chart.clear()
        self._panel.sentence.value = ""

    @property
    def previewing(self) -> bool:
        """True while the molecule is not that of the state."""
        return self._previewing

    def compute(self) -> None:
        """Compute what is to be shown of the reference, and its causes if they are not known."""
        reference = self.state.reference
        self._move()
        if len(reference.atoms) <= FEW or not self._seeking:
            self._trace()  # of more atoms after the causes, which are what is waited for
        if self._seeking:
            estimate = Estimate()
            self._progress.clear()
            self._causes.start(
                lambda report: explain(reference, progress=lambda words: report(estimate(words))),
                then=self._learn,
                failed=self._stay_ignorant,
                told=partial(self._note, self._causes),
            )

    def show(self, state: State) -> None:
        """Show another state of the same reference."""
        turned = state.mode != self.state.mode
        self.state = state
        if self._previewing:
            return
        self._move()
        if turned:
            self._trace()

    def look(self, axis: str | None = None) -> None:
        """Look along x, y or z, or from where atoms and mode are seen best."""
        if self._previewing:
            assert self.molecule.camera is not None
            camera = self.molecule.camera
        else:
            camera = _camera_of(self.state, self._images)
        self.molecule.look(camera if axis is None else camera.along(axis))

    def _learn(self, reference: Reference) -> None:
        self.state, self._seeking = replace(self.state, reference=reference), False
        self._controls.name_modes(mode_texts.labels(reference), mode=self.state.mode)
        self._move()
        self._trace()

    def _stay_ignorant(self, error: Exception) -> None:
        self._seeking = False
        self._move()
        self._trace()
        self._fail(error)

    def _note(self, worker: Worker, progress: str) -> None:
        """Note the progress of a worker, and say it if something is being said."""
        self._progress[worker] = progress
        self._hint()

    def _hint(self, due: bool = False, *, after: float = 0.7) -> None:
        """Say in the panel what is being computed, ``after`` seconds: a short hint flickers."""
        busy = next((worker for worker in self._hints if worker.busy), None)
        progress = f": {self._progress[busy]}" if busy in self._progress else ""
        text = f"{self._hints[busy]}{progress} …" if busy else ""
        if not text and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due or not text or self._panel.aside.value:
            self._panel.hint(text)
        elif self._timer is None:
            with suppress(RuntimeError):  # outside of a notebook everything is waited for
                self._timer = asyncio.get_running_loop().call_later(after, self._hint, True)

    def _move(self) -> None:
        state, positions = self.state, self.state.atoms.positions
        mode, length = state.reference.modes[state.mode], state.arrow_length * state.arrows
        ends = arrow_ends(positions, mode, length=length)
        self.molecule.show(self._images.extend(positions), arrows=ends)
        self._controls.show(state)
        if state.reference.diagnosis is not None:
            self._causes.drop()  # those of a structure that is no longer shown
        self._spectra.start(lambda _: compute(state), then=self._show_spectrum, failed=self._miss)
        if self._spectra.busy:
            self._say(None)

    def _say(self, shown: Shown | None) -> None:
        self._panel.sentence.value = mode_texts.to_html(self.state, shown, seeking=self._seeking)

    def _show_spectrum(self, shown: Shown) -> None:
        state, found, reference = self.state, shown.spectrum, self.state.reference
        self._say(shown)
        if found is None:
            self.chart.show(state, np.zeros(0), ())
        elif state.amplitude == 0.0:
            self.chart.show(state, reference.singular_values, reference.causes)
        else:
            self.chart.show(state, found.singular_values, mode_texts.kinds(found))
            if reference.diagnosis is not None:
                self._causes.start(
                    lambda _: explain_spectrum(found, reference.descriptor),
                    then=self._show_causes,
                    failed=self._fail,
                    delay=SETTLED,
                )

    def _show_causes(self, diagnosis: Diagnosis | None) -> None:
        if diagnosis is None or diagnosis.ending:  # the modes that are not reached have no cause
            return
        causes: list[str] = [mode.cause for mode in diagnosis.modes]
        if causes != mode_texts.kinds(diagnosis.spectrum):  # else it is on the screen already
            values = np.array([mode.singular_value for mode in diagnosis.modes])
            self.chart.show(self.state, values, causes)

    def _trace(self, *, glimpse: int = 4) -> None:
        """Compute the singular values along the mode, shown after every ``glimpse`` points."""
        state = self.state
        few = len(state.reference.atoms) <= FEW
        amplitudes = trace_amplitudes(state.reference.reach, count=31 if few else 11)
        unknown = np.full((len(amplitudes), len(state.reference.causes)), np.nan)

        def show(values: Array) -> None:
            self.chart.show_traces(amplitudes, values)

        def work(report: Report) -> Array:
            values = unknown.copy()
            order = np.argsort(np.abs(amplitudes))  # from the middle outwards
            estimate = Estimate()
            estimate(f"0 of {len(order)}")
            for count, k in enumerate(order, start=1):
                checkpoint()
                found = compute(replace(state, amplitude=float(amplitudes[k]))).spectrum
                values[k] = np.nan if found is None else found.singular_values
                if count % glimpse == 0 or not few:
                    report((values.copy(), estimate(f"{count} of {len(order)}")))
            return values

        def tell(found: tuple[Array, str]) -> None:
            show(found[0])
            self._note(self._tracer, found[1])

        show(unknown)  # those of another mode would mislead
        self._progress.clear()
        self._tracer.start(work, then=show, failed=self._fail, told=tell, patience=0.0)

    def _miss(self, error: Exception) -> None:
        self._show_spectrum(Shown(self.state.atoms, None, as_sentence(error)))


def most_cells(atoms: Atoms, *, most: int = 2000) -> int:
    """Return how many cells along each periodic direction can be drawn, of ``CELLS``."""
    periodic = int(atoms.pbc.sum())
    fitting = [times for times in CELLS if periodic and len(atoms) * times**periodic <= most]
    return max(fitting, default=1)


def find_images(subject: Subject, cells: int) -> Images:
    """Return the images that are drawn: those of a block of cells, or those that centers see."""
    if cells > 1:
        return repeated_images(subject.atoms, cells)
    return near_images(subject.atoms, subject.chosen, cutoff=subject.descriptor.cutoff)


def draw_body(subject: Subject, images: Images) -> Body:
    """Return the structure with its centers and images, to be drawn."""
    return Body(images.join(subject.atoms), marked=subject.chosen, owners=tuple(images.owners))


def _camera_of(state: State, images: Images) -> Camera:
    return _best_camera(state.reference.atoms, state.reference.modes[state.mode], images)


def _best_camera(atoms: Atoms, mode: Array, images: Images) -> Camera:
    return Camera.around(images.extend(atoms.positions), view=choose_view(atoms, mode))


class Chart(FigureWidget):
    """A figure that is built once for a structure and then given new data.

    ``values`` are, per kind and cause, the markers of singular values of the displaced structure,
    ``before`` those of the reference, ``chosen`` is the ring around the chosen mode, and ``traces``
    are, per mode, the line of its singular value against the amplitude.
    """

    def __init__(self) -> None:
        super().__init__(head=54)  # pixels: three lines of a legend
        self.watch_pointer(self._describe)

    @alone
    def load(self, reference: Reference) -> None:
        """Show another structure, at amplitude zero."""
        self._spectrum, self._kinds = reference.spectrum, reference.spectrum.kinds
        self.clear()
        self._left, self._right = self.figure.subplots(1, 2, sharey=True, width_ratios=(1.3, 1))
        self._axis = _scale(self._left, self._right, reference.spectrum)
        heights = self._axis.heights(reference.spectrum.singular_values)
        self.values, self.before, self.chosen = _markers(self._left, heights)
        self.traces = [self._right.add_line(Line2D([], [], **THIN)) for _ in heights]
        self._cursor = self._right.axvline(0.0, color=ARROW, linewidth=1, linestyle=":")
        self._right.set_xlim(-1.05 * reference.reach, 1.05 * reference.reach)
        self._legend: tuple[str, ...] = ()
        self.finish(*self.values.values(), self.chosen, *self.traces, self._cursor)
        self._fit_markers()

    @alone
    def show(self, state: State, values: Array, causes: Sequence[str]) -> None:
        """Show singular values of the displaced structure, if any, each with its kind or cause."""
        named, self._shown = np.array(causes), values
        heights = self._axis.heights(values)
        for cause, line in self.values.items():
            line.set_data(np.flatnonzero(named == cause), heights[named == cause])
        self.chosen.set_data([state.mode], heights[[state.mode]] if len(heights) else [np.nan])
        self._cursor.set_xdata([state.amplitude])
        for mode, line in enumerate(self.traces):
            internal = self._kinds[mode] == "internal"
            line.set(visible=internal, **(BOLD if mode == state.mode else THIN))
        present = tuple(cause for cause in self.values if cause in causes)
        if present != self._legend:
            self._legend = present
            self._write_legend()
        self.refresh()

    def _describe(self, event: Any) -> Note | None:
        return note_on_mode(event, self.values, self._shown, zero=self._axis.zero)

    @alone
    def show_traces(self, amplitudes: Array, values: Array) -> None:
        """Show singular values, shape (amplitudes, modes), against amplitudes in Å."""
        for line, column in zip(self.traces, self._axis.heights(values).T, strict=True):
            line.set_data(amplitudes, column)
        self.refresh()

    @alone
    def copy(self, left: Axes, right: Axes) -> None:
        """Draw the same into other axes, as in a figure for a file."""
        _scale(left, right, self._spectrum)
        right.axvline(*self._cursor.get_xdata()[:1], color=ARROW, linewidth=1, linestyle=":")
        for axes, own in ((left, self._left), (right, self._right)):
            for line in own.lines:
                if line is not self._cursor and line.get_visible():
                    look = {name: getattr(line, f"get_{name}")() for name in COPIED}
                    axes.plot(line.get_xdata(), line.get_ydata(), **look)
            axes.set(xlim=own.get_xlim(), ylim=own.get_ylim())

    def rearrange(self) -> None:
        """Give the legend as many columns as there is room for now."""
        super().rearrange()
        if self.figure.axes:  # there are none between two structures
            self._fit_markers()
            self._write_legend()

    def _fit_markers(self) -> None:
        count = len(self.traces)
        fit_markers(*self.values.values(), self.before, count=count, largest=8.0)
        self.chosen.set_markersize(1.9 * max(5.0, self.before.get_markersize()))

    def on_click(self, *, mode: Callable[[int], None], amplitude: Callable[[float], None]) -> None:
        """Call these with the mode, or the amplitude, that the user clicked on."""

        def clicked(event: Any) -> None:
            if event.inaxes is self._left:
                mode(int(np.clip(round(event.xdata), 0, len(self.traces) - 1)))
            else:
                amplitude(float(event.xdata))

        self.watch_clicks(clicked)

    def _write_legend(self) -> None:
        for old in tuple(self.figure.legends):
            old.remove()
        lines = [self.before, *(self.values[cause] for cause in self._legend)]
        longest = 97  # points of the longest name of a cause, with its marker
        columns = count_columns(self.figure, names=len(lines), column=longest)
        style: dict[str, Any] = {"fontsize": 8, "frameon": False, "loc": "upper center"}
        tight: dict[str, Any] = {"handletextpad": 0.2, "columnspacing": 1.0, "borderaxespad": 0.2}
        self.figure.legend(handles=lines, ncols=columns, **style, **tight)
        self.paint()
        self.redraw()


def _scale(left: Axes, right: Axes, reference: Spectrum) -> ZeroAxis:
    count, zero = len(reference.singular_values), reference.zero_level or reference.threshold
    room = 8.0  # above the largest singular value, for growth
    # Where symmetry hides everything, displaced atoms are seen on the usual scale.
    top = room * max(float(reference.singular_values.max()), reference.scale, zero)
    axis = set_decades(left, float(np.log10(zero)), float(np.log10(top)), zero=zero, ticks=6)
    left.set(xlim=(-0.8, count - 0.2), xlabel="mode", ylabel="singular value (1/Å)")
    left.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    right.set(xlabel="amplitude (Å)")
    right.xaxis.set_major_locator(MaxNLocator(4))
    for axes in (left, right):
        axis.shade(axes)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    return axis


def _markers(axes: Axes, heights: Array) -> tuple[dict[str, Line2D], Line2D, Line2D]:
    style: dict[str, Any] = {"ls": "none"}
    (before,) = axes.plot(heights, marker="_", color="gray", label="at amplitude 0", **style)
    lines, edge = {}, {**style, "mec": "black", "mew": 0.5}
    for cause, marker in MARKERS.items():
        color = cause_color(cause)
        (lines[cause],) = axes.plot([], [], marker=marker, color=color, label=cause, **edge)
    (ring,) = axes.plot([], [], "o", mfc="none", mec=ARROW, mew=2.2, ls="none")
    return lines, before, ring
