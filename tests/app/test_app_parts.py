"""Parts of the server of the app, each alone and without a process."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from queue import Queue
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

if find_spec("voila") is None:
    pytest.skip("needs voila, of the extra lab", allow_module_level=True)

# Voila and Jupyter take seconds to be imported: in the tests, so that one process does it.

# Access


def request(method: str = "GET", **headers: str) -> Any:
    """A request for the page, with headers named as in Python."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(method=method, headers=named, host="127.0.0.1:8866")


LINK = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        (request(), False),
        (request(Sec_Fetch_Site="same-origin"), False),
        (request(Sec_Fetch_Site="none", **LINK), False),
        (request(Sec_Fetch_Site="cross-site"), True),
        (request(Sec_Fetch_Site="same-site"), True),
        (request(Sec_Fetch_Site="cross-site", **LINK), False),
        (request("POST", Sec_Fetch_Site="cross-site", **LINK), True),
        (request(Sec_Fetch_Site="cross-site", **LINK | {"Sec_Fetch_Dest": "iframe"}), True),
        (request(Origin="http://127.0.0.1:8866"), False),
        (request(Origin="HTTP://127.0.0.1:8866"), False),
        (request(Origin="http://127.0.0.1:8867"), True),
        (request(Origin="null"), True),
        (request(Origin="http://[::1"), True),
    ],
)
def test_another_site_may_only_link_to_the_page(asked: Any, refused: bool) -> None:
    from sensitivity.app.auth import is_from_other_site

    assert is_from_other_site(asked) is refused


def test_pages_that_are_loaded_ahead_are_known() -> None:
    from sensitivity.app.auth import is_speculative

    ahead = [{"Sec_Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X_Moz": "prefetch"}]
    assert all(is_speculative(request(**headers)) for headers in ahead)
    assert not is_speculative(request(Sec_Fetch_Site="none", **LINK))


def test_files_of_tornado_ask_for_the_token() -> None:
    from jupyter_server.base.handlers import JupyterHandler
    from tornado.web import StaticFileHandler

    from sensitivity.app.auth import guarded

    found = guarded(StaticFileHandler)
    assert issubclass(found, JupyterHandler)
    assert issubclass(found, StaticFileHandler)
    assert found.get is not StaticFileHandler.get
    assert guarded(found) is found


# The folder


def test_the_folder_is_for_this_user_and_goes() -> None:
    from sensitivity.app.folder import private_folder

    with private_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert list((folder / "empty").iterdir()) == []
        (folder / "left").write_text("behind")
    assert not folder.exists()


def test_the_path_of_a_socket_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sensitivity.app import folder as module

    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(module, "gettempdir", lambda: str(long))
    with module.private_folder() as folder:
        assert len(os.fsencode(folder)) <= 70
    assert list(long.iterdir()) == []


def test_processes_have_a_home_in_the_folder_and_the_server_keeps_its_own(tmp_path: Path) -> None:
    from sensitivity.app.folder import process_environment, server_environment

    process, server = process_environment(tmp_path), server_environment(tmp_path)
    homes = {process[name] for name in ("HOME", "IPYTHONDIR", "MPLCONFIGDIR", "XDG_CONFIG_HOME")}
    assert homes == {str(tmp_path / "home")}
    assert process["OPENBLAS_NUM_THREADS"] == "1"
    assert "HOME" not in server
    assert {Path(place).parent for place in server.values()} == {tmp_path}


# The end


def test_the_first_signal_stops_and_later_ones_change_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from sensitivity.app import folder

    ended_by = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    handlers: dict[int, Any] = dict.fromkeys(ended_by, signal.SIG_DFL)
    handlers[signal.SIGHUP] = signal.SIG_IGN  # nohup
    stops: list[int] = []
    exits: Queue[Path] = Queue()

    def exit_late(told: Event, private: Path) -> None:
        told.wait()
        exits.put(private)

    monkeypatch.setattr(signal, "getsignal", handlers.get)
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(folder, "_exit_late", exit_late)
    folder.end_on_signals(lambda: stops.append(1), tmp_path)
    assert handlers[signal.SIGHUP] is signal.SIG_IGN
    assert exits.empty()
    handlers[signal.SIGTERM](signal.SIGTERM, None)
    assert set(handlers.values()) == {signal.SIG_IGN}
    assert (stops, exits.get(timeout=30)) == ([1], tmp_path)


# Messages


@pytest.mark.parametrize(
    ("message", "complete"),
    [
        (b"", False),
        ((2).to_bytes(8, "little") + bytes(16), True),
        ((2).to_bytes(8, "little") + bytes(15), False),
        ((1).to_bytes(8, "little") + bytes(16), False),
        ((10**18).to_bytes(8, "little") + bytes(100), False),
        ((1000).to_bytes(8, "little") + bytes(8 * 1000), True),
        ((1001).to_bytes(8, "little") + bytes(8 * 1001), False),  # more than a page sends
    ],
)
def test_a_message_has_the_parts_that_it_declares(message: bytes, complete: bool) -> None:
    from sensitivity.app.page import _is_complete

    assert _is_complete(message) is complete


@pytest.fixture
def connection() -> Any:
    """What ``Connection`` uses of itself, with what it closed and what waits."""
    import json

    closed: list[tuple[int, str]] = []
    return SimpleNamespace(
        session=SimpleNamespace(unpack=json.loads),
        websocket_handler=SimpleNamespace(close=lambda *reason: closed.append(reason)),
        kernel_manager=SimpleNamespace(waiting={}),
        multi_kernel_manager=SimpleNamespace(allowed_message_types=["comm_msg"]),
        closed=closed,
    )


@pytest.mark.parametrize(
    ("channel", "header", "reason"),
    [
        ("stdin", b'{"msg_id": "1", "msg_type": "comm_msg"}', "not a message of a page"),
        ("shell", b'{"msg_id": "1"}', "not a message of a page"),
        ("shell", b"[]", "not a message of a page"),
        ("shell", b"{", "not a message of a page"),
        ("shell", b'{"msg_id": "1", "msg_type": "comm_msg"}', "the process does not keep up"),
    ],
)
def test_a_client_that_does_not_follow_the_protocol_is_disconnected(
    connection: Any, channel: str, header: bytes, reason: str
) -> None:
    from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1

    from sensitivity.app.page import Connection, Websocket
    from sensitivity.app.server_limits import ServerLimit

    if "keep up" in reason:
        connection.kernel_manager.waiting["earlier"] = ServerLimit.UNREAD
    connection.websocket_handler.refuse = partial(Websocket.refuse, connection.websocket_handler)
    message = serialize_msg_to_ws_v1([header, b"{}", b"{}", b"{}"], channel)
    Connection.handle_incoming_message(connection, message)
    assert [words for _, words in connection.closed] == [reason]


def test_nothing_is_sent_to_a_page_that_has_left() -> None:
    from sensitivity.app.page import Connection, Websocket

    gone = SimpleNamespace(is_open=False)
    assert Websocket.write_message(gone, "message") is None
    Connection.handle_outgoing_message(SimpleNamespace(websocket_handler=gone), None, [])


# The server


def test_a_visitor_can_use_the_controls_and_nothing_else() -> None:
    from sensitivity.app.kernels import Kernels, OneProgram
    from sensitivity.app.server import settings
    from sensitivity.app.server_limits import ServerLimit

    found = settings()
    page, tornado = found.VoilaConfiguration, found.Voila.tornado_settings
    assert page.file_allowlist == []
    assert "nglview-js-widgets" in page.extension_allowlist
    assert page.strip_sources
    assert not page.show_tracebacks
    assert page.multi_kernel_manager_class is Kernels
    assert OneProgram().get_kernel_spec("any").argv[-4:-2] == ["-m", "sensitivity.app.process"]
    assert tornado["websocket_max_message_size"] == ServerLimit.MESSAGE
    assert tornado["allow_remote_access"] is False
    assert "connect-src 'self' data: blob:" in tornado["headers"]["Content-Security-Policy"]
    assert found.MappingKernelManager.cull_idle_timeout == ServerLimit.PATIENCE


def test_the_oldest_silent_connections_are_closed_first() -> None:
    from sensitivity.app.server import Listener

    closed: list[int] = []
    streams = {k: SimpleNamespace(close=lambda k=k: closed.append(k)) for k in range(5)}
    listener = SimpleNamespace(_silent=dict(streams))
    Listener.hear(listener, 1)
    Listener.close_silent(listener, 2)
    assert closed == [0, 2]
    assert list(listener._silent) == [3, 4]


def test_the_memory_of_a_process_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    from sensitivity.app import process
    from sensitivity.app.server_limits import ServerLimit

    limits: list[Any] = []
    monkeypatch.setattr(resource, "setrlimit", lambda *limit: limits.append(limit))
    process.limit_memory()
    assert limits == [(resource.RLIMIT_DATA, (ServerLimit.MEMORY, ServerLimit.MEMORY))]
    assert process._without_port(lambda *_, **options: options, None, pipe=True) == {"pipe": False}


@pytest.mark.parametrize(
    ("path", "headers", "status"), [("other", {}, 404), ("", {"Sec_Purpose": "prefetch"}, 403)]
)
def test_a_page_that_nobody_opens_starts_nothing(
    path: str, headers: dict[str, str], status: int
) -> None:
    from tornado.web import HTTPError

    from sensitivity.app.page import Page

    page = SimpleNamespace(request=request(**headers))
    with pytest.raises(HTTPError) as refused:
        asyncio.run(Page.get.__wrapped__(page, path))
    assert refused.value.status_code == status


def test_the_process_of_a_page_that_cannot_be_sent_ends() -> None:
    from sensitivity.app.page import Page

    ended: list[str] = []

    async def act(name: str = "") -> str:
        ended.extend([name] if name else [])
        return "kernel"

    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    renderer = SimpleNamespace(initialize=act, generate_content_generator=fail)
    kernels = SimpleNamespace(start_kernel=act, end=act, get_kernel=lambda name: name)
    page = SimpleNamespace(
        xsrf_token="", set_header=lambda *_: None, kernel_manager=kernels, _loading=1
    )
    page._make_renderer = lambda: renderer
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Page._send(page))
    assert (ended, page._loading) == (["kernel"], None)
