"""Ctrl-C while the command runs: one line and status 130, whatever is being done.

An exception alone would not do: numpy turns a KeyboardInterrupt of its import into an ImportError,
and one that meets a callback is printed there and lost. So the process ends at once, except where
a search can keep what it has found, and where something is written, which is finished first.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import NoReturn

STATUS = 128 + signal.SIGINT
MESSAGE = "interrupted."


def leave_on_interrupt() -> None:
    """Let Ctrl-C end this process, unless its parent wants it ignored or it is handled already."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def ignore_interrupts() -> None:
    """Let the process end by itself: everything is done."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def finishing() -> Iterator[None]:
    """Finish the block on Ctrl-C, and leave then; a second Ctrl-C ends it halfway."""
    interrupted = False

    def wait(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        signal.signal(signal.SIGINT, _leave)

    with _handled_by(wait):
        yield
    if interrupted:
        _leave()


@contextmanager
def _handled_by(handler: Callable[..., object]) -> Iterator[None]:
    """Replace the handler in the block, if Ctrl-C would end the process."""
    if signal.getsignal(signal.SIGINT) is not _leave:
        yield
        return
    try:
        signal.signal(signal.SIGINT, handler)
        yield
    finally:
        signal.signal(signal.SIGINT, _leave)


raising = partial(_handled_by, signal.default_int_handler)
"""Let Ctrl-C raise KeyboardInterrupt in the block, so that a search keeps what it has found."""


def _leave(*_: object) -> NoReturn:
    with suppress(OSError):
        os.write(2, f"sensitivity: {MESSAGE}\n".encode())
    os._exit(STATUS)
