"""One process for each visitor, and a spare one, so that a page opens quickly."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_server.services.kernels import kernelmanager
from tornado.web import HTTPError
from traitlets import default

from sensitivity.app.folder import end_processes, process_environment, working_folder
from sensitivity.app.server_limits import ServerLimit


class OneProgram(KernelSpecManager):
    """Start one program, ``process.py``, independent of installed Jupyter kernels."""

    @default("kernel_dirs")
    def _no_folder(self) -> list[str]:
        return []

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the specification of the program, for any name."""
        # -P: without the working directory in sys.path.
        command = [sys.executable, "-P", "-m", "sensitivity.app.process", "-f", "{connection_file}"]
        return KernelSpec(argv=command, name=kernel_name, language="python")


class Kernel(kernelmanager.ServerKernelManager):
    """The process of one visitor."""

    # Sockets in the folder of the server, which no other user can enter. Any user of the machine
    # could listen to a TCP port.
    transport = "ipc"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.waiting: dict[str, int] = {}  # bytes of unanswered messages, by their id

    @default("ip")
    def _short_path(self) -> str:
        # The path of a socket has at most 107 bytes (unix(7)), and 103 on macOS.
        return str(Path(self.connection_file).parent / token_hex(4))


class Kernels(kernelmanager.AsyncMappingKernelManager):
    """The processes of all visitors."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._given: set[str] = set()
        self._loading: set[str] = set()
        self._absent: dict[str, float] = {}  # time of the last request of a disconnected page
        self._arriving = 0
        self._spare: asyncio.Task[str] | None = None
        self._starting: set[asyncio.Task[str]] = set()
        self._closed = False

    async def start_kernel(self, **_: Any) -> str:  # type: ignore[override]
        """Return the process for a new visitor.

        If all places are taken, the process of the page that left longest ago is ended.
        """
        self._given.intersection_update(self.list_kernel_ids())
        full = len(self._given) + self._arriving >= ServerLimit.VISITORS
        gone = [kernel for kernel in self._absent if self._is_gone(kernel)] if full else []
        if full and not gone:
            remedy = "Close another page of the explorer, then load this one again."
            raise HTTPError(503, f"All {ServerLimit.VISITORS} places are taken. {remedy}")
        self._arriving += 1
        try:
            if gone:
                await self.end(min(gone, key=self._absent.__getitem__))
            kernel = await self._take()
        finally:
            self._arriving -= 1
        self._given.add(kernel)
        self._kernels[kernel].last_activity = datetime.now(UTC)  # a spare one may be old
        asyncio.get_running_loop().call_later(ServerLimit.DELAY, self.prepare)
        return kernel

    def prepare(self) -> None:
        """Start a process for the next visitor, unless there is a spare one."""
        if self._spare is None and not self._closed:
            self._spare = self._start()

    def count_pages(self, kernel: str) -> int:
        """Return the number of websockets of a process."""
        return int(self._kernel_connections.get(kernel, 0))

    def expect(self, kernel: str) -> None:
        """Start to wait for a page to connect to its process, or to request its state."""
        if not self._kernel_connections.get(kernel):
            self._loading.add(kernel)
            self._absent[kernel] = time.monotonic()

    def kernel_model(self, kernel_id: str) -> dict[str, Any]:
        """Return the description of a process, and note the request of a disconnected page."""
        if kernel_id in self._absent:
            self._absent[kernel_id] = time.monotonic()
        return dict(super().kernel_model(kernel_id))

    def notify_connect(self, kernel_id: str) -> None:
        """Stop waiting for a page that has connected."""
        self._loading.discard(kernel_id)
        self._absent.pop(kernel_id, None)
        super().notify_connect(kernel_id)

    def notify_disconnect(self, kernel_id: str) -> None:
        """Record the time when the last page of a process disconnected."""
        super().notify_disconnect(kernel_id)
        if kernel_id in self._given and not self._kernel_connections.get(kernel_id):
            self._absent[kernel_id] = time.monotonic()

    async def end(self, kernel: str) -> None:
        """End a process, if it is still running."""
        self._given.discard(kernel)
        self._loading.discard(kernel)
        self._absent.pop(kernel, None)
        with suppress(HTTPError, KeyError):  # it may have ended meanwhile
            await self.shutdown_kernel(kernel, now=True)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End the process of a page that never connected or left long ago."""
        if kernel_id in self._loading and self._is_gone(kernel_id):
            await self.end(kernel_id)
        elif kernel_id in self._given:  # not the spare one
            await super().cull_kernel_if_idle(kernel_id)

    def _is_gone(self, kernel: str) -> bool:
        silent = time.monotonic() - self._absent[kernel]
        return kernel in self._given and silent > ServerLimit.SILENT

    async def shutdown_all(self, now: bool = True) -> None:  # type: ignore[override]
        """End all processes, including those that are being started."""
        self._closed = True
        if self._starting:
            await asyncio.wait(self._starting, timeout=ServerLimit.STARTING)
        if ends := [asyncio.ensure_future(self.end(name)) for name in self.list_kernel_ids()]:
            await asyncio.wait(ends, timeout=ServerLimit.STARTING)
        end_processes()

    async def _take(self) -> str:
        spare, self._spare = self._spare, None
        kernel = await self._wait_for(spare or self._start())
        manager: Any = self.get_kernel(kernel) if kernel in self else None
        if manager is not None and await manager.is_alive():  # it may have ended
            return kernel
        await self.end(kernel)
        return await self._wait_for(self._start())

    async def _wait_for(self, task: asyncio.Task[str]) -> str:
        """Wait for a start that continues if the visitor leaves, for the next visitor."""
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._spare is None:
                self._spare = task
            else:
                self._track(self._discard(task))
            raise

    async def _discard(self, task: asyncio.Task[str]) -> str:
        await self.end(await task)
        return task.result()

    def _start(self) -> asyncio.Task[str]:
        folder = Path(self.connection_dir)
        environment, empty = os.environ | process_environment(folder), str(working_folder(folder))
        return self._track(super().start_kernel(kernel_name="python3", cwd=empty, env=environment))

    def _track(self, start: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
        task = asyncio.create_task(start)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return task
