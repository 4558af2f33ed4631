"""``sensitivity structures``: the named structures."""

from __future__ import annotations

import re
from argparse import Namespace
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sensitivity.cli.computing import show
from sensitivity.cli.options import SEE_LIST, add_command, add_json, complete_names

if TYPE_CHECKING:
    from ase import Atoms


def add(commands: Any) -> None:
    """Add the command."""
    command = add_command(commands, "structures", "list the named structures", _run)
    text = "part of a name, or a formula such as H4C (default: all structures)"
    argument = command.add_argument("filter", metavar="FILTER", nargs="?", default="", help=text)
    complete_names(argument)
    add_json(command)


def _run(options: Namespace) -> int:
    from sensitivity.reports.sources import describe_library, tabulate_library

    names = _choose(options.filter)
    show(describe_library(names) if options.json else tabulate_library(names))
    return 0


def _choose(text: str) -> list[str]:
    """Return the names that contain the text, in any letter case, or have this formula."""
    from ase.formula import Formula

    from sensitivity import structures

    formula = ""
    with suppress(ValueError):
        formula = Formula(text).format("hill")
    chosen = [
        name
        for name in structures.names()
        if text.lower() in name.lower() or _has_formula(structures.load(name), text, formula)
    ]
    return chosen or [structures.find_name(text, remedy=SEE_LIST)]


def _has_formula(atoms: Atoms, text: str, formula: str) -> bool:
    """Return True if the atoms have this formula; the text may be in any case, such as h4c."""
    if atoms.get_chemical_formula() == formula:
        return True
    counts = Counter(atoms.get_chemical_symbols())
    symbols = "|".join(sorted(counts, key=len, reverse=True))
    part = rf"({symbols})(\d{{0,9}})"
    if not re.fullmatch(rf"(?:{part})+", text, re.IGNORECASE):
        return False
    found: Counter[str] = Counter()
    for symbol, number in re.findall(part, text, re.IGNORECASE):
        found[symbol.capitalize()] += int(number or 1)
    return found == counts
