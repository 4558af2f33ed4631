"""Work that takes as long as a test wants, and a notebook between whose events it is delivered."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

from panel import SOON

from sensitivity.explorers.parts import background
from sensitivity.explorers.parts.background import Worker
from sensitivity.progress import checkpoint


class Results(list[Any]):
    """What a worker delivers."""

    def start(self, worker: Worker, work: Callable[[Any], Any], **keywords: Any) -> None:
        worker.start(work, then=self.append, failed=self.append, **keywords)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Do it as in a notebook, between whose events results are delivered."""
    asyncio.run(asyncio.wait_for(scenario(), SOON))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


async def idle(worker: Worker) -> None:
    """Wait until the thread has ended what it was given last, delivered or not."""
    if worker._queue is not None:
        await until(worker._at_rest.is_set)
    await asyncio.sleep(0)  # what it has handed to the loop comes first


def main_thread_waits() -> bool:
    """Whether the main thread waits for work to be done, and not for the thread to start."""
    ident = threading.main_thread().ident
    assert ident is not None
    frame: FrameType | None = sys._current_frames()[ident]
    for waits in (threading.Condition.wait, threading.Event.wait):
        if frame is None or frame.f_code is not waits.__code__:
            return False
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename == background.__file__


def interrupt_the_kernel() -> None:
    """As Ctrl-C, or the stop button of a notebook, does while the main thread waits."""
    ident = threading.main_thread().ident
    assert ident is not None
    while not main_thread_waits():
        time.sleep(0.002)
    signal.pthread_kill(ident, signal.SIGINT)


def spin(gate: threading.Event) -> Callable[[Any], str]:
    """Work that can be cancelled, as a computation that passes checkpoints."""

    def work(_: Any) -> str:
        while not gate.wait(0.002):
            checkpoint()
        return "finished"

    return work
