"""The controls of the explorer: settings, motion, actions and downloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from sensitivity import structures
from sensitivity.descriptors import with_defaults
from sensitivity.descriptors.protocol import plain, settings_of
from sensitivity.explorers.main.exports import EXPORTS
from sensitivity.explorers.main.feature_arrows import Features
from sensitivity.explorers.parts import choices
from sensitivity.explorers.parts.choices import Entered, make_control
from sensitivity.explorers.parts.inputs import ORDERS, SETTINGS, is_length, write_centers
from sensitivity.explorers.parts.layout import make_fold, require, row
from sensitivity.explorers.parts.offers import LABELS, Offers
from sensitivity.explorers.parts.scene_controls import SceneControls, make
from sensitivity.explorers.parts.state import (
    PERIOD,
    STEP,
    Reference,
    State,
    Subject,
    stops,
)

CELLS = (1, 2, 3)
"""Numbers of cells that can be drawn along each periodic direction."""

NO_FEATURE = ("none", -1)
"""The option that returns to the arrows of the mode."""

CONTROLS: dict[str, tuple[str, int | str, str, dict[str, Any]]] = {
    "mode": (
        *("Dropdown", 280),
        "One of the modes of the undisplaced structure: a displacement of the atoms, with its "
        "number, singular value and cause. A click on a marker in the chart also selects it",
        {},
    ),
    "feature": (
        *("Dropdown", "min(540px, 100%)"),
        "Show, as arrows, the displacement that changes this feature fastest, instead of the mode. "
        "Listed are, for the first center, the features that the mode changes most. At order 2, "
        "(H,1,C,0,2) names element and radial function of two neighbours, and the degree l",
        {"options": [NO_FEATURE]},
    ),
    "descriptor": (
        *("Dropdown", 290),
        "Map from the positions to the features. The orders count the neighbours correlated at "
        "once: 1 distances, 2 pairs, 3 triples, …",
        {},
    ),
    "cells": (
        *("Dropdown", 110, "Number of cells drawn along each periodic direction"),
        {"options": CELLS},
    ),
    "structure": (
        *("Combobox", 200),
        "A molecule, a crystal, or an environment from the literature: type part of a name or a "
        "formula, and choose",
        {"continuous_update": False, "placeholder": "name of a structure"},
    ),
    "upload": (
        *("FileUpload", "auto"),
        "A structure in a text format such as xyz, extxyz, cif, POSCAR or pdb",
        {"description": "Upload file"},
    ),
    "session": (
        *("FileUpload", "auto"),
        "A file of Save session, or one that a command wrote with --json: its structure and "
        "descriptor are shown",
        {"description": "Open session", "accept": ".json"},
    ),
    "frame": ("IntText", 110, "Frame of the file, from 0; negative from the end", {}),
    "centers": (
        *("Text", 150),
        "Atoms whose features are used: all, elements, or atom indices such as 0, 2-4. A click on "
        "an atom selects it; shift-click adds or removes it",
        {"continuous_update": False, "placeholder": "all, C, or 0, 2-4"},
    ),
}
"""Kind, width in pixels, tooltip and other traits of each widget; its label is its name."""

EXAMPLES = {
    "symmetry": (
        *("hidden by symmetry", "snowflake-o", "CH4"),
        "Ideal methane, with the carbon atom as the center: symmetry makes eight of nine "
        "displacements invisible",
    ),
    "incompleteness": (
        *("hidden by incompleteness", "eye-slash", "X0"),
        "A CH4 with one displacement that features of order 2 (the SOAP power spectrum) do not "
        "see, in any basis",
    ),
    "twin": (
        *("two structures with the same features", "clone", "X+"),
        "Two different CH4 that features of order 2 (the SOAP power spectrum) cannot distinguish, "
        "shown below",
    ),
}
"""For each example: label and icon of its button, name of the structure, and tooltip."""

TASKS = {
    "locate": (
        *("nearest singular point", "crosshairs"),
        "Move the atoms to the nearest geometry with an invisible displacement that symmetry does "
        "not explain",
    ),
    "follow": (
        *("follow this mode", "long-arrow-right"),
        "Move the atoms along this mode, which is updated at each step, and show the path below",
    ),
    "find_twin": (
        *("find twin", "clone"),
        "Show two structures near this one that this descriptor cannot distinguish",
    ),
    "enlarge_basis": (
        *("larger basis", "plus"),
        "Enlarge the basis (n_max and l_max by 2), to test whether it is too small (truncation)",
    ),
    "raise_order": (
        *("higher order", "level-up"),
        "Correlate one more neighbour, to test whether the order is too low (incompleteness)",
    ),
    "undo": ("undo", "reply", "Return to the previous structure and descriptor"),
}
"""For each method of the explorer: label, icon and tooltip of its button."""


class Controls(SceneControls):
    """Widgets for mode, amplitude, animation, arrows and view, in ``box``.

    ``updating`` is entered while the program sets the widgets.
    """

    def __init__(self, updating: Entered) -> None:
        super().__init__(
            reset="Return to the least visible mode, amplitude zero and the initial view"
        )
        self._updating = updating
        names = "mode", "feature", "cells"
        self.mode, self.feature, self.cells = (make(name, CONTROLS) for name in names)
        self.more.children = (self.feature, *self.more.children, self.cells)
        self.amplitude = choices.make_slider(
            "amplitude (Å)",
            "Root of the summed squared displacements; the arrow keys change it by 0.01 Å",
            stops=[("+0.00", 0.0)],
            width="1 1 300px",
        )
        self.play = choices.make_play("Oscillate along the mode", steps=PERIOD + 1)
        self.play.observe(self._repeat, "playing")
        self.box = row(
            row(self.mode, self.amplitude, flex="1 1 520px"), row(self.play, *self.main), self.more
        )

    def load(self, labels: Sequence[str], *, mode: int, reference: Reference) -> None:
        """Offer the modes and amplitudes of another reference, and cells if it is periodic."""
        self.cells.layout.display = None if reference.atoms.pbc.any() else "none"
        with self._updating:
            choices.offer_stops(
                self.amplitude, [(f"{stop:+.2f}", stop) for stop in stops(reference.reach)]
            )
        self.name_modes(labels, mode=mode)

    def lock(self, locked: bool) -> None:
        """Lock the controls of the mode while the molecule on the screen has no modes yet."""
        for widget in (self.mode, self.amplitude, self.play):
            widget.disabled = locked

    def name_modes(self, labels: Sequence[str], *, mode: int) -> None:
        """Rename the modes, and select one."""
        with self._updating:
            self.mode.options = [(label, index) for index, label in enumerate(labels)]
            self.mode.value = mode

    def offer_features(self, found: Features, state: State, *, known: bool) -> None:
        """Offer the features that the mode changes most, and the chosen one."""
        chosen = -1 if state.feature is None else state.feature
        options = [NO_FEATURE, *found.options]
        if chosen not in dict(options).values():
            options.append((f"number {chosen}", chosen))
        tooltip = CONTROLS["feature"][2]
        if known and len(options) == 1:
            center = state.reference.centers[0]
            tooltip = (
                f"Mode {state.mode} changes no feature of atom {center} to first order; choose a "
                "visible mode"
            )
        with self._updating:
            self.feature.options, self.feature.value = options, chosen
            self.feature.disabled, self.feature.tooltip = len(options) == 1, tooltip

    def show(self, state: State) -> None:
        """Show a state; the slider takes the stop nearest to its amplitude."""
        with self._updating:
            self.mode.value = state.mode
            self.arrows.value, self.arrow_length.value = state.arrows, state.arrow_length
            middle = len(self.amplitude.options) // 2
            self.amplitude.index = round(state.amplitude / STEP) + middle

    def oscillate(self) -> None:
        """Oscillate once."""
        self.play.value, self.play.repeat, self.play.playing = 0, False, True

    def _repeat(self, change: Any) -> None:
        if not change["new"]:  # repeat from the next time on
            self.play.repeat = True

    def hurry(self, speed: float) -> None:
        """Set the speed of the oscillation, relative to the default."""
        choices.hurry(self.play, speed)


class Settings:
    """Widgets for structure, centers and descriptor, in ``box``.

    ``of_descriptor`` maps each adjustable setting of the descriptor to its widget; ``on_new`` is
    called when these widgets are replaced. ``updating`` is entered while the program sets the
    widgets.
    """

    def __init__(self, updating: Entered, offers: Offers) -> None:
        self._updating, self._offers = updating, offers
        names = "structure", "upload", "frame", "centers"
        self.structure, self.upload, self.frame, self.centers = (make(k, CONTROLS) for k in names)
        self.session = make("session", CONTROLS)
        self.descriptor = make("descriptor", CONTROLS)
        self.structure.options = (*structures.COMMON, *structures.names())
        self.frames, self.summary, self._none = (require("ipywidgets").Label() for _ in range(3))
        self.of_descriptor: dict[str, Any] = {}
        self._kinds: dict[str, tuple[type, float, float]] | None = None
        self.on_new: Callable[[], None] = lambda: None
        self._integers, self._lengths = row(), row()
        folding = self.centers, self.descriptor, self._integers, self._lengths
        fold = make_fold("settings", "Show the centers and the descriptor", *folding)
        shown = row(self.structure, self.upload, self.session, self.frame, self.frames)
        shown.children += self.summary, fold
        self.box = row(shown, *folding)

    def _describe(self, subject: Subject) -> None:
        # The file if there is one, formula and number of atoms.
        file, count = subject.upload, len(subject.atoms)
        formula = subject.atoms.get_chemical_formula()
        atoms = f"{formula}, {count} {'atom' if count == 1 else 'atoms'}"
        self.summary.value = f"{file.name}: {atoms}" if file else atoms
        frames = len(file.frames) if file else 1
        self.frames.value = f"of {frames}"
        for widget in (self.frame, self.frames):
            widget.layout.display = None if frames > 1 else "none"

    def show(self, subject: Subject) -> None:
        """Show the settings of a subject that is shown or being analysed."""
        self._describe(subject)
        with self._updating:
            self.structure.value = subject.name
            self.upload.value = (
                self.session.value
            ) = ()  # otherwise the same file could not be chosen again
            self.frame.value = 0 if subject.upload is None else subject.upload.index
            self.centers.value = write_centers(subject.chosen, len(subject.atoms))
            self._show_descriptor(subject)

    def _show_descriptor(self, subject: Subject) -> None:
        descriptor, name = subject.descriptor, self._offers.name(subject)
        self.descriptor.options, self.descriptor.value = self._offers.options, name
        settings, limits = settings_of(descriptor), plain(dict(with_defaults(descriptor).limits))
        if name in LABELS:  # the name is the order
            del limits["order"]
        values = {name: settings[name] for name in limits if name in settings}
        kinds: dict[str, tuple[type, float, float]] = {}
        for name, value in values.items():
            whole = isinstance(value, int) and not is_length(name, *limits[name])
            kinds[name] = (int if whole else float, *limits[name])
        if kinds != self._kinds:
            self._replace(kinds)
        if not kinds:
            self._none.value = f"{with_defaults(descriptor).name} has no settings to change here."
        for name, value in values.items():
            self.of_descriptor[name].value = value

    def _replace(self, kinds: dict[str, tuple[type, float, float]]) -> None:
        old, self._kinds = self.of_descriptor, kinds
        self.of_descriptor = {name: _make_setting(name, *kind) for name, kind in kinds.items()}
        self._integers.children, self._lengths.children = (
            [self.of_descriptor[name] for name in kinds if (kinds[name][0] is int) == whole]
            for whole in (True, False)
        )
        if not kinds:
            self._integers.children = [self._none]
        for control in old.values():
            control.close()
        self.on_new()


def _make_setting(name: str, kind: type, low: float, high: float) -> Any:
    label, width, tooltip = SETTINGS.get(name, (name, 60 + 8 * len(name), f"Change {name}"))
    texts = {"description": label, "tooltip": tooltip}
    if name == "order":
        orders = range(int(low), int(high) + 1)
        options = [(ORDERS.get(order, str(order)), order) for order in orders]
        return make_control("Dropdown", width, options=options, **texts)
    # Not bounded: ipywidgets would silently replace a number that is out of range.
    if kind is int:
        return make_control("IntText", width, value=int(low), **texts)
    return make_control("FloatText", width, value=low, step=0.1, **texts)


class Actions:
    """The buttons ``tasks`` and ``exports``, by name, in ``box``.

    The buttons of ``examples`` are in ``start``.
    """

    def __init__(self) -> None:
        widgets = require("ipywidgets")
        self._refused: dict[str, str] = {}
        self.tasks = {name: _button(*texts) for name, texts in TASKS.items()}
        self.examples = {
            name: _button(label, icon, tooltip)
            for name, (label, icon, _, tooltip) in EXAMPLES.items()
        }
        self.start = row(widgets.Label("Examples"), *self.examples.values())
        self.exports = {
            name: _button(label, "download", tooltip)
            for name, (label, _, tooltip) in EXPORTS.items()
        }
        tooltip = "Copy a link to this session, for this browser; to send the session, save it"
        self.link = _button("Copy link", "link", tooltip)
        self.link.layout.display = "none"  # only the page of the app has links
        tooltip = "Width of figures: one or two journal columns"
        options = [("one column", 1), ("two columns", 2)]
        self.columns = make_control(
            "Dropdown", 180, description="figure", options=options, value=2, tooltip=tooltip
        )
        self.transparent = choices.make_switch(
            "transparent", "Figures without a background", icon="adjust", width=120, on=False
        )
        tasks, exports = _groups(self.tasks, 3), _groups(self.exports, 2, 3)
        actions = row(widgets.Label("Actions"), *tasks)
        figures = row(self.columns, self.transparent)
        downloads = row(widgets.Label("Download"), *exports, self.link, figures)
        self.box = widgets.VBox([actions, downloads])

    def lock(self, busy: bool) -> None:
        """Lock the buttons that start a computation, or unlock them."""
        for name, button in (self.tasks | self.exports).items():
            button.disabled = busy or name in self._refused

    def refuse(self, reasons: dict[str, str]) -> None:
        """Disable the tasks that the descriptor cannot do; the tooltip has the reason."""
        self._refused = reasons
        for name, button in self.tasks.items():
            button.disabled, button.tooltip = name in reasons, reasons.get(name, TASKS[name][-1])


def _button(label: str, icon: str, tooltip: str) -> Any:
    return make_control("Button", "auto", description=label, icon=icon, tooltip=tooltip)


def _groups(buttons: dict[str, Any], *sizes: int) -> list[Any]:
    # Groups of these sizes, and one of the remaining buttons, stay together when the row wraps.
    left = iter(buttons.values())
    return [*(row(*islice(left, size)) for size in sizes), row(*left)]
