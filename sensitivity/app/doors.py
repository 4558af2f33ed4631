"""Who may come in: whoever knows the token."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError
from voila.voila_identity_provider import VoilaIdentityProvider

NO_TOKEN = (
    "This page opens only with its whole address, which has a token at its end: the address that "
    "'sensitivity app' has printed."
)


class Closed(JupyterHandler):
    """Where a visitor without the token ends: there is no password to be typed."""

    @allow_unauthenticated
    def get(self) -> None:
        """Say in words what is missing."""
        raise HTTPError(403, NO_TOKEN)


class Doors(VoilaIdentityProvider):
    """Asks for the token, unless it is empty."""

    def get_handlers(self) -> list[tuple[str, object]]:
        """No form to log in, none to set a password."""
        return [("/login", Closed)]


def hand_over(handler: JupyterHandler, **_: Any) -> None:
    """Give a visitor what his page has to show when it is closed, to end its process.

    Voila forgets it, and the server would refuse the page.
    """
    handler.xsrf_token  # noqa: B018 (looking at it sets the cookie)
