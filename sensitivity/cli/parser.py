"""The parser of the command line: a wrong argument is one line, and help is printed safely."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn

from sensitivity.cli.streams import report, tell

WRONG_INPUT = 2


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # That of argparse takes -1e-3 for an option.
        number = r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|-(inf|infinity|nan)$"
        self._negative_number_matcher = re.compile(number, re.IGNORECASE)

    def error(self, message: str) -> NoReturn:
        tell(f"{message}; see '{self.prog} --help'.")
        self.exit(WRONG_INPUT)

    def print_help(self, file: Any = None) -> None:
        report(self.format_help().rstrip())  # argparse does not tell if this fails


class _Version(argparse.Action):
    """Looks the version up only when it is asked for, which takes time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        report(f"sensitivity {version('atomic-sensitivity')}")
        parser.exit()


def new_parser(description: str, epilog: str) -> argparse.ArgumentParser:
    """Return the parser of the command line, still without commands."""
    parser = _Parser(prog="sensitivity", description=description, epilog=epilog)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    return parser


def add_command(
    commands: Any,
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
    *,
    details: str = ".",
) -> argparse.ArgumentParser:
    """Add a command with a one-line help, which with ``details`` is its description."""
    command: argparse.ArgumentParser = commands.add_parser(
        # Not str.capitalize(), which makes "jacobian" of Jacobian.
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}{details}",
    )
    command.set_defaults(command=name, run=run)
    return command
