"""Progress of long computations, and the two ways to stop one.

A button or a caller stops a computation with ``Cancelled``: a search then returns what it has found
so far. Ctrl-C is never swallowed: a search raises ``Interrupted``, a KeyboardInterrupt that holds
what it has found so far.
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
"""Called with one short sentence, now and then; it may raise ``Cancelled``."""

_cancelled: ContextVar[Event | None] = ContextVar("cancelled", default=None)
_told: ContextVar[Progress | None] = ContextVar("told", default=None)


class Cancelled(Exception):  # noqa: N818 - it is no error
    """A request to stop, raised by a ``progress`` function.

    The computation then returns the result so far, and ``ending`` of that result is "cancelled".
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

    ``ending`` is "cancelled", or "interrupted" by Ctrl-C, if that has happened, and else "".
    """

    ending: str

    @property
    def interrupted(self) -> bool:
        """True if the computation was ended early; ``ending`` says by which of the two ways."""
        return bool(self.ending)


class Stop:
    """Ends the block that it guards on ``Cancelled`` or Ctrl-C, so that a result can be made.

    ``with stop: ...`` is followed by ``return stop.deliver(result)``; there may be several blocks.
    Ctrl-C in a function of numpy may change what numpy does on floating-point errors: that is
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
        """True if the block was ended before it was done."""
        return self._reason is not None

    @property
    def ending(self) -> str:
        """Return "cancelled" or "interrupted" if the block was ended early, else ""."""
        if self._reason is None:
            return ""
        return "cancelled" if isinstance(self._reason, Cancelled) else "interrupted"

    def deliver(self, result: Result) -> Result:
        """Return a result, or raise it within ``Interrupted`` if Ctrl-C ended the block."""
        if isinstance(self._reason, KeyboardInterrupt):
            raise Interrupted(result) from None
        return result


def checkpoint(sentence: str = "") -> None:
    """Raise ``Cancelled`` if this is to stop; long computations call it now and then.

    A sentence, on what is done, is passed to whom ``telling`` names.
    """
    cancelled, told = _cancelled.get(), _told.get()
    if cancelled is not None and cancelled.is_set():
        raise Cancelled
    if sentence and told is not None:
        with telling(check_progress(None)):  # what it computes itself is not told to it
            told(sentence)


@contextmanager
def cancellable(cancelled: Event) -> Iterator[None]:
    """Let an event, which another thread may set, stop what runs in the block."""
    token = _cancelled.set(cancelled)
    try:
        yield
    finally:
        _cancelled.reset(token)


@contextmanager
def telling(progress: Progress | None) -> Iterator[None]:
    """Pass the sentences of checkpoints in the block on; None changes nothing."""
    token = _told.set(_told.get() if progress is None else check_progress(progress))
    try:
        yield
    finally:
        _told.reset(token)


def check_progress(progress: Progress | None) -> Progress:
    """Return what is to be called with each sentence; a TypeError if it cannot be called."""
    if progress is None:
        return lambda sentence: None
    if not callable(progress):
        raise TypeError(
            f"progress must be a function of one sentence, got {progress!r}; give e.g. print, or "
            "None."
        )
    return progress
