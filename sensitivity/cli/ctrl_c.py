"""Ctrl-C while the command runs: one line and status 130 at any time.

An exception alone does not suffice: numpy turns a KeyboardInterrupt during its import into an
ImportError, and one raised in a callback is printed and lost. So the process ends at once, except
during a search, which returns the results so far, and during a write, which is finished first.
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
    """Let Ctrl-C end this process, unless it is ignored or already handled."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def ignore_interrupts() -> None:
    """Ignore Ctrl-C at the end, when all work is done."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def finishing() -> Iterator[None]:
    """Finish the block on Ctrl-C and then exit; a second Ctrl-C exits at once."""
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
"""Let Ctrl-C raise KeyboardInterrupt in the block, so that a search keeps its results so far."""


def _leave(*_: object) -> NoReturn:
    with suppress(OSError):
        os.write(2, f"sensitivity: {MESSAGE}\n".encode())
    os._exit(STATUS)
