"""Widgets that a program sets must not act as if the user had set them."""

from __future__ import annotations


class Entered:
    """A context that is true while it is entered, once or more."""

    def __init__(self) -> None:
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def __bool__(self) -> bool:
        return self._depth > 0
