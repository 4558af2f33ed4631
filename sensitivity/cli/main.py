"""The command ``sensitivity``."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

from sensitivity.cli import ctrl_c
from sensitivity.cli.descriptor_texts import split_settings
from sensitivity.cli.own_descriptor import blamed
from sensitivity.cli.streams import notes, prepare_streams, report, tell

# Modules that import numpy, scipy or matplotlib are imported where they are used, within ``main``,
# so that --help is immediate.

WRONG_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    The status is 0; 2 for invalid input or a failed write, with one line on standard error; 130
    after Ctrl-C, with one line or with the results so far; and 141 if the reader of the output has
    closed it. The default arguments are those of the process, which Ctrl-C then ends.
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
            parser = build_parser()
            if "_ARGCOMPLETE" in os.environ:  # a shell asks for completions
                import argcomplete  # type: ignore[import-not-found, unused-ignore]

                argcomplete.autocomplete(parser)
            options = parser.parse_args(arguments)
            with blamed(_descriptors(options)):
                status: int = options.run(options)
    except BrokenPipeError:
        return 141  # 128 + number of the signal
    except (ValueError, OSError, ImportError) as error:
        text = str(error)
        if isinstance(error, OSError) and error.strerror:
            text = f"{f'{error.filename}: ' if error.filename else ''}{error.strerror}."
        tell(text)
        return WRONG_INPUT
    except MemoryError:
        remedy = "choose fewer centers, a smaller --n-max or --l-max, or a lower --order"
        tell(f"there is not enough memory for this; {remedy}.")
        return WRONG_INPUT
    except KeyboardInterrupt:
        tell(ctrl_c.MESSAGE)
        return ctrl_c.STATUS
    return status


def _descriptors(options: argparse.Namespace) -> list[str]:
    """Return the names in all --descriptor options, without settings."""
    alone = getattr(options, "descriptor", None)
    texts = getattr(options, "descriptors", None) or [alone] * (alone is not None)
    return [split_settings(text)[0] for text in texts]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="sensitivity",
        description="Find the displacements of the atoms that are invisible to a descriptor, and "
        "the causes.",
        epilog="Example: sensitivity analyze CH4 --center 0 --order 2 --plot methane.png",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    analyses = "structures", "analyze", "diagnose", "compare", "bands", "smallest", "survey"
    searches = "locate", "twin", "follow", "invert", "rattle"
    for name in (*analyses, *searches, "descriptors", "lab", "app"):
        import_module(f"sensitivity.cli.commands.{name}").add(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    """Report a wrong argument in one line, and print help safely."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # The pattern of argparse takes -1e-3 for an option.
        number = r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|-(inf|infinity|nan)$"
        self._negative_number_matcher = re.compile(number, re.IGNORECASE)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Report unknown arguments with suggestions from the parser of the command."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            close = get_close_matches(unknown[0], self._option_string_actions, n=1, cutoff=0.7)
            hint = f" (did you mean {close[0]}?)" if close else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        tell(f"{message}; see '{self.prog} --help'.")
        self.exit(WRONG_INPUT)

    def print_help(self, file: Any = None) -> None:
        report(self.format_help().rstrip())  # argparse ignores errors here


class _Version(argparse.Action):
    """Look up the version only on request, because it takes time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        report(f"sensitivity {version('atomic-sensitivity')}")
        parser.exit()
