"""The controls below the pictures: what moves, how, and from where it is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensitivity.explorers.parts.layout import row
from sensitivity.explorers.parts.libraries import require
from sensitivity.explorers.parts.mode_motion import (
    ARROW_LENGTH,
    ARROW_LENGTHS,
    STEP,
    SWING,
    stops,
)
from sensitivity.explorers.parts.programmatic_update import Quiet
from sensitivity.explorers.parts.sliders import offer_stops
from sensitivity.explorers.parts.state import State

INTERVAL = 80
"""Milliseconds between the steps of a swing."""

SPEEDS = {"0.5x": 0.5, "1x": 1.0, "2x": 2.0}
"""How much faster than that the motion can be."""

AXES = ("x", "y", "z")


class Controls:
    """Widgets that a person sets; the explorer reads and writes their values.

    Parameters
    ----------
    quiet
        Entered while it is not a person who sets them.

    Attributes
    ----------
    mode, amplitude, play, speed, arrows, arrow_length, look, reset
        The widgets, ``look`` one per axis; ``box`` holds all of them.
    """

    def __init__(self, quiet: Quiet) -> None:
        widgets = require("ipywidgets")
        self._quiet = quiet
        narrow = {"description_width": "initial"}
        self.mode = widgets.Dropdown(
            description="mode",
            tooltip="A displacement of the atoms: its number, its singular value, and why it is "
            "seen or not. A click on a marker chooses it too",
            style=narrow,
            layout={"width": "240px"},
        )
        # A slider of floats rounds in the browser and sends back what it made of a value, late
        # and over a newer one. This one sends the number of a stop.
        self.amplitude = widgets.SelectionSlider(
            options=[("+0.00", 0.0)],
            description="amplitude (Å)",
            tooltip="How far the atoms have moved along the mode; the arrow keys take 0.01 Å",
            style=narrow,
            layout={"flex": "1 1 200px", "max_width": "560px"},
        )
        self.play = widgets.Play(
            max=SWING - 1,
            interval=INTERVAL,
            repeat=True,
            show_repeat=False,
            tooltip="Swing along the mode",
            layout={"width": "96px"},
        )
        self.speed = widgets.Dropdown(
            options=SPEEDS,
            value=1.0,
            description="speed",
            tooltip="Of the swing",
            style=narrow,
            layout={"width": "100px"},
        )
        self.arrows = widgets.ToggleButton(
            value=True,
            description="arrows",
            icon="arrows",
            tooltip="Show the direction in which each atom moves",
            layout={"width": "90px"},
        )
        self.arrow_length = widgets.Dropdown(
            options=[(f"{length:g} Å", length) for length in ARROW_LENGTHS],
            value=ARROW_LENGTH,
            description="length",
            tooltip="Of the longest arrow",
            style=narrow,
            layout={"width": "110px"},
        )
        self.look = {
            axis: widgets.Button(
                description=axis, tooltip=f"Look along {axis}", layout={"width": "34px"}
            )
            for axis in AXES
        }
        self.reset = widgets.Button(
            description="reset",
            icon="undo",
            tooltip="Back to the least visible mode, amplitude zero, and the first view",
            layout={"width": "90px"},
        )
        self.box = _arrange(self)

    def load(self, labels: Sequence[str], *, mode: int, reach: float) -> None:
        """Offer other modes, and another reach of the amplitude in Å."""
        with self._quiet:
            offer_stops(self.amplitude, [(f"{stop:+.2f}", stop) for stop in stops(reach)])
        self.name_modes(labels, mode=mode)

    def name_modes(self, labels: Sequence[str], *, mode: int) -> None:
        """Give the modes other names."""
        with self._quiet:
            self.mode.options = [(label, index) for index, label in enumerate(labels)]
            self.mode.value = mode

    def show(self, state: State) -> None:
        """Show a state; the slider stands at the stop nearest to its amplitude."""
        with self._quiet:
            self.mode.value = state.mode
            self.arrows.value, self.arrow_length.value = state.arrows, state.arrow_length
            middle = len(self.amplitude.options) // 2
            self.amplitude.index = round(state.amplitude / STEP) + middle

    def hurry(self, speed: float) -> None:
        """Swing so many times as fast as usual."""
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
