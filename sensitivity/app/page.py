"""The page of one visitor, sent while its process starts, and the websocket between the two."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from logging import CRITICAL, Logger
from typing import Any

from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from tornado.iostream import StreamBufferFullError, StreamClosedError
from tornado.web import HTTPError, authenticated
from voila.handler import VoilaHandler
from voila.notebook_renderer import NotebookRenderer
from voila.utils import get_page_config

from sensitivity.app.auth import is_speculative
from sensitivity.app.server_limits import ServerLimit

PROTOCOL = "v1.kernel.websocket.jupyter.org"  # between pages of Jupyter and a process

SENT = frozenset(
    ["comm_open", "comm_msg", "comm_close", "comm_info_reply", "kernel_info_reply", "status"]
)
"""Types of messages sent to a page: those of widgets. Output and errors can contain paths of this
machine, and go to the log."""


class Renderer(NotebookRenderer):
    """Render the page with another process if the first ends before its first answer."""

    replace_kernel: Callable[[], Awaitable[str]]

    async def _jinja_kernel_start(self, nb: Any, kernel_id: str, kernel_future: Any) -> str:
        try:
            return str(await super()._jinja_kernel_start(nb, kernel_id, kernel_future))
        except RuntimeError:
            kernel = await self.replace_kernel()
            manager = self.request_handler.kernel_manager.get_kernel(kernel)
            return str(await super()._jinja_kernel_start(nb, kernel, manager))


class Page(VoilaHandler):
    """Send the page, and end its process if the visitor leaves meanwhile."""

    _kernel = ""
    _loading: asyncio.Task[Any] | None = None
    _renderer: Renderer | None = None

    @authenticated
    async def get(self, path: str = "") -> None:
        """Send the page in parts as they become available."""
        if path:
            raise HTTPError(404)
        if is_speculative(self.request):
            raise HTTPError(403, "The explorer starts when its page is opened, not before.")
        self._loading = asyncio.current_task()
        try:
            with suppress(asyncio.CancelledError, StreamClosedError):  # the visitor has left
                await self._send()
        finally:
            self._loading = None

    def on_connection_close(self) -> None:
        """Stop rendering for a visitor who has left."""
        super().on_connection_close()
        if self._renderer is not None:  # otherwise it logs that the notebook cannot be executed
            self._renderer.log = Logger("left", CRITICAL)
        if self._loading is not None:
            self._loading.cancel()

    async def _send(self) -> None:
        self.xsrf_token  # noqa: B018 (sets the cookie that the page needs to end its process)
        self.set_header("Content-Type", "text/html")
        self.set_header("Cache-Control", "no-store")
        renderer = self._renderer = self._make_renderer()
        await renderer.initialize()
        self._kernel = await self.kernel_manager.start_kernel()
        try:
            manager = self.kernel_manager.get_kernel(self._kernel)
            async for part, _ in renderer.generate_content_generator(self._kernel, manager):
                self.write(part)
                await self.flush()
        except BaseException:
            self._loading = None  # so that the shutdown is not cancelled
            await self.kernel_manager.end(self._kernel)
            raise
        self.kernel_manager.expect(self._kernel)

    async def _replace_kernel(self) -> str:
        await self.kernel_manager.end(self._kernel)
        self._kernel = await self.kernel_manager.start_kernel()
        return self._kernel

    def _make_renderer(self) -> Renderer:
        known = {"base_url": self.base_url, "voila_configuration": self.voila_configuration}
        same = ["traitlet_config", "notebook_path", "template_paths", "config_manager"]
        same += ["contents_manager", "kernel_spec_manager"]
        renderer = Renderer(
            **known,
            request_handler=self,
            **{name: getattr(self, name) for name in same},
            prelaunch_hook=None,
            page_config=get_page_config(settings=self.settings, log=self.log, **known),
            mathjax_config=self.settings["mathjax_config"],
            mathjax_url=self.settings["mathjax_url"],
        )
        renderer.replace_kernel = self._replace_kernel
        return renderer


class Connection(ZMQChannelsWebsocketConnection):
    """Forward messages in one protocol, independent of the state of the websocket."""

    # Jupyter asks the websocket for its protocol with every message, and takes "none", the answer
    # of a closed one, for its older protocol. There the first bytes of a message have another
    # meaning: up to 10^18 parts, and a loop over them that blocks the server.
    subprotocol = PROTOCOL

    websocket_handler: Websocket
    limit_rate = False  # no code of visitors runs, and a page needs every message

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Forward a message of the process to the page, if the page is connected."""
        if not self.websocket_handler.is_open:
            return
        _, parts = self.session.feed_identities(outgoing_msg)
        kind = self.session.unpack(parts[1])["msg_type"]
        if kind == "status" and self.session.unpack(parts[4])["execution_state"] == "idle":
            self.kernel_manager.waiting.pop(self.session.unpack(parts[2]).get("msg_id"), None)
        if kind in SENT:
            super().handle_outgoing_message(stream, outgoing_msg)
        elif kind in {"stream", "error"}:
            content = self.session.unpack(parts[4])
            self.log.error(content.get("text") or "\n".join(content.get("traceback", ())))

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        """Forward a message, unless too many are waiting in the memory of the server."""
        channel, parts = deserialize_msg_from_ws_v1(incoming_msg)
        name, kind = "", None
        with suppress(IndexError, KeyError, TypeError, ValueError):
            header = self.session.unpack(parts[0])
            name, kind = str(header["msg_id"]), header["msg_type"]
        # A process reads no other channels, so messages there would accumulate.
        if channel not in {"shell", "control"} or kind is None:
            self.websocket_handler.refuse()
            return
        waiting = self.kernel_manager.waiting
        if kind in self.multi_kernel_manager.allowed_message_types:  # others are dropped
            waiting[name] = len(incoming_msg)
        if sum(waiting.values()) > ServerLimit.UNREAD or len(waiting) > ServerLimit.UNANSWERED:
            self.websocket_handler.close(1008, "the process does not keep up")  # RFC 6455, 7.4.1
            return
        super().handle_incoming_message(incoming_msg)

    def disconnect(self) -> None:  # type: ignore[override]
        """Close the connection, and drop the channels, which a late answer would still use."""
        super().disconnect()
        self.channels = {}


class Websocket(KernelWebsocketHandler):
    """Close the connection to a client that violates the protocol of the page.

    Jupyter reads the number of parts from the first eight bytes of a message, and loops over that
    many, so the number is checked first.
    """

    ws_connection: Any

    # Settings of tornado, in seconds. Jupyter's own pings, in milliseconds, close a websocket
    # before the first ping if the time-out equals the interval.
    ping_interval = ServerLimit.PING
    ping_timeout = ServerLimit.PING

    @property
    def is_open(self) -> bool:
        """True if a message can still be sent."""
        return self.ws_connection is not None and not self.ws_connection.is_closing()

    async def pre_get(self) -> None:
        """Reject other protocols, and too many connections."""
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        if PROTOCOL not in [name.strip() for name in offered]:
            raise HTTPError(400, f"This server supports {PROTOCOL} only; load the page again.")
        await super().pre_get()
        kernels: Any = self.kernel_manager
        if kernels.count_pages(self.kernel_id) >= ServerLimit.WEBSOCKETS:
            raise HTTPError(429, "This page is open too many times; close the others.")

    async def open(self, kernel_id: str) -> None:
        """Connect to the process."""
        self.ws_connection.stream.max_write_buffer_size = ServerLimit.UNREAD
        if (connected := self.connection.connect()) is not None:
            await connected

    def on_message(self, ws_message: str | bytes) -> None:
        """Forward a message if it has the parts that it declares."""
        if not self.is_open:
            return
        if isinstance(ws_message, str) or not _is_complete(ws_message):
            self.refuse()
            return
        super().on_message(ws_message)

    def refuse(self) -> None:
        """Close the connection to a client that is not the page."""
        self.close(1003, "not a message of a page")  # RFC 6455, section 7.4.1

    def write_message(self, message: Any, binary: bool = False) -> Any:
        """Send a message; drop it if the page has left, disconnect if the page reads nothing."""
        if not self.is_open:
            return None
        try:
            sent = super().write_message(message, binary)
        except StreamBufferFullError:
            self.ws_connection.stream.close()
            return None
        # If the page leaves meanwhile, asyncio would log the error as never retrieved.
        sent.add_done_callback(lambda sent: sent.cancelled() or sent.exception())
        return sent


def _is_complete(message: bytes) -> bool:
    word = 8  # bytes of a number at the beginning of a message
    count = int.from_bytes(message[:word], "little")
    return 2 <= count <= ServerLimit.PARTS and len(message) >= word * (count + 1)
