"""A private JupyterLab or page, and a browser that looks at it and talks to nobody else."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_client.blocking import BlockingKernelClient
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OVERRIDE = "SENSITIVITY_BROWSER"
NO_BROWSER = (
    "No Chromium or Chrome was found. Install one (apt-get install chromium), "
    f"or set {OVERRIDE} to the path of its program."
)

# Software WebGL, so that it works on a machine without a graphics card; and no name but the local
# one can be resolved, so that nothing leaves the machine.
FLAGS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--js-flags=--expose-gc",
    "--enable-precise-memory-info",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

ROOT = Path(__file__).parents[2]

MINUTE = 60_000
"""Milliseconds: the longest that anything may take on two slow cores."""

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


# A notebook is open, and its kernel waits.
READY = (
    "() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext"
    "?.session?.kernel?.status === 'idle'"
)


@dataclass(frozen=True)
class Laboratory:
    """A running JupyterLab: its address, its token, and its folder for connection files."""

    address: str
    token: str
    runtime: Path

    def notebook(self, name: str) -> str:
        """Address of a notebook in the served folder."""
        return f"{self.address}/lab/tree/{name}?reset&token={self.token}"

    def ask(self, expression: str) -> Any:
        """Value of an expression in the kernel that was started last; of types that JSON has."""
        connection = max(self.runtime.glob("kernel-*.json"), key=lambda path: path.stat().st_mtime)
        client = BlockingKernelClient(connection_file=str(connection))
        client.load_connection_file()
        client.start_channels(iopub=False, stdin=False, hb=False)
        try:
            encoded = f"__import__('json').dumps({expression})"
            reply = client.execute(
                "", user_expressions={"value": encoded}, reply=True, timeout=MINUTE / 1000
            )
        finally:
            client.stop_channels()
        answer = reply["content"]["user_expressions"]["value"]
        if answer["status"] != "ok":
            raise RuntimeError(f"{expression}: {answer['evalue']}")
        return json.loads(literal_eval(answer["data"]["text/plain"]))


@dataclass
class Complaints:
    """What a page said or asked for that it should not have."""

    console: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


def find_browser() -> str | None:
    """Path of a Chromium or Chrome; None if there is none."""
    override = os.environ.get(OVERRIDE)
    return override or next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def serve(
    folder: Path, private: Path, *, theme: str = "JupyterLab Light", checkout: Path = ROOT
) -> Iterator[Laboratory]:
    """Serve a folder on a free port, with settings of its own in ``private``.

    Notebooks import the package of a checkout.
    """
    homes = private_homes(private)
    _write_settings(homes["JUPYTERLAB_SETTINGS_DIR"], theme)
    token, port = secrets.token_hex(16), _free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
    ]
    environment = os.environ | {name: str(path) for name, path in homes.items()}
    environment["PYTHONPATH"] = str(checkout)
    log = private / "jupyterlab.log"
    with log.open("w") as file:
        server = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    laboratory = Laboratory(f"http://127.0.0.1:{port}", token, homes["JUPYTER_RUNTIME_DIR"])
    try:
        _wait_until_up(laboratory, server, log)
        yield laboratory
    finally:
        server.terminate()
        server.wait(timeout=30)


@dataclass(frozen=True)
class Site:
    """The page of the explorer: its address without and with the token, and its processes."""

    address: str
    entrance: str
    runtime: Path

    def kernels(self) -> set[str]:
        """Names of the processes of all visitors, and of the one in waiting."""
        return {path.stem.removeprefix("kernel-") for path in self.runtime.glob("kernel-*.json")}


@contextmanager
def serve_app(private: Path) -> Iterator[Site]:
    """Serve the page of the explorer on a free port, with settings of its own in ``private``."""
    homes = private_homes(private) | {"TMPDIR": private}
    environment = os.environ | {name: str(path) for name, path in homes.items()}
    command = [sys.executable, "-m", "sensitivity", "app", "--no-browser", "--port", "0"]
    log = private / "app.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=file, text=True
        )
    with server:
        assert server.stdout is not None
        said = re.search(r"(http://127\.0\.0\.1:\d+)/\?token=\S+", server.stdout.readline())
        if said is None:
            raise RuntimeError(f"the page did not start:\n{log.read_text()}")
        try:
            yield Site(said[1], said[0], next(private.glob("sensitivity-*")))
        finally:
            server.terminate()
            server.wait(timeout=30)


@contextmanager
def serve_lab(folder: Path, checkout: Path = ROOT) -> Iterator[str]:
    """Run ``sensitivity lab`` of a checkout in a folder, without settings or caches: its address.

    The address is there as soon as the command has printed it.
    """
    homes = private_homes(folder / "private") | {"HOME": folder, "XDG_CACHE_HOME": folder / "cache"}
    environment = os.environ | {name: str(path) for name, path in homes.items()}
    command = [sys.executable, "-m", "sensitivity", "lab", "--no-browser", "--port", "0", "--"]
    server = subprocess.Popen(
        [*command, "--LabApp.expose_app_in_browser=True"],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with server:
        assert server.stdout is not None
        lines = iter(server.stdout.readline, "")
        found = (re.search(r"http://(?:127\.0\.0\.1|localhost):\d+/\S*token=\w+", x) for x in lines)
        said = next(filter(None, found), None)
        if said is None:
            raise RuntimeError("JupyterLab ended without an address.")
        try:
            yield said[0].replace("localhost", "127.0.0.1")
        finally:
            server.terminate()


@contextmanager
def browse(
    program: str, *, width: int = 1300, height: int = 900, scale: float = 1
) -> Iterator[tuple[Page, Complaints]]:
    """Open an empty page, and note what it complains about or asks from another machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        viewport: Any = {"width": width, "height": height}
        page = browser.new_page(viewport=viewport, device_scale_factor=scale)
        page.set_default_timeout(MINUTE)
        yield page, _listen(page)
        browser.close()


def join(page: Page) -> tuple[Page, Complaints]:
    """Open the page of another visitor, who has nothing in common with that of the first."""
    assert page.context.browser is not None
    other = page.context.browser.new_context(viewport=page.viewport_size).new_page()
    other.set_default_timeout(MINUTE)
    return other, _listen(other)


def _listen(page: Page) -> Complaints:
    complaints = Complaints()

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" or "not registered" in message.text:
            complaints.console.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.console.append(error.stack or str(error)))
    page.on("request", lambda request: _note(request.url, complaints))
    page.on("websocket", lambda websocket: _note(websocket.url, complaints))
    return complaints


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for index, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content))


def run_notebook(page: Page, address: str) -> list[str]:
    """Open a notebook, run all its cells, and list the errors they raised."""
    page.goto(address)
    page.wait_for_function(READY)
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    outputs = page.evaluate(
        "() => jupyterapp.shell.currentWidget.context.model.toJSON().cells"
        ".flatMap(cell => cell.outputs ?? [])"
    )
    return [output["evalue"] for output in outputs if output["output_type"] == "error"]


def _note(url: str, complaints: Complaints) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("data", "blob", "about") and parts.hostname != "127.0.0.1":
        complaints.elsewhere.append(url)


def private_homes(private: Path) -> dict[str, Path]:
    """Variables of the environment that give Jupyter and IPython folders of their own."""
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR", "LAB_SETTINGS_DIR", "LAB_WORKSPACES_DIR")
    homes = {f"JUPYTER{'' if n.startswith('LAB') else '_'}{n}": private / n.lower() for n in names}
    return homes | {"IPYTHONDIR": private / "ipython"}


def _write_settings(folder: Path, theme: str) -> None:
    settings = SETTINGS | {"apputils-extension/themes": {"theme": theme}}
    for name, values in settings.items():
        path = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_up(laboratory: Laboratory, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + MINUTE / 1000
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{laboratory.address}/api", timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")
