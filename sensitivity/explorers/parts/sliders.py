"""Controls of the views: sliders with stops, animations, switches, and any other widget."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sensitivity.explorers.parts.layout import require

INTERVAL = 80
"""Milliseconds between the steps of an animation."""


def make_control(kind: str, width: int | str | None = None, **keywords: Any) -> Any:
    """Return a widget of ipywidgets, whose label takes the room that it needs.

    ``width`` is in pixels, or as in CSS.
    """
    cls = getattr(require("ipywidgets"), kind)
    unknown = set(keywords) - set(cls.class_trait_names())
    if unknown:  # ipywidgets ignores them
        raise TypeError(f"{kind} has no {', '.join(sorted(unknown))}.")
    control = cls(**keywords)
    if hasattr(control.style, "description_width"):
        control.style.description_width = "initial"
    if width is not None:
        control.layout.width = f"{width}px" if isinstance(width, int) else width
    return control


def make_slider(
    description: str,
    tooltip: str,
    *,
    stops: Sequence[str] | Sequence[tuple[str, Any]],
    width: str = "1 1 260px",
) -> Any:
    """Return a slider whose ``index`` is the number of a stop; so is its value, if none is given.

    A slider of floats rounds in the browser and sends back what it made of a value, late and over a
    newer one.
    """
    options = [(s, index) if isinstance(s, str) else s for index, s in enumerate(stops)]
    slider = make_control(
        "SelectionSlider", options=options, description=description, tooltip=tooltip
    )
    slider.layout.flex, slider.layout.max_width = width, "560px"
    return slider


def offer_stops(slider: Any, options: Sequence[tuple[str, Any]]) -> None:
    """Give a slider other stops; it then stands at the first.

    It has to stand there before. Beyond the end of fewer stops the page would move it to their last
    one, and send that back as if the user had chosen it.
    """
    slider.index = 0
    slider.options = options


def make_play(tooltip: str, *, steps: int, step: int = 1) -> Any:
    """Return a button that plays so many steps, again and again."""
    return make_control(
        "Play",
        96,
        max=steps - 1,
        step=step,
        interval=INTERVAL,
        repeat=True,
        show_repeat=False,
        tooltip=tooltip,
    )


def fold(step: int, *, count: int) -> int:
    """Stop at one step of a motion to the end and back."""
    last = count - 1
    return last - abs(step % (2 * last) - last)


def make_switch(description: str, tooltip: str, *, icon: str, width: int, on: bool = True) -> Any:
    """Return a button that stays down."""
    return make_control(
        "ToggleButton", width, value=on, description=description, icon=icon, tooltip=tooltip
    )


def name_lengths(lengths: ArrayLike) -> list[str]:
    """Lengths in Å as text, with as many digits as it takes to tell neighbours apart."""
    values = np.asarray(lengths, dtype=float)
    smallest = float(np.diff(values).min(initial=1.0))
    digits = max(2, ceil(-log10(smallest)))
    return [f"{value:.{digits}f}" for value in values]


class Entered:
    """A context that is true while it is entered, once or more.

    Widgets that a program sets must not act as if the user had set them.
    """

    _depth = 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def __bool__(self) -> bool:
        return self._depth > 0
