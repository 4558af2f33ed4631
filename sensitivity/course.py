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

__all__ = ["Check", "check"]

FIRST = (
    "Make a guess first: replace the dots in `guess = ...`, run that cell, and run this cell again."
)
_EDGES = {True: "#009E73", False: "#D55E00", None: "#8C8C8C"}


@dataclass(frozen=True)
class Check:
    """A guess, compared with the answer.

    Attributes
    ----------
    right
        Whether the guess is right; None without a guess.
    text
        The text that a notebook shows; without a guess it hides the answer.

    Examples
    --------
    >>> from sensitivity.course import check
    >>> print(check(..., 7).right)
    None
    """

    right: bool | None
    text: str

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        style = f"border-left: 4px solid {_EDGES[self.right]}; padding-left: 0.7em"
        text = re.sub("`(.+?)`", r"<code>\1</code>", html.escape(self.text))
        return f'<p style="{style}">{text}</p>'


def check(guess: Any, answer: Any, *, within: float = 0.0) -> Check:
    """Compare a guess with the answer: numbers, texts, booleans, and lists and dicts of them.

    Parameters
    ----------
    guess
        The guess; ``...``, or a list or dict that contains it, is not a guess yet.
    answer
        The answer, as computed in the notebook.
    within
        Largest difference of numbers that count as equal. Texts may be in upper or lower case.

    Returns
    -------
    Check
        Its text compares the two. Without a guess, or for a guess of another kind, such as a text
        for a number, it says what to do and hides the answer.

    Examples
    --------
    >>> from sensitivity.course import check
    >>> print(check(6, 7))
    You guessed 6; it is 7.
    >>> print(check(2.1, 2.0, within=0.2))
    Right: 2.
    """
    within = check_real(
        within, "within", "a number of at least 0", accepts=lambda x: 0 <= x < math.inf
    )
    guess, answer = _plain(guess), _plain(answer)
    if _is_open(guess):
        return Check(None, FIRST)
    if problem := _mismatch(guess, answer):
        return Check(None, f"{problem} Change `guess = ...`, and run both cells again.")
    if isinstance(guess, dict):
        answer = {key: answer[key] for key in guess}
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


def _mismatch(guess: Any, answer: Any) -> str:
    """Say why the two cannot be compared; empty if they can."""
    if _kind(guess) != _kind(answer):
        return f"This guess is {_kind(guess)}; expected is {_kind(answer)}."
    if isinstance(answer, dict):
        if set(guess) != set(answer):
            return f"This guess has the keys {list(guess)}; expected are {list(answer)}."
        return next(filter(None, (_mismatch(guess[key], answer[key]) for key in answer)), "")
    if isinstance(answer, list):
        if len(guess) != len(answer):
            return f"The number of entries of this guess is {len(guess)}; expected: {len(answer)}."
        return next(filter(None, map(_mismatch, guess, answer)), "")
    return ""


def _compare(guess: Any, answer: Any, within: float) -> list[bool]:
    """Return for each number, text or boolean of the answer whether the guess is right."""
    if isinstance(answer, dict):
        guess, answer = [guess[key] for key in answer], list(answer.values())
    if isinstance(answer, list):
        pairs = zip(guess, answer, strict=True)
        return [right for pair in pairs for right in _compare(*pair, within)]
    if isinstance(answer, str):
        return [guess.strip().casefold() == answer.strip().casefold()]
    return [guess == answer if isinstance(answer, bool) else abs(guess - answer) <= within]


def _kind(value: Any) -> str:
    kinds = {
        bool: "`True` or `False`",
        Real: "a number",
        str: "a text in quotes",
        list: "a list",
        dict: "a dict",
    }
    return next((name for kind, name in kinds.items() if isinstance(value, kind)), repr(value))


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_show(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return f"({', '.join(map(_show, value))})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
