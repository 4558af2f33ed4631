"""One process for each visitor of the app, and a spare one; the processes are names here."""

from __future__ import annotations

import asyncio
import uuid
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if find_spec("voila") is None:
    pytest.skip("needs voila, of the extra lab", allow_module_level=True)

import tornado.web
from waiting import run, until

from sensitivity.app.server_limits import ServerLimit

if TYPE_CHECKING:  # Jupyter takes seconds to be imported: in the tests, so that one process does it
    from sensitivity.app.kernels import Kernels

MANAGER = "jupyter_server.services.kernels.kernelmanager.AsyncMappingKernelManager"
CLOCK = "sensitivity.app.kernels.time.monotonic"


@pytest.fixture
def kernels(monkeypatch, tmp_path) -> Kernels:
    """A manager whose processes are names."""

    async def alive():
        return True

    async def start(self, **_):
        name = uuid.uuid4().hex
        self._kernels[name] = SimpleNamespace(is_alive=alive)
        return name

    from sensitivity.app.kernels import Kernels

    monkeypatch.setattr(f"{MANAGER}.start_kernel", start)
    monkeypatch.setattr(ServerLimit, "DELAY", 0.0)
    return Kernels(connection_dir=str(tmp_path))


async def all_started(kernels: Kernels) -> None:
    """Wait for the processes that are being started."""
    while kernels._starting:
        await asyncio.wait(kernels._starting)


def test_a_process_whose_page_does_not_connect_ends_unless_the_page_asks(kernels, monkeypatch):
    now = 0.0
    ended = []

    async def end(name, **_):
        ended.append(name)

    monkeypatch.setattr(CLOCK, lambda: now)
    monkeypatch.setattr(f"{MANAGER}.cull_kernel_if_idle", lambda *_: asyncio.sleep(0))
    monkeypatch.setattr(f"{MANAGER}.kernel_model", lambda *_: {})
    monkeypatch.setattr(kernels, "shutdown_kernel", end)

    async def visit() -> None:
        nonlocal now
        silent, asking, connected = [await kernels.start_kernel() for _ in range(3)]
        for name in (silent, asking, connected):
            kernels._kernel_connections[name] = 0
            kernels.expect(name)
        kernels.notify_connect(connected)
        for _ in range(3):
            now += 0.7 * ServerLimit.SILENT
            kernels.kernel_model(asking)
            await kernels.cull_kernels()
        assert ended == [silent]

    run(visit)


def test_a_page_that_is_gone_gives_its_place_to_the_next_visitor(kernels, monkeypatch):
    now = 0.0
    ended = []

    async def end(name, **_):
        ended.append(name)
        del kernels._kernels[name]

    monkeypatch.setattr(CLOCK, lambda: now)
    monkeypatch.setattr(f"{MANAGER}.kernel_model", lambda *_: {})
    monkeypatch.setattr(kernels, "shutdown_kernel", end)

    async def visit() -> None:
        nonlocal now
        names = [await kernels.start_kernel() for _ in range(ServerLimit.VISITORS)]
        for name in names:
            kernels._kernel_connections[name] = 0
            kernels.notify_connect(name)
        for name in names[:3]:
            now += 1.0
            kernels.notify_disconnect(name)
        with pytest.raises(tornado.web.HTTPError, match="All 8 places are taken"):
            await kernels.start_kernel()  # they may come back
        now += ServerLimit.SILENT + 0.1
        kernels.kernel_model(names[1])  # its page is there, and asks
        assert await kernels.start_kernel() not in names
        assert await kernels.start_kernel() not in names
        assert ended == [names[0], names[2]]
        with pytest.raises(tornado.web.HTTPError, match="All 8 places are taken"):
            await kernels.start_kernel()

    run(visit)


def test_a_process_that_starts_for_a_visitor_who_leaves_is_kept_for_the_next(kernels):
    async def visit() -> None:
        visitors = [asyncio.create_task(kernels.start_kernel()) for _ in range(2)]
        await asyncio.sleep(0)
        for visitor in visitors:
            visitor.cancel()
        await asyncio.gather(*visitors, return_exceptions=True)
        await all_started(kernels)
        assert await kernels.start_kernel() in kernels

    run(visit)


def test_every_visitor_has_a_process_and_the_places_are_limited(kernels):
    async def visit() -> None:
        names = await asyncio.gather(*(kernels.start_kernel() for _ in range(ServerLimit.VISITORS)))
        assert len(set(names)) == ServerLimit.VISITORS
        await until(lambda: len(kernels) > ServerLimit.VISITORS)
        assert len(kernels) == ServerLimit.VISITORS + 1  # one is in waiting
        with pytest.raises(tornado.web.HTTPError, match="All 8 places are taken") as full:
            await kernels.start_kernel()
        assert full.value.status_code == 503
        del kernels._kernels[names[0]]
        assert await kernels.start_kernel() not in names

    run(visit)


def test_the_process_in_waiting_is_kept_taken_and_replaced_if_it_ended(kernels, monkeypatch):
    culled = []

    async def cull(self, name):
        culled.append(name)

    monkeypatch.setattr(f"{MANAGER}.cull_kernel_if_idle", cull)

    async def visit() -> None:
        kernels.prepare()
        kernels.prepare()
        await all_started(kernels)
        (waiting,) = kernels.list_kernel_ids()
        await kernels.cull_kernel_if_idle(waiting)
        assert culled == []
        assert await kernels.start_kernel() == waiting
        await kernels.cull_kernel_if_idle(waiting)
        assert culled == [waiting]
        await until(lambda: len(kernels.list_kernel_ids()) == 2)
        (ended,) = set(kernels.list_kernel_ids()) - {waiting}
        del kernels._kernels[ended]
        assert await kernels.start_kernel() not in (waiting, ended)

    run(visit)
