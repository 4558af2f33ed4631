"""``sensitivity app``: the explorer as a web page."""

from argparse import Namespace
from typing import Any

from sensitivity.cli.options import add_command, add_server
from sensitivity.cli.streams import report


def add(commands: Any) -> None:
    """Add the command."""
    details = (
        ", for this machine only. Anyone with the link can use the controls but cannot run code; "
        "each visitor gets a separate process."
    )
    command = add_command(
        commands, "app", "serve the explorer as a web page", _run, details=details
    )
    add_server(command, "port of the page", "8866, or a free one")
    text = "allow any user of this machine to open the page, without a token"
    command.add_argument("--no-token", action="store_true", help=text)


def _run(options: Namespace) -> int:
    from sensitivity.app import open_app

    browser, token = not options.no_browser, not options.no_token
    return open_app(port=options.port, browser=browser, token=token, announce=report)
