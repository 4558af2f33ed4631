"""Work that takes as long as a test wants, and a notebook between whose events it is delivered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from panel import SOON

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


def spin(gate: threading.Event) -> Callable[[Any], str]:
    """Work that can be cancelled, as a computation that passes checkpoints."""

    def work(_: Any) -> str:
        while not gate.wait(0.002):
            checkpoint()
        return "finished"

    return work
