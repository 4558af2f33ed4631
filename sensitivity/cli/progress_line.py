"""A word on a terminal while something takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from threading import Event, Thread
from time import monotonic

# Seconds between two words, and before the first: who waits for less needs none.
PAUSE = 1.0


@contextmanager
def tell_progress(what: str) -> Iterator[Callable[[str], None]]:
    """Tell a terminal in one line of standard error that something goes on, and for how long.

    Gives a function that takes a sentence; the last one is shown too.
    """
    last: list[str] = []

    def say(sentence: str) -> None:
        last[:] = [sentence]

    if not sys.stderr.isatty():
        yield say
        return
    done = Event()
    teller = Thread(target=_tell, args=(what, last, done), daemon=True)
    teller.start()
    try:
        yield say
    finally:
        done.set()
        teller.join()


def _tell(what: str, last: list[str], done: Event) -> None:
    begin, shown = monotonic(), 0
    while not done.wait(PAUSE):
        line = "; ".join([f"{what}: {monotonic() - begin:.0f} s", "Ctrl-C ends it", *last])
        line = line[: get_terminal_size().columns - 1]  # one that is broken could not be taken back
        sys.stderr.write("\r" + line.ljust(shown))
        sys.stderr.flush()
        shown = len(line)
    if shown:
        sys.stderr.write("\r" + " " * shown + "\r")
        sys.stderr.flush()
