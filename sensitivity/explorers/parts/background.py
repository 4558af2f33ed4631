"""Background jobs in a thread, and Ctrl-C that waits until a change of state is complete.

The caller waits briefly, so that a quick result is available at once, in a script and in a
notebook. A longer job continues in the thread, and its result is delivered between the events of
the notebook. Outside a notebook there is no event loop to deliver it, so the caller waits.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread, current_thread, main_thread
from time import monotonic
from typing import Any

from sensitivity.progress import Cancelled, cancellable, checkpoint

Act = Callable[[Any], None]
"""Called with a result, an error or progress, between the events of the notebook."""

Report = Callable[[Any], None]
"""Called with progress, which is delivered like the result; raises ``Cancelled``."""

Work = Callable[[Report], Any]
"""The function that runs in the background."""

Queue = SimpleQueue["_Job | None"]


class _Held:
    """A SIGINT handler that only records the signal."""

    came = False

    def __call__(self, *_: object) -> None:
        self.came = True


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Defer SIGINT until the end of the block; also a decorator. Blocks may be nested.

    Python raises KeyboardInterrupt between any two instructions of the main thread. Here it is
    raised at the end of the block, so that no state is left half changed. Long waits within such a
    block check ``interrupted`` and stop.
    """
    before = signal.getsignal(signal.SIGINT)
    # Handlers belong to the main thread; None means that the handler was not set by Python.
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
    """Return True if a SIGINT is pending."""
    handler = signal.getsignal(signal.SIGINT)
    return isinstance(handler, _Held) and handler.came


@dataclass(eq=False)
class _Job:
    work: Work
    then: Act
    failed: Act
    told: Act
    loop: asyncio.AbstractEventLoop | None
    cancelled: Event = field(default_factory=Event)
    done: Event = field(default_factory=Event)
    begun: bool = False
    result: Any = None
    error: Exception | None = None

    def call(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call ``act`` between the events of the notebook, if its loop still runs."""
        if self.loop is not None:
            with suppress(RuntimeError):  # the loop is closed
                self.loop.call_soon_threadsafe(act, *arguments)


class Worker:
    """A thread that runs one job at a time; a newer job replaces it.

    ``changed`` is called when the worker becomes busy, and when it is no longer busy. A thread
    without work ends after ``idle`` seconds, which frees the buffers that descriptors keep per
    thread.
    """

    def __init__(self, *, changed: Callable[[], None] = lambda: None, idle: float = 30.0) -> None:
        self._changed, self._idle = changed, idle
        self._job: _Job | None = None
        self._at_rest = Event()  # set when the thread has finished its last job
        self._queue: Queue | None = None  # of the thread, if it runs
        self._lock = Lock()

    @property
    def busy(self) -> bool:
        """True while the result of a job has not been delivered."""
        return self._job is not None

    @interrupts_held()
    def start(
        self,
        work: Work,
        *,
        then: Act,
        failed: Act,
        told: Act = lambda _: None,
        patience: float = 0.15,
        delay: float = 0.0,
    ) -> None:
        """Run the work and pass its result to ``then``.

        ``failed`` gets the error: ``Cancelled`` if the work was cancelled and returned nothing.
        ``told`` gets the reports of the work. In a notebook the caller waits for ``patience``
        seconds, too short to be felt as a pause. The work begins after ``delay`` seconds, unless a
        newer job has replaced it.
        """
        self.drop()
        loop = running_loop()
        job = self._job = _Job(work, then, failed, told, loop)
        if loop is not None and delay:
            loop.call_later(delay, self._begin, job)
            self._changed()
            return
        self._begin(job)
        if _await(job, None if loop is None else patience):
            self._deliver(job)
        else:
            self._changed()

    @interrupts_held()
    def wait(self) -> None:
        """Wait until the job is done, and deliver its result here."""
        job = self._job
        if job is not None:
            self._begin(job)
            _await(job)
            self._deliver(job)

    def cancel(self, *, at_once: bool = False) -> None:
        """Ask the job to stop, and deliver its result; a second call abandons the job.

        ``at_once`` abandons it now, for work that returns nothing when it is cancelled: it may
        compute for some seconds until its next checkpoint.
        """
        job = self._job
        if job is not None:
            hopeless = at_once or job.cancelled.is_set() or not job.begun
            if hopeless and not job.done.is_set():
                job.error, job.begun = Cancelled(), True
                self._deliver(job)
            job.cancelled.set()

    def drop(self) -> None:
        """Ask the job to stop, and discard its result."""
        job, self._job = self._job, None
        if job is not None:
            job.cancelled.set()
            self._changed()

    def _begin(self, job: _Job) -> None:
        if job.begun or job is not self._job:
            return
        job.begun = True
        with self._lock:
            if self._queue is not None and not self._at_rest.is_set():
                self._queue.put(None)  # the thread ends after the job that it is still running
                self._queue = None
            if self._queue is None:
                self._queue = SimpleQueue()
                Thread(target=self._serve, args=(self._queue,), daemon=True).start()
            self._queue.put(job)
            self._at_rest = job.done

    def _serve(self, queue: Queue) -> None:
        while True:
            try:
                job = queue.get(timeout=self._idle)
            except Empty:
                with self._lock:
                    if not queue.empty():
                        continue
                    self._queue = None
                    return
            if job is None:
                return
            self._run(job)
            del job  # free it while waiting for the next

    def _run(self, job: _Job) -> None:
        def tell(value: Any) -> None:
            if job is self._job:
                job.told(value)

        def report(value: Any) -> None:
            checkpoint()
            job.call(tell, value)

        try:
            with cancellable(job.cancelled):
                checkpoint()
                job.result = job.work(report)
        except Exception as error:
            job.error = error
        except BaseException:  # would end the thread
            job.error = Cancelled()
        job.done.set()
        job.call(self._deliver, job)

    @interrupts_held()
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


def _await(job: _Job, timeout: float | None = None) -> bool:
    """Wait for a job, and cancel it on an interrupt of the kernel; False after ``timeout``."""
    grace = 1.0  # seconds in which a cancelled job can return its results so far
    end = inf if timeout is None else monotonic() + timeout
    while not job.done.wait(min(0.05, max(0.0, end - monotonic()))):
        if interrupted():
            job.cancelled.set()
            if not job.done.wait(grace):
                job.error = Cancelled()
            return True
        if monotonic() >= end:
            return False
    return True


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop of the notebook; None outside a notebook, or in another thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
