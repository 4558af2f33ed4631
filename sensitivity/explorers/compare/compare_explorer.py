"""The explorer of several descriptors: what each sees of the modes of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
import traitlets
from ase import Atoms
from matplotlib.figure import Figure

from sensitivity.comparison import Response
from sensitivity.descriptors import Centers, Descriptor
from sensitivity.explorers.compare.compare_chart import CompareChart
from sensitivity.explorers.compare.compare_inputs import Given, Request
from sensitivity.explorers.compare.compare_script import write_script
from sensitivity.explorers.compare.compare_sessions import (
    LONGEST,
    choose,
    compare_with,
    make_session,
)
from sensitivity.explorers.compare.compare_view import CompareView
from sensitivity.explorers.compare.compared import (
    Compared,
    Values,
    at_rest,
    compute,
    explain,
    write_table,
)
from sensitivity.explorers.parts.background import Work, Worker
from sensitivity.explorers.parts.choices import (
    Entered,
    Index,
    Length,
    check_index,
    check_name,
    make_control,
)
from sensitivity.explorers.parts.downloads import ATOMS, FIGURES, PAGE
from sensitivity.explorers.parts.layout import require, row
from sensitivity.explorers.parts.motion_view import Texts
from sensitivity.explorers.parts.saved_view import SESSION
from sensitivity.explorers.parts.scene import Body, Camera, Scene
from sensitivity.explorers.parts.view import as_sentence
from sensitivity.metrics import RATTLE, MetricName, Rattle
from sensitivity.numerics import Array, check_real, takes_centers
from sensitivity.plots.camera import choose_view
from sensitivity.progress import Cancelled, checkpoint
from sensitivity.reports.comparisons import describe_scale
from sensitivity.reports.differences import name_responses
from sensitivity.reports.sources import remarks_on
from sensitivity.session import ComparisonSession, parse_comparison, read_file
from sensitivity.share.pages import make_page

STOPS = np.linspace(-LONGEST, LONGEST, 101)

SETTLED = 0.25  # seconds without a change before spectra that take long are computed

MORE = SESSION | PAGE | {"code": ("Python", "py", "A script that prints the same numbers")}
"""Files beside atoms and figures: label of the button, suffix of the file, and tooltip."""

_OF = "Descriptor whose modes can be shown; the arrows are one of them"
_MODE = (
    "One of its modes, with number, singular value divided by the scale (usually the largest one "
    "of this descriptor), and cause. A click on a marker in the chart also selects it"
)


class CompareExplorer(CompareView):
    """The singular values of two or three descriptors, and what each sees of one mode.

    Make it the last expression of a cell to display it. Every control has a Python equivalent:
    ``explorer.select("order 2", 8)``, ``explorer.amplitude = 0.2``, ``explorer.structure = "N3"``,
    ``explorer.descriptors = ["2", "3"]``, ``explorer.metric = "raw"``.

    The arrows are one mode of one descriptor. Beside its singular value, a dashed line shows how
    much the features of each descriptor change along the arrows. All values are those of
    ``compare``, over the scale of each descriptor. At an amplitude they are those of the displaced
    structure, on the scale of the structure that is not displaced.

    The comparison is computed in the background: ``busy`` is true meanwhile, ``wait()`` waits for
    it, and ``cancel()`` stops and keeps what is known.

    Parameters
    ----------
    atoms
        The structure, or its name in the library. It is not changed.
    descriptors
        Two or three descriptors, or names in the list of ``sensitivity descriptors``; or a mapping
        from names to descriptors. One of the list is made for each structure.
    centers
        Indices of the center atoms; every atom by default. For a name from the library, the default
        is that of ``Explorer``.
    metric, structures
        As for ``compare``.

    Attributes
    ----------
    of
        Name of the descriptor whose mode is shown.
    mode
        Index of the mode among its internal modes, by descending singular value. Initially an
        invisible one that another descriptor sees best, if there is one.
    amplitude
        Displacement in Å of the atom that moves furthest.
    arrows
        Whether one arrow per atom shows the direction in which it moves.

    Raises
    ------
    ImportError, TypeError, ValueError
        As for ``compare``, or if two descriptors are the same, there are fewer than two or more
        than three, or one is not installed.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations
    >>> from sensitivity.explorers import CompareExplorer
    >>> orders = {f"order {n}": DensityCorrelations(n, n_max=4, l_max=4) for n in (2, 3)}
    >>> explorer = CompareExplorer("X0", orders)
    >>> explorer.wait()
    >>> explorer.of, explorer.mode
    ('order 2', 8)
    >>> [response.visible for response in explorer.responses]
    [False, True]
    """

    of = traitlets.Unicode("").tag(kept=True)
    mode = Index().tag(kept=True)
    amplitude = Length()
    moved, per_stop, rest = "amplitude", 0.01, 50

    files = ATOMS | FIGURES | MORE

    texts = Texts(
        label="amplitude (Å)",
        slider="Displacement of the atom that moves furthest; the arrow keys change it by 0.01 Å",
        film="Move the atoms along the mode, forth and back",
        arrows="Show the direction in which each atom moves",
        reset="Return to the undisplaced structure and the initial view",
        file="comparison",
    )
    chart: CompareChart

    @takes_centers
    def __init__(
        self,
        atoms: Atoms | str = "X0",
        descriptors: Given = ("2", "3"),
        *,
        centers: Centers = None,
        metric: MetricName = "rattle",
        structures: Iterable[Atoms] | Rattle = RATTLE,
    ) -> None:
        scale: dict[str, Any] = {"metric": metric, "structures": structures}
        super().__init__(atoms, descriptors, centers=centers, **scale)
        self._spectra, self._loading = Worker(), Entered()
        self._values: Values | None = None
        self._problem = ""  # of the displaced structure
        self.lists = {
            "of": make_control("Dropdown", 270, description="modes of", tooltip=_OF),
            "mode": make_control("Dropdown", 270, description="mode", tooltip=_MODE),
        }
        self.table = require("ipywidgets").HTML()
        chart, legend = CompareChart(), (row(*self.lists.values(), flex="1 1 100%"),)
        around = {"above": self._inputs.rows, "below": (self.table,)}
        labels = [f"{stop:+.2f}" for stop in STOPS]
        self._build(chart, Body(self._entered.atoms), stops=labels, legend=legend, **around)
        buttons = zip(self.files, self.downloads.children[1:], strict=True)
        self.more = {name: button for name, button in buttons if name in MORE}
        self._wire()
        self._ask(self._request)
        self._built = True

    def _wire(self) -> None:
        self.lists["of"].observe(partial(self._enter, self._turn), "value")
        self.lists["mode"].observe(partial(self._enter, partial(setattr, self, "mode")), "value")
        self.observe(self._remember, ["of", "mode", "amplitude"])
        self.chart.on_click(lambda place, mode: self.attempt(self._pick, place, mode))

    def _turn(self, of: str) -> None:
        """Show the softest mode of a descriptor."""
        if self._compared is not None:
            self.select(of, max(0, len(self._compared.modes[of].causes) - 1))

    def _pick(self, place: int, mode: int) -> None:
        if self._compared is None:
            return
        name = self._compared.found.names[place]
        self.select(name, mode)
        if self.amplitude:
            self.panel.tell(f"The arrows are mode {mode} of {name} at amplitude 0.")

    @property
    def shown(self) -> Values | None:
        """Singular values and responses of the displaced structure; None while unknown."""
        return self._values

    @property
    def responses(self) -> tuple[Response, ...]:
        """Responses of the descriptors to the arrows; empty while they are computed."""
        return () if self._values is None else self._values.responses

    def select(self, of: str, mode: int) -> None:
        """Show a mode of a descriptor, by its name and the index of the mode."""
        of = self._check_of(of)
        mode = self._check_mode(mode, of)
        with self.hold_trait_notifications():
            self.of, self.mode = of, mode

    def code(self) -> str:
        """Return a Python script that computes the numbers on the screen."""
        found, choice = self._known.found, {"of": self.of, "mode": self.mode}
        at, problem = self.amplitude, self._problem
        return write_script(found, self._entered, at=at, problem=problem, **choice)

    def load_state(
        self,
        path: str | PathLike[str],
        *,
        descriptors: Mapping[str, Descriptor] | None = None,
    ) -> None:
        """Restore a session.

        Parameters
        ----------
        path
            A file of ``save_state``.
        descriptors
            Descriptors of the session by name; necessary for those of your own and of other
            packages that the list of ``sensitivity descriptors`` does not have, unless this
            explorer has one of that name: a file is data, and no code is loaded from it.

        Raises
        ------
        ImportError, TypeError, ValueError
            If the file is no session of a comparison, or a descriptor is missing.
        """
        self._open(parse_comparison(read_file(path)), descriptors or {})

    def _open_session(self, content: bytes) -> None:
        self._open(parse_comparison(content), {})

    def _open(self, session: ComparisonSession, given: Mapping[str, Descriptor]) -> None:
        request, wanted = choose(session, given=given, own=self._own)
        self.film.playing = False
        self._ask(request, wanted)

    def _write_session(self) -> bytes:
        compared, choice = self._known, {"of": self.of, "mode": self.mode}
        look: dict[str, Any] = {"view": self._choices, "camera": self._sight}
        session = make_session(compared, self._entered, **choice, amplitude=self.amplitude, **look)
        return session.to_json()

    def _restore(self, session: ComparisonSession) -> None:
        amplitude, notes = compare_with(session, self._known)
        self._restore_view(session.view)
        with self.hold_trait_notifications():
            self.of, self.mode, self.amplitude = session.of, session.mode, amplitude
        self._aim(session.camera)
        self.panel.tell(" ".join(["Opened the session.", *notes, *self._remarks]))

    def _make(self, name: str) -> Work:
        if name != "code":
            return super()._make(name)
        content = self.code().encode()
        return lambda _: content

    def _page(self) -> Work:
        found = self._known.found
        title = self._entered.name or found.atoms.get_chemical_formula()
        return lambda report: make_page(found, title=title, progress=report).encode()

    def frames(self) -> list[Atoms]:
        """Return the structure at 21 amplitudes from end to end, with notes on the mode."""
        found = []
        for stop in STOPS[::5].tolist():
            atoms = self._entered.atoms.copy()
            atoms.positions = self._place(stop)[0][0]
            atoms.info |= {**self._notes[0], "amplitude": stop}
            found.append(atoms)
        return found

    @property
    def _notes(self) -> list[dict[str, Any]]:
        if self._compared is None:
            return [{}]
        modes = self._compared.modes[self.of]
        notes: dict[str, Any] = {"descriptor": self.of, "mode": self.mode}
        if self.mode < len(modes.causes):
            value = float(modes.relative[self.mode])
            notes |= {"relative_singular_value": value, "cause": modes.causes[self.mode]}
        return [{**notes, "amplitude": self.amplitude}]

    @property
    def _workers(self) -> tuple[Worker, ...]:
        return *super()._workers, self._spectra

    def _learn(self, request: Request, compared: Compared) -> None:
        same = self._compared is not None and self._entered.atoms == request.atoms
        camera = self.molecule.camera
        self._spectra.drop()
        self._compared, self._entered, self._request = compared, request, request
        found, self._problem = compared.found, ""
        self.film.playing = False
        lost = self._start_with(compared)
        marked = found.centers if len(found.centers) < len(found.atoms) else ()
        self._bodies = (Body(found.atoms, marked=marked),)
        self.molecule.load(*self._bodies, camera=camera if same and camera else self._camera())
        self.chart.load(found, compute(compared, self.of, self.mode, 0.0))
        self._inputs.show(request, self._own)
        self.table.value = write_table(compared.pairs)
        self.panel.tell(" ".join([*lost, *self._remarks]))
        self._move()

    @property
    def _remarks(self) -> list[str]:
        found = self._known.found
        named = zip(found.names, found.descriptors, strict=True)
        return [f"{name}: {remark}" for name, each in named for remark in remarks_on(each)]

    def _start_with(self, compared: Compared) -> list[str]:
        """Show the first mode, or the choices made meanwhile; return what is said of the others."""
        (of, mode), amplitude, lost = compared.first, 0.0, list[str]()
        if "amplitude" in self._early:
            amplitude = self.amplitude
        if self._early & {"of", "mode"}:
            asked = self.of if "of" in self._early else of
            if asked in compared.modes and self.mode < len(compared.modes[asked].causes):
                of, mode = asked, self.mode
            else:
                lost = [f"There is no mode {self.mode} of {asked}; mode {mode} of {of} is shown."]
        self._early.clear()
        with self._loading, self.hold_trait_notifications():
            self.of, self.mode, self.amplitude = of, mode, amplitude
        return lost

    def _remember(self, change: Any) -> None:
        if not self._loading and (self._task.busy or self._compared is None):
            self._early.add(change["name"])

    def _camera(self) -> Camera:
        atoms, pattern = self._entered.atoms, self._place(0.0)[1]
        return Camera.around(atoms.positions, view=choose_view(atoms, pattern))

    def _place(self, at: float) -> tuple[Sequence[Array], Array]:
        positions = self._entered.atoms.positions
        still = np.zeros_like(positions)
        pattern = still if self._compared is None else self._compared.pattern(self.of, self.mode)
        return [positions + at * pattern], pattern

    def _move(self) -> None:
        if self._loading:
            return
        super()._move()
        if self._compared is None:
            return
        self._offer()
        compared, of, mode, amplitude = self._compared, self.of, self.mode, round(self.amplitude, 6)
        self.chart.values_at = lambda stop: compute(compared, of, mode, round(self._value(stop), 6))
        self._spectra.start(
            lambda _: compute(compared, of, mode, amplitude),
            then=self._show,
            failed=self._miss,
            delay=SETTLED if amplitude and not compared.quick else 0.0,
        )
        if self._spectra.busy:
            self._values, self._problem = None, ""
            self._say()

    def _offer(self) -> None:
        """Set the lists of descriptors and modes to the choice."""
        assert self._compared is not None
        names, modes = self._compared.found.names, self._compared.modes[self.of]
        zero = self._compared.found.spectra[names.index(self.of)]
        labels = [
            f"{k}: {'0' if value * zero.scale <= zero.zero_level else f'{value:.1e}'}, {cause}"
            for k, (value, cause) in enumerate(zip(modes.relative, modes.causes, strict=True))
        ]
        options = [(label, k) for k, label in enumerate(labels or ["none"])]
        with self._updating:
            for name, wanted in (("of", [(each, each) for each in names]), ("mode", options)):
                widget = self.lists[name]
                if list(widget.options) != wanted:
                    widget.options = wanted
                widget.value = getattr(self, name)

    def _show(self, values: Values) -> None:
        self._values, self._problem = values, ""
        self.chart.show(values)
        self._say()

    def _miss(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            return
        assert self._compared is not None
        count, place = len(self._compared.found.names), self._compared.found.names.index(self.of)
        self._values, self._problem = None, as_sentence(error)
        none: tuple[Array, ...] = (np.zeros(0),) * count
        choice = place, self.mode
        self.chart.show(Values(none, ((),) * count, (), choice, self.amplitude))
        self._say()

    def _say(self) -> None:
        assert self._compared is not None
        compared, where = self._compared, f"At {self.amplitude:+.2f} Å"
        now = ""
        if self._problem:
            now = f"{where}: {self._problem}"
        elif self._values is None:
            now = f"{where}: the singular values are being computed."
        elif self.amplitude and self._values.responses:
            found = name_responses(compared.found.names, self._values.responses)
            now = f"{where} the change along the arrows, over the scale, is {found}."
        mode, differences = explain(compared, self.of, self.mode), " ".join(compared.differences)
        scale, status = describe_scale(compared.found), compared.found.status
        if self.amplitude:
            still = partial(at_rest, names=compared.found.names)
            self.panel.say(still(mode), now, still(differences), scale, still(status))
        else:
            self.panel.say(mode, differences, f"{scale} {status}")

    def _draw(self, scenes: Mapping[int, Scene]) -> tuple[Figure, Callable[[int], None]]:
        for stop in scenes if self._compared is not None else ():
            checkpoint()
            self.chart.values_at(stop)  # before drawing, for which other drawings wait
        return super()._draw(scenes)

    @traitlets.validate("of")
    def _validate_of(self, proposal: Any) -> str:
        return self._check_of(proposal["value"])

    def _check_of(self, of: str) -> str:
        """Return the name, which is one of the comparison, or of the first one that is computed."""
        found = self._compared
        return check_name(of, "of", self._request.names if found is None else found.found.names)

    @traitlets.validate("mode")
    def _validate_mode(self, proposal: Any) -> int:
        return self._check_mode(proposal["value"], self.of)

    def _check_mode(self, mode: int, of: str) -> int:
        """Return the index of a mode; until the modes are known, of a displacement."""
        count = 3 * len(self._request.atoms)
        if self._compared is not None:
            count = len(self._compared.modes[of].causes)
        return check_index(mode, "mode", count=max(1, count))

    @traitlets.validate("amplitude")
    def _validate_amplitude(self, proposal: Any) -> float:
        expected = f"a number from {-LONGEST} to {LONGEST} Å"
        accepts, remedy = (lambda x: abs(x) <= LONGEST), "give e.g. 0.2"
        return check_real(proposal["value"], "amplitude", expected, accepts=accepts, remedy=remedy)
