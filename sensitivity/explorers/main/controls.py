"""The controls below the pictures: what moves, how, and from where it is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensitivity.explorers.parts.layout import row
from sensitivity.explorers.parts.libraries import require
from sensitivity.explorers.parts.mode_motion import (
    ARROW_LENGTH,
    ARROW_LENGTHS,
    PERIOD,
    STEP,
    stops,
)
from sensitivity.explorers.parts.programmatic_update import Entered
from sensitivity.explorers.parts.sliders import (
    INTERVAL,
    make_control,
    make_play,
    make_slider,
    make_switch,
    offer_stops,
)
from sensitivity.explorers.parts.state import State

CONTROLS: dict[str, tuple[str, int, str, dict[str, Any]]] = {
    "mode": (
        *("Dropdown", 240),
        "A displacement of the atoms: its number, singular value and cause. A click on a marker in "
        "the chart also selects it",
        {"description": "mode"},
    ),
    "speed": (
        *("Dropdown", 100, "Speed of the animation"),
        {"description": "speed", "options": {"0.5x": 0.5, "1x": 1.0, "2x": 2.0}, "value": 1.0},
    ),
    "arrow_length": (
        *("Dropdown", 110, "Length of the longest arrow"),
        {
            "description": "length",
            "options": [(f"{x:g} Å", x) for x in ARROW_LENGTHS],
            "value": ARROW_LENGTH,
        },
    ),
    **{axis: ("Button", 34, f"Look along {axis}", {"description": axis}) for axis in "xyz"},
    "reset": (
        *("Button", 90, "Return to the least visible mode, amplitude zero and the first view"),
        {"description": "reset", "icon": "undo"},
    ),
}
"""Kind, width in pixels, tooltip, and other traits of widgets."""


class Controls:
    """Widgets for mode, amplitude, animation, arrows and view, in ``box``.

    ``look`` has one button per axis. ``updating`` is entered while the program sets the widgets.
    """

    def __init__(self, updating: Entered) -> None:
        self._updating = updating
        made = {
            name: make_control(kind, width, tooltip=tooltip, **traits)
            for name, (kind, width, tooltip, traits) in CONTROLS.items()
        }
        self.mode, self.speed, self.arrow_length = (
            made[name] for name in ("mode", "speed", "arrow_length")
        )
        self.look, self.reset = {axis: made[axis] for axis in "xyz"}, made["reset"]
        self.amplitude = make_slider(
            "amplitude (Å)",
            "Displacement along the mode; the arrow keys change it by 0.01 Å",
            stops=[("+0.00", 0.0)],
            width="1 1 200px",
        )
        self.play = make_play("Oscillate along the mode", steps=PERIOD)
        self.arrows = make_switch(
            "arrows", "Show the direction in which each atom moves", icon="arrows", width=90
        )
        self.box = _arrange(self)

    def load(self, labels: Sequence[str], *, mode: int, reach: float) -> None:
        """Offer other modes, and another reach of the amplitude in Å."""
        with self._updating:
            offer_stops(self.amplitude, [(f"{stop:+.2f}", stop) for stop in stops(reach)])
        self.name_modes(labels, mode=mode)

    def name_modes(self, labels: Sequence[str], *, mode: int) -> None:
        """Give the modes other names."""
        with self._updating:
            self.mode.options = [(label, index) for index, label in enumerate(labels)]
            self.mode.value = mode

    def show(self, state: State) -> None:
        """Show a state; the slider stands at the stop nearest to its amplitude."""
        with self._updating:
            self.mode.value = state.mode
            self.arrows.value, self.arrow_length.value = state.arrows, state.arrow_length
            middle = len(self.amplitude.options) // 2
            self.amplitude.index = round(state.amplitude / STEP) + middle

    def hurry(self, speed: float) -> None:
        """Oscillate so many times as fast as usual."""
        self.play.interval = round(INTERVAL / speed)


def _arrange(controls: Controls) -> Any:
    widgets = require("ipywidgets")
    view = widgets.HBox(
        [widgets.Label("view along"), *controls.look.values()], layout={"align_items": "center"}
    )
    moved = row(controls.mode, controls.amplitude)
    moved.layout.flex = "1 1 520px"
    line = row(
        moved,
        row(controls.play, controls.speed),
        row(controls.arrows, controls.arrow_length),
        row(view, controls.reset),
    )
    line.layout.margin = "6px 0 0 0"
    return line
