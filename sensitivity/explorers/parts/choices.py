"""Kinds of attributes that the user chooses; an impossible value is refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import traitlets

from sensitivity.numerics import check_integer, check_real


class _Number(traitlets.TraitType[Any, Any]):
    """A number, also one of numpy; not a bool."""

    check: ClassVar[Callable[..., float]] = staticmethod(check_real)
    expected, example = "a number in Å", "0.1"

    def validate(self, obj: Any, value: Any) -> float:
        return type(self).check(
            value,
            self.name,
            self.expected,
            accepts=self.accepts,
            remedy=f"give e.g. {self.example}",
        )

    def accepts(self, _: float) -> bool:
        return True


class Index(_Number):
    """A whole number, not one that would have to be rounded."""

    default_value, check = 0, staticmethod(check_integer)
    expected, example = "a whole number", "0"


class Length(_Number):
    """A number in Å."""

    default_value = 0.0


class Share(_Number):
    """A number from 0 to 1."""

    default_value, expected, example = 0.0, "a number from 0 to 1", "0.5"

    def accepts(self, share: float) -> bool:
        """Return whether it is in this range."""
        return 0.0 <= share <= 1.0


class Switch(traitlets.Bool):  # type: ignore[type-arg]
    """True or false, also of numpy; not a word, which would be true whatever it says."""

    def validate(self, obj: Any, value: Any) -> bool:
        """Return which."""
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{self.name} must be True or False, got {value!r}; give one of these.")
        return bool(value)


def check_index(value: int, name: str, *, count: int) -> int:
    """Return the index of one of ``count`` things; TypeError or ValueError if it is none."""
    expected, accepts = f"one of 0 to {count - 1}", range(count).__contains__
    return check_integer(value, name, expected, accepts=accepts, remedy="give one of these")
