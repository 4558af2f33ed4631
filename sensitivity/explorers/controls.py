"""The controls below the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sensitivity.explorers.libraries import require

STEP = 0.01
"""Å, of the amplitude: fine enough to move smoothly, coarse enough for the arrow keys."""

SWING = 60
"""Steps of one swing back and forth."""

INTERVAL = 80
"""Milliseconds between the steps of a swing."""


class Controls:
    """Widgets that a person sets; the explorer reads and writes their values.

    Attributes
    ----------
    mode, amplitude, play, arrows, reset, sentence
        The widgets; ``box`` holds all of them.
    """

    def __init__(self, *, labels: Sequence[str], reach: float) -> None:
        widgets = require("ipywidgets")
        options = [(label, mode) for mode, label in enumerate(labels)]
        narrow = {"description_width": "initial"}
        self.mode = widgets.Dropdown(
            options=options, description="mode", style=narrow, layout={"width": "220px"}
        )
        # A slider of floats rounds in the browser and sends back what it made of a value, late
        # and over a newer one. This one sends the number of a stop.
        self.amplitude = widgets.SelectionSlider(
            options=[(f"{stop:+.2f}", stop) for stop in stops(reach)],
            value=0.0,
            description="amplitude (Å)",
            style=narrow,
            layout={"flex": "1 1 260px", "max_width": "560px"},
        )
        self.play = widgets.Play(
            max=SWING - 1,
            interval=INTERVAL,
            repeat=True,
            show_repeat=False,
            layout={"width": "96px"},
        )
        self.arrows = widgets.ToggleButton(
            value=True, description="arrows", icon="arrows", layout={"width": "90px"}
        )
        self.reset = widgets.Button(description="reset", icon="undo", layout={"width": "90px"})
        self.sentence = widgets.HTML(layout={"margin": "4px 8px"})
        self.box = _arrange(self)

    def stand_at(self, amplitude: float) -> None:
        """Move the slider to the stop nearest to an amplitude in Å."""
        self.amplitude.index = round(amplitude / STEP) + len(self.amplitude.options) // 2


def stops(reach: float) -> list[float]:
    """Amplitudes in Å at which the slider can stand, zero in the middle."""
    last = round(reach / STEP)
    return [round(k * STEP, 2) for k in range(-last, last + 1)]


def swing(step: int, *, reach: float) -> float:
    """Amplitude in Å at one step of the motion back and forth, which starts at zero."""
    return round(float(reach * np.sin(2 * np.pi * step / SWING)), 2)


def _arrange(controls: Controls) -> Any:
    widgets = require("ipywidgets")
    row = widgets.Box(
        [controls.mode, controls.amplitude, controls.play, controls.arrows, controls.reset],
        layout={"flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 12px"},
    )
    return widgets.VBox([row, controls.sentence], layout={"margin": "6px 0 0 0"})
