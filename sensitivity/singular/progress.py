"""What a long search tells while it goes on, and how it is called off."""

from __future__ import annotations

from collections.abc import Callable

# Called with one short sentence, now and then. If it raises KeyboardInterrupt, the search ends with
# what it has found, exactly as on Ctrl-C: so another thread, as that of a widget, can call it off.
Progress = Callable[[str], object]


def check_progress(progress: Progress | None) -> Progress:
    """Return what is to be called with each sentence; nothing is said to None.

    Raises
    ------
    TypeError
        If it cannot be called.
    """
    if progress is None:
        return _say_nothing
    if not callable(progress):
        raise TypeError(
            f"progress must be a function of one sentence, got {progress!r}; give e.g. print, or "
            "None."
        )
    return progress


def _say_nothing(_: str) -> None:
    pass
