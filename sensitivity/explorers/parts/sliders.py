"""Controls of which each view has some: a slider with stops, a film, a switch."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sensitivity.explorers.parts.libraries import require

INTERVAL = 80
"""Milliseconds between the steps of a film."""

LONGEST_FILM = 120
"""Steps of a film from one end to the other: ten seconds."""


def make_slider(
    description: str, tooltip: str, *, stops: Sequence[str], width: str = "1 1 260px"
) -> Any:
    """Return a slider whose ``index`` is the number of a stop.

    A slider of floats rounds in the browser and sends back what it made of a value, late and over a
    newer one.
    """
    widgets = require("ipywidgets")
    return widgets.SelectionSlider(
        options=[(label, index) for index, label in enumerate(stops)],
        description=description,
        tooltip=tooltip,
        style={"description_width": "initial"},
        layout={"flex": width, "max_width": "560px"},
    )


def offer_stops(slider: Any, options: Sequence[tuple[str, Any]]) -> None:
    """Give a slider other stops; it then stands at the first.

    It has to stand there before. Beyond the end of fewer stops the page would move it to their last
    one, and send that back as if a person had chosen it.
    """
    slider.index = 0
    slider.options = options


def make_film(tooltip: str, *, count: int) -> Any:
    """Return a button that plays so many stops to the end and back, again and again."""
    widgets = require("ipywidgets")
    return widgets.Play(
        max=2 * (count - 1) - 1,
        step=ceil(count / LONGEST_FILM),
        interval=INTERVAL,
        repeat=True,
        show_repeat=False,
        tooltip=tooltip,
        layout={"width": "96px"},
    )


def fold(step: int, *, count: int) -> int:
    """Stop at one step of a film that goes to the end and back."""
    last = count - 1
    return last - abs(step % (2 * last) - last)


def make_switch(description: str, tooltip: str, *, icon: str, width: int, on: bool = True) -> Any:
    """Return a button that stays down."""
    widgets = require("ipywidgets")
    return widgets.ToggleButton(
        value=on,
        description=description,
        icon=icon,
        tooltip=tooltip,
        layout={"width": f"{width}px"},
    )


def name_lengths(lengths: ArrayLike) -> list[str]:
    """Lengths in Å as text, with as many digits as it takes to tell neighbours apart."""
    values = np.asarray(lengths, dtype=float)
    smallest = float(np.diff(values).min(initial=1.0))
    digits = max(2, ceil(-log10(smallest)))
    return [f"{value:.{digits}f}" for value in values]
