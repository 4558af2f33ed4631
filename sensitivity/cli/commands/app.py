"""``sensitivity app``: the explorer as a web page."""

from argparse import Namespace
from typing import Any

from sensitivity.cli.options import add_command, add_server
from sensitivity.cli.own_descriptor import make_absolute
from sensitivity.cli.streams import report


def add(commands: Any) -> None:
    """Add the command."""
    details = (
        ", for this machine only. Anyone on it who has the link can use the controls but cannot "
        "run code. Each visitor gets a separate process."
    )
    command = add_command(
        commands, "app", "serve the explorer as a web page", _run, details=details
    )
    add_server(command, "port of the page", "8866, or a free one")
    text = "allow any user of this machine to open the page, without a token"
    command.add_argument("--no-token", action="store_true", help=text)
    text = (
        "descriptor that the page also offers, beside density correlations and the overlap matrix; "
        "repeat for several. A name listed by 'sensitivity descriptors', or FILE.py:NAME, the "
        "descriptor or function NAME in this file, which the process of each visitor imports. A "
        'function needs a cutoff, such as "own.py:f cutoff=5"'
    )
    given: dict[str, Any] = {"type": make_absolute, "action": "append", "default": []}
    command.add_argument("--descriptor", dest="descriptors", metavar="NAME", **given, help=text)


def _run(options: Namespace) -> int:
    from sensitivity.app import open_app
    from sensitivity.cli.page_descriptors import read_descriptors

    read_descriptors(options.descriptors)  # an error is reported here, not in each page
    how = {"browser": not options.no_browser, "token": not options.no_token}
    return open_app(port=options.port, **how, announce=report, descriptors=options.descriptors)
