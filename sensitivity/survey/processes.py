"""Processes of this machine for the parts of a survey."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import ParamSpec, TypeVar

from sensitivity.progress import checkpoint

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Processes:
    """Processes with one thread each, since more are slower for small matrices.

    They are started when they are needed, and replaced when one dies; all calls that have not
    ended then raise ``died``. The first call is an empty one: ValueError if its process cannot
    start, such as in a script that starts the survey when it is imported.
    """

    died = BrokenProcessPool
    attempts = 3  # with one frame, before it is the reason
    abandoned = False  # they are replaced

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = self._start()
        self._proven = False

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._workers, mp_context=get_context("spawn"), initializer=_end_with_parent
        )

    @property
    def most(self) -> int:
        """Number of parts that keep all processes busy."""
        return 2 * self._workers

    @property
    def shortage(self) -> str:
        """Sentence about what the calls wait for: nothing."""
        return ""

    def submit(
        self,
        function: Callable[Parameters, Result],
        *arguments: Parameters.args,
        **keywords: Parameters.kwargs,
    ) -> Future[Result]:
        """Call a function in one of the processes."""
        if not self._proven:
            self._prove()
        return self._submit(function, *arguments, **keywords)

    def _prove(self) -> None:
        """Make an empty call; ValueError if the process ends before it. Can be cancelled."""
        empty = self._submit(_do_nothing)
        while not wait([empty], timeout=0.5).done:
            checkpoint()
        if isinstance(empty.exception(), self.died):
            raise ValueError(
                "the processes of workers cannot start: each imports the main module first; start "
                'the survey in a file, within if __name__ == "__main__":, or give workers=1.'
            )
        self._proven = True

    def _submit(
        self,
        function: Callable[Parameters, Result],
        *arguments: Parameters.args,
        **keywords: Parameters.kwargs,
    ) -> Future[Result]:
        with _single_threaded(), _interrupts_later():
            try:
                return self._pool.submit(function, *arguments, **keywords)
            except BrokenProcessPool:
                self._pool.shutdown()
                self._pool = self._start()
                return self._pool.submit(function, *arguments, **keywords)

    def close(self) -> None:
        """End the processes, after the calls that have begun."""
        self._pool.shutdown(cancel_futures=True)


def _do_nothing() -> None:
    """Return at once."""


def _end_with_parent() -> None:
    """End this process with the one that started it, and silently on Ctrl-C.

    A pool whose parent was killed would wait for work forever.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Hold Ctrl-C back, here and in processes that start, until they end silently on it."""
    if sys.platform == "win32":
        yield
    else:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Start processes with one thread each."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
