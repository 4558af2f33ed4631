"""Show a state in molecule, chart and panel: the atoms move first, then the values follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np
from ase import Atoms

from sensitivity.diagnosis import Diagnosis
from sensitivity.explorers.main import mode_texts
from sensitivity.explorers.main.chart import Chart
from sensitivity.explorers.main.controls import CELLS, Controls
from sensitivity.explorers.main.feature_arrows import Features, find_features
from sensitivity.explorers.main.spectrum_plot import Traces, Values
from sensitivity.explorers.parts.background import Report, Worker
from sensitivity.explorers.parts.estimate import Estimate
from sensitivity.explorers.parts.molecule import (
    Molecule,
)
from sensitivity.explorers.parts.scene import Body, Camera
from sensitivity.explorers.parts.state import (
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
from sensitivity.plots.camera import choose_view
from sensitivity.plots.structures import cell_edges
from sensitivity.progress import checkpoint
from sensitivity.structures.images import Images, near_images, repeated_images

SETTLED = 0.25  # seconds without a change before the causes of a displaced structure are computed


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
        self._finder = Worker(changed=self._hint)
        self.workers = self._spectra, self._causes, self._tracer, self._finder
        self._hints = {
            self._tracer: "Computing the curves along the mode",
            self._causes: "Computing the causes",
            self._finder: "Computing the features that the mode changes",
        }
        self._progress: dict[Worker, str] = {}
        self._previewing = False
        self.explaining = True  # causes and sentences are shown
        self.cells = 1
        self._features = Features()
        self._shown: Shown | None = None  # the structure that the sentence describes
        self._timer: asyncio.TimerHandle | None = None

    def load(self, state: State) -> None:
        """Show another reference; change nothing if it cannot be shown."""
        reference = state.reference
        cells = min(self.cells, most_cells(reference.atoms))
        subject, labels = reference.subject, mode_texts.labels(reference)
        images = find_images(subject, cells)
        body, camera = draw_body(subject, images), _camera_of(state, images)
        self._previewing = False
        for worker in self.workers:
            worker.drop()
        self.state, self._images, self.cells = state, images, cells
        self._seeking = reference.diagnosis is None and self.explaining
        self._features, self._shown = Features(), None
        self._draw(body, camera)
        self.chart.load(reference)
        self._controls.lock(False)
        self._controls.load(labels, mode=state.mode, reference=reference)

    @property
    def owners(self) -> list[int]:
        """Index of each drawn atom; for a periodic image, the index of the original atom."""
        own = len(self._body.atoms) - self._body.images
        return [*range(own), *self._body.owners]

    def _draw(self, body: Body, camera: Camera) -> None:
        self._body = body
        self.molecule.load(body, camera=camera)

    def repeat(self, cells: int) -> None:
        """Draw ``cells`` cells along each periodic direction; 1 draws the images within cutoff."""
        if cells != self.cells:
            subject, self.cells = self.state.reference.subject, cells
            self._images = find_images(subject, cells)
            if not self._previewing:
                camera = _camera_of(self.state, self._images)
                self._draw(draw_body(subject, self._images), camera)
                self._move()

    def preview(self, subject: Subject) -> None:
        """Show the atoms of a subject while its singular values are computed."""
        atoms = subject.atoms
        images = find_images(subject, min(self.cells, most_cells(atoms)))
        body = draw_body(subject, images)
        self._previewing = True
        self._controls.lock(True)
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
        """True while the molecule on the screen is a preview, not that of the state."""
        return self._previewing

    def compute(self) -> None:
        """Compute the singular values of the reference, and its causes if they are unknown."""
        reference = self.state.reference
        self._move()
        if reference.quick or not self._seeking:
            self._accompany()  # otherwise after the causes, which matter more
        if self._seeking:
            estimate = Estimate()
            self._progress.clear()
            self._causes.start(
                lambda report: explain(reference, progress=lambda words: report(estimate(words))),
                then=self._learn,
                failed=self._stay_ignorant,
                told=partial(self._note, self._causes),
            )

    def explain(self) -> None:
        """Show causes and sentences from now on."""
        self.explaining, self._seeking = True, self.state.reference.diagnosis is None
        self.compute()

    def show(self, state: State) -> None:
        """Show another state of the same reference."""
        turned, chosen = state.mode != self.state.mode, state.feature != self.state.feature
        self.state = state
        if self._previewing:
            return
        self._move()
        if turned:
            self._accompany()
        elif chosen:
            self._find_features()

    def look(self, axis: str | None = None) -> None:
        """Look along x, y or z, or from the direction that shows atoms and mode best."""
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
        self._accompany()

    def _stay_ignorant(self, error: Exception) -> None:
        self._seeking = False
        self._move()
        self._accompany()
        self._fail(error)

    def _note(self, worker: Worker, progress: str) -> None:
        """Store the progress of a worker, and update the hint if one is shown."""
        self._progress[worker] = progress
        self._hint()

    def _hint(self, due: bool = False, *, after: float = 0.7) -> None:
        """Show the running computation in the panel, ``after`` seconds to avoid flicker."""
        busy = next((worker for worker in self._hints if worker.busy), None)
        progress = f": {self._progress[busy]}" if busy in self._progress else ""
        text = f"{self._hints[busy]}{progress} …" if busy else ""
        if not text and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due or not text or self._panel.aside.value:
            self._panel.hint(text)
        elif self._timer is None:
            with suppress(RuntimeError):  # outside a notebook every computation is awaited
                self._timer = asyncio.get_running_loop().call_later(after, self._hint, True)

    def _move(self) -> None:
        state = self.state
        self._show_atoms()
        self._controls.show(state)
        if state.reference.diagnosis is not None:
            self._causes.drop()  # they belong to a structure that is no longer shown
        # Atoms that move would start computations that none waits for.
        delay = SETTLED if state.amplitude and not state.reference.quick else 0.0
        self._spectra.start(
            lambda _: compute(state), then=self._show_spectrum, failed=self._miss, delay=delay
        )
        if self._spectra.busy:
            self._say(None)

    def _show_atoms(self) -> None:
        state, positions = self.state, self.state.atoms.positions
        length = state.arrow_length * state.arrows
        ends = arrow_ends(positions, self._pattern, length=length)
        self.molecule.show(self._images.extend(positions), arrows=ends)

    @property
    def _pattern(self) -> Array:
        """The displacement that the arrows show: the mode, or the gradient of a feature."""
        state, found = self.state, self._features
        if state.feature is None or found.chosen != state.feature or found.gradient is None:
            mode: Array = state.reference.modes[state.mode]
            return mode
        return found.gradient

    def _accompany(self) -> None:
        """Compute what belongs to the mode: the curves, and the features that it changes."""
        self._trace()
        self._features = Features()
        self._controls.offer_features(self._features, self.state, known=False)
        self._find_features()

    def _find_features(self) -> None:
        state = self.state
        self._finder.start(
            lambda _: find_features(state), then=self._learn_features, failed=self._fail, patience=0
        )

    def _learn_features(self, found: Features) -> None:
        self._features = found
        self._controls.offer_features(found, self.state, known=True)
        if found.chosen is not None:
            self._show_atoms()
            self._say(self._shown)

    def _say(self, shown: Shown | None) -> None:
        self._shown = shown
        arrows = "" if self.state.feature is None else self._features.sentence
        text = mode_texts.to_html(self.state, shown, seeking=self._seeking, arrows=arrows)
        known = self.explaining or self.state.reference.diagnosis is not None
        self._panel.sentence.value = text if known else ""

    def _show_spectrum(self, shown: Shown) -> None:
        state, found, reference = self.state, shown.spectrum, self.state.reference
        self._say(shown)
        self.chart.show(Values.of(state, found))
        if found is not None and state.amplitude and reference.diagnosis is not None:
            self._causes.start(
                lambda _: explain_spectrum(found, reference.descriptor),
                then=self._show_causes,
                failed=self._fail,
                delay=SETTLED,
            )

    def _show_causes(self, diagnosis: Diagnosis | None) -> None:
        if diagnosis is None or diagnosis.ending:  # some modes have no cause yet
            return
        content = Values.explained(self.state, diagnosis)
        if content.causes != mode_texts.kinds(diagnosis.spectrum):  # otherwise already shown
            self.chart.show(content)

    def _trace(self, *, glimpse: int = 4) -> None:
        """Compute the singular values along the mode; show them after every ``glimpse`` points."""
        state = self.state
        few = state.reference.quick
        amplitudes = trace_amplitudes(state.reference.reach, count=31 if few else 11)
        unknown = np.full((len(amplitudes), len(state.reference.causes)), np.nan)

        def show(values: Array) -> None:
            self.chart.show_traces(Traces(amplitudes, values))

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

        show(unknown)  # curves of another mode would mislead
        self._progress.clear()
        self._tracer.start(work, then=show, failed=self._fail, told=tell, patience=0.0)

    def _miss(self, error: Exception) -> None:
        self._show_spectrum(Shown(self.state.atoms, None, as_sentence(error)))


def most_cells(atoms: Atoms, *, most: int = 2000) -> int:
    """Return the largest number in ``CELLS`` that can be drawn along each periodic direction."""
    periodic = int(atoms.pbc.sum())
    fitting = [times for times in CELLS if periodic and len(atoms) * times**periodic <= most]
    return max(fitting, default=1)


def find_images(subject: Subject, cells: int) -> Images:
    """Return the images to draw: of a block of cells, or within the cutoff of a center."""
    if cells > 1:
        return repeated_images(subject.atoms, cells)
    return near_images(subject.atoms, subject.chosen, cutoff=subject.descriptor.cutoff)


def draw_body(subject: Subject, images: Images) -> Body:
    """Return the body to draw: the structure with its centers and images."""
    return Body(images.join(subject.atoms), marked=subject.chosen, owners=tuple(images.owners))


def _camera_of(state: State, images: Images) -> Camera:
    return _best_camera(state.reference.atoms, state.reference.modes[state.mode], images)


def _best_camera(atoms: Atoms, mode: Array, images: Images) -> Camera:
    places, view = images.extend(atoms.positions), choose_view(atoms, mode)
    near, corners = Camera.around(places, view=view), cell_edges(atoms).reshape(-1, 3)
    whole = Camera.around(places, corners, view=view)
    return whole if whole.radius < 1.5 * near.radius else near  # a cell may be mostly vacuum
