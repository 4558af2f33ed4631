"""Work that would freeze the page, done in a thread.

The one who starts it waits a moment, so that what is quick is there at once, in a script as in a
notebook. What takes longer goes on in the thread, and its result is delivered between the events
of the notebook; outside of a notebook, where nothing could deliver it, it is waited for.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread, get_ident
from typing import Any

PATIENCE = 0.15
"""Seconds that a caller waits: less than what feels like a pause, and enough for most."""

IDLE = 30.0
"""Seconds after which a thread without work ends. It is kept so long because the memory that
descriptors use again belongs to a thread."""

Report = Callable[[Any], None]
"""Tells of progress; what is told is delivered where the result is."""

Failure = Exception | KeyboardInterrupt


@dataclass(eq=False)
class _Job:
    """Work, where its result goes, and how it ended."""

    work: Callable[[Report], Any]
    then: Callable[[Any], None]
    failed: Callable[[Failure], None]
    told: Callable[[Any], None]
    loop: asyncio.AbstractEventLoop | None
    done: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)
    begun: bool = False
    running: bool = False
    result: Any = None
    error: Failure | None = None


class Worker:
    """Does one piece of work at a time; a newer one takes its place.

    Parameters
    ----------
    changed
        Called when it begins to be busy, and when it no longer is.
    """

    def __init__(self, *, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self._job: _Job | None = None
        self._queue: SimpleQueue[_Job] = SimpleQueue()
        self._thread: Thread | None = None
        self._lock = Lock()

    @property
    def busy(self) -> bool:
        """Whether there is work whose result has not been delivered."""
        return self._job is not None

    def start(
        self,
        work: Callable[[Report], Any],
        *,
        then: Callable[[Any], None],
        failed: Callable[[Failure], None],
        told: Callable[[Any], None] = lambda _: None,
        patience: float = PATIENCE,
        delay: float = 0.0,
    ) -> None:
        """Do the work and give its result to ``then``.

        ``failed`` gets what went wrong: a KeyboardInterrupt if it was cancelled. ``told`` gets what
        the work reports on its way. Within a notebook the caller waits for ``patience`` seconds,
        and the work begins after ``delay`` seconds, unless something newer has come by then.
        """
        self.drop()
        loop = _running_loop()
        job = self._job = _Job(work, then, failed, told, loop)
        if loop is not None and delay:
            loop.call_later(delay, self._hand_over, job)
            self._changed()
            return
        self._hand_over(job)
        if self._await(job, None if loop is None else patience):
            self._deliver(job)
        else:
            self._changed()

    def wait(self) -> None:
        """Wait until the work is done, and deliver its result here."""
        job = self._job
        if job is not None:
            self._hand_over(job)
            self._await(job)
            self._deliver(job)

    def cancel(self) -> None:
        """Interrupt the work as Ctrl-C would; what it has found is delivered nevertheless."""
        job = self._job
        if job is None:
            return
        if job.begun:
            self._interrupt(job)
        else:  # it was to begin later
            job.begun, job.error = True, KeyboardInterrupt()
            self._deliver(job)

    def drop(self) -> None:
        """Interrupt the work, and forget about it."""
        job, self._job = self._job, None
        if job is not None:
            self._interrupt(job)
            self._changed()

    def _await(self, job: _Job, timeout: float | None = None) -> bool:
        try:
            return job.done.wait(timeout)
        except KeyboardInterrupt:  # the kernel was interrupted
            self._interrupt(job)
            return job.done.wait()

    def _hand_over(self, job: _Job) -> None:
        if job.begun or job is not self._job:
            return
        job.begun = True
        with self._lock:
            self._queue.put(job)
            if self._thread is None:
                self._thread = Thread(target=self._serve, daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                job = self._queue.get(timeout=IDLE)
            except Empty:
                with self._lock:
                    if not self._queue.empty():
                        continue
                    self._thread = None
                    return
            self._execute(job)
            job.done.set()
            _call(job, self._deliver, job)

    def _execute(self, job: _Job) -> None:
        if job is self._job:
            try:
                with job.lock:
                    job.running = True
                job.result = job.work(lambda value: _call(job, self._tell, job, value))
            except (Exception, KeyboardInterrupt) as error:
                job.error = error
        while job.running:
            try:
                _close(job)
            except KeyboardInterrupt:  # it came when the work had just ended
                continue

    def _tell(self, job: _Job, value: Any) -> None:
        if job is self._job:
            job.told(value)

    def _deliver(self, job: _Job) -> None:
        if job is not self._job:  # delivered already, or dropped
            return
        self._job = None
        try:
            if job.error is None:
                job.then(job.result)
            else:
                job.failed(job.error)
        finally:
            self._changed()

    def _interrupt(self, job: _Job) -> None:
        """Raise KeyboardInterrupt in the thread, if it is at work on this."""
        thread = self._thread
        with job.lock:
            if job.running and thread is not None and thread.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
                )


def _close(job: _Job) -> None:
    """Let nothing interrupt this thread any more, nor what is on its way to do so."""
    with job.lock:
        job.running = False
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(get_ident()), None)


def _call(job: _Job, act: Callable[..., None], *arguments: Any) -> None:
    """Call this between the events of the notebook, if it is still there."""
    if job.loop is not None:
        with suppress(RuntimeError):  # the loop is closed
            job.loop.call_soon_threadsafe(act, *arguments)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
