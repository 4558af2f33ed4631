"""The explorer of surveys: choose an environment of many, and see what its center does not see."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
from ase import Atoms

from sensitivity.descriptors import Descriptor
from sensitivity.explorers.main.explorer import Explorer
from sensitivity.explorers.main.exports import write_source
from sensitivity.explorers.main.mode_texts import labels, meaning
from sensitivity.explorers.parts import inputs
from sensitivity.explorers.parts.background import Report, Work, interrupts_held
from sensitivity.explorers.parts.choices import make_control
from sensitivity.explorers.parts.downloads import ATOMS, FIGURES, write_frames
from sensitivity.explorers.parts.layout import make_heading, require, row
from sensitivity.explorers.parts.motion_view import Texts
from sensitivity.explorers.parts.saved_view import SESSION
from sensitivity.explorers.parts.state import State
from sensitivity.explorers.survey.content import Content, Subject, gather, take_subject, write_page
from sensitivity.explorers.survey.environment_view import NOTHING, STOPS, USUAL, EnvironmentView
from sensitivity.explorers.survey.survey_chart import SurveyChart
from sensitivity.progress import Cancelled
from sensitivity.reports.surveys import describe_environment, name_descriptor_of
from sensitivity.survey import Frames, Survey
from sensitivity.survey.summary import label_environment

MORE = SESSION | {
    "geometry": ("xyz", "extxyz", "The environment at this amplitude, without the atoms around it"),
    "page": ("Share", "html", "One file with the figures and the worst environments"),
    "code": ("Python", "py", "A script that prints the same numbers for this environment"),
}
"""Files beside figures: label of the button, suffix of the file, and tooltip."""


class SurveyExplorer(EnvironmentView):
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
        smallest singular value of those that symmetry does not hide; in a survey without causes,
        of all.
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

    files = ATOMS | FIGURES | MORE

    texts = Texts(
        label="amplitude (Å)",
        slider="Root of the summed squared displacements; the arrow keys change it by 0.02 Å",
        film="Move the atoms along the mode, forth and back",
        arrows="Show the direction in which each atom moves",
        reset="Return to the mode shown first, amplitude zero and the initial view",
        file="survey",
    )

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
        self._opened: Explorer | None = None
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
                row(self.upload, self.session, self.summary),
                row(
                    *(self.against_menu, self.worst_menu, self.frame_field, self.center_field),
                    self.opener,
                ),
            ),
            below=(self.below,),
        )
        self._hide()
        self._connect_choices()
        if subject is None:
            self.panel.invite("Upload a file with structures, such as extxyz, to survey it.")
        else:
            self._take(subject)
        self._built = True

    @property
    def opened(self) -> Explorer | None:
        """The explorer below, if any."""
        return self._opened

    def _open(self) -> None:
        self.open()

    @interrupts_held()
    def open(self) -> Explorer:
        """Show the environment with its mode in an ``Explorer`` below, and return it.

        Its heading says so if the tolerance, which is the default there, is not that of the survey.

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
        title = f"Environment of {self._name}{self._other_tolerance}"
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

    def export(self, name: str) -> None:
        """Download a file of ``files``; ValueError if it is unknown."""
        if name == "page":
            self._save("survey.html", self._page(), note=self._known.missing_in_page)
        elif name in ATOMS:
            self._check_shown()
            shown = [self._moved(self.amplitude)] if name == "geometry" else self.frames()
            self.download("survey.extxyz", write_frames(shown))
        else:
            super().export(name)

    def _make(self, name: str) -> Work:
        if name in ("page", "session"):
            return super()._make(name)
        self._check_shown()
        if name != "code":
            return super()._make(name)
        content = self.code().encode()
        return lambda _: content

    def _page(self) -> Work:
        return partial(write_page, self._known)

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
        self._wanted = None
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
            (f"{k}: {label_environment(each)}", number)
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

    def _offer_modes(self) -> None:
        with self._updating:
            known = [] if self._reference is None else labels(self._reference)
            self.mode_menu.options = [(label, k) for k, label in enumerate(known)]

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
        return label_environment(self._known.row(self.row))

    def _say(self) -> None:
        content = self._filled
        if content is None:
            self.panel.say("")
            return
        place = {"position": int(content.positions[self.row]), "count": content.ranked}
        causes = None if content.survey.causes else self._causes
        lines = [*describe_environment(content.row(self.row), **place, causes=causes)]
        if self._reference is not None:
            lines.append(meaning(self._reference, self.mode))
        moved = "" if content.collection is None else content.collection.status
        left = 0 if self._placement is None else self._placement.left_out
        fewer = f"{left} farther atoms of the frame are not shown." if left else ""
        problem = "" if self._problem in lines else self._problem
        lines += [problem, fewer, self._drawn, moved]
        self.panel.say(*lines)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
