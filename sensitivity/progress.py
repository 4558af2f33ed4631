"""Progress of long computations, and two means to stop one.

A button or a caller stops a computation with ``Cancelled``: a search then returns its results so
far. Ctrl-C is never suppressed: a search raises ``Interrupted``, a KeyboardInterrupt that holds
the results so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event
from typing import Self, TypeVar

import numpy as np

Result = TypeVar("Result")

Progress = Callable[[str], object]
"""Called regularly with one short sentence; it may raise ``Cancelled``."""

_cancelled: ContextVar[Event | None] = ContextVar("cancelled", default=None)
_told: ContextVar[Progress | None] = ContextVar("told", default=None)


class Cancelled(Exception):  # noqa: N818 - not an error
    """A request to stop, raised by a ``progress`` function.

    The computation then returns the result so far, with "cancelled" as its ``ending``.
    Arguments, such as a reason, are for the caller only.

    Examples
    --------
    >>> from sensitivity import Cancelled, DensityCorrelations, diagnose, structures
    >>> def stop(sentence):
    ...     if "examined" in sentence:
    ...         raise Cancelled
    ...
    >>> X0 = structures.load("X0")
    >>> diagnose(X0, DensityCorrelations(), centers=[0], progress=stop).ending
    'cancelled'
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(arguments or ("cancelled",)))


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a search: a KeyboardInterrupt that holds the result so far.

    Attributes
    ----------
    partial
        The result that the search would have returned if it had been cancelled.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, Interrupted, diagnose, structures
    >>> def press_ctrl_c(sentence):
    ...     if "examined" in sentence:
    ...         raise KeyboardInterrupt
    ...
    >>> X0 = structures.load("X0")
    >>> try:
    ...     _ = diagnose(X0, DensityCorrelations(), centers=[0], progress=press_ctrl_c)
    ... except Interrupted as interrupt:
    ...     print(interrupt.partial.ending)
    ...
    interrupted
    """

    def __init__(self, partial: object) -> None:
        super().__init__("interrupted; the result so far is in .partial")
        self.partial = partial


class Stoppable:
    """Base of results of computations that can be stopped.

    ``ending`` is "cancelled", or "interrupted" by Ctrl-C, if the computation was stopped, else "".
    """

    ending: str

    @property
    def interrupted(self) -> bool:
        """True if the computation was stopped early; ``ending`` says why."""
        return bool(self.ending)


class Stop:
    """Stop of a block on ``Cancelled`` or Ctrl-C, so that a result can be returned.

    ``with stop: ...`` is followed by ``return stop.deliver(result)``; several blocks are possible.
    Ctrl-C in a NumPy function may change how NumPy handles floating-point errors: this is
    restored.
    """

    def __init__(self) -> None:
        self._reason: BaseException | None = None

    def __enter__(self) -> Self:
        self._handling, self._handler = np.geterr(), np.geterrcall()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        ends = isinstance(error, Cancelled | KeyboardInterrupt)
        if ends:
            self._reason = error
            np.seterr(**self._handling)
            np.seterrcall(self._handler)
        return ends

    @property
    def stopped(self) -> bool:
        """True if the block was stopped before its end."""
        return self._reason is not None

    @property
    def ending(self) -> str:
        """Return "cancelled" or "interrupted" if the block was stopped early, else ""."""
        if self._reason is None:
            return ""
        return "cancelled" if isinstance(self._reason, Cancelled) else "interrupted"

    def deliver(self, result: Result) -> Result:
        """Return a result, or raise it within ``Interrupted`` if Ctrl-C stopped the block."""
        if isinstance(self._reason, KeyboardInterrupt):
            raise Interrupted(result) from None
        return result


def checkpoint(sentence: str = "") -> None:
    """Raise ``Cancelled`` on a request to stop; long computations call this regularly.

    The sentence describes the current step; it is passed to the function set by ``telling``.
    """
    cancelled, told = _cancelled.get(), _told.get()
    if cancelled is not None and cancelled.is_set():
        raise Cancelled
    if sentence and told is not None:
        with telling(check_progress(None)):  # its own computations do not report to it
            told(sentence)


@contextmanager
def cancellable(cancelled: Event) -> Iterator[None]:
    """Let an event, which another thread may set, stop the computation in the block."""
    token = _cancelled.set(cancelled)
    try:
        yield
    finally:
        _cancelled.reset(token)


@contextmanager
def telling(progress: Progress | None) -> Iterator[None]:
    """Pass the sentences of checkpoints in the block to ``progress``; None changes nothing."""
    token = _told.set(_told.get() if progress is None else check_progress(progress))
    try:
        yield
    finally:
        _told.reset(token)


def check_progress(progress: Progress | None) -> Progress:
    """Return the function to call with each sentence; a TypeError if it cannot be called."""
    if progress is None:
        return lambda sentence: None
    if not callable(progress):
        raise TypeError(
            f"progress must be a function of one sentence, got {progress!r}; give e.g. print, or "
            "None."
        )
    return progress
