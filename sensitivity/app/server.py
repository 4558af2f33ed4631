"""The server of the page: Voila with one notebook, for this machine only."""

from __future__ import annotations

import logging
import os
import resource
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
from tornado.iostream import IOStream
from traitlets.config import Config
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from sensitivity.app.auth import GuardedApplication, TokenIdentity, guarded
from sensitivity.app.folder import end_on_signals, private_folder, server_environment
from sensitivity.app.kernels import Kernel, Kernels, OneProgram
from sensitivity.app.page import Connection, Page, Websocket
from sensitivity.app.server_limits import ServerLimit
from sensitivity.limits import Limit

ADDRESS = "127.0.0.1"  # no other machine can connect to it
PORT = 8866  # the usual one of pages of Voila
NOTEBOOK = Path(__file__).with_name("explorer.ipynb")
TEMPLATES = Path(__file__).with_name("templates")

# The browser must fetch nothing from other machines, even if a library or a visitor's file asks for
# it. NGL receives JavaScript code, hence 'unsafe-eval'; Voila writes scripts into pages.
SOURCES = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    **dict.fromkeys(("object-src", "base-uri", "form-action", "frame-ancestors"), "'none'"),
}


def serve(*, port: int | None, browser: bool, token: str, announce: Callable[[str], None]) -> int:
    """Serve the page until the process is ended; see ``open_app``."""
    listener = bind(port)
    allow_files()
    with private_folder() as folder:
        loop = IOLoop.current()
        end_on_signals(lambda: loop.add_callback_from_signal(loop.stop), folder)
        os.environ.update(server_environment(folder))
        # The singleton of its class, so that all parts of Voila use its log.
        server = Server.instance(config=settings(), listener=listener, announce=announce)
        server.open_browser, server.token = browser, token
        server.connection_dir, server.ioloop = str(folder), loop
        server.initialize([])
        server.start()
    return 0


def settings() -> Config:
    """Return the settings: a visitor can use the controls, but cannot run code."""
    config = Config()
    config.Voila.update(log_level=logging.ERROR, config_file_paths=[])
    config.Voila.kernel_websocket_connection_class = Connection
    config.Voila.tornado_settings = {
        "headers": {
            "Content-Security-Policy": "; ".join(map(" ".join, SOURCES.items())),
            "Referrer-Policy": "no-referrer",  # the address contains the token
        },
        "websocket_max_message_size": ServerLimit.MESSAGE,
        "allow_remote_access": False,  # requests for another host name are rejected
        "xsrf_cookie_kwargs": {"samesite": "Strict"},
    }
    config.IdentityProvider.cookie_options = {"samesite": "Strict"}
    page = config.VoilaConfiguration
    page.update(template="lab", theme="light", strip_sources=True, show_tracebacks=False)
    page.update(allow_template_override="NO", allow_theme_override="NO")
    # Extensions of JupyterLab; others may load files from other machines.
    extensions = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]
    extensions += ["anywidget", "jupyter-matplotlib", "nglview-js-widgets"]
    page.update(file_allowlist=[], extension_allowlist=extensions)
    page.update(multi_kernel_manager_class=Kernels, kernel_spec_manager_class=OneProgram)
    page.update(resources={"upload_limit": Limit.UPLOAD})
    sentence = "The error is shown in the terminal where 'sensitivity app' runs."
    config.VoilaExecutor.cell_error_instruction = sentence
    config.MappingKernelManager.update(
        kernel_manager_class=f"{Kernel.__module__}.{Kernel.__name__}",
        cull_idle_timeout=ServerLimit.PATIENCE,
        cull_interval=ServerLimit.ROUND,
        # A reconnected page requests the state of all widgets; missed messages would be kept
        # without a limit.
        buffer_offline_messages=False,
    )
    # An ended process is not restarted: the new one would not know the state of the page.
    config.KernelRestarter.restart_limit = 0
    return config


def allow_files() -> None:
    """Raise the limit on open files, which is low for many connections and processes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ServerLimit.FILES if hard == resource.RLIM_INFINITY else min(ServerLimit.FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def bind(port: int | None) -> socket:
    """Bind the port, or by default a free one; OSError if the port cannot be used."""
    try:
        listener = create_server((ADDRESS, PORT if port is None else port))
    except OSError as error:
        if port is not None:
            problem = f"port {port} cannot be used ({error.strerror})"
            raise OSError(f"{problem}; choose another, or 0 for any.") from error
        listener = create_server((ADDRESS, 0))
    listener.setblocking(False)
    return listener


class Listener(HTTPServer):
    """Close silent connections before they use up the limit on open files."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Start without connections."""
        super().initialize(*args, **kwargs)
        self._silent: dict[object, IOStream] = {}

    def start_request(self, server_conn: object, request_conn: Any) -> Any:
        """Register a connection as silent until its next request."""
        self._silent[server_conn] = request_conn.stream
        self.close_silent(ServerLimit.SILENT_CONNECTIONS)
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """Remove a closed connection."""
        self.hear(server_conn)
        super().on_close(server_conn)

    def hear(self, server_conn: object) -> None:
        """Unregister a connection that has sent a request or was closed."""
        self._silent.pop(server_conn, None)

    def close_silent(self, most: int) -> None:
        """Close the oldest silent connections if there are more than ``most``."""
        while len(self._silent) > most:
            self._silent.pop(next(iter(self._silent))).close()


class Server(Voila):
    """Voila with one notebook, self-contained templates, and limits."""

    identity_provider_class = TokenIdentity

    def __init__(self, *, listener: socket, announce: Callable[[str], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._listener, self._announce = listener, announce
        self.notebook_path = str(NOTEBOOK)
        self.ip, self.port = listener.getsockname()

    def initialize(self, argv: list[str]) -> None:
        """Initialize Voila, but keep the existing signal handler."""
        handler = signal.getsignal(signal.SIGTERM)
        super().initialize(argv)
        signal.signal(signal.SIGTERM, handler)

    @property
    def address(self) -> str:
        """The link that a visitor opens."""
        query = f"?token={self.token}" if self.token else ""
        return f"http://{self.ip}:{self.port}/{query}"

    def setup_template_dirs(self) -> None:
        """Search for templates in the package first."""
        super().setup_template_dirs()
        self.template_paths.insert(0, str(TEMPLATES))

    def init_settings(self) -> dict[str, Any]:
        """Use the error page of the package for all errors."""
        found: dict[str, Any] = super().init_settings()
        return found | {"jinja2_env": found["voila_jinja2_env"]}

    def init_handlers(self) -> list[Any]:
        """Replace some handlers of Voila."""
        ours = {VoilaKernelWebsocketHandler: Websocket, TornadoVoilaHandler: Page}
        return [
            (path, guarded(ours.get(handler, handler)), *more)
            for path, handler, *more in super().init_handlers()
        ]

    def start(self) -> None:
        """Create the application and answer requests until the process is ended."""
        self.app = GuardedApplication(**(self.init_settings() | self.tornado_settings))
        self.app.add_handlers(".*$", self.init_handlers())
        # Twice: at the buffer limit the connection would close without a reason.
        http = Listener(
            self.app,
            max_body_size=ServerLimit.REQUEST,
            max_buffer_size=2 * ServerLimit.MESSAGE,
            idle_connection_timeout=ServerLimit.IDLE,
        )
        self.app.hear = http.hear
        http.add_socket(self._listener)
        self._announce(f"The explorer is at {self.address} until you press Ctrl-C.")
        if self.open_browser:
            self.launch_browser()
        self.ioloop.add_callback(self.kernel_manager.prepare)
        self.ioloop.start()
        http.stop()
        http.close_silent(0)
        self.ioloop.run_sync(self.kernel_manager.shutdown_all)

    def launch_browser(self) -> None:
        """Open the page through a private file, because the address contains the token."""
        file = Path(self.connection_dir) / "open.html"
        address = escape(self.address)
        file.write_text(f'<meta http-equiv="refresh" content="0; url={address}">')
        Thread(target=webbrowser.open, args=[file.as_uri()], daemon=True).start()
