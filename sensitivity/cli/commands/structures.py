"""``sensitivity structures``: the structures that have a name."""

from argparse import Namespace
from contextlib import suppress
from typing import Any

from sensitivity.cli.computing import show
from sensitivity.cli.options import add_command, add_json, complete_names


def add(commands: Any) -> None:
    """Add the command."""
    command = add_command(commands, "structures", "list the named structures", _run)
    text = "part of a name, or a formula such as H4C (default: all structures)"
    argument = command.add_argument("filter", metavar="FILTER", nargs="?", default="", help=text)
    complete_names(argument)
    add_json(command)


def _run(options: Namespace) -> int:
    from sensitivity.reports import describe_library, tabulate_library

    names = _choose(options.filter)
    show(describe_library(names) if options.json else tabulate_library(names))
    return 0


def _choose(text: str) -> list[str]:
    """Return the names of which the text is a part, in any case, or whose formula it is."""
    from ase.formula import Formula

    from sensitivity import structures

    formula = ""
    with suppress(ValueError):
        formula = Formula(text).format("hill")
    chosen = [
        name
        for name in structures.names()
        if text.lower() in name.lower() or structures.load(name).get_chemical_formula() == formula
    ]
    if not chosen:
        structures.load(text)  # raises, and tells the nearest names
    return chosen
