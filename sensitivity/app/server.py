"""The server of the page: Voila, narrowed to one notebook, this machine, and no other's errors."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from html import escape
from pathlib import Path
from shutil import rmtree
from socket import create_server, socket
from threading import Thread
from typing import Any

from jupyter_core.utils import run_sync
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from voila.app import Voila
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from sensitivity.app.doors import Doors
from sensitivity.app.limits import MESSAGE, REQUEST
from sensitivity.app.settings import settings
from sensitivity.app.wires import Wire

ADDRESS = "127.0.0.1"
"""Only this machine has it: nobody else can connect."""

PORT = 8866
"""Where pages of Voila usually are."""

FOLDER = Path(__file__).parent
NOTEBOOK = FOLDER / "explorer.ipynb"
TEMPLATES = FOLDER / "templates"


def serve(*, port: int | None, browser: bool, token: str, announce: Callable[[str], None]) -> int:
    """Serve the page until the process is ended; see ``open_app``."""
    # As the instance of its class: its log is then that of all parts of Voila.
    server = Page.instance(config=settings(), door=bind(port), announce=announce)
    server.open_browser, server.token = browser, token
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
        door = create_server((ADDRESS, PORT if port is None else port))
    except OSError as error:
        if port is not None:
            raise OSError(
                f"port {port} cannot be used ({error.strerror}); choose another, or 0 for any."
            ) from error
        door = create_server((ADDRESS, 0))
    door.setblocking(False)
    return door


class Page(Voila):
    """Voila with one notebook, templates that need nothing from elsewhere, and limits."""

    identity_provider_class = Doors

    def __init__(self, *, door: socket, announce: Callable[[str], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._door, self._announce = door, announce
        self.notebook_path = str(NOTEBOOK)
        self.ip, self.port = door.getsockname()

    @property
    def address(self) -> str:
        """What a visitor has to open."""
        query = f"?token={self.token}" if self.token else ""
        return f"http://{self.ip}:{self.port}/{query}"

    def setup_template_dirs(self) -> None:
        """Look for templates in the package first."""
        super().setup_template_dirs()
        self.template_paths.insert(0, str(TEMPLATES))

    def init_settings(self) -> dict[str, Any]:
        """Give all pages of errors the same look, that of the package."""
        found: dict[str, Any] = super().init_settings()
        return found | {"jinja2_env": found["voila_jinja2_env"]}

    def init_handlers(self) -> list[Any]:
        """Speak with pages over wires that are watched."""
        watched = {VoilaKernelWebsocketHandler: Wire}
        found = super().init_handlers()
        return [(path, watched.get(handler, handler), *more) for path, handler, *more in found]

    def listen(self) -> None:
        """Answer on the port that was taken, until the process is ended."""
        # Twice: at the limit of the buffer it would hang up without giving a reason.
        http = HTTPServer(self.app, max_body_size=REQUEST, max_buffer_size=2 * MESSAGE)
        http.add_socket(self._door)
        self._announce(f"The explorer is at {self.address} until you press Ctrl-C.")
        if self.open_browser:
            self.launch_browser()
        self.ioloop = IOLoop.current()
        self.ioloop.add_callback(self.kernel_manager.prepare)
        try:
            self.ioloop.start()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def stop(self) -> None:
        """End the processes of all visitors, and only then remove the folder they are in."""
        run_sync(self.kernel_manager.shutdown_all)()
        rmtree(self.connection_dir, ignore_errors=True)

    def launch_browser(self) -> None:
        """Open the page, by a file that only this user can read, as the address has the token."""
        file = Path(self.connection_dir) / "open.html"  # a temporary folder of this user alone
        address = escape(self.address)
        file.write_text(f'<meta http-equiv="refresh" content="0; url={address}">')
        Thread(target=webbrowser.open, args=[file.as_uri()], daemon=True).start()
