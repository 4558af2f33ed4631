"""Ctrl-C while an explorer changes: the change is completed first.

Python raises KeyboardInterrupt between any two instructions of the main thread. Within
``interrupts_held`` it is raised at the end of the block, so that no state is left half changed.
What waits for long within such a block asks ``interrupted`` and gives up.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


class _Held:
    """A handler of SIGINT that only notes that it came."""

    came = False

    def __call__(self, *_: object) -> None:
        self.came = True


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold SIGINT back until the block is done; also a decorator. Blocks may be nested."""
    before = signal.getsignal(signal.SIGINT)
    # Handlers belong to the main thread; None was set by something else than Python.
    if current_thread() is not main_thread() or before is None or isinstance(before, _Held):
        yield
        return
    held = _Held()
    signal.signal(signal.SIGINT, held)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held.came:
            signal.raise_signal(signal.SIGINT)


def interrupted() -> bool:
    """True if SIGINT is being held back."""
    handler = signal.getsignal(signal.SIGINT)
    return isinstance(handler, _Held) and handler.came
