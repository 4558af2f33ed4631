"""Move the atoms along a singular vector, and watch the singular values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from ase import Atoms

from sensitivity import structures
from sensitivity.descriptors import Centers, DensityCorrelations, Descriptor
from sensitivity.diagnosis import Diagnosis
from sensitivity.explorers import journeys, sentences
from sensitivity.explorers.actions import SOUVENIRS, Actions
from sensitivity.explorers.background import Failure, Report, Worker
from sensitivity.explorers.chart import Chart
from sensitivity.explorers.controls import ARROW_LENGTHS, INTERVAL, STEP, Controls, swing
from sensitivity.explorers.layout import arrange
from sensitivity.explorers.molecule import Body, Camera, Molecule
from sensitivity.explorers.settings import (
    Settings,
    check_size,
    read_centers,
    read_upload,
    refine,
    usual_centers,
)
from sensitivity.explorers.source import write_source
from sensitivity.explorers.souvenirs import make_souvenir
from sensitivity.explorers.state import (
    ARROW_LENGTH,
    Reference,
    Shown,
    State,
    arrow_ends,
    as_sentence,
    compute,
    examine,
    explain,
    explain_displaced,
    trace_amplitudes,
)
from sensitivity.plots.camera import choose_view

GLIMPSE = 4
"""A trace that takes long is shown as far as it is known, after every so many points."""

MOST_UNDONE = 50
"""Steps back that are remembered."""

USUAL = DensityCorrelations(order=2, cutoff=3.0, n_max=6, l_max=6)

VIEWS = {
    "x": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "y": np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    "z": np.eye(3),
}
"""Rows are right, up and towards the viewer, who looks along the axis."""


class Explorer(traitlets.HasTraits):
    """The atoms with arrows along one mode, and the singular values, in a notebook.

    Make it the last expression of a cell to see it. Everything a control does can be done from
    Python too: ``explorer.mode = 3``, ``explorer.amplitude = 0.2``, ``explorer.structure = "C6H6"``,
    ``explorer.descriptor = ...``, ``explorer.locate()``.

    The mode is a right singular vector of the reference, the structure at amplitude zero, and
    stays the same while the amplitude moves. The singular values shown are those of the displaced
    structure, in descending order, beside those of the reference (dashes). They are coloured by
    cause as soon as that is known.

    What takes long goes on in the background: ``busy`` tells whether something does, ``wait()``
    waits for it, and ``cancel()`` ends it.

    Parameters
    ----------
    atoms
        The reference, or its name in the library; methane if there is none. It is not changed.
    descriptor
        What looks at the structure, for instance a ``DensityCorrelations``; of order 2 if none is
        given.
    centers
        Indices of the center atoms; every atom by default. Of a name of the library, what is usual
        there: the center of an environment, the carbon atom of methane, else every atom.

    Attributes
    ----------
    mode
        Index of the mode, a row of ``reference.modes``. At first the internal mode with the
        smallest singular value.
    amplitude
        Å. Root of the summed squares of what the atoms moved.
    arrows, arrow_length
        Whether one arrow per atom shows the direction of motion, and the length of the longest, Å.

    Raises
    ------
    ValueError
        If the mode does not exist, the amplitude is beyond the ends of the slider, or the
        structure is too large.
    """

    mode = traitlets.CInt()
    amplitude = traitlets.CFloat()
    arrows = traitlets.CBool(True)
    arrow_length = traitlets.CFloat(ARROW_LENGTH)

    def __init__(
        self,
        atoms: Atoms | str = "CH4",
        descriptor: Descriptor = USUAL,
        *,
        centers: Centers = None,
    ) -> None:
        super().__init__()
        self.controls, self.settings, self.actions = Controls(), Settings(), Actions()
        self.chart = Chart()
        self.molecule = Molecule(on_width=self.chart.fit)
        self.panel = _panel()
        self.widget = arrange(
            above=[self.settings.box],
            left=self.molecule.widget,
            right=self.chart.widget,
            below=[self.controls.box, self.actions.box, self.panel],
        )
        self._tasks = Worker(changed=lambda: self.actions.show_busy(self._tasks.busy))
        self._spectra, self._causes, self._tracer = Worker(), Worker(), Worker()
        self._past: list[State] = []
        self._file: tuple[str, bytes] | None = None
        self._entering = False
        molecule, name = _named(atoms)
        check_size(molecule)
        if centers is None and name:
            centers = usual_centers(molecule, name=name)
        self._enter(examine(molecule, descriptor, centers=centers, name=name))
        self._connect()

    # What is shown.

    @property
    def reference(self) -> Reference:
        """The structure at amplitude zero, with its modes and their causes."""
        return self.state.reference

    @property
    def shown(self) -> Shown:
        """The displaced structure and its spectrum, or the sentence that says why it has none."""
        return compute(self.state)

    @property
    def structure(self) -> Atoms:
        """The structure at amplitude zero; set it to another one, or to a name of the library."""
        return self.reference.atoms.copy()

    @structure.setter
    def structure(self, structure: Atoms | str) -> None:
        atoms, name = _named(structure)
        check_size(atoms)
        self._file = None
        self._look_at(atoms, self.descriptor, usual_centers(atoms, name=name), name=name)

    @property
    def descriptor(self) -> Descriptor:
        """What looks at the structure; set it to another one."""
        return self.reference.descriptor

    @descriptor.setter
    def descriptor(self, descriptor: Descriptor) -> None:
        self._look_at(self._base, descriptor, self.centers, name=self.reference.name)

    @property
    def centers(self) -> tuple[int, ...]:
        """The center atoms; set it to others, or to None for all."""
        return self.reference.centers

    @centers.setter
    def centers(self, centers: Centers) -> None:
        self._look_at(self._base, self.descriptor, centers, name=self.reference.name)

    @property
    def _base(self) -> Atoms:
        return self.reference.atoms

    def code(self) -> str:
        """Return the lines of Python that give the numbers on the screen."""
        return write_source(self.state)

    def save(self, path: str | PathLike[str]) -> None:
        """Write what is on the screen to a file; its name says what.

        .xyz or .extxyz: the atoms; .traj.extxyz: a swing along the mode; .png, .pdf, .svg: the
        chart; .gif: a film of the motion; .json or .json.gz: for chemiscope; .py: ``code()``.

        Raises
        ------
        ValueError
            If the name ends otherwise.
        """
        file = Path(path)
        file.write_bytes(make_souvenir(file.name, self.state, self.chart.figure))

    # What goes on.

    @property
    def busy(self) -> bool:
        """Whether something goes on in the background."""
        return any(worker.busy for worker in self._workers)

    def wait(self) -> None:
        """Wait until nothing goes on in the background."""
        while self.busy:
            for worker in self._workers:
                worker.wait()

    def cancel(self) -> None:
        """End what takes long, and keep what it has found."""
        self._tasks.cancel()

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return self._tasks, self._spectra, self._causes, self._tracer

    # Where to go.

    def locate(self) -> None:
        """Go to the nearest singular point of the first center."""
        self._travel(journeys.locate)

    def follow(self) -> None:
        """Follow the mode from the structure at amplitude zero, and show the way below."""
        self._travel(journeys.follow)

    def find_twin(self) -> None:
        """Find two structures with the same features of the first center, and show them below."""
        self._travel(journeys.find_twin)

    def enlarge_basis(self) -> None:
        """Look with a larger basis of the same order."""
        self._take_other(self.descriptor.larger_basis(), "a larger basis")

    def raise_order(self) -> None:
        """Look with correlations of one more neighbour."""
        self._take_other(self.descriptor.higher_order(), "a higher order")

    def undo(self) -> None:
        """Go back to the structure and the descriptor before."""
        if not self._past:
            self.actions.tell("There is nothing to be undone.")
            return
        state = self._past.pop()
        self._file = None
        self._enter(state.reference, mode=state.mode, amplitude=state.amplitude, remember=False)
        self.actions.tell("")

    def reset(self) -> None:
        """Go back to the least visible mode, amplitude zero, arrows, and the first camera."""
        self.controls.play.playing = False
        self.controls.play.value = 0
        self.amplitude, self.arrows, self.arrow_length = 0.0, True, ARROW_LENGTH
        self.mode = self.reference.least_visible
        self.molecule.look(self._camera())

    def look(self, axis: str) -> None:
        """Look along x, y or z."""
        if axis not in VIEWS:
            raise ValueError(f"axis must be x, y or z, got {axis!r}.")
        self.molecule.look(Camera.around(self.reference.atoms, view=VIEWS[axis]))

    # How it works.

    def _connect(self) -> None:
        controls, actions = self.controls, self.actions
        self.observe(self._choose, "mode")
        self.observe(self._move, ["amplitude", "arrows", "arrow_length"])
        controls.mode.observe(lambda change: self._try(self._set_mode, change["new"]), "value")
        controls.amplitude.observe(self._slide, "value")
        traitlets.link((self, "arrows"), (controls.arrows, "value"))
        traitlets.link((self, "arrow_length"), (controls.arrow_length, "value"))
        controls.play.observe(self._swing, "value")
        controls.speed.observe(self._hurry, "value")
        controls.reset.on_click(lambda _: self.reset())
        for axis, button in controls.look.items():
            button.on_click(lambda _, axis=axis: self.look(axis))
        self.chart.on_click(mode=self._set_mode, amplitude=self._click_amplitude)
        actions.on_click(
            journey=lambda name: self._try(getattr(self, name)),
            souvenir=self._make,
            cancel=self.cancel,
        )
        self.settings.on_change(
            structure=lambda name: self._try(setattr, self, "structure", name),
            upload=lambda name, content: self._try(self.open, name, content),
            frame=lambda index: self._try(self._open_frame, index),
            descriptor=lambda name, value: self._try(self._refine, name, value),
            centers=lambda text: self._try(self._center, text),
        )

    def _try(self, act: Callable[..., None], *arguments: Any) -> None:
        """Do what a person asks for; what is wrong with it is said in the panel."""
        try:
            act(*arguments)
        except (ValueError, TypeError, MemoryError, ModuleNotFoundError, OSError) as error:
            self._fail(error)

    def _fail(self, error: Failure) -> None:
        interrupted = isinstance(error, KeyboardInterrupt)
        text = "It was cancelled." if interrupted else as_sentence(error)
        self.actions.tell(text, trouble=not interrupted)
        self._show_settings()

    def open(self, name: str, content: bytes) -> None:
        """Look at the first structure of a file, given its name and its content.

        Raises
        ------
        ValueError
            If the file is too large, or no structure that ASE reads.
        """
        self._open_frame(0, name, content)

    def _open_frame(self, index: int, name: str = "", content: bytes = b"") -> None:
        if self._file is not None and not name:
            name, content = self._file
        atoms, self._frames = read_upload(name, content, index=index)
        check_size(atoms)
        self._file = (name, content)
        self._look_at(atoms, self.descriptor, usual_centers(atoms), title=name)

    def _refine(self, name: str, value: Any) -> None:
        assert isinstance(self.descriptor, DensityCorrelations)
        self.descriptor = refine(self.descriptor, name, value)

    def _center(self, text: str) -> None:
        self.centers = read_centers(text, self.reference.atoms)

    def _take_other(self, descriptor: Descriptor | None, what: str) -> None:
        if descriptor is None:
            self.actions.tell(f"This descriptor names no {what.split(' ', 1)[1]}.")
            return
        self.descriptor = descriptor

    def _look_at(
        self,
        atoms: Atoms,
        descriptor: Descriptor,
        centers: Centers,
        *,
        name: str = "",
        title: str = "",
    ) -> None:
        title = title or name or str(atoms.symbols)
        self.actions.tell(f"Looking at {title} ...")
        self._tasks.start(
            lambda _: examine(atoms, descriptor, centers=centers, name=name),
            then=lambda reference: (self._enter(reference), self.actions.tell(""))[0],
            failed=self._fail,
        )

    def _travel(self, journey: Callable[[State, Report], journeys.Arrival]) -> None:
        state = self.state
        self.actions.tell(f"{journey.__doc__} ...")
        self._tasks.start(
            lambda report: journey(state, report),
            then=self._arrive,
            failed=self._fail,
            told=self.actions.tell,
        )

    def _arrive(self, arrival: journeys.Arrival) -> None:
        self.actions.tell(arrival.sentence, trouble=not arrival.good)
        if arrival.reference is not None:
            self._enter(arrival.reference)
        if arrival.view is not None:
            self.panel.children = (arrival.view().widget,)

    def _make(self, name: str) -> None:
        file, state, figure = SOUVENIRS[name][1], self.state, self.chart.figure
        self.actions.tell(f"Making {file} ...")
        self._tasks.start(
            lambda _: make_souvenir(file, state, figure),
            then=lambda content: self._offer(file, content),
            failed=self._fail,
        )

    def _offer(self, file: str, content: bytes) -> None:
        self.actions.offer(file, content)
        self.actions.tell(f"{file} is ready: click on its name.")

    def _enter(
        self,
        reference: Reference,
        *,
        mode: int | None = None,
        amplitude: float = 0.0,
        remember: bool = True,
    ) -> None:
        """Show another reference."""
        if remember and hasattr(self, "state"):
            self._past = [*self._past[-MOST_UNDONE:], self.state]
        self._spectra.drop(), self._causes.drop(), self._tracer.drop()
        chosen = reference.least_visible if mode is None else mode
        self.state = State(reference, chosen, amplitude, self.arrows, self.arrow_length)
        self._entering = True
        self.mode, self.amplitude = chosen, amplitude
        self.controls.load(self._labels(), mode=chosen, reach=reference.reach)
        self._entering = False
        marked = reference.centers if len(reference.centers) < len(reference.atoms) else ()
        self.molecule.load(Body(reference.atoms, marked=marked), camera=self._camera())
        self.chart.load(reference)
        self._show_settings()
        self._choose()
        if reference.diagnosis is None:
            self._causes.start(
                lambda _: explain(reference), then=self._learn, failed=self._learn_nothing
            )

    def _learn(self, reference: Reference) -> None:
        """Take the modes of a reference whose causes are known now."""
        self.state = replace(self.state, reference=reference)
        self._entering = True
        self.controls.name_modes(self._labels(), mode=self.state.mode)
        self._entering = False
        self._choose()

    def _learn_nothing(self, error: Failure) -> None:
        if not isinstance(error, KeyboardInterrupt):
            self.actions.tell(f"The causes are not known: {as_sentence(error)}", trouble=True)

    def _choose(self, _: Any = None) -> None:
        if self._entering:
            return
        self._move()
        self._trace()

    def _move(self, _: Any = None) -> None:
        """Move the atoms at once; the singular values follow."""
        if self._entering:
            return
        self.state = State(
            self.state.reference, self.mode, self.amplitude, self.arrows, self.arrow_length
        )
        state, positions = self.state, self.state.atoms.positions
        ends = arrow_ends(positions, state.pattern, length=state.arrow_length)
        self.molecule.show(positions, arrows=ends)
        self.controls.mode.value = state.mode
        self.controls.stand_at(state.amplitude)
        self.controls.sentence.value = sentences.to_html(state, None)
        self._spectra.start(
            lambda _: compute(state), then=self._show_spectrum, failed=self._forget
        )

    def _show_spectrum(self, shown: Shown) -> None:
        found = shown.spectrum
        values = np.zeros(0) if found is None else found.singular_values
        self.controls.sentence.value = sentences.to_html(self.state, shown)
        reference = self.reference
        if self.amplitude == 0.0 and found is not None:
            self.chart.show(self.state, reference.singular_values, reference.causes)
            return
        self.chart.show(self.state, values, () if found is None else found.kinds)
        if reference.diagnosis is not None:
            self._causes.start(
                lambda _: explain_displaced(shown, reference.descriptor),
                then=self._show_causes,
                failed=self._forget,
                patience=0.0,
            )

    def _show_causes(self, diagnosis: Diagnosis | None) -> None:
        if diagnosis is not None:
            values = np.array([mode.singular_value for mode in diagnosis.modes])
            self.chart.show(self.state, values, [mode.cause for mode in diagnosis.modes])

    def _forget(self, error: Failure) -> None:
        if not isinstance(error, KeyboardInterrupt):
            self._fail(error)

    def _trace(self) -> None:
        state = self.state
        amplitudes = trace_amplitudes(state.reference.reach)
        unknown = np.full((len(amplitudes), len(state.reference.causes)), np.nan)
        self.chart.show_traces(amplitudes, unknown)  # those of another mode would mislead

        def show(values: Any) -> None:
            self.chart.show_traces(amplitudes, values)

        def work(report: Report) -> Any:
            values = unknown.copy()
            order = np.argsort(np.abs(amplitudes))  # from the middle outwards
            for count, k in enumerate(order, start=1):
                found = compute(replace(state, amplitude=float(amplitudes[k]))).spectrum
                values[k] = np.nan if found is None else found.singular_values
                if count % GLIMPSE == 0:
                    report(values.copy())
            return values

        self._tracer.start(work, then=show, failed=self._forget, told=show, patience=0.0)

    def _slide(self, change: Any) -> None:
        # The slider stands at the stop nearest to the amplitude, which may lie between two.
        if not self._entering and abs(change["new"] - self.amplitude) > STEP / 2:
            self.amplitude = change["new"]

    def _swing(self, change: Any) -> None:
        self.amplitude = swing(change["new"], reach=self.reference.reach)

    def _hurry(self, change: Any) -> None:
        self.controls.play.interval = round(INTERVAL / change["new"])

    def _set_mode(self, mode: int | None) -> None:
        if mode is not None and not self._entering:
            self.mode = mode

    def _click_amplitude(self, amplitude: float) -> None:
        reach = self.reference.reach
        self.amplitude = round(float(np.clip(amplitude, -reach, reach)), 2)

    def _camera(self) -> Camera:
        atoms = self.reference.atoms
        return Camera.around(atoms, view=choose_view(atoms, self.reference.modes[self.state.mode]))

    def _labels(self) -> list[str]:
        return [sentences.label(self.reference, mode) for mode in range(len(self.reference.causes))]

    def _show_settings(self) -> None:
        self.settings.show(self.reference, frames=self._frames if self._file else 1)

    _frames = 1

    @traitlets.validate("mode")
    def _validate_mode(self, proposal: Any) -> int:
        mode, count = int(proposal["value"]), len(self.reference.causes)
        if not 0 <= mode < count:
            raise ValueError(f"mode must be one of 0 to {count - 1}, got {mode}")
        return mode

    @traitlets.validate("amplitude")
    def _validate_amplitude(self, proposal: Any) -> float:
        amplitude, reach = float(proposal["value"]), self.reference.reach
        if not abs(amplitude) <= reach:
            raise ValueError(f"amplitude must be between {-reach} and {reach} Å, got {amplitude}")
        return amplitude

    @traitlets.validate("arrow_length")
    def _validate_arrow_length(self, proposal: Any) -> float:
        length = float(proposal["value"])
        if length not in ARROW_LENGTHS:
            raise ValueError(f"arrow_length must be one of {ARROW_LENGTHS} Å, got {length}")
        return length

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)


def _named(structure: Atoms | str) -> tuple[Atoms, str]:
    """The structure, and its name if it is from the library."""
    if isinstance(structure, str):
        return structures.load(structure), structure
    return structure, ""


def _panel() -> Any:
    from sensitivity.explorers.libraries import require

    return require("ipywidgets").VBox([])
