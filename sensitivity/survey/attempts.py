"""Work that may fail or take too long, without the end of the survey."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Timer
from typing import TypeVar

from sensitivity.progress import Cancelled, cancellable

Result = TypeVar("Result")


def attempt(work: Callable[[], Result], *, seconds: float | None) -> Result | Exception:
    """Return the result of some work, or the error that ended it, also after some seconds.

    Work is ended where it calls ``checkpoint``: one call of a library that does not return cannot
    be ended from here.
    """
    late = Event()
    try:
        with _time_limit(seconds, late):
            return work()
    except Cancelled:
        if not late.is_set():
            raise
        return TimeoutError(f"not finished after {seconds:g} s")
    except Exception as error:
        return error


def explain(error: Exception) -> str:
    """Return the reason for a failure; with the kind of error if it is not one of this package."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, TypeError | ValueError | TimeoutError):  # these are sentences
        return str(error)
    return f"{type(error).__name__}: {error}"


@contextmanager
def _time_limit(seconds: float | None, late: Event) -> Iterator[None]:
    """Set ``late`` after some seconds, which cancels the computation in the block."""
    if seconds is None:
        yield
        return
    timer = Timer(seconds, late.set)
    timer.daemon = True
    timer.start()
    try:
        with cancellable(late):
            yield
    finally:
        timer.cancel()
