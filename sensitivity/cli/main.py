"""The command ``sensitivity``."""

from __future__ import annotations

import argparse
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sensitivity.cli import navigation
from sensitivity.cli.options import (
    add_descriptor,
    add_structure,
    build_descriptor,
    capitalize_first,
    load_source,
)
from sensitivity.cli.streams import notes, prepare_streams, report, tell
from sensitivity.outputs import check_output, write_output

# Whatever imports numpy, scipy or matplotlib is imported where it is used, within ``main``: --help
# is immediate, and so is the end by Ctrl-C.
if TYPE_CHECKING:
    from sensitivity.descriptors import DensityCorrelations
    from sensitivity.reports import Source

WRONG_INPUT, INTERRUPTED, BROKEN_PIPE = 2, 130, 141  # exit statuses; 128 + number of the signal
_PLOT = "--plot"
_FORMATS = (".png", ".pdf", ".svg")
# argparse takes -1e-3 for an option.
_NEGATIVE_NUMBER = re.compile(
    r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|-(inf|infinity|nan)$", re.IGNORECASE
)
_INPUT = (
    "and the atoms that move. STRUCTURE is a name that 'sensitivity structures' lists, or a file "
    "that ASE reads; write ./NAME for a file that has the name of a structure."
)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._negative_number_matcher = _NEGATIVE_NUMBER

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    It is 0; 2 if the input is wrong or something cannot be written, with one line on standard
    error; 130 after Ctrl-C, with one line; and 141 if the reader of the output has gone.
    """
    prepare_streams()
    try:
        with notes():
            options = _build_parser().parse_args(arguments)
            status: int = options.run(options)
    except BrokenPipeError:
        return BROKEN_PIPE
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
        tell("interrupted before there was a result.")
        return INTERRUPTED
    return status


def _explain(error: Exception) -> str:
    """Return a sentence for an error, also for one of the operating system."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}."
    return str(error)


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sensitivity",
        description="Find the displacements of the atoms that are invisible to a descriptor, and "
        "the causes.",
        epilog="Example: sensitivity analyze CH4 --center 0 --order 2 --plot methane.png",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    _add_structures(commands)
    _add_analyze(commands)
    _add_diagnose(commands)
    for command in navigation.add_commands(commands):
        add_descriptor(command)
        command.set_defaults(run=_navigate)
    _add_lab(commands)
    _add_app(commands)
    return parser


def _add_structures(commands: Any) -> None:
    text = "list the named structures"
    command = commands.add_parser("structures", help=text, description=f"{capitalize_first(text)}.")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_list_structures)


def _add_analyze(commands: Any) -> None:
    text = "show the singular values of the Jacobian of a structure"
    command = commands.add_parser(
        "analyze", help=text, description=f"{capitalize_first(text)}, their kinds, {_INPUT}"
    )
    add_structure(command)
    add_descriptor(command)
    _add_output(command)
    command.set_defaults(run=_analyze)


def _add_diagnose(commands: Any) -> None:
    text = "find the cause of every invisible displacement"
    command = commands.add_parser(
        "diagnose", help=text, description=f"{capitalize_first(text)}, with evidence, {_INPUT}"
    )
    add_structure(command)
    command.add_argument(
        "--tolerance",
        type=float,
        metavar="Å",
        help="largest distance to a geometry at which a displacement is exactly invisible, for it "
        "to count as invisible, in Å, root mean square per atom (default: 0.001)",
    )
    add_descriptor(command)
    _add_output(command)
    command.set_defaults(run=_diagnose)


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the singular values and the least visible mode (.png, .pdf or .svg)",
    )


def _add_lab(commands: Any) -> None:
    text = "open JupyterLab on the notebooks"
    command = commands.add_parser(
        "lab",
        help=text,
        description=f"{capitalize_first(text)}, which are copied to ./sensitivity-notebooks; "
        "existing files are kept.",
    )
    command.add_argument("--port", type=int, help="port of the server (default: JupyterLab's)")
    command.add_argument("--no-browser", action="store_true", help="do not open a browser")
    command.add_argument(
        "jupyter", nargs="*", metavar="-- ARGUMENT", help="passed on to 'jupyter lab'"
    )
    command.set_defaults(run=_open_lab)


def _add_app(commands: Any) -> None:
    text = "serve the explorer as a page"
    command = commands.add_parser(
        "app",
        help=text,
        description=f"{capitalize_first(text)}, for this machine only. Anyone with the link can "
        "use the controls but cannot run code; each visitor gets a separate process.",
    )
    command.add_argument("--port", type=int, help="port of the page (default: 8866, or a free one)")
    command.add_argument("--no-browser", action="store_true", help="do not open a browser")
    command.add_argument(
        "--no-token",
        action="store_true",
        help="allow any user of this machine, without a token",
    )
    command.set_defaults(run=_open_app)


def _list_structures(options: argparse.Namespace) -> int:
    from sensitivity.reports import describe_library, tabulate_library

    report(_dump(describe_library()) if options.json else tabulate_library())
    return 0


def _analyze(options: argparse.Namespace) -> int:
    from sensitivity import reports
    from sensitivity.spectrum import spectrum

    source, descriptor = _prepare(options)
    result = spectrum(source.atoms, descriptor, centers=options.center)
    describe = reports.describe_spectrum if options.json else reports.tabulate_spectrum
    return _show(result, describe(result, descriptor, source=source), plot=options.plot)


def _diagnose(options: argparse.Namespace) -> int:
    from sensitivity import reports
    from sensitivity.diagnosis import diagnose

    source, descriptor = _prepare(options)
    given = {} if options.tolerance is None else {"tolerance": options.tolerance}
    result = diagnose(source.atoms, descriptor, centers=options.center, **given)
    describe = reports.describe_diagnosis if options.json else reports.tabulate_diagnosis
    return _show(result, describe(result, descriptor, source=source), plot=options.plot)


def _navigate(options: argparse.Namespace) -> int:
    """Run ``locate``, ``twin``, ``follow`` or ``invert``; write its structures and its report."""
    navigation.check_output(options)
    source, descriptor = _load(options), build_descriptor(options)
    found: navigation.Found = options.navigate(source, descriptor, options)
    written = False
    try:
        written = navigation.write(found, options.output)
    finally:
        report(_dump(found.complete(options.output, written=written)))
    return 0


def _prepare(options: argparse.Namespace) -> tuple[Source, DensityCorrelations]:
    """Return the structure and the descriptor; refuse first a file that cannot be written."""
    if options.plot is not None:
        _check_plot(options.plot)
    return _load(options), build_descriptor(options)


def _show(result: Any, text: dict[str, Any] | str, *, plot: Path | None) -> int:
    """Draw a result, if that is wanted, and print its report even if the drawing fails."""
    try:
        if plot is not None:
            _draw(result, plot)
    finally:
        report(_dump(text))
    return 0


def _dump(content: dict[str, Any] | str) -> str:
    """Return a report for a terminal as it is, and one object as a line of JSON."""
    if isinstance(content, str):
        return content
    return json.dumps(content, allow_nan=False, ensure_ascii=False)


def _load(options: argparse.Namespace) -> Source:
    return load_source(
        options.structure, index=options.index, form=options.format, types=options.types
    )


def _check_plot(path: Path) -> None:
    """Refuse a picture that could not be written, before anything is computed."""
    if path.suffix.lower() not in _FORMATS and path.name:
        raise ValueError(
            f"{_PLOT} must end in .png, .pdf or .svg, got {path}; choose one of the three."
        )
    check_output(path, option=_PLOT)


def _draw(result: Any, path: Path) -> None:
    from sensitivity.plots import save_overview

    picture = io.BytesIO()
    save_overview(result, picture, form=path.suffix.lower()[1:])
    write_output(path, picture.getvalue(), option=_PLOT)


def _open_lab(options: argparse.Namespace) -> int:
    from sensitivity.lab import open_lab

    return open_lab(port=options.port, browser=not options.no_browser, arguments=options.jupyter)


def _open_app(options: argparse.Namespace) -> int:
    from sensitivity.app import open_app

    return open_app(
        port=options.port,
        browser=not options.no_browser,
        token=not options.no_token,
        announce=report,
    )
