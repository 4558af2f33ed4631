"""A running server of the app, and a client that sends it what a page does, or worse."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1
from websockets.sync.client import ClientConnection, connect

from sensitivity.app.websocket import PROTOCOL

COMMAND = [sys.executable, "-m", "sensitivity", "app", "--no-browser", "--port", "0"]


@dataclass(frozen=True)
class Site:
    """A running server: its address, its token, its process, and where it writes errors."""

    address: str
    token: str
    process: psutil.Process
    log: Path

    def get(self, path: str, *, token: bool = True, host: str = "") -> tuple[int, str, Any]:
        """Status, text and headers of an answer."""
        headers = {"Authorization": f"token {self.token}"} if token else {}
        request = Request(self.address + path, headers=headers | ({"Host": host} if host else {}))
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
        return json.loads(script[1])["kernelId"]

    def connect(self, kernel: str, *, protocol: str = PROTOCOL) -> ClientConnection:
        """Connect to the process of a page, as the page does."""
        return connect(
            f"ws{self.address[4:]}/api/kernels/{kernel}/channels",
            additional_headers={"Authorization": f"token {self.token}"},
            subprotocols=[protocol] if protocol else None,
            max_size=None,
        )


@contextmanager
def serve(folder: Path, **environment: str) -> Iterator[Site]:
    own = {f"JUPYTER_{n}_DIR": str(folder / n.lower()) for n in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"IPYTHONDIR": str(folder / "ipython"), "TMPDIR": str(folder)}
    log = folder / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            COMMAND,
            env=os.environ | own | environment,
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
            process.terminate()
            assert process.wait(timeout=30) == 0, log.read_text()
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
