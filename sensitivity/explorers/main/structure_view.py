"""A view of one structure with one descriptor, both replaceable."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import traitlets
from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor, with_defaults
from sensitivity.explorers.main.controls import Actions, Controls, Settings
from sensitivity.explorers.main.presenter import Presenter, most_cells
from sensitivity.explorers.parts import inputs
from sensitivity.explorers.parts.background import (
    Act,
    Report,
    Work,
    Worker,
    interrupts_held,
    running_loop,
)
from sensitivity.explorers.parts.choices import Entered, Index, Length, check_index
from sensitivity.explorers.parts.estimate import Estimate
from sensitivity.explorers.parts.layout import require
from sensitivity.explorers.parts.molecule_view import MoleculeView
from sensitivity.explorers.parts.motion_view import MotionView
from sensitivity.explorers.parts.offers import USUAL, Offers, find_refusals, fit
from sensitivity.explorers.parts.state import (
    ARROW_LENGTH,
    STEP,
    Reference,
    Shown,
    State,
    Subject,
    compute,
    examine,
    oscillate,
)
from sensitivity.explorers.parts.view import INVALID
from sensitivity.numerics import check_integer, check_real
from sensitivity.progress import Cancelled, telling


@dataclass(frozen=True, eq=False)
class Request:
    """A subject that is being analysed, and the action that follows when it is shown."""

    subject: Subject
    then: Callable[[], None]


CHOICES = ["mode", "amplitude", "arrows", "arrow_length", "feature"]


class StructureView(MoleculeView):
    """The state of the explorer and its changes. ``Explorer`` documents the attributes."""

    mode = Index()
    amplitude = Length()
    cells = Index(1)
    feature = traitlets.Any(None)

    controls: Controls
    commands: dict[str, Callable[[], None]]  # called by the buttons of ``actions``

    def __init__(
        self,
        atoms: Atoms | str,
        descriptor: Descriptor | str,
        *,
        centers: Centers,
        descriptors: Iterable[Descriptor | str] | None,
        explained: bool,
    ) -> None:
        super().__init__()
        structure, name, centers = inputs.take_structure(atoms, centers)
        self.updating = Entered()
        self._awaited: Request | None = None
        self._result: MotionView | None = None  # in ``below``
        self.history: deque[State] = deque(maxlen=20)  # to which ``undo`` returns
        self._reader, self._loader = (Worker(changed=self._show_busy) for _ in range(2))
        self.offers = Offers(descriptors)
        self._remarks: tuple[str, ...] = ()  # of the descriptor, as last shown
        self.controls = Controls(self.updating)
        self.settings = Settings(self.updating, self.offers)
        self.actions, self.below = Actions(), require("ipywidgets").VBox([])
        self.below.add_class("sensitivity-result")
        self.presenter = Presenter(self.controls, self.panel, failed=self._fail)
        self.presenter.explaining = explained
        self.chart, self.molecule = self.presenter.chart, self.presenter.molecule
        usual = Subject(structure, USUAL, centers, name)
        subject = self.offers.take(descriptor, usual)
        # In a notebook a slow descriptor comes later, and the atoms at once.
        self._later = subject if subject.slow and running_loop() is not None else None
        reference = examine(subject if self._later is None else usual)
        self._enter(State(reference, reference.least_visible))
        self.molecule.on_pick = partial(self.attempt, self.pick)
        self.observe(self._change, CHOICES)

    @property
    def state(self) -> State:
        """The current choices of the user."""
        return self.presenter.state

    @property
    def reference(self) -> Reference:
        """The structure at amplitude zero, with its modes and their causes."""
        return self.state.reference

    @property
    def shown(self) -> Shown:
        """The displaced structure and its spectrum, or the reason why it has none."""
        return compute(self.state)

    @property
    def structure(self) -> Atoms:
        """The structure at amplitude zero; set it to another one, or to a library name."""
        return self.reference.subject.atoms

    @structure.setter
    def structure(self, structure: Atoms | str) -> None:
        atoms, name, _ = inputs.take_structure(structure)
        centers = inputs.usual_centers(atoms, name=name)
        self._reader.drop()  # superseded
        wanted = replace(self._wanted, atoms=atoms, centers=centers, name=name, upload=None)
        self._look_at(fit(wanted))

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor; set it to another one, or to a name of the control."""
        return self.reference.descriptor

    @descriptor.setter
    def descriptor(self, descriptor: Descriptor | str) -> None:
        if not isinstance(descriptor, str):
            self._look_at(self.offers.take(descriptor, self._wanted))
            return
        subject = self._wanted
        self.panel.tell(f"Loading {descriptor} …")
        self._run(  # imports its package, which takes seconds
            lambda _: self.offers.take(descriptor, subject),
            then=lambda _: self._look_at(self.offers.take(descriptor, self._wanted)),
            failed=self._fail,
            worker=self._loader,
        )

    @property
    def centers(self) -> tuple[int, ...]:
        """The center atoms; set it to others, or to None for all."""
        return self.reference.centers

    @centers.setter
    def centers(self, centers: Centers) -> None:
        self._look_at(replace(self._wanted, centers=centers))

    @interrupts_held()
    def open(self, name: str, content: bytes, *, index: int | None = None) -> None:
        """Show structure ``index`` of a file, or the first readable one.

        TypeError or ValueError if the file is too large, or has no structure in a text format such
        as xyz, extxyz, cif, POSCAR or pdb.
        """
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise TypeError(
                "open needs the name and the content of a file, got "
                f"{type(name).__name__} and {type(content).__name__}; give e.g. "
                "'a.xyz', Path('a.xyz').read_bytes()."
            )
        self.panel.tell(f"Reading {inputs.shown_name(name)} …")
        self._run(
            lambda _: inputs.choose_frame(inputs.read_upload(name, content), index),
            then=self._look_into,
            failed=self._fail,
            worker=self._reader,
        )

    def take_upload(self, files: Any) -> None:
        """Show the first structure of an uploaded file."""
        for file in files:
            self.open(file["name"], bytes(file["content"]))

    @interrupts_held()
    def turn_to(self, index: int) -> None:
        """Show another structure of the file."""
        file = self._wanted.upload
        if file is not None:
            self._look_into(inputs.choose_frame(file, index))

    def refine(self, name: str, value: Any) -> None:
        """Change one setting of the descriptor; TypeError or ValueError if it is invalid."""
        refined = inputs.refine(self._wanted.descriptor, name, value)
        self._look_at(replace(self._wanted, descriptor=refined))

    def center_on(self, text: str) -> None:
        """Set the centers from a text: all, an element, or numbers such as 0, 2-4."""
        self.centers = inputs.read_centers(text, self._wanted.atoms)

    def choose_feature(self, option: int) -> None:
        """Show the gradient of a feature as arrows; the mode if it is negative."""
        self.feature = None if option < 0 else option

    def pick(self, atom: int, more: bool = False) -> None:
        """Make an atom the center, also by its image; with ``more``, add or remove it."""
        atom, own = self.presenter.owners[atom], self._wanted.chosen
        self.centers = tuple(sorted({*own} ^ {atom})) or own if more else (atom,)

    def slide_to(self, amplitude: float) -> None:
        """Set the amplitude from the slider."""
        # The slider is at the stop nearest to the amplitude, which may lie between two stops.
        if abs(amplitude - self.amplitude) > STEP / 2:
            self.controls.play.playing = False
            self.amplitude = amplitude

    def oscillate(self) -> None:
        """Oscillate once along the mode, as soon as the molecule is on the screen."""
        self.presenter.molecule.when_drawn(self.controls.oscillate)

    def oscillate_to(self, step: int) -> None:
        """Set the amplitude of one step of the oscillation."""
        self.amplitude = oscillate(step, reach=self.reference.reach)

    def set_near(self, amplitude: float) -> None:
        """Set an amplitude, limited to the range of the slider."""
        reach = self.reference.reach
        self.amplitude = round(float(np.clip(amplitude, -reach, reach)), 2)

    def look(self, axis: str | None = None) -> None:
        """Look along x, y or z, or from the best direction; ValueError for another axis."""
        self.presenter.look(axis)

    @interrupts_held()
    def reset(self) -> None:
        """Return to the least visible mode, amplitude zero, arrows, and the initial view."""
        self.controls.play.playing = False
        self.controls.play.value = 0
        self.amplitude, self.arrows, self.arrow_length = 0.0, True, ARROW_LENGTH
        self.labels, self.atom_size, self.cells, self.feature = "none", 1.0, 1, None
        self.mode = self.reference.least_visible
        self.look()

    @interrupts_held()
    def undo(self) -> None:
        """Return to the previous structure and descriptor, or stop their replacement."""
        coming = self._awaited is not None or self._reader.busy or self._loader.busy
        if not coming and not self.history:
            self.panel.tell("There is nothing to undo.")
            return
        for worker in (self._reader, self._loader, self._task):
            worker.drop()
        if coming:
            self._give_up()
        else:
            self._enter(self.history[-1])
            self.history.pop()
            self._close_result()
        self.panel.tell("")

    def cancel(self) -> None:
        """Stop the task, or else the background computations; a search keeps its results so far."""
        first = self._reader, self._loader, self._task, self._saver
        asked = [each for each in first if each.busy]
        for worker in asked or self.presenter.workers:
            searching = worker is self._task and self._awaited is None
            worker.cancel(at_once=not searching)

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return self._reader, self._loader, *super()._workers, *self.presenter.workers

    @property
    def _wanted(self) -> Subject:
        """The subject that is being analysed, or else shown; changes start from it."""
        return self.reference.subject if self._awaited is None else self._awaited.subject

    def _fail(self, error: Exception) -> None:
        super()._fail(error)
        self.settings.show(self._wanted)

    def _give_up(self) -> None:
        """Discard the subject that is being analysed, and show the previous one."""
        self._awaited = None
        if self.presenter.previewing:
            self._enter(self.state)
        self.settings.show(self._wanted)

    def _show_busy(self) -> None:
        busy = self._task.busy or self._reader.busy or self._loader.busy
        self.panel.show_busy(busy or self._saver.busy)
        self.actions.lock(busy)

    def _change(self, _: Any) -> None:
        if not self.updating:
            if self.controls.play.repeat:  # not during the single oscillation at the start
                self.panel.dismiss()
            chosen = {name: getattr(self, name) for name in CHOICES}
            self.presenter.show(State(self.reference, **chosen))

    def _look_into(self, upload: inputs.Upload) -> None:
        atoms = upload.atoms.copy()
        centers = inputs.usual_centers(atoms)
        wanted = replace(self._wanted, atoms=atoms, centers=centers, name="", upload=upload)
        self._look_at(fit(wanted))

    def _look_at(self, subject: Subject, *, then: Callable[[], None] = lambda: None) -> None:
        """Analyse and show another subject; changes made meanwhile start from it.

        If it cannot be analysed, the analysis that it replaced continues.
        """
        upload = subject.upload if subject.upload is not self.reference.upload else None
        request, replaced = Request(subject, then), self._awaited

        def arrive(reference: Reference) -> None:
            self._go_to(reference)
            note = "" if upload is None else upload.note
            self.panel.report(" ".join(filter(None, (note, self._new_remarks()))))
            then()

        def fail(error: Exception) -> None:
            if self._awaited is request:
                self._give_up()
                if replaced is not None and not isinstance(error, Cancelled):
                    self._look_at(replaced.subject, then=replaced.then)
            self._fail(error)

        self._awaited = request
        what = f"Analysing {subject.name or subject.atoms.symbols}"
        estimate = Estimate()

        def work(report: Report) -> Reference:
            with telling(lambda said: report(f"{what}: {estimate(said)} …")):
                return examine(subject)

        self.panel.tell(f"{what} …")
        self._run(work, then=arrive, failed=fail)
        if self._awaited is request:  # the analysis takes long
            with suppress(*INVALID):  # the work reports the error
                self.settings.show(subject)
                if self.presenter.previewing or subject.atoms != self.structure:
                    self.presenter.preview(subject)

    def _new_remarks(self) -> str:
        """Return the remarks of the descriptor, unless they were already shown."""
        before, self._remarks = self._remarks, with_defaults(self.descriptor).remarks
        return "" if self._remarks == before else " ".join(self._remarks)

    def _work(self, work: Work, *, then: Act) -> None:
        """Run a task in the background; it replaces the current analysis."""
        if self._awaited is not None:
            self._give_up()
        self._run(work, then=then, failed=self._fail)

    def _run(self, work: Work, *, then: Act, failed: Act, worker: Worker | None = None) -> None:
        """Run a task in the background; an immediate error is raised, too."""
        at_once = True

        def fail(error: Exception) -> None:
            failed(error)
            if at_once and not self.attempting and not isinstance(error, Cancelled):
                raise error

        def finish(result: Any) -> None:
            try:
                then(result)
            except INVALID as error:  # the result cannot be shown
                fail(error)

        (worker or self._task).start(work, then=finish, failed=fail, told=self.panel.report)
        at_once = False

    def _go_to(self, reference: Reference) -> None:
        before, mode = self.state, reference.least_visible
        self._enter(replace(before, reference=reference, mode=mode, amplitude=0.0, feature=None))
        self._remember(before)
        self._close_result()

    def _close_result(self) -> None:
        """Close the view below, which belongs to the previous structure."""
        if self._result is not None:
            self._result.cancel()
        self._result, self.below.children = None, ()

    def _remember(self, state: State) -> None:
        """Keep a state for ``undo``; the modes of large structures take up to 20 MB each time."""
        self.history.append(state)
        most = 3_000_000  # numbers in the modes of all states together: 24 MB, and copies of them
        sizes = [(3 * len(each.reference.atoms)) ** 2 for each in self.history]
        while len(sizes) > 1 and sum(sizes) > most:
            self.history.popleft()
            sizes.pop(0)

    @interrupts_held()
    def _enter(self, state: State) -> None:
        with self.updating:
            self.presenter.load(state)
            self.cells = self.presenter.cells
            self._awaited = None
            for name in CHOICES:
                setattr(self, name, getattr(state, name))
        self.settings.show(state.reference.subject)
        self.actions.refuse(find_refusals(state.reference.descriptor))
        self.presenter.compute()

    @traitlets.observe("cells")
    def _repeat(self, change: Any) -> None:
        self.presenter.repeat(change["new"])
        self.controls.cells.value = change["new"]

    @traitlets.validate("cells")
    def _validate_cells(self, proposal: Any) -> int:
        most = most_cells(self.structure)
        expected, accepts = f"from 1 to {most}", range(1, most + 1).__contains__
        remedy = "larger blocks have too many atoms"
        if most == 1:
            expected, remedy = "1", "the structure is not a small crystal"
        return check_integer(proposal["value"], "cells", expected, accepts=accepts, remedy=remedy)

    @traitlets.observe("columns", "transparent")
    def _show_figure(self, _: Any) -> None:
        self.actions.columns.value, self.actions.transparent.value = self.columns, self.transparent
        if self._result is not None:
            self._result.columns, self._result.transparent = self.columns, self.transparent

    @traitlets.validate("mode")
    def _validate_mode(self, proposal: Any) -> int:
        return check_index(proposal["value"], "mode", count=len(self.reference.causes))

    @traitlets.observe("mode")
    def _drop_feature(self, _: Any) -> None:
        with self.updating:  # the change of the mode is shown next
            self.feature = None

    @traitlets.validate("feature")
    def _validate_feature(self, proposal: Any) -> int | None:
        if proposal["value"] is None:
            return None
        count = with_defaults(self.descriptor).count_features(self.structure)
        return check_index(proposal["value"], "feature", count=count)

    @traitlets.validate("amplitude")
    def _validate_amplitude(self, proposal: Any) -> float:
        value, reach = proposal["value"], self.reference.reach
        expected, accepts = f"between {-reach} and {reach} Å", lambda x: abs(x) <= reach
        return check_real(
            value, "amplitude", expected, accepts=accepts, remedy="choose a smaller amplitude"
        )
