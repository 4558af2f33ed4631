"""The controls of the views, and the traits that validate their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from math import ceil, log10
from typing import Any, ClassVar

import numpy as np
import traitlets
from numpy.typing import ArrayLike

from sensitivity.explorers.parts.layout import require
from sensitivity.numerics import check_integer, check_real

INTERVAL = 80  # milliseconds between the steps of an animation


def make_control(kind: str, width: int | str | None = None, **keywords: Any) -> Any:
    """Return a widget whose label is not cut off; width in pixels, or as in CSS."""
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
    description: str, tooltip: str, *, stops: Sequence[Any], width: str = "1 1 260px"
) -> Any:
    """Return a slider whose ``index`` is the number of a stop; so is the value of a plain text.

    A slider of floats rounds in the browser, and its late answer would overwrite a newer value.
    """
    options = [(s, index) if isinstance(s, str) else s for index, s in enumerate(stops)]
    slider = make_control(
        "SelectionSlider", options=options, description=description, tooltip=tooltip
    )
    slider.layout.flex, slider.layout.max_width = width, "560px"
    return slider


def offer_stops(slider: Any, options: Sequence[tuple[str, Any]]) -> None:
    """Replace the stops of a slider; it moves to the first.

    It moves there before the replacement. If its index exceeded the number of new stops, the page
    would move it to the last one and send that back as a choice of the user.
    """
    slider.index = 0
    slider.options = options


def make_play(tooltip: str, *, steps: int, step: int = 1) -> Any:
    """Return a button that plays ``steps`` steps and repeats them."""
    traits: dict[str, Any] = {"interval": INTERVAL, "repeat": True, "show_repeat": False}
    return make_control("Play", 96, max=steps - 1, step=step, tooltip=tooltip, **traits)


def hurry(play: Any, speed: float) -> None:
    """Set the speed of a play button, relative to the default."""
    play.interval = round(INTERVAL / speed)


def fold(step: int, *, count: int) -> int:
    """Return the stop at one step of a motion to the end and back."""
    last = count - 1
    return last - abs(step % (2 * last) - last)


def make_switch(description: str, tooltip: str, *, icon: str, width: int, on: bool = True) -> Any:
    """Return a toggle button."""
    return make_control(
        "ToggleButton", width, value=on, description=description, icon=icon, tooltip=tooltip
    )


def name_lengths(lengths: ArrayLike) -> list[str]:
    """Return lengths in Å as text, with enough digits to distinguish adjacent ones."""
    values = np.asarray(lengths, dtype=float)
    smallest = float(np.diff(values).min(initial=1.0))
    digits = max(2, ceil(-log10(smallest)))
    return [f"{value:.{digits}f}" for value in values]


class Entered:
    """A context that is true while entered: changes made then do not come from the user."""

    _depth = 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def __bool__(self) -> bool:
        return self._depth > 0


class Length(traitlets.TraitType[Any, Any]):
    """A number in Å, also a NumPy number; not a bool."""

    default_value = 0.0
    check: ClassVar[Callable[..., float]] = staticmethod(check_real)
    accepts: ClassVar[Callable[..., bool]] = staticmethod(lambda _: True)
    expected, remedy = "a number in Å", "give e.g. 0.1"

    def validate(self, obj: Any, value: Any) -> float:
        """Return the value as a Python number."""
        words = {"accepts": self.accepts, "remedy": self.remedy}
        return self.check(value, self.name, self.expected, **words)


class Index(Length):
    """An integer; a number that would have to be rounded is an error."""

    default_value, check = 0, staticmethod(check_integer)
    expected, remedy = "a whole number", "give e.g. 0"


class Share(Length):
    """A number from 0 to 1."""

    accepts = staticmethod(lambda share: 0.0 <= share <= 1.0)
    expected, remedy = "a number from 0 to 1", "give e.g. 0.5"


class Switch(traitlets.Bool):  # type: ignore[type-arg]
    """A bool, also a NumPy bool; not a text, which would always be true."""

    def validate(self, obj: Any, value: Any) -> bool:
        """Return the value as a Python bool."""
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{self.name} must be True or False, got {value!r}; give one of these.")
        return bool(value)


def check_name(value: str, name: str, known: Iterable[str]) -> str:
    """Return a known name; else raise TypeError or ValueError, which lists the known names."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {value!r}; give e.g. {next(iter(known))!r}.")
    names = tuple(known)
    if value in names:
        return value
    near = get_close_matches(value, names, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else "give one of these."
    raise ValueError(f"{name} must be one of {', '.join(names)}, got {value!r}; {remedy}")


def check_index(value: int, name: str, *, count: int) -> int:
    """Return an index below ``count``; TypeError or ValueError if it is invalid."""
    expected, accepts = f"one of 0 to {count - 1}", range(count).__contains__
    if count == 1:
        return check_integer(value, name, "0", accepts=accepts, remedy="there are no others")
    return check_integer(value, name, expected, accepts=accepts, remedy="give one of these")
