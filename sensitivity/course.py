"""Checks of guesses in the course: predict a number, compute it, and compare."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from sensitivity.numerics import check_real

FIRST = (
    "Make a guess first: replace the dots in `guess = ...`, run that cell, and run this cell again."
)
_EDGES = {True: "#009E73", False: "#D55E00", None: "#8C8C8C"}


@dataclass(frozen=True)
class Check:
    """A guess, compared with the answer."""

    right: bool | None  # None without a guess
    text: str  # shown in the notebook; without a guess it hides the answer

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        style = f"border-left: 4px solid {_EDGES[self.right]}; padding-left: 0.7em"
        text = re.sub("`(.+?)`", r"<code>\1</code>", html.escape(self.text))
        return f'<p style="{style}">{text}</p>'


def check(guess: Any, answer: Any, *, within: float = 0.0) -> Check:
    """Compare a guess with the answer: numbers, texts, booleans, and lists and dicts of them.

    A number is right if it differs from the answer by at most ``within``; a text in upper or lower
    case. A guess that is ``...``, or contains it, is not a guess yet. Entries can be in a list or
    a tuple.

    Raises ValueError or TypeError if the guess cannot be compared: a text with a number, or a list
    of another length.
    """
    within = check_real(
        within, "within", "a number of at least 0", accepts=lambda x: 0 <= x < math.inf
    )
    guess, answer = _plain(guess), _plain(answer)
    if _is_open(guess):
        return Check(None, FIRST)
    compared = _compare(guess, answer, within)
    if all(compared):
        return Check(True, f"Right: {_show(answer)}.")
    counted = f" {sum(compared)} of {len(compared)} are right." if len(compared) > 1 else ""
    return Check(False, f"You guessed {_show(guess)}; it is {_show(answer)}.{counted}")


def _plain(value: Any) -> Any:
    """Return the value with arrays and NumPy numbers as Python objects."""
    if isinstance(value, Mapping):
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _is_open(guess: Any) -> bool:
    entries = guess.values() if isinstance(guess, dict) else guess
    return guess is ... or (isinstance(guess, dict | list) and any(map(_is_open, entries)))


def _compare(guess: Any, answer: Any, within: float) -> list[bool]:
    """Return for each number, text or boolean of the answer if the guess is right."""
    if _kind(guess) != _kind(answer):
        raise TypeError(
            f"the guess is {_kind(guess)}, but the answer is {_kind(answer)}; change the guess."
        )
    if isinstance(answer, dict):
        keys = list(answer)
        if set(guess) != set(keys):
            raise ValueError(f"the guess has the keys {list(guess)}, expected {keys}; use these.")
        guess, answer = [guess[key] for key in keys], list(answer.values())
    if isinstance(answer, list):
        if len(guess) != len(answer):
            raise ValueError(
                f"the guess has {len(guess)} entries, expected {len(answer)}; give as many."
            )
        pairs = zip(guess, answer, strict=True)
        return [right for pair in pairs for right in _compare(*pair, within)]
    if isinstance(answer, str):
        return [guess.strip().casefold() == answer.strip().casefold()]
    return [guess == answer if isinstance(answer, bool) else abs(guess - answer) <= within]


def _kind(value: Any) -> str:
    kinds = {bool: "True or False", Real: "a number", str: "a text", list: "a list", dict: "a dict"}
    for kind, name in kinds.items():
        if isinstance(value, kind):
            return name
    raise TypeError(
        f"a guess is a number, a text, True, False, a list or a dict, got {value!r}; change it."
    )


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_show(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return f"({', '.join(map(_show, value))})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
