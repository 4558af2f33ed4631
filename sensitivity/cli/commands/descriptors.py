"""``sensitivity descriptors``: the descriptors that have a name."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from sensitivity.cli.computing import show
from sensitivity.cli.options import add_command, add_json


def add(commands: Any) -> None:
    """Add the command."""
    text = "list the descriptors that --descriptor accepts, and the packages that they need"
    add_json(add_command(commands, "descriptors", text, _run))


def _run(options: Namespace) -> int:
    from sensitivity.reports.catalogs import describe_catalog, tabulate_catalog

    show(describe_catalog() if options.json else tabulate_catalog())
    return 0
