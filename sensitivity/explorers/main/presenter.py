"""Molecule, chart and sentence show a state: first the atoms move, then the values follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from sensitivity.diagnosis import Diagnosis
from sensitivity.explorers.main import mode_texts
from sensitivity.explorers.main.controls import Controls
from sensitivity.explorers.main.spectrum_chart import Chart
from sensitivity.explorers.parts.background import Failure, Report, Worker
from sensitivity.explorers.parts.molecule import Body, Camera, Images, Molecule, near_images
from sensitivity.explorers.parts.state import (
    Reference,
    Shown,
    State,
    arrow_ends,
    compute,
    explain,
    explain_spectrum,
    trace_amplitudes,
)
from sensitivity.explorers.parts.view import Panel, as_sentence
from sensitivity.numerics import Array
from sensitivity.plots.camera import choose_view
from sensitivity.progress import checkpoint

SETTLED = 0.25  # seconds without a change, then the causes for a displaced structure are computed

VIEWS = {axis: np.roll(np.eye(3), k, axis=1) for k, axis in enumerate("xyz", start=1)}
"""Rows are right, up and towards the viewer, who looks along the axis."""


class Presenter:
    """Shows a ``state`` in ``molecule``, ``chart``, controls and panel; errors go to ``failed``."""

    def __init__(
        self, controls: Controls, panel: Panel, *, failed: Callable[[Failure], None]
    ) -> None:
        self.chart = Chart()
        self.molecule = Molecule(on_width=self.chart.fit)
        self._controls, self._panel, self._fail = controls, panel, failed
        self._spectra = Worker()
        self._causes, self._tracer = Worker(changed=self._hint), Worker(changed=self._hint)
        self.workers = self._spectra, self._causes, self._tracer
        self._hints = {
            "Computing the curves along the mode …": self._tracer,
            "Computing the causes …": self._causes,
        }
        self._timer: asyncio.TimerHandle | None = None

    def load(self, state: State) -> None:
        """Show another reference; nothing is changed if it cannot be shown."""
        reference = state.reference
        cutoff = reference.descriptor.cutoff
        images = near_images(reference.atoms, reference.centers, cutoff=cutoff)
        body = Body(images.join(reference.atoms), marked=reference.centers, images=len(images))
        camera, labels = _best_camera(state, images), mode_texts.labels(reference)
        for worker in self.workers:
            worker.drop()
        self.state, self._images, self._seeking = state, images, reference.diagnosis is None
        self.molecule.load(body, camera=camera)
        self.chart.load(reference)
        self._controls.load(labels, mode=state.mode, reach=reference.reach)

    def compute(self) -> None:
        """Compute what is to be shown of the reference, and its causes if they are not known."""
        reference = self.state.reference
        self._move()
        self._trace()
        if self._seeking:
            self._causes.start(
                lambda _: explain(reference), then=self._learn, failed=self._stay_ignorant
            )

    def show(self, state: State) -> None:
        """Show another state of the same reference."""
        turned = state.mode != self.state.mode
        self.state = state
        self._move()
        if turned:
            self._trace()

    def look(self, axis: str | None = None) -> None:
        """Look along x, y or z, or from where atoms and mode are seen best."""
        if axis is None:
            self.molecule.look(_best_camera(self.state, self._images))
        elif axis in VIEWS:
            drawn = self._images.extend(self.state.reference.atoms.positions)
            self.molecule.look(Camera.around(drawn, view=VIEWS[axis]))
        else:
            raise ValueError(f"axis must be x, y or z, got {axis!r}; give e.g. 'z'.")

    def _learn(self, reference: Reference) -> None:
        self.state, self._seeking = replace(self.state, reference=reference), False
        self._controls.name_modes(mode_texts.labels(reference), mode=self.state.mode)
        self._move()
        self._trace()

    def _stay_ignorant(self, error: Failure) -> None:
        self._seeking = False
        self._move()
        self._fail(error)

    def _hint(self, due: bool = False, *, after: float = 0.7) -> None:
        """Say in the panel what is being computed, ``after`` seconds: a short hint flickers."""
        text = next((what for what, worker in self._hints.items() if worker.busy), "")
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
        if diagnosis is None:
            return
        causes: list[str] = [mode.cause for mode in diagnosis.modes]
        if causes != mode_texts.kinds(diagnosis.spectrum):  # else it is on the screen already
            values = np.array([mode.singular_value for mode in diagnosis.modes])
            self.chart.show(self.state, values, causes)

    def _trace(self, *, glimpse: int = 4) -> None:
        """Compute the singular values along the mode, shown after every ``glimpse`` points."""
        state = self.state
        amplitudes = trace_amplitudes(state.reference.reach)
        unknown = np.full((len(amplitudes), len(state.reference.causes)), np.nan)

        def show(values: Array) -> None:
            self.chart.show_traces(amplitudes, values)

        def work(report: Report) -> Array:
            values = unknown.copy()
            order = np.argsort(np.abs(amplitudes))  # from the middle outwards
            for count, k in enumerate(order, start=1):
                checkpoint()
                found = compute(replace(state, amplitude=float(amplitudes[k]))).spectrum
                values[k] = np.nan if found is None else found.singular_values
                if count % glimpse == 0:
                    report(values.copy())
            return values

        show(unknown)  # those of another mode would mislead
        self._tracer.start(work, then=show, failed=self._fail, told=show, patience=0.0)

    def _miss(self, error: Failure) -> None:
        self._show_spectrum(Shown(self.state.atoms, None, as_sentence(error)))


def _best_camera(state: State, images: Images) -> Camera:
    atoms, mode = state.reference.atoms, state.reference.modes[state.mode]
    return Camera.around(images.extend(atoms.positions), view=choose_view(atoms, mode))
