"""``sensitivity lab``: JupyterLab on the notebooks."""

from argparse import Namespace
from typing import Any

from sensitivity.cli.ctrl_c import raising
from sensitivity.cli.options import add_command, add_server


def add(commands: Any) -> None:
    """Add the command."""
    details = (
        ". They are copied to ./sensitivity-notebooks; files that you changed there are not "
        "overwritten."
    )
    text = "open JupyterLab on the notebooks"
    command = add_command(commands, "lab", text, _run, details=details)
    add_server(command, "port of the server", "JupyterLab's")
    text = "arguments after -- are passed to 'jupyter lab'"
    command.add_argument("jupyter", nargs="*", metavar="-- ARGUMENT", help=text)


def _run(options: Namespace) -> int:
    from sensitivity.lab import open_lab

    words = options.jupyter
    with raising():
        return open_lab(port=options.port, browser=not options.no_browser, arguments=words)
