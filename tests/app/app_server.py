"""A running server of the app, and a client that sends it what a page does, or worse."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
from jupyter_client.blocking import BlockingKernelClient
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1
from websockets.sync.client import ClientConnection, connect

from sensitivity.app.page import PROTOCOL

CONTROL = "jupyter.widget.control"
REQUESTS = 20
"""So many answers of a megabyte that some are still on their way when the page leaves."""

PARTS_WITHOUT_ARRAYS = 6
CLOSING = b"\x88\x82" + bytes(4) + (1000).to_bytes(2)
"""The frame that closes a websocket (RFC 6455, section 5.5.1)."""

SECONDS_TO_END = 8
"""Fewer than a server needs that does not hear the signal, and exits by force."""

COMMAND = [sys.executable, "-m", "sensitivity", "app", "--no-browser", "--port", "0"]


@dataclass(frozen=True)
class Site:
    """A running server: its address, its token, its process, and where it writes errors."""

    address: str
    token: str
    process: psutil.Process
    log: Path

    @property
    def folder(self) -> Path:
        """The private folder of the server."""
        (found,) = self.log.parent.glob("sensitivity-*")
        return found

    def kernels(self) -> set[str]:
        """Names of the processes that have been started, the spare one included."""
        return {path.stem.removeprefix("kernel-") for path in self.folder.glob("kernel-*.json")}

    def get(
        self, path: str, *, token: bool = True, headers: dict[str, str] | None = None
    ) -> tuple[int, str, Any]:
        """Status, text and headers of an answer."""
        access = {"Authorization": f"token {self.token}"} if token else {}
        request = Request(self.address + path, headers=access | (headers or {}))
        try:
            with urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except HTTPError as error:
            return error.code, error.read().decode(), error.headers

    def enter(self) -> str:
        """Open the page, and return the name of the process behind it."""
        status, text, _ = self.get("/")
        assert status == 200
        script = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', text, re.DOTALL)
        assert script, f"{text[-1000:]} {self.log.read_text()}"
        return json.loads(script[1])["kernelId"]

    def connect(
        self,
        kernel: str,
        *,
        protocol: str = PROTOCOL,
        headers: dict[str, str] | None = None,
        reads: bool = True,
    ) -> ClientConnection:
        """Connect to the process of a page, as the page does; or read a few messages only."""
        access = {"Authorization": f"token {self.token}"}
        return connect(
            f"ws{self.address[4:]}/api/kernels/{kernel}/channels",
            additional_headers=access | (headers or {}),
            subprotocols=[protocol] if protocol else None,
            max_size=None,
            ping_interval=None,  # a page sends none
            max_queue=None if reads else 16,  # beyond that, it does not even answer pings
            close_timeout=None if reads else 1,  # nor a close
        )

    @contextmanager
    def inside(self, kernel: str) -> Iterator[BlockingKernelClient]:
        """Connect to the process of a visitor as the server does."""
        client = BlockingKernelClient(connection_file=str(self.folder / f"kernel-{kernel}.json"))
        client.load_connection_file()
        # Without the heartbeat, which takes a process for dead after a second without processor.
        client.start_channels(iopub=False, stdin=False, hb=False)
        try:
            yield client
        finally:
            client.stop_channels()

    def leave(self, kernel: str, *, moment: float, politely: bool) -> None:
        """Connect, ask for the state of all widgets, read nothing, and leave some seconds later."""
        comm = uuid.uuid4().hex
        opening = ask("comm_open", {"comm_id": comm, "target_name": CONTROL, "data": {}})
        content = {"comm_id": comm, "data": {"method": "request_states"}}
        with self.connect(kernel, reads=False) as connection:
            send(connection, opening | {"metadata": {"version": "1.0.0"}})
            for _ in range(REQUESTS):
                send(connection, ask("comm_msg", content))
            time.sleep(moment)
            if politely:
                connection.socket.sendall(CLOSING)
                time.sleep(moment)
            connection.socket.close()


@contextmanager
def serve(
    folder: Path,
    *arguments: str,
    signals: Sequence[int] = (signal.SIGTERM,),
    **environment: str,
) -> Iterator[Site]:
    """Run a server, send it the signals at the end, and check what it leaves behind."""
    log = folder / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            ["env", "--default-signal=HUP", *COMMAND, *arguments],  # nohup is inherited
            env=os.environ | {"TMPDIR": str(folder)} | environment,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    with process:
        said = process.stdout.readline()
        found = re.fullmatch(
            r"The explorer is at (http://127\.0\.0\.1:\d+)/\?token=(\S{32}) until .*\n", said
        )
        try:
            assert found, f"{said!r} {log.read_text()}"
            yield Site(found[1], found[2], psutil.Process(process.pid), log)
        finally:
            children = psutil.Process(process.pid).children(recursive=True)
            for each in signals:
                process.send_signal(each)
            try:
                status = process.wait(timeout=SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            assert status == 0, log.read_text()
    # The processes of the visitors end with the server, and so does what it wrote.
    assert children
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert list(folder.glob("sensitivity-*")) == []


def ask(kind: str, content: dict[str, Any], *, channel: str = "shell") -> dict[str, Any]:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": uuid.uuid4().hex,
        "username": "",
        "version": "5.3",
        "date": "2026-01-01T00:00:00Z",
    }
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": channel,
        "buffers": [],
    }


def send(connection: ClientConnection, message: dict[str, Any]) -> None:
    names = ("header", "parent_header", "metadata", "content")
    parts = [json.dumps(message[name]).encode() for name in names]
    connection.send(serialize_msg_to_ws_v1(parts, message["channel"]))


def answer(connection: ClientConnection, kind: str) -> str:
    """All that comes until an answer of this kind."""
    heard = ""
    while not re.search(f'"msg_type": ?"{kind}"', heard):
        part = connection.recv(timeout=30)
        heard += part if isinstance(part, str) else part.decode(errors="replace")
    return heard


def tell(connection: ClientConnection, message: dict[str, Any]) -> str:
    """All that comes until the process answers what it was asked after this message."""
    send(connection, message)
    send(connection, ask("kernel_info_request", {}, channel=message["channel"]))
    return answer(connection, "kernel_info_reply")
