"""The explorer: move the atoms along a singular vector and watch the singular values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

from ase import Atoms
from matplotlib.figure import Figure

from sensitivity import paths, singular
from sensitivity.descriptors import Centers, Descriptor
from sensitivity.descriptors.protocol import settings_of
from sensitivity.descriptors.self_description import higher_order, larger_basis
from sensitivity.explorers.main.controls import EXAMPLES, TASKS
from sensitivity.explorers.main.exports import EXPORTS, make_export, write_source
from sensitivity.explorers.main.figures import draw_figure
from sensitivity.explorers.main.session_view import SessionView
from sensitivity.explorers.main.wiring import connect
from sensitivity.explorers.parts import inputs
from sensitivity.explorers.parts.background import Report, interrupts_held
from sensitivity.explorers.parts.choices import check_name, make_control
from sensitivity.explorers.parts.layout import arrange, require, row
from sensitivity.explorers.parts.motion_view import MotionView
from sensitivity.explorers.parts.offers import USUAL
from sensitivity.explorers.parts.state import Reference, State, Subject, examine, explain
from sensitivity.explorers.path.path_explorer import PathExplorer
from sensitivity.explorers.twin import TwinExplorer
from sensitivity.numerics import takes_centers
from sensitivity.outputs import check_output, write_output

CHANGED = {"contract_channels": "mixed channels"}
"""Names, in sentences, of settings that have no control."""

WELCOME = "Drag the amplitude slider: the atoms move along the arrows. Or choose an example."


class Explorer(SessionView):
    """The atoms with arrows along one mode, and the singular values, in a notebook.

    Make it the last expression of a cell to display it. Every control has a Python equivalent:
    ``explorer.mode = 3``, ``explorer.amplitude = 0.2``,
    ``explorer.structure = "C6H6"``, ``explorer.descriptor = ...``, ``explorer.locate()``.

    The mode is a right singular vector of the reference, the structure at amplitude zero, and
    stays the same while the amplitude moves. The singular values shown are those of the displaced
    structure, in descending order, beside those of the reference (dashes). They are coloured by
    cause as soon as that is known.

    Long computations run in the background: ``busy`` is true meanwhile, ``wait()`` waits for them,
    and ``cancel()`` stops them. Ctrl-C also stops them, and raises KeyboardInterrupt as soon as the
    explorer is in a consistent state. In a notebook a slow descriptor is analysed in the background
    from the start: until then, and if that fails, ``descriptor`` is the default one.

    Parameters
    ----------
    atoms
        The reference, or its name in the library; methane by default. It is not changed.
    descriptor
        The descriptor, or its name in the list of ``sensitivity descriptors``; by default a
        ``DensityCorrelations`` of order 2.
    centers
        Indices of the center atoms; every atom by default. For a name from the library, the default
        is the center of an environment or the carbon atom of methane, otherwise every atom.
    descriptors
        Descriptors, or their names, that the control *descriptor* offers beside ``descriptor``; by
        default the names of all that are installed. One with a name is made for each structure.
    oscillating
        Whether the atoms oscillate once along the mode as soon as they are on the screen.
    explained
        Whether causes and sentences are shown. If not, the button *explain* shows them.

    Attributes
    ----------
    mode
        Index of the mode, a row of ``reference.modes``. Initially the internal mode with the
        smallest singular value.
    amplitude
        Å. Root of the summed squares of the displacements.
    feature
        Index of a feature of the first center, or None. The arrows show the displacement that
        changes it fastest, instead of the mode.
    below
        The box in which other explorers appear: the followed path, the twin.
    arrows, arrow_length
        Whether one arrow per atom shows the direction of motion, and the length of the longest, Å.
    columns, transparent
        The width of exported figures in journal columns, 1 or 2, and whether their background is
        transparent.

    Raises
    ------
    ValueError
        If the mode does not exist, the amplitude exceeds the range of the slider, or the structure
        is too large.

    Examples
    --------
    >>> from sensitivity.explorers import Explorer
    >>> explorer = Explorer("X0")
    >>> explorer.amplitude = 0.1
    >>> explorer.wait()
    >>> explorer.mode, explorer.reference.spectrum.rank
    (8, 8)
    >>> print(explorer.code().splitlines()[0])
    from sensitivity import diagnose, spectrum, structures
    """

    @takes_centers
    def __init__(
        self,
        atoms: Atoms | str = "CH4",
        descriptor: Descriptor | str = USUAL,
        *,
        centers: Centers = None,
        descriptors: Iterable[Descriptor | str] | None = None,
        oscillating: bool = False,
        explained: bool = True,
    ) -> None:
        given: dict[str, Any] = {"centers": centers, "descriptors": descriptors}
        super().__init__(atoms, descriptor, **given, explained=explained)
        tooltip = "Show the cause of each displacement, and the evidence"
        look = {"description": "explain", "tooltip": tooltip, "icon": "lightbulb-o"}
        self._question = make_control("Button", "auto", **look)
        self._question.on_click(lambda _: self.attempt(self.explain))
        self.widget = arrange(
            self.page,
            above=[self.actions.start, self.settings.box],
            left=[self.molecule.pane, self.controls.box],
            right=[self.chart.pane, *([] if explained else [self._question]), self.panel.box],
            below=[self.below, self.actions.box],
            charts=[self.chart],
        )
        self.commands = {name: getattr(self, name) for name in TASKS}
        self.commands |= {name: partial(self.show_example, name) for name in EXAMPLES}
        self.commands |= {name: partial(self.export, name) for name in EXPORTS}
        connect(self)
        self.panel.invite(self._new_remarks() or WELCOME)
        if oscillating:
            self.oscillate()
        self._built = True
        if self._later is not None:
            self.presenter.preview(self._later)
            self._look_at(self._later, then=self.history.clear)

    @interrupts_held()
    def explain(self) -> None:
        """Show causes and sentences from now on."""
        self._question.layout.display = "none"
        self.presenter.explain()

    def code(self) -> str:
        """Return a Python script that reproduces the numbers on the screen."""
        return write_source(self.state)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the current view to a file; the suffix selects the format.

        .xyz or .extxyz: the atoms; .traj.extxyz: an oscillation along the mode; .png, .pdf, .svg:
        molecule and chart; .gif: an animation; .json or .json.gz: for chemiscope;
        .session.json: as ``save_state``; .html: the page of ``share.page``; .py: ``code()``.

        Raises
        ------
        ValueError
            If the suffix is unknown, or the file cannot be written.
        """
        file = Path(path)
        check_output(file, option="path")
        write_output(file, make_export(file.name, self._picture()), option="path")

    def figure(self) -> Figure:
        """Return a figure of molecule and chart; ``figure().savefig("a.pdf")`` writes it.

        ValueError if the structure is still being analysed.
        """
        return draw_figure(self._picture())

    @interrupts_held()
    def export(self, name: str) -> None:
        """Create a file of ``EXPORTS`` and download it; ValueError if the name is unknown."""
        check_name(name, "an export", EXPORTS)
        file, picture = EXPORTS[name][1], self._picture()
        self._save(file, lambda report: make_export(file, picture, report=report))

    def show_example(self, name: str) -> None:
        """Show one of ``EXAMPLES`` with the default descriptor, oscillating or with its twin.

        ValueError if the example does not exist.
        """
        check_name(name, "an example", EXAMPLES)
        structure = EXAMPLES[name][2]
        atoms, _, centers = inputs.take_structure(structure)
        twin = partial(self._find_twin, self.actions.examples[name])
        then = twin if name == "twin" else self.oscillate
        self._reader.drop()  # superseded
        self._look_at(Subject(atoms, USUAL, centers, structure), then=then)

    def locate(self) -> None:
        """Move the atoms to the nearest singular point of the center."""
        self._do(locate, "Searching for the nearest singular point", self.actions.tasks["locate"])

    def follow(self) -> None:
        """Follow the mode from the structure at amplitude zero, and show the path below."""
        self._do(follow, "Following the mode", self.actions.tasks["follow"])

    def find_twin(self) -> None:
        """Find two structures with the same features of the center, and show them below."""
        self._find_twin(self.actions.tasks["find_twin"])

    def _find_twin(self, button: Any) -> None:
        self._do(find_twin, "Searching for the twin", button)

    def enlarge_basis(self) -> None:
        """Use a larger basis of the same order."""
        descriptor, atoms = self.reference.descriptor, self.reference.atoms
        self._take("larger basis", larger_basis(descriptor, atoms))

    def raise_order(self) -> None:
        """Correlate one more neighbour."""
        self._take("higher order", higher_order(self.reference.descriptor))

    @interrupts_held()
    def _do(self, task: Callable[[State, Report], Outcome], what: str, button: Any) -> None:
        state = self.state
        name = state.reference.name or str(state.reference.atoms.symbols)

        def finish(outcome: Outcome) -> None:
            found = outcome.found
            if isinstance(found, Reference):
                self._go_to(found)
            elif isinstance(found, paths.Path):
                title = f"Path along mode {state.mode} of {name}"
                self._open(title, PathExplorer(found, state.reference.descriptor), button)
            elif found is not None:
                view = TwinExplorer(found, state.reference.descriptor)
                self._open(f"Twins near {name}", view, button)
            self.panel.report(outcome.sentence, trouble=not outcome.good)

        self.panel.tell(f"{what} …")
        self._work(lambda report: task(state, report), then=finish)

    def _open(self, title: str, view: MotionView, button: Any) -> None:
        """Show another view below and scroll to it; ``button`` gets the focus when it closes."""
        look = {"description": "close", "icon": "times", "tooltip": "Close this view"}
        close = make_control("Button", "auto", **look)

        def act(_: Any) -> None:
            self._close_result()
            button.focus()  # keyboard navigation continues there

        close.on_click(act)
        heading = require("ipywidgets").HTML(f"<strong>{escape(title)}</strong>")
        self._close_result()
        self._result, self.below.children = view, (row(heading, close), view.widget)
        view.columns, view.transparent = self.columns, self.transparent

    def _take(self, what: str, descriptor: Descriptor | None) -> None:
        if descriptor is None:
            self.panel.tell(f"This descriptor has no {what}.", trouble=True)
            return
        before = self.reference

        def compare() -> None:
            self.panel.report(compare_bases(before, self.reference))

        self._look_at(replace(self._wanted, descriptor=descriptor), then=compare)


def compare_bases(before: Reference, after: Reference) -> str:
    """Return the changed settings, and the displacements that became visible."""
    old, new = settings_of(before.descriptor), settings_of(after.descriptor)
    changes = [
        f"{CHANGED.get(name, name)} {_write(value)} → {_write(new.get(name))}"
        for name, value in old.items()
        if value != new.get(name)
    ]
    gain, internal = after.spectrum.rank - before.spectrum.rank, before.spectrum.internal
    hidden = internal - before.spectrum.rank
    if not internal:
        found = "there are no internal displacements"
    elif gain > 0:
        found = (
            f"{gain} of {hidden} invisible displacements {'is' if gain == 1 else 'are'} visible now"
        )
    elif gain < 0:
        found = f"{-gain} fewer displacements are visible"
    else:
        found = "still invisible" if hidden else "all internal displacements stay visible"
    return f"{', '.join(changes)}: {found}."


def _write(value: Any) -> str:
    return "none" if value is None else str(value)


@dataclass(frozen=True)
class Outcome:
    """The result of a long search that started from a state."""

    sentence: str  # the status
    good: bool = True  # the search succeeded
    # A reference replaces the current structure; anything else is shown below.
    found: Reference | paths.Path | singular.Twin | None = None


def locate(state: State, report: Report) -> Outcome:
    """Find the nearest singular point of the center."""
    point = _search(singular.locate, state, state.atoms, progress=report)
    if not point.converged:
        return Outcome(point.status, good=False)
    start = state.reference.subject
    subject = replace(start, atoms=point.atoms, centers=(point.center,), name="", upload=None)
    return Outcome(point.status, found=explain(examine(subject)))


def follow(state: State, report: Report) -> Outcome:
    """Follow the mode from the structure at amplitude zero."""
    start = state.reference.atoms
    path = _search(paths.follow, state, start, mode=state.mode, progress=report)
    return Outcome(path.status, good=path.complete, found=path)


def find_twin(state: State, report: Report) -> Outcome:
    """Find two structures with the same features of the center."""
    twin = _search(singular.find_twin, state, state.atoms, progress=report)
    return Outcome(twin.status, good=twin.found, found=twin if twin.found else None)


def _search(call: Callable[..., Any], state: State, atoms: Atoms, **settings: Any) -> Any:
    centers, descriptor = state.reference.centers, state.reference.descriptor
    if len(centers) > 1:
        raise ValueError(
            "this needs the environment of one atom, and there are several centers; enter "
            f"the number of one as centers, for instance {centers[0]}, and try again."
        )
    return call(atoms, descriptor, center=centers[0], **settings)
