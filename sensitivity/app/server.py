"""The server of the page: Voila with one notebook, for this machine only."""

from __future__ import annotations

import os
import signal
import webbrowser
from collections.abc import Callable
from html import escape
from pathlib import Path
from socket import create_server, socket
from threading import Thread
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from sensitivity.app.auth import GuardedApplication, TokenIdentity
from sensitivity.app.ending import end_on_signals
from sensitivity.app.folder import private_folder, server_environment
from sensitivity.app.limits import MESSAGE, REQUEST
from sensitivity.app.page import Page
from sensitivity.app.settings import settings
from sensitivity.app.websocket import Websocket

ADDRESS = "127.0.0.1"
"""Only this machine has it: nobody else can connect."""

PORT = 8866
"""The usual port of pages of Voila."""

FOLDER = Path(__file__).parent
NOTEBOOK = FOLDER / "explorer.ipynb"
TEMPLATES = FOLDER / "templates"

OURS = {VoilaKernelWebsocketHandler: Websocket, TornadoVoilaHandler: Page}
"""Handlers that take the place of Voila's."""


def serve(*, port: int | None, browser: bool, token: str, announce: Callable[[str], None]) -> int:
    """Serve the page until the process is ended; see ``open_app``."""
    listener = bind(port)
    with private_folder() as folder:
        loop = IOLoop.current()
        end_on_signals(lambda: loop.add_callback_from_signal(loop.stop), folder)
        os.environ.update(server_environment(folder))
        # As the instance of its class: its log is then that of all parts of Voila.
        server = Server.instance(config=settings(), listener=listener, announce=announce)
        server.open_browser, server.token = browser, token
        server.connection_dir, server.ioloop = str(folder), loop
        server.initialize([])
        server.start()
    return 0


def bind(port: int | None) -> socket:
    """Take the port, or, if any will do, one that is free.

    Raises
    ------
    OSError
        If the port is taken, or not allowed.
    """
    try:
        listener = create_server((ADDRESS, PORT if port is None else port))
    except OSError as error:
        if port is not None:
            raise OSError(
                f"port {port} cannot be used ({error.strerror}); choose another, or 0 for any."
            ) from error
        listener = create_server((ADDRESS, 0))
    listener.setblocking(False)
    return listener


class Server(Voila):
    """Voila with one notebook, templates that need nothing from elsewhere, and limits."""

    identity_provider_class = TokenIdentity

    def __init__(self, *, listener: socket, announce: Callable[[str], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._listener, self._announce = listener, announce
        self.notebook_path = str(NOTEBOOK)
        self.ip, self.port = listener.getsockname()

    def initialize(self, argv: list[str]) -> None:
        """Prepare everything but the handler of signals, which is there already."""
        handler = signal.getsignal(signal.SIGTERM)
        super().initialize(argv)
        signal.signal(signal.SIGTERM, handler)

    @property
    def address(self) -> str:
        """The link that a visitor opens."""
        query = f"?token={self.token}" if self.token else ""
        return f"http://{self.ip}:{self.port}/{query}"

    def setup_template_dirs(self) -> None:
        """Look for templates in the package first."""
        super().setup_template_dirs()
        self.template_paths.insert(0, str(TEMPLATES))

    def init_settings(self) -> dict[str, Any]:
        """Use the error page of the package for all errors."""
        found: dict[str, Any] = super().init_settings()
        return found | {"jinja2_env": found["voila_jinja2_env"]}

    def init_handlers(self) -> list[Any]:
        """Replace some handlers of Voila."""
        found = super().init_handlers()
        return [(path, OURS.get(handler, handler), *more) for path, handler, *more in found]

    def start(self) -> None:
        """Make the application and answer requests until the process is ended."""
        self.app = GuardedApplication(**(self.init_settings() | self.tornado_settings))
        self.app.add_handlers(".*$", self.init_handlers())
        self.listen()

    def listen(self) -> None:
        """Answer on the port that was taken, until the loop is stopped."""
        # Twice: at the limit of the buffer it would hang up without giving a reason.
        http = HTTPServer(self.app, max_body_size=REQUEST, max_buffer_size=2 * MESSAGE)
        http.add_socket(self._listener)
        self._announce(f"The explorer is at {self.address} until you press Ctrl-C.")
        if self.open_browser:
            self.launch_browser()
        self.ioloop.add_callback(self.kernel_manager.prepare)
        self.ioloop.start()
        self.ioloop.run_sync(self.kernel_manager.shutdown_all)

    def launch_browser(self) -> None:
        """Open the page, by a file that only this user can read, as the address has the token."""
        file = Path(self.connection_dir) / "open.html"
        address = escape(self.address)
        file.write_text(f'<meta http-equiv="refresh" content="0; url={address}">')
        Thread(target=webbrowser.open, args=[file.as_uri()], daemon=True).start()
