"""Access control of the server: the token, and rejection of requests from other sites."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.base.handlers import JupyterHandler
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, HTTPError, RequestHandler, StaticFileHandler, authenticated
from voila.voila_identity_provider import VoilaIdentityProvider


def make_token() -> str:
    """Return a random token that cannot be guessed."""
    return secrets.token_urlsafe(24)


class TokenIdentity(VoilaIdentityProvider):
    """Require the token, unless it is empty."""

    def get_handlers(self) -> list[tuple[object, ...]]:
        """Return no login form: there is no password."""
        link = "the complete link, including the token"
        sentence = f"Open {link}: it is the one that 'sensitivity app' printed."
        return [("/login", _Refused, {"sentence": sentence})]


class _Refused(JupyterHandler):
    """Refuse every request with one sentence."""

    def initialize(self, sentence: str) -> None:
        self._sentence = sentence

    async def prepare(self) -> None:  # type: ignore[override]
        # Before any method is called, and before the user is looked up.
        self.current_user = self._jupyter_current_user = None
        raise HTTPError(403, self._sentence)


def guarded(handler: type[RequestHandler]) -> type[RequestHandler]:
    """Return a handler that requires the token and checks the host, unlike those of tornado."""
    if issubclass(handler, JupyterHandler) or not issubclass(handler, StaticFileHandler):
        return handler

    class Guarded(JupyterHandler, handler):  # type: ignore[misc, valid-type]
        @authenticated
        async def get(self, path: str, include_body: bool = True) -> None:
            try:
                await StaticFileHandler.get(self, path, include_body)
            except (ValueError, AssertionError) as error:  # the path has too few parts
                raise HTTPError(404) from error

    return Guarded


class GuardedApplication(Application):
    """Refuse requests from other sites on every path, websockets included."""

    hear: Callable[[object], None]  # called with the connection of every request

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Return the handler of a request, and remove the query from its address."""
        # Arguments are already parsed. Tornado and Jupyter log the address, and it may contain the
        # token in any spelling.
        request.uri = request.path
        self.hear(request.server_connection)
        if is_from_other_site(request):
            sentence = "only a link may open the explorer from there"
            known = {"sentence": f"Another web page made this request; {sentence}."}
            return self.get_handler_delegate(request, _Refused, known)
        return super().find_handler(request, **kwargs)


def is_from_other_site(request: HTTPServerRequest) -> bool:
    """Return True if another site made the request, unless the user followed a link there.

    Browsers send Sec-Fetch-Site (W3C, Fetch Metadata). Browsers from before 2023, and all browsers
    for websockets, send Origin instead. Programs send neither. Another port of this machine counts
    as another site.
    """
    headers = request.headers
    site = headers.get("Sec-Fetch-Site")
    if site is None:
        origin = headers.get("Origin")
        try:
            return origin is not None and urlsplit(origin.lower()).netloc != request.host.lower()
        except ValueError:  # malformed
            return True
    link = (request.method, headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest"))
    # Allowed are the page itself, a typed address, and a link.
    return site not in {"same-origin", "none"} and link != ("GET", "navigate", "document")


def is_speculative(request: HTTPServerRequest) -> bool:
    """Return True if a browser preloads a page that the user has not opened yet."""
    purposes = (request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz"))
    return any("prefetch" in purpose or "prerender" in purpose for purpose in purposes)
