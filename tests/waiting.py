"""Work that takes as long as a test wants, and a notebook between whose events it is delivered."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from panel import SOON

from sensitivity.explorers.parts.background import Worker


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


def spin(gate: threading.Event) -> Callable[[Any], str]:
    """Work that can be interrupted, as a computation in Python can."""

    def work(_: Any) -> str:
        while not gate.is_set():
            time.sleep(0.002)
        return "finished"

    return work
