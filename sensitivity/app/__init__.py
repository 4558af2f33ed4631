"""The explorer as a page of its own, for people who need no notebook: ``sensitivity app``."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from importlib.util import find_spec

NEEDED = {"voila": "Voila", "ipywidgets": "ipywidgets", "nglview": "nglview"}
"""Modules without which there is no page, and what they are called."""


def open_app(
    *, port: int | None, browser: bool, token: bool, announce: Callable[[str], None]
) -> int:
    """Serve the explorer on this machine until the process is ended, and return its exit status.

    Every visitor gets a process of his own, which ends when he leaves the page. Only this machine
    can reach the page.

    Parameters
    ----------
    port
        Where to serve; 0 for any free one, None for the usual one, or any free one if it is taken.
    browser
        Whether to open the page in a browser.
    token
        Whether only those may look who know the address with the random token in it.
    announce
        Called with one sentence when the page is there, which holds its address.

    Raises
    ------
    ModuleNotFoundError
        If something that the page needs is not installed.
    ValueError
        If the port does not exist.
    OSError
        If the port is taken.
    """
    if port is not None and not 0 <= port <= 65535:
        raise ValueError(f"the port must be from 0 to 65535, got {port}; give e.g. 8866.")
    for module, name in NEEDED.items():
        if find_spec(module) is None:
            raise ModuleNotFoundError(
                f"{name} is not installed, and the page needs it; "
                'run: pip install "atomic-sensitivity[lab]"'
            )
    from sensitivity.app.server import serve

    return serve(
        port=port,
        browser=browser,
        token=secrets.token_urlsafe(24) if token else "",
        announce=announce,
    )
