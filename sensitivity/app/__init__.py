"""The explorer as a web page, without a notebook: ``sensitivity app``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from sensitivity.notes import missing
from sensitivity.numerics import check_integer

# Required modules, and their display names.
NEEDED = {"voila": "Voila"} | {name: name for name in ("ipywidgets", "nglview", "anywidget")}


DESCRIPTORS = "SENSITIVITY_DESCRIPTORS"
"""Environment variable with the descriptors that the page offers, a JSON list of texts."""


def open_app(
    *,
    port: int | None,
    browser: bool,
    token: bool,
    announce: Callable[[str], None],
    descriptors: Sequence[str] = (),
) -> int:
    """Serve the explorer on this machine until the process is ended, and return its exit status.

    Each visitor gets a separate process, which ends when the page is closed. The page is available
    on this machine only, on a ``port``: 0 for any free one, None for the default port, or any free
    one if that is taken. ``browser`` opens the page; ``token`` adds a random token to the link,
    without which the page cannot be opened; ``announce`` is called with a sentence that contains
    the link. ``descriptors`` are offered beside the native ones: names of the catalog, and
    FILE.py:NAME with a whole path. These files are imported in the process of each visitor, who
    cannot name others.

    Raises ModuleNotFoundError if a required package is not installed, ValueError if the port is
    invalid, and OSError if it is taken or the system is Windows.
    """
    if sys.platform == "win32":  # has neither these sockets nor the memory limit
        raise OSError("the page is served on Linux and macOS only; use 'sensitivity lab'.")
    if port is not None:
        accepts, remedy = range(65536).__contains__, "give e.g. 8866"
        check_integer(port, "the port", "from 0 to 65535", accepts=accepts, remedy=remedy)
    for module, name in NEEDED.items():
        if find_spec(module) is None:
            raise missing("the page needs", name)
    from sensitivity.app.auth import make_token
    from sensitivity.app.server import serve

    os.environ[DESCRIPTORS] = json.dumps(list(descriptors))
    given = make_token() if token else ""
    return serve(port=port, browser=browser, token=given, announce=announce)
