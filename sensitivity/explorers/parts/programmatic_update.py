"""Widgets that are set by a program shall not act as if a person had set them."""

from __future__ import annotations


class Quiet:
    """A context; while it is entered, once or more, it is true."""

    def __init__(self) -> None:
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def __bool__(self) -> bool:
        return self._depth > 0
