"""The explorer of surveys: choose an environment of many, and see what its center does not see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import traitlets
from ase import Atoms
from matplotlib.figure import Figure

from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis import Diagnosis, diagnose
from sensitivity.explorers.main.explorer import Explorer
from sensitivity.explorers.main.exports import write_source
from sensitivity.explorers.main.mode_texts import labels, meaning
from sensitivity.explorers.parts import inputs
from sensitivity.explorers.parts.background import Report, Worker, interrupts_held
from sensitivity.explorers.parts.choices import Entered, Index, Length, check_index, make_control
from sensitivity.explorers.parts.choices import check_name as check_choice
from sensitivity.explorers.parts.downloads import ATOMS, write_frames
from sensitivity.explorers.parts.estimate import Estimate
from sensitivity.explorers.parts.layout import make_heading, require, row
from sensitivity.explorers.parts.motion_view import MotionView, Texts
from sensitivity.explorers.parts.scene import Body, Camera
from sensitivity.explorers.parts.state import Reference, State
from sensitivity.explorers.parts.view import as_sentence
from sensitivity.explorers.survey.content import Content, Subject, gather, take_subject
from sensitivity.explorers.survey.survey_chart import SurveyChart
from sensitivity.numerics import Array, check_real
from sensitivity.plots.camera import choose_view
from sensitivity.progress import Cancelled
from sensitivity.reports.surveys import describe_environment, name_descriptor_of
from sensitivity.share.pages import make_page
from sensitivity.survey import Frames, Survey
from sensitivity.survey.placement import Placement, place, softest_mode
from sensitivity.survey.summary import describe_worst

LONGEST, STEP = 1.0, 0.02  # Å
STOPS = np.linspace(-LONGEST, LONGEST, 101)

USUAL = "neighbors"
"""The property on the horizontal axis, if it is known."""

KEPT = 20
"""Diagnoses that are kept, for a return to an environment."""

FILES = {
    "page": ("Share", "html", "One file with the figures and the worst environments"),
    "code": ("Python", "py", "A script that prints the same numbers for this environment"),
}
"""Label, suffix and tooltip of downloads beside those of other explorers."""


@dataclass(frozen=True, eq=False)
class Framed(Body):
    """An environment in its frame, with the indices of the frame."""

    sources: tuple[int, ...] = ()

    @property
    def names(self) -> list[tuple[str, str]]:
        """Element and index in the frame of each atom."""
        return [(s, str(k)) for s, k in zip(self.atoms.symbols, self.sources, strict=True)]


NOTHING = Body(Atoms("H"))
"""Is loaded, but hidden, while there is no environment."""


class SurveyExplorer(MotionView):
    """The environments of a survey against a property, and one of them with its softest mode.

    Make it the last expression of a cell to display it. Every control has a Python equivalent:
    ``explorer.against = "gap"``, ``explorer.select(frame, center)``, ``explorer.mode = 3``,
    ``explorer.amplitude = 0.3``, ``explorer.open()``.

    Structures are surveyed, and environments diagnosed, in the background: ``busy`` is true
    meanwhile, ``wait()`` waits, and ``cancel()`` stops and keeps the results so far.

    Parameters
    ----------
    source
        A ``Survey``; the folder of a survey; or a file with structures, or structures, which are
        then surveyed. None to upload a file.
    descriptor
        The descriptor of the survey. None for density correlations: those of the survey, or else of
        order 2 with the default settings.
    frames
        The structures of a given survey, or their file. Without them there is only the chart.

    Attributes
    ----------
    against
        Name of the property on the horizontal axis, a key of ``properties``.
    row
        Index of the environment in ``survey.table()``.
    mode
        Index of the mode of this environment, in ``diagnosis.modes``. Initially the one with the
        smallest singular value of those that symmetry does not hide.
    amplitude
        Å. Root of the summed squares of the displacements.
    arrows
        Whether one arrow per atom shows the mode.
    below
        The box in which ``open`` shows the environment in an ``Explorer``.

    Raises
    ------
    TypeError, ValueError
        If the arguments are none of these, or the descriptor is not that of the survey.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, structures, survey
    >>> from sensitivity.explorers import SurveyExplorer
    >>> molecules = [structures.load(name) for name in ("CH4", "X0", "C2H6")]
    >>> found = survey(molecules, DensityCorrelations(), species=["C"])
    >>> explorer = SurveyExplorer(found, frames=molecules)
    >>> explorer.wait()
    >>> explorer.frame, explorer.center, explorer.diagnosis.modes[explorer.mode].cause
    (1, 0, 'incompleteness')
    """

    against = traitlets.Unicode(USUAL).tag(kept=True)
    row = Index().tag(kept=True)
    mode = Index().tag(kept=True)
    amplitude = Length()
    moved, per_stop, rest = "amplitude", STEP, 50

    texts = Texts(
        label="amplitude (Å)",
        slider="Displacement along the mode; the arrow keys change it by 0.02 Å",
        film="Move the atoms along the mode, forth and back",
        arrows="Show the direction in which each atom moves",
        reset="Return to the softest mode, amplitude zero and the initial view",
        file="survey",
    )
    chart: SurveyChart

    def __init__(
        self,
        source: Survey | Frames | None = None,
        descriptor: Descriptor | None = None,
        *,
        frames: Frames | None = None,
    ) -> None:
        super().__init__()
        subject = None if source is None else take_subject(source, descriptor, frames)
        self._given = descriptor
        self._content: Content | None = None
        self._placement: Placement | None = None
        self._reference: Reference | None = None  # the environment with its modes
        self._problem = ""  # why there is no placement
        self._drawn = ""  # which environments the chart does not show
        self._diagnoses = dict[int, Diagnosis]()  # by row
        self._updating = Entered()
        self._opened: Explorer | None = None
        self._looker, self._reader = (Worker(changed=self._show_busy) for _ in range(2))
        self._make_controls()
        self.below = require("ipywidgets").VBox([])
        self.below.add_class("sensitivity-result")
        chart = SurveyChart()
        self._build(
            chart,
            NOTHING,
            stops=[f"{stop:+.2f}" for stop in STOPS],
            legend=(self.mode_menu,),
            switches=(),
            above=(
                row(self.upload, self.summary),
                row(
                    *(self.against_menu, self.worst_menu, self.frame_field, self.center_field),
                    self.opener,
                ),
            ),
            below=(self.below,),
        )
        self._add_downloads()
        self._hide()
        self._connect_choices()
        if subject is None:
            self.panel.invite("Upload a file with structures, such as extxyz, to survey it.")
        else:
            self._take(subject)
        self._built = True

    @property
    def survey(self) -> Survey | None:
        """The survey; None until it is computed."""
        return None if self._content is None else self._content.survey

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties that ``against`` can be."""
        return () if self._content is None else tuple(self._content.properties)

    @property
    def frame(self) -> int:
        """Number of the frame of the chosen environment; -1 without a survey."""
        return self._number("frame")

    @property
    def center(self) -> int:
        """Index of the center in its frame; -1 without a survey."""
        return self._number("center")

    @property
    def environment(self) -> Atoms | None:
        """A copy of the chosen environment, with the center as atom 0; None if it is not known."""
        return None if self._placement is None else self._placement.environment.copy()

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The diagnosis of the chosen environment; None until it is computed."""
        return None if self._reference is None else self._reference.diagnosis

    @property
    def opened(self) -> Explorer | None:
        """The explorer below, if any."""
        return self._opened

    def select(self, frame: int, center: int | None = None) -> None:
        """Show the environment of a center, or the worst one of a frame; ValueError if unknown."""
        self.row = self._known.find(frame, center)

    def _open(self) -> None:
        self.open()

    @interrupts_held()
    def open(self) -> Explorer:
        """Show the environment with its mode in an ``Explorer`` below, and return it.

        ValueError if the structure of the environment is not known.
        """
        if self._placement is None:
            raise ValueError(self._problem or "there is no environment yet; wait for the survey.")
        atoms = self._placement.environment
        bare = Atoms(numbers=atoms.numbers, positions=atoms.positions)
        explorer = Explorer(bare, self._known.subject.descriptor, centers=[0])
        if self._reference is not None:
            explorer.mode = self.mode
            reach = explorer.reference.reach
            explorer.amplitude = float(np.clip(self.amplitude, -reach, reach))
        self.close()
        title = f"Environment of {self._name}"
        heading = make_heading(title, self._close_and_return)
        self._opened, self.below.children = explorer, (heading, explorer.widget)
        return explorer

    def close(self) -> None:
        """Close the explorer below."""
        if self._opened is not None:
            self._opened.cancel()
        self._opened, self.below.children = None, ()

    @interrupts_held()
    def read(self, name: str, content: bytes) -> None:
        """Survey the structures of a file; a sentence in the panel if it cannot be read."""
        shown = inputs.shown_name(name)
        self.panel.tell(f"Reading {shown} …")
        own = None if self._content is None else self._content.subject.descriptor
        look = self._given or own

        def work(_: Report) -> Subject:
            upload = inputs.read_upload(name, content)
            if all(frame.atoms is None for frame in upload.frames):
                inputs.choose_frame(upload, None)  # raises
            subject = take_subject(cast(Frames, upload.frames), look, None)
            return Subject(None, subject.frames, subject.descriptor, shown)

        then, failed = self._take, self._fail
        self._reader.start(work, then=then, failed=failed, told=self.panel.report)

    def code(self) -> str:
        """Return a Python script that prints the numbers of the environment.

        ValueError if its diagnosis is not known.
        """
        state = State(self._with_modes, self.mode, self.amplitude)
        about = f"# {self._name} of {self._known.subject.name}, with the center as atom 0.\n"
        return about + write_source(state)

    def frames(self) -> list[Atoms]:
        """Return the environment at 21 amplitudes from end to end, with notes on row and mode."""
        return [self._moved(stop) for stop in STOPS[::5].tolist()]

    def export(self, name: str) -> None:
        """Download a file: one of other explorers, "page" or "code"; ValueError if unknown."""
        self._check_shown()
        if name == "code":
            self.download("survey.py", self.code().encode())
        elif name == "page":
            subject = self._known.subject
            made = partial(make_page, subject.survey, frames=subject.frames)
            self._save("survey.html", lambda _: made().encode())
        elif name in ATOMS:
            shown = [self._moved(self.amplitude)] if name == "geometry" else self.frames()
            self.download("survey.extxyz", write_frames(shown))
        else:
            super().export(name)

    def figure(self) -> Figure:
        """Return a figure of molecule and chart; ValueError without an environment."""
        self._check_shown()
        return super().figure()

    def cancel(self) -> None:
        """Stop the background jobs and keep the results so far."""
        super().cancel()
        self._looker.cancel()
        self._reader.cancel()

    def start_again(self) -> None:
        """Return to the softest mode, amplitude zero and the initial view."""
        if self.diagnosis is not None:
            self.mode = softest_mode(self.diagnosis)
        super().start_again()

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return self._reader, self._task, self._looker, self._saver

    def _show_busy(self) -> None:
        self.panel.show_busy(any(worker.busy for worker in self._workers))

    @property
    def _known(self) -> Content:
        if self._content is None:
            raise ValueError("there is no survey yet; wait for it, or upload a file.")
        return self._content

    @property
    def _filled(self) -> Content | None:
        """The content if it has any environment."""
        content = self._content
        return content if content is not None and len(content.table["frame"]) else None

    @property
    def _with_modes(self) -> Reference:
        if self._reference is None:
            raise ValueError(self._problem or "the modes are not known yet; wait for them.")
        return self._reference

    @property
    def _name(self) -> str:
        """The center and the frame, such as "frame 3, C0"."""
        ((name, *_),) = describe_worst(self._known.row(self.row))
        return name

    def _number(self, column: str) -> int:
        content = self._filled
        return -1 if content is None else int(content.table[column][self.row])

    def _check_shown(self) -> None:
        if self._placement is None:
            raise ValueError(self._problem or "there is no environment yet; wait for the survey.")

    # Controls

    def _make_controls(self) -> None:
        texts = {
            "against": "Property on the horizontal axis of the chart",
            "worst": "The environments with the smallest ratio of singular values, the worst first",
            "mode": "Displacement of the atoms: its number, singular value and cause",
        }
        self.against_menu, self.worst_menu, self.mode_menu = (
            make_control("Dropdown", width, description=name, tooltip=tooltip)
            for (name, tooltip), width in zip(texts.items(), (300, 330, 280), strict=True)
        )
        for menu in (self.against_menu, self.worst_menu):
            menu.layout.max_width = "calc(100% - 4px)"  # its margins
        fields = {
            "frame": "Number of a frame, from 0: shows the worst environment of it",
            "center": "Index of an atom of the frame: shows its environment",
        }
        self.frame_field, self.center_field = (
            make_control("IntText", 120, description=name, tooltip=tooltip)
            for name, tooltip in fields.items()
        )
        tooltip = "Survey the structures of a file in a text format such as extxyz, xyz or cif"
        self.upload = make_control("FileUpload", "auto", description="Upload file", tooltip=tooltip)
        self.summary = require("ipywidgets").HTML()
        look = {"icon": "external-link", "tooltip": "Show this environment in an Explorer below"}
        self.opener = make_control("Button", "auto", description="open in Explorer", **look)

    def _add_downloads(self) -> None:
        """Add the buttons of ``FILES`` to the row of downloads."""
        for name, (label, _, tooltip) in FILES.items():
            look = {"description": label, "icon": "download", "tooltip": tooltip}
            button = make_control("Button", "auto", **look)
            button.on_click(lambda _, name=name: self.attempt(self.export, name))
            self.downloads.children += (button,)

    def _connect_choices(self) -> None:
        for name, show in (("row", self._show_row), ("against", self._draw_chart)):
            self.observe(partial(self._show, show), name)
        choose: dict[Any, Callable[[Any], None]] = {
            self.against_menu: partial(setattr, self, "against"),
            self.worst_menu: partial(setattr, self, "row"),
            self.mode_menu: partial(setattr, self, "mode"),
            self.frame_field: self.select,
            self.center_field: lambda center: self.select(self.frame, center),
            self.upload: self._take_files,
        }
        for widget, act in choose.items():
            widget.observe(partial(self._choose, act), "value")
        self.opener.on_click(lambda _: self.attempt(self._open))
        self.chart.on_click(lambda number: self.attempt(setattr, self, "row", number))
        self.molecule.on_pick = lambda atom, more: self.attempt(self._pick, atom)

    def _choose(self, act: Callable[[Any], None], change: Any) -> None:
        if not self._updating and change["new"] is not None:
            self.panel.forgive()
            self.attempt(act, change["new"])

    def _show(self, show: Callable[[], None], _: Any) -> None:
        if not self._updating:
            show()

    def _take_files(self, files: Any) -> None:
        for file in files:
            self.read(file["name"], bytes(file["content"]))

    def _pick(self, atom: int) -> None:
        if self._placement is not None:
            self.select(self.frame, int(self._placement.sources[atom]))

    def _close_and_return(self) -> None:
        self.close()
        self.opener.focus()

    def _fail(self, error: Exception) -> None:
        if not self._built and not self.attempting and not isinstance(error, Cancelled):
            raise error  # before the explorer is shown
        super()._fail(error)
        self._show_controls()

    # Content

    def _take(self, subject: Subject) -> None:
        """Survey the structures, or read the survey, and show it."""
        self._reader.drop()
        verb = "Surveying" if subject.computes else "Reading"
        self.panel.tell(f"{verb} {subject.name} …")
        if self._content is None:
            self.chart.write(f"{verb.lower()} {subject.name} …")
        told = self.panel.report
        work = partial(gather, subject)
        self._task.start(work, then=self._learn, failed=self._miss, told=told)

    def _miss(self, error: Exception) -> None:
        if self._content is None:
            self.chart.write("no survey")
        self._fail(error)

    def _learn(self, content: Content) -> None:
        self._looker.drop()
        self.close()
        self._content = content
        self._diagnoses.clear()
        self.panel.tell("")
        self._offer()
        wanted = self.against
        with self._updating, self.hold_trait_notifications():
            if wanted not in content.properties:
                self.against = next(iter(content.properties), USUAL)
            self.row = content.worst[0] if content.worst else 0
        self._draw_chart()
        self._show_row()
        self._move()
        if wanted not in (self.against, USUAL):
            self.attempt(setattr, self, "against", wanted)  # fails with a sentence

    def _offer(self) -> None:
        """Offer the properties and the worst environments of the content."""
        content = self._known
        rows = [content.row(number) for number in content.worst]
        self._worst = tuple(
            (" ".join([f"{k}:", *next(describe_worst(each))]), number)
            for k, (number, each) in enumerate(zip(content.worst, rows, strict=True), 1)
        )
        about = content.subject.name, content.survey.status, name_descriptor_of(content.survey)
        with self._updating:
            self.against_menu.options = [
                (each.label, name) for name, each in content.properties.items()
            ]
            self.upload.value = ()  # otherwise the same file could not be chosen again
            self.worst_menu.options = self._worst
            self.summary.value = _escape("{}: {} {}.".format(*about))

    def _draw_chart(self) -> None:
        content = self._content
        if content is None:
            return
        if not content.ranked:
            self.chart.write("no environment has a ratio of singular values")
        else:
            self.chart.load(content.table, content.properties[self.against], row=self.row)
        self._drawn = self._describe_drawn()

    def _show_row(self) -> None:
        """Show the chosen environment, and find its modes."""
        content = self._filled
        self._looker.drop()
        self._placement, self._reference, self._problem = None, None, ""
        if content is None:
            self._hide()
            return
        try:
            environment, frame = content.cut(self.row)
            self._placement = place(environment, frame, most=inputs.MOST_ATOMS)
        except (ValueError, MemoryError) as error:
            self._problem = as_sentence(error)
            self._hide()
            return
        count = len(environment)
        sources = tuple(self._placement.sources.tolist())
        others = tuple(self._placement.others.tolist())
        body = Framed(self._placement.atoms, marked=(0,), owners=others, sources=sources)
        self._bodies = (body,)
        self.molecule.pane.layout.visibility = "visible"
        self.molecule.load(body, camera=self._camera())
        known = self._diagnoses.get(self.row)
        if known is not None:
            self._learn_modes(self.row, known)
            return
        look, tolerance = content.subject.descriptor, content.survey.settings["tolerance"]
        estimate, name = Estimate(), self._name
        bare = Atoms(numbers=environment.numbers, positions=environment.positions)

        def work(report: Report) -> Diagnosis:
            def tell(said: str) -> None:
                report(f"Modes of {name}, {count} atoms: {estimate(said)} …")

            return diagnose(bare, look, centers=[0], tolerance=tolerance, progress=tell)

        then = partial(self._learn_modes, self.row)
        self._looker.start(work, then=then, failed=self._fail, told=self.panel.report)

    def _learn_modes(self, number: int, found: Diagnosis) -> None:
        look = self._known.subject.descriptor
        self._reference = Reference(found.spectrum, look, diagnosis=found)
        if not found.ending:
            self._diagnoses[number] = found
            while len(self._diagnoses) > KEPT:
                del self._diagnoses[next(iter(self._diagnoses))]
        self.panel.tell("Cancelled: not all causes are known." if found.ending else "")
        with self._updating:
            options = [(label, k) for k, label in enumerate(labels(self._reference))]
            self.mode_menu.options = options
        self.mode = softest_mode(found)
        self.look()
        self._move()

    def _hide(self) -> None:
        """Hide the molecule: there is none."""
        self._bodies = (NOTHING,)
        self.molecule.pane.layout.visibility = "hidden"
        self.molecule.load(NOTHING, camera=self._camera())

    # The molecule

    @property
    def _pattern(self) -> Array:
        """The displacement of each atom of the environment, zero while it is not known."""
        if self._placement is None:
            return np.zeros((1, 3))
        if self._reference is None:
            return np.zeros((len(self._placement.environment), 3))
        displacement: Array = self._reference.modes[self.mode]
        return displacement

    def _camera(self) -> Camera:
        atoms, pattern = self._bodies[0].own, self._pattern
        near = Camera.around(atoms.positions, view=choose_view(atoms, pattern))
        whole = Camera.around(self._bodies[0].atoms.positions, view=near.view)
        return whole if whole.radius < 1.5 * near.radius else near

    def _place(self, at: float) -> tuple[Sequence[Array], Array]:
        positions, pattern = self._bodies[0].atoms.positions.copy(), self._pattern
        positions[: len(pattern)] += at * pattern
        return [positions], pattern

    def _moved(self, amplitude: float) -> Atoms:
        """Return the displaced environment, with notes."""
        self._check_shown()
        assert self._placement is not None
        atoms = self._placement.environment
        moved = Atoms(numbers=atoms.numbers, positions=atoms.positions + amplitude * self._pattern)
        names = ("frame", "center", "species", "condition_without_symmetry", "condition")
        moved.info = {name: atoms.info[name] for name in names if name in atoms.info}
        if (known := self._reference) is not None:
            value = float(known.singular_values[self.mode])
            moved.info |= {"cause": known.causes[self.mode], "singular_value": value}
        moved.info["amplitude"] = amplitude
        return moved

    def _move(self) -> None:
        if self._updating:  # the content is being replaced
            return
        super()._move()
        self._show_controls()
        self.chart.show(self.row)
        self._say()

    def _show_controls(self) -> None:
        content = self._filled
        for control in (self.against_menu, self.worst_menu, self.frame_field, self.center_field):
            control.disabled = content is None
        self.mode_menu.disabled = self._reference is None
        self.opener.disabled = self._placement is None
        if content is None:
            return
        with self._updating:
            self.against_menu.value = self.against
            others = () if self.row in content.worst else ((self._label_row(), self.row),)
            listed = (*self._worst, *others)
            if self.worst_menu.options != listed:  # a message to the page
                self.worst_menu.options = listed
            self.worst_menu.value = self.row
            self.frame_field.value, self.center_field.value = self.frame, self.center
            if self._reference is not None:
                self.mode_menu.value = self.mode

    def _label_row(self) -> str:
        return " ".join(next(describe_worst(self._known.row(self.row))))

    def _say(self) -> None:
        content = self._filled
        if content is None:
            self.panel.say("")
            return
        place = {"position": int(content.positions[self.row]), "count": content.ranked}
        lines = [*describe_environment(content.row(self.row), **place)]
        if self._reference is not None:
            lines.append(meaning(self._reference, self.mode))
        moved = "" if content.collection is None else content.collection.status
        left = 0 if self._placement is None else self._placement.left_out
        fewer = f"{left} farther atoms of the frame are not shown." if left else ""
        lines += [self._problem, fewer, self._drawn, moved]
        self.panel.say(*lines)

    def _describe_drawn(self) -> str:
        """Return sentences on environments without a marker; empty if all have one."""
        content, found, known = self._known, [], self.chart.known
        if not content.ranked:
            return ""
        if self.chart.drawn < len(known):
            found.append(
                f"The chart has {self.chart.drawn} markers for {len(known)} environments: the "
                "others would lie behind these."
            )
        absent = content.count_absent(known)
        if absent:
            label = content.properties[self.against].label
            texts = [f"{count} {reason.format(label)}" for reason, count in absent.items()]
            found.append(f"Not in the chart: {', '.join(texts)}.")
        return " ".join(found)

    @traitlets.validate("row")
    def _validate_row(self, proposal: Any) -> int:
        return check_index(proposal["value"], "row", count=len(self._known.table["frame"]))

    @traitlets.validate("mode")
    def _validate_mode(self, proposal: Any) -> int:
        return check_index(proposal["value"], "mode", count=len(self._with_modes.causes))

    @traitlets.validate("against")
    def _validate_against(self, proposal: Any) -> str:
        if self._content is None:  # the names are not known yet
            return str(proposal["value"])
        return check_choice(proposal["value"], "against", self._content.properties)

    @traitlets.validate("amplitude")
    def _validate_amplitude(self, proposal: Any) -> float:
        expected = f"a number from {-LONGEST:g} to {LONGEST:g} Å"
        accepts, remedy = (lambda x: abs(x) <= LONGEST), "give e.g. 0.2"
        return check_real(proposal["value"], "amplitude", expected, accepts=accepts, remedy=remedy)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
