"""The command ``sensitivity``."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from sensitivity.cli import ctrl_c
from sensitivity.cli.commands import (
    analyze,
    app,
    diagnose,
    follow,
    invert,
    lab,
    locate,
    structures,
    twin,
)
from sensitivity.cli.own_descriptor import blamed
from sensitivity.cli.parser import WRONG_INPUT, new_parser
from sensitivity.cli.streams import notes, prepare_streams, tell

# Whatever imports numpy, scipy or matplotlib is imported where it is used, within ``main``: --help
# is immediate.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    It is 0; 2 if the input is wrong or something cannot be written, with one line on standard
    error; 130 after Ctrl-C, with one line or with what a search had found; and 141 if the reader of
    the output has gone. Without arguments those of the process are taken, and Ctrl-C ends it.
    """
    if arguments is not None:
        return _run(arguments)
    ctrl_c.leave_on_interrupt()
    try:
        return _run(None)
    finally:
        ctrl_c.ignore_interrupts()


def _run(arguments: Sequence[str] | None) -> int:
    prepare_streams()
    try:
        with notes():
            options = _parse(arguments)
            with blamed(getattr(options, "descriptor", None)):
                status: int = options.run(options)
    except BrokenPipeError:
        return 141  # 128 + number of the signal
    except (ValueError, OSError, ModuleNotFoundError) as error:
        tell(_explain(error))
        return WRONG_INPUT
    except MemoryError:
        tell(
            "there is not enough memory for this; choose fewer centers, a smaller --n-max or "
            "--l-max, or a lower --order."
        )
        return WRONG_INPUT
    except KeyboardInterrupt:
        tell(ctrl_c.MESSAGE)
        return ctrl_c.STATUS
    return status


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks for the words that may come next
        import argcomplete  # type: ignore[import-not-found, unused-ignore]

        argcomplete.autocomplete(parser)
    return parser.parse_args(arguments)


def _explain(error: Exception) -> str:
    """Return a sentence for an error, also for one of the operating system."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}."
    return str(error)


def build_parser() -> ArgumentParser:
    """Return the parser of all commands."""
    parser = new_parser(
        "Find the displacements of the atoms that are invisible to a descriptor, and the causes.",
        "Example: sensitivity analyze CH4 --center 0 --order 2 --plot methane.png",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for command in (structures, analyze, diagnose, locate, twin, follow, invert, lab, app):
        command.add(commands)
    return parser
