"""A word on a terminal while something takes long."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

# Seconds between two words, and before the first: who waits for less needs none.
PAUSE = 1.0


@contextmanager
def tell_progress(what: str) -> Iterator[None]:
    """Tell a terminal in one line of standard error that something goes on, and for how long."""
    if not sys.stderr.isatty():
        yield
        return
    done = Event()
    teller = Thread(target=_tell, args=(what, done), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _tell(what: str, done: Event) -> None:
    begin, line = monotonic(), ""
    while not done.wait(PAUSE):
        line = f"{what}: {monotonic() - begin:.0f} s; Ctrl-C ends it"
        sys.stderr.write(f"\r{line}")
        sys.stderr.flush()
    if line:
        sys.stderr.write("\r" + " " * len(line) + "\r")
        sys.stderr.flush()
