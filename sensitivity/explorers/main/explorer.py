"""Move the atoms along a singular vector, and watch the singular values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from ase import Atoms

from sensitivity.descriptors import Centers, Descriptor
from sensitivity.explorers.main import tasks
from sensitivity.explorers.main.actions import SOUVENIRS, Actions
from sensitivity.explorers.main.centers import read_centers, usual_centers
from sensitivity.explorers.main.controls import Controls
from sensitivity.explorers.main.exports import DRAWN, make_souvenir
from sensitivity.explorers.main.presenter import Stage
from sensitivity.explorers.main.settings import Settings
from sensitivity.explorers.main.source_code import write_source
from sensitivity.explorers.main.uploads import choose_frame, read_upload, shown_name
from sensitivity.explorers.main.wiring import connect
from sensitivity.explorers.parts.background import Failure, Report, Worker
from sensitivity.explorers.parts.choices import Choices
from sensitivity.explorers.parts.layout import arrange
from sensitivity.explorers.parts.libraries import require
from sensitivity.explorers.parts.mode_motion import ARROW_LENGTH
from sensitivity.explorers.parts.programmatic_update import Quiet
from sensitivity.explorers.parts.reference import Reference, Subject, Upload, examine
from sensitivity.explorers.parts.refinement import USUAL, refine
from sensitivity.explorers.parts.state import Shown, State, compute
from sensitivity.explorers.parts.structure_input import take_structure
from sensitivity.explorers.parts.view import WRONG
from sensitivity.outputs import check_output, write_output

MOST_UNDONE = 20
"""Steps back that are remembered."""


class Explorer(Choices):
    """The atoms with arrows along one mode, and the singular values, in a notebook.

    Make it the last expression of a cell to see it. Everything a control does can be done from
    Python too: ``explorer.mode = 3``, ``explorer.amplitude = 0.2``,
    ``explorer.structure = "C6H6"``, ``explorer.descriptor = ...``, ``explorer.locate()``.

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
    below
        The box in which other explorers appear: the followed path, the twin.
    arrows, arrow_length
        Whether one arrow per atom shows the direction of motion, and the length of the longest, Å.

    Raises
    ------
    ValueError
        If the mode does not exist, the amplitude is beyond the ends of the slider, or the
        structure is too large.
    """

    def __init__(
        self,
        atoms: Atoms | str = "CH4",
        descriptor: Descriptor = USUAL,
        *,
        centers: Centers = None,
    ) -> None:
        super().__init__()
        self.quiet = Quiet()
        self._reader = Worker(changed=lambda: self._show_busy(self._reader.busy))
        structure, name = take_structure(atoms)
        self.controls, self.settings, self.actions = (
            Controls(self.quiet),
            Settings(self.quiet),
            Actions(),
        )
        self.stage = Stage(self.controls, self.panel, failed=self._fail)
        self.chart, self.molecule = self.stage.chart, self.stage.molecule
        self.below = require("ipywidgets").VBox([])
        self.widget = arrange(
            above=[self.settings.box],
            left=self.molecule.widget,
            right=self.chart.widget,
            below=[self.controls.box, self.panel.box, self.actions.box, self.below],
        )
        self._past: list[State] = []
        if centers is None and name:
            centers = usual_centers(structure, name=name)
        reference = examine(Subject(structure, descriptor, centers, name))
        self._enter(State(reference, reference.least_visible))
        self.observe(self._change, ["mode", "amplitude", "arrows", "arrow_length"])
        connect(self)
        self._built = True

    @property
    def state(self) -> State:
        """All that was chosen."""
        return self.stage.state

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
        atoms: Atoms = self.reference.atoms.copy()
        return atoms

    @structure.setter
    def structure(self, structure: Atoms | str) -> None:
        atoms, name = take_structure(structure)
        centers = usual_centers(atoms, name=name)
        self._reader.drop()  # this is newer
        self._look_at(Subject(atoms, self._wanted.descriptor, centers, name))

    @property
    def descriptor(self) -> Descriptor:
        """What looks at the structure; set it to another one."""
        return self.reference.descriptor

    @descriptor.setter
    def descriptor(self, descriptor: Descriptor) -> None:
        self._look_at(replace(self._wanted, descriptor=descriptor))

    @property
    def centers(self) -> tuple[int, ...]:
        """The center atoms; set it to others, or to None for all."""
        return self.reference.centers

    @centers.setter
    def centers(self, centers: Centers) -> None:
        self._look_at(replace(self._wanted, centers=centers))

    def open(self, name: str, content: bytes, *, index: int | None = None) -> None:
        """Show structure ``index`` of a file, or the first that can be read.

        Raises
        ------
        TypeError, ValueError
            If the file is too large, or no structure in a text format such as xyz, extxyz, cif,
            POSCAR or pdb.
        """
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise TypeError(
                "open takes the name and the content of a file, got "
                f"{type(name).__name__} and {type(content).__name__}; give e.g. "
                "'a.xyz', Path('a.xyz').read_bytes()."
            )
        self.panel.tell(f"Reading {shown_name(name)} ...")
        self._do(
            lambda _: choose_frame(read_upload(name, content), index),
            then=self._look_into,
            worker=self._reader,
        )

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
            If the name ends otherwise, or the file cannot be written.
        """
        file = Path(path)
        check_output(file, option="path")
        content = make_souvenir(file.name, self.state, self.chart.figure)
        write_output(file, content, option="path")

    def look(self, axis: str) -> None:
        """Look along x, y or z.

        Raises
        ------
        ValueError
            If it is none of them.
        """
        self.stage.look(axis)

    def reset(self) -> None:
        """Go back to the least visible mode, amplitude zero, arrows, and the first camera."""
        self.controls.play.playing = False
        self.controls.play.value = 0
        self.amplitude, self.arrows, self.arrow_length = 0.0, True, ARROW_LENGTH
        self.mode = self.reference.least_visible
        self.stage.look()

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return self._reader, self._task, *self.stage.workers

    def cancel(self) -> None:
        """End what was asked for, or else what is computed of what is shown."""
        asked = [worker for worker in (self._reader, self._task) if worker.busy]
        for worker in asked or self.stage.workers:
            worker.cancel()

    def locate(self) -> None:
        """Go to the nearest singular point of the center."""
        self._travel(tasks.locate, "Looking for the nearest singular point")

    def follow(self) -> None:
        """Follow the mode from the structure at amplitude zero, and show the way below."""
        self._travel(tasks.follow, "Following the mode")

    def find_twin(self) -> None:
        """Find two structures with the same features of the center, and show them below."""
        self._travel(tasks.find_twin, "Looking for the twin")

    def enlarge_basis(self) -> None:
        """Look with a larger basis of the same order."""
        self._take(getattr(self.descriptor, "larger_basis", None), "larger basis")

    def raise_order(self) -> None:
        """Look with correlations of one more neighbour."""
        self._take(getattr(self.descriptor, "higher_order", None), "higher order")

    def undo(self) -> None:
        """Go back to the structure and the descriptor before."""
        if not self._past:
            self.panel.tell("There is nothing to be undone.")
            return
        for worker in (self._reader, self._task):
            worker.drop()
        self._enter(self._past[-1])
        self._past = self._past[:-1]
        self.panel.tell("")

    def _fail(self, error: Failure) -> None:
        super()._fail(error)
        self._wanted = self.reference.subject
        self.settings.show(self.reference)

    def _show_busy(self, busy: bool) -> None:
        busy = self._task.busy or self._reader.busy
        super()._show_busy(busy)
        self.actions.lock(busy)

    def _change(self, _: Any) -> None:
        if not self.quiet:
            self.stage.show(
                State(self.reference, self.mode, self.amplitude, self.arrows, self.arrow_length)
            )

    def take_upload(self, files: Any) -> None:
        """Look at the first structure of an uploaded file."""
        for file in files:
            self.open(file["name"], bytes(file["content"]))

    def turn_to(self, index: int) -> None:
        """Look at another structure of the file."""
        file = self.reference.upload
        if file is not None:
            self._look_into(choose_frame(file, index))

    def refine(self, name: str, value: Any) -> None:
        """Change one setting of the descriptor: order, n_max, l_max, cutoff or smearing.

        Raises
        ------
        TypeError, ValueError
            If the descriptor has no such setting, or it cannot have this value.
        """
        self.descriptor = refine(self._wanted.descriptor, name, value)

    def center_on(self, text: str) -> None:
        """Take the centers that a text names: all, an element, or numbers such as 0, 2-4."""
        self.centers = read_centers(text, self._wanted.atoms)

    def _take(self, find: Callable[[], Descriptor | None] | None, what: str) -> None:
        descriptor = None if find is None else find()
        if descriptor is None:
            self.panel.tell(f"This descriptor names no {what}.", trouble=True)
        else:
            self.descriptor = descriptor

    def _look_into(self, upload: Upload) -> None:
        """Look at the structure that was chosen of a file."""
        atoms, descriptor = upload.atoms.copy(), self._wanted.descriptor
        self._look_at(Subject(atoms, descriptor, usual_centers(atoms), upload=upload))

    def _look_at(self, subject: Subject) -> None:
        """Look at something else from now on; what is wanted meanwhile starts from there."""
        upload = subject.upload if subject.upload is not self.reference.upload else None

        def arrive(reference: Reference) -> None:
            self._go_to(reference)
            self.panel.tell("" if upload is None else upload.note)

        self._wanted = subject
        self.panel.tell(f"Looking at {subject.name or subject.atoms.symbols} ...")
        self._do(lambda _: examine(subject), then=arrive)

    def _do(
        self,
        work: Callable[[Report], Any],
        *,
        then: Callable[[Any], None],
        worker: Worker | None = None,
    ) -> None:
        """Do it in the background; what is found at once to be wrong is raised, too."""
        at_once = True

        def fail(error: Failure) -> None:
            self._fail(error)
            if at_once and not self.attempting and not isinstance(error, KeyboardInterrupt):
                raise error

        def finish(result: Any) -> None:
            try:
                then(result)
            except WRONG as error:  # it cannot be shown
                fail(error)

        busy = self._task if worker is None else worker
        busy.start(work, then=finish, failed=fail, told=self.panel.tell)
        at_once = False

    def _travel(self, journey: Callable[[State, Report], tasks.Arrival], what: str) -> None:
        state = self.state
        self.panel.tell(f"{what} ...")
        self._do(lambda report: journey(state, report), then=self._arrive)

    def _arrive(self, arrival: tasks.Arrival) -> None:
        if arrival.reference is not None:
            self._go_to(arrival.reference)
        if arrival.view is not None:
            self.below.children = (arrival.view().widget,)
        self.panel.tell(arrival.sentence, trouble=not arrival.good)

    def make(self, name: str) -> None:
        """Make a file, and offer it to be downloaded."""
        file, state, figure = SOUVENIRS[name][1], self.state, self.chart.figure
        # The chart can be drawn in this thread only: here it goes on changing.
        drawn = make_souvenir(file, state, figure) if file.endswith(DRAWN) else b""
        self.panel.tell(f"Making {file} ...")

        def offer(content: bytes) -> None:
            self.actions.offer(file, content)
            self.panel.tell(f"{file} is ready: click on its name.")

        self._do(lambda _: drawn or make_souvenir(file, state, figure), then=offer)

    def _go_to(self, reference: Reference) -> None:
        """Look at another structure, or with another descriptor, from now on."""
        before, mode = self.state, reference.least_visible
        self._enter(replace(before, reference=reference, mode=mode, amplitude=0.0))
        self._past = [*self._past[1 - MOST_UNDONE :], before]
        self.below.children = ()  # it belongs to what was looked at before

    def _enter(self, state: State) -> None:
        with self.quiet:
            self.stage.enter(state)
            self._wanted = state.reference.subject
            self.mode, self.amplitude = state.mode, state.amplitude
            self.arrows, self.arrow_length = state.arrows, state.arrow_length
        self.settings.show(state.reference)
