"""The wire between a page and its process, which carries what the page says and nothing else."""

from __future__ import annotations

from tornado.web import HTTPError
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from sensitivity.app.limits import PARTS

PROTOCOL = "v1.kernel.websocket.jupyter.org"
"""How pages of Jupyter speak with a process."""

OTHER_PROTOCOL = f"This server speaks {PROTOCOL} only; load the page again."
UNREADABLE = 1003  # RFC 6455, section 7.4.1
WORD = 8  # bytes of a number at the beginning of a message


class Wire(VoilaKernelWebsocketHandler):
    """Hangs up on who does not speak as the page does.

    Voila and Jupyter take the first eight bytes of every message for the number of its parts, and
    go through as many. In Jupyter's older protocol, or from who goes around the page, it may be
    10^18, and the server would be busy with it for all visitors.
    """

    async def pre_get(self) -> None:
        """Refuse another protocol."""
        spoken = self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        if PROTOCOL not in [name.strip() for name in spoken]:
            raise HTTPError(400, OTHER_PROTOCOL)
        await super().pre_get()

    def on_message(self, ws_message: str | bytes) -> None:
        """Pass on what has the parts that it claims to have."""
        if isinstance(ws_message, str) or not _is_whole(ws_message):
            self.close(UNREADABLE, "not a message of a page")
            return
        super().on_message(ws_message)


def _is_whole(message: bytes) -> bool:
    count = int.from_bytes(message[:WORD], "little")
    return 2 <= count <= PARTS and len(message) >= WORD * (count + 1)
