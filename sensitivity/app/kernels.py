"""One process for each visitor, and one in waiting, so that a page comes up soon."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.services.kernels.kernelmanager import (
    AsyncMappingKernelManager,
    ServerKernelManager,
)
from tornado.web import HTTPError
from traitlets import Unicode, default

from sensitivity.app.limits import BREATH, LAST, VISITORS

FULL = (
    f"All {VISITORS} places are taken. Close another page of the explorer, then load this one "
    "again."
)
HIDDEN = "What went wrong is in the terminal where 'sensitivity app' runs."

SLOW = "sensitivity.explorers, nglview, ipympl.backend_nbagg"
ARGUMENTS = [
    f"--InteractiveShellApp.exec_lines=['import {SLOW}']",
    "--HistoryManager.enabled=False",
    "--log-level=ERROR",
]
"""The slow imports come before the visitor, and nothing of him is kept."""


class OnlyThisPython(KernelSpecManager):
    """Knows the Python that runs the server, whatever other kernels are installed."""

    @default("kernel_dirs")
    def _nowhere(self) -> list[str]:
        return []


class Kernel(ServerKernelManager):
    """The process of one visitor."""

    # The websocket looks for this sentence here, not where it can be configured.
    traceback_replacement_message = Unicode(HIDDEN)


class Kernels(AsyncMappingKernelManager):
    """The processes of all visitors."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._given: set[str] = set()
        self._arriving = 0
        self._waiting: asyncio.Task[str] | None = None
        self._starting: set[asyncio.Task[str]] = set()
        self._closed = False

    async def start_kernel(self, **_: Any) -> str:  # type: ignore[override]
        """Return the process for a new visitor, if there is a place."""
        self._given.intersection_update(self.list_kernel_ids())
        if len(self._given) + self._arriving >= VISITORS:
            raise HTTPError(503, FULL)
        self._arriving += 1
        try:
            kernel = await self._take()
        finally:
            self._arriving -= 1
        self._given.add(kernel)
        self._kernels[kernel].last_activity = datetime.now(UTC)  # it may have waited for long
        asyncio.get_running_loop().call_later(BREATH, self.prepare)
        return kernel

    def prepare(self) -> None:
        """Start a process for the next visitor, if none is waiting."""
        if self._waiting is None and not self._closed:
            self._waiting = asyncio.create_task(self._start())

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End the process of a page that has been gone for long, but not the one in waiting."""
        if kernel_id in self._given:
            await super().cull_kernel_if_idle(kernel_id)

    async def _take(self) -> str:
        waiting, self._waiting = self._waiting, None
        kernel = await waiting if waiting is not None else await self._start()
        return kernel if kernel in self else await self._start()  # it may have been ended

    async def shutdown_all(self, now: bool = True) -> None:  # type: ignore[override]
        """End all processes, those that are just being started too."""
        self._closed = True
        if self._starting:
            await asyncio.wait(self._starting, timeout=LAST)
        ends = [self.shutdown_kernel(kernel, now=now) for kernel in self.list_kernel_ids()]
        await asyncio.gather(*ends, return_exceptions=True)  # one may end by itself meanwhile

    async def _start(self) -> str:
        # In a folder of its own: what is beside the notebook is not to be imported by name.
        start = super().start_kernel(
            kernel_name="python3", cwd=self.connection_dir, extra_arguments=ARGUMENTS
        )
        task = asyncio.create_task(start)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return await task
