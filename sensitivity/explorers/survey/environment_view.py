"""An environment of a survey in its frame, with its modes, beside the chart of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
import traitlets
from ase import Atoms
from matplotlib.figure import Figure

from sensitivity.diagnosis import Diagnosis, diagnose
from sensitivity.explorers.parts import inputs
from sensitivity.explorers.parts.background import Report, Worker
from sensitivity.explorers.parts.choices import Entered, Index, Length, check_index
from sensitivity.explorers.parts.choices import check_name as check_choice
from sensitivity.explorers.parts.estimate import Estimate
from sensitivity.explorers.parts.saved_view import SavedView
from sensitivity.explorers.parts.scene import Body, Camera
from sensitivity.explorers.parts.state import Reference
from sensitivity.explorers.parts.view import as_sentence
from sensitivity.explorers.survey.content import Content
from sensitivity.explorers.survey.survey_chart import SurveyChart
from sensitivity.explorers.survey.survey_sessions import (
    LONGEST,
    align,
    choose_row,
    compare_survey,
    make_session,
)
from sensitivity.numerics import Array, check_real
from sensitivity.plots.camera import choose_view
from sensitivity.session import SurveySession, parse_survey, read_file
from sensitivity.survey import Survey
from sensitivity.survey.placement import Placement, place, softest_mode
from sensitivity.survey.summary import describe_worst
from sensitivity.tolerances import Tolerance

STEP = 0.02  # Å
STOPS = np.linspace(-LONGEST, LONGEST, 101)

USUAL = "neighbors"
"""The property on the horizontal axis, if it is known."""

KEPT = 20
"""Diagnoses that are kept, for a return to an environment."""


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


class EnvironmentView(SavedView):
    """The state of the explorer and its changes. ``SurveyExplorer`` documents the attributes."""

    against = traitlets.Unicode(USUAL).tag(kept=True)
    row = Index().tag(kept=True)
    mode = Index().tag(kept=True)
    amplitude = Length()
    moved, per_stop, rest = "amplitude", STEP, 50

    chart: SurveyChart

    def __init__(self) -> None:
        super().__init__()
        self._content: Content | None = None
        self._placement: Placement | None = None
        self._reference: Reference | None = None  # the environment with its modes
        self._problem = ""  # why there is no placement
        self._unknown = ""  # why there are no modes
        self._drawn = ""  # which environments the chart does not show
        self._wanted: tuple[int, SurveySession] | None = (
            None  # until the modes of its row are known
        )
        self._diagnoses = dict[int, Diagnosis]()  # by row
        self._updating = Entered()
        self._looker, self._reader = (Worker(changed=self._show_busy) for _ in range(2))

    def _offer_modes(self) -> None:
        """Offer the modes of the environment, none while they are not known."""
        raise NotImplementedError

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

    def select(self, frame: int, center: int | None = None) -> None:
        """Show the environment of a center, or the worst one of a frame; ValueError if unknown."""
        self.row = self._known.find(frame, center)

    def frames(self) -> list[Atoms]:
        """Return the environment at 21 amplitudes from end to end, with notes on row and mode."""
        return [self._moved(stop) for stop in STOPS[::5].tolist()]

    def load_state(self, path: str | PathLike[str]) -> None:
        """Restore a session of this survey, which has to be open.

        A session has the choices, and says which survey they belong to: descriptor, and number and
        fingerprint of the frame. It contains neither the survey nor its structures, and no file
        is opened that it names.

        Parameters
        ----------
        path
            A file of ``save_state``.

        Raises
        ------
        ValueError
            If the file is no session of a survey, or the survey has no such environment.
        """
        self._take_state(parse_survey(read_file(path)))

    def _open_session(self, content: bytes) -> None:
        self._take_state(parse_survey(content))

    def _take_state(self, session: SurveySession) -> None:
        row = choose_row(session, self._content)
        self.film.playing = False
        self._restore_view(session.view)
        self.against = session.against
        self._wanted = row, session
        if row != self.row:
            self.row = row
        elif self._reference is not None or not self._looker.busy:
            self._restore()

    def _restore(self) -> None:
        """Restore mode, amplitude and camera of a session, as far as the modes are known."""
        assert self._wanted is not None
        _, session = self._wanted
        self._wanted, notes = None, compare_survey(session, self._known)
        if self._reference is not None and session.mode is not None:
            amplitude, differs = align(session, self._reference.modes[session.mode])
            self.mode, self.amplitude = session.mode, amplitude
            notes += [differs] * bool(differs)
        if self._placement is not None:
            self._aim(session.camera)
        self.panel.tell(" ".join(["Opened the session.", *notes, self._unknown]).strip())

    def _write_session(self) -> bytes:
        content, known = self._known, self._reference
        chosen: dict[str, Any] = {"against": self.against, "camera": self._sight}
        if known is not None:
            chosen |= {"mode": self.mode, "amplitude": self.amplitude}
            chosen["displacement"] = known.modes[self.mode]
        return make_session(content, self.row, view=self._choices, **chosen).to_json()

    def figure(self) -> Figure:
        """Return a figure of molecule and chart; ValueError without an environment."""
        self._check_shown()
        return super().figure()

    def start_again(self) -> None:
        """Return to the softest mode, amplitude zero and the initial view."""
        if self.diagnosis is not None:
            self.mode = self._softest(self.diagnosis)
        super().start_again()

    def cancel(self) -> None:
        """Stop the background jobs and keep the results so far."""
        super().cancel()
        self._looker.cancel()
        self._reader.cancel()

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
            why = self._problem or self._unknown
            raise ValueError(why or "the modes are not known yet; wait for them.")
        return self._reference

    @property
    def _name(self) -> str:
        """The center and the frame, such as "frame 3, C0"."""
        ((name, *_),) = describe_worst(self._known.row(self.row))
        return name

    @property
    def _other_tolerance(self) -> str:
        """Follows the name of an environment that is shown with another tolerance."""
        own = float(self._known.survey.settings["tolerance"])
        if own == Tolerance.POSITIONS:
            return ""
        return (
            f". Its causes are found with a tolerance of {Tolerance.POSITIONS:g} Å, and those of "
            f"the survey with {own:g} Å: causes and modes may differ"
        )

    @property
    def _causes(self) -> dict[str, int] | None:
        """The number of displacements by cause in the shown diagnosis, if it is complete."""
        found = self.diagnosis
        return None if found is None or found.ending else dict(found.counts.items())

    def _number(self, column: str) -> int:
        content = self._filled
        return -1 if content is None else int(content.table[column][self.row])

    def _check_shown(self) -> None:
        if self._placement is None:
            raise ValueError(self._problem or "there is no environment yet; wait for the survey.")

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
        """Show the chosen environment at amplitude zero, and find its modes."""
        with self._updating:
            self.amplitude = 0.0
        content = self._filled
        self._looker.drop()
        self._placement, self._reference = None, None
        if self._wanted is not None and self._wanted[0] != self.row:
            self._wanted = None
        self._problem = self._unknown = ""
        if content is None:
            self._hide()
            return
        try:
            environment, frame = content.cut(self.row)
            self._placement = place(environment, frame, most=inputs.MOST_ATOMS)
        except (ValueError, MemoryError) as error:
            self._problem = as_sentence(error)
            self._offer_modes()
            self._hide()
            if self._wanted is not None:
                self._restore()
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
        self._looker.start(work, then=then, failed=self._miss_modes, told=self.panel.report)

    def _miss_modes(self, error: Exception) -> None:
        self._unknown = f"The modes are not known: {as_sentence(error)}"
        self._offer_modes()
        self._fail(error)
        self._wanted = None

    def _learn_modes(self, number: int, found: Diagnosis) -> None:
        look = self._known.subject.descriptor
        self._reference = Reference(found.spectrum, look, diagnosis=found)
        if not found.ending:
            self._diagnoses[number] = found
            while len(self._diagnoses) > KEPT:
                del self._diagnoses[next(iter(self._diagnoses))]
        self.panel.tell("Cancelled: not all causes are known." if found.ending else "")
        self._offer_modes()
        self.mode = self._softest(found)
        self.look()
        self._move()
        if self._wanted is not None:
            self._restore()

    def _softest(self, found: Diagnosis) -> int:
        """Return the mode to which the number in the table belongs."""
        return softest_mode(found, causes=self._known.survey.causes)

    def _hide(self) -> None:
        """Hide the molecule: there is none."""
        self._bodies = (NOTHING,)
        self.molecule.pane.layout.visibility = "hidden"
        self.molecule.load(NOTHING, camera=self._camera())

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
