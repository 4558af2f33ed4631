"""The command ``sensitivity``."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sensitivity.commands import navigation
from sensitivity.commands.inputs import add_descriptor, add_structure, build_descriptor, load_source

# Whatever imports numpy, scipy or matplotlib is imported where it is used, within ``main``: --help
# is immediate, and so is the end by Ctrl-C.
if TYPE_CHECKING:
    from sensitivity.descriptors import DensityCorrelations
    from sensitivity.reports import Source

WRONG_INPUT, INTERRUPTED, BROKEN_PIPE = 2, 130, 141  # exit statuses; 128 + number of the signal
# What a command that looks at a structure tells of itself at last.
_INPUT = (
    "and the atoms that move. STRUCTURE is a name that 'sensitivity structures' lists, or a file "
    "that ASE reads; a file with the name of a structure is reached as ./NAME."
)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_INPUT, f"sensitivity: {_one_line(message)}; see '{self.prog} --help'.\n")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for, which takes time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"sensitivity {version('atomic-sensitivity')}")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    It is 0, or 2 for wrong input with one line on standard error, 130 after Ctrl-C, with one line
    too, and 141 if the reader of the output has gone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may have no Å
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            # What libraries tell each other is nothing that who runs a command can act on.
            warnings.simplefilter("ignore", DeprecationWarning)
            options = _build_parser().parse_args(arguments)
            status: int = options.run(options)
        for message in dict.fromkeys(str(one.message) for one in caught):
            print(f"sensitivity: note: {_one_line(message)}", file=sys.stderr)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at exit, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"sensitivity: {_one_line(str(error))}", file=sys.stderr)
        return WRONG_INPUT
    except MemoryError:
        print(
            "sensitivity: there is not enough memory for this; choose fewer centers, a smaller "
            "--n-max or --l-max, or a lower --order.",
            file=sys.stderr,
        )
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("sensitivity: interrupted before there was a result.", file=sys.stderr)
        return INTERRUPTED
    return status


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sensitivity",
        description="Which displacements of the atoms does a descriptor not see, and why?",
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
    text = "list the structures that have a name"
    command = commands.add_parser("structures", help=text, description=f"{text.capitalize()}.")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(run=_list_structures)


def _add_analyze(commands: Any) -> None:
    text = "show the singular values of the Jacobian of a structure"
    command = commands.add_parser(
        "analyze", help=text, description=f"{text.capitalize()}, their kinds, {_INPUT}"
    )
    add_structure(command)
    add_descriptor(command)
    _add_output(command)
    command.set_defaults(run=_analyze)


def _add_diagnose(commands: Any) -> None:
    text = "find for every displacement that is not seen the cause"
    command = commands.add_parser(
        "diagnose", help=text, description=f"{text.capitalize()}, with evidence, {_INPUT}"
    )
    add_structure(command)
    command.add_argument(
        "--tolerance",
        type=float,
        metavar="Å",
        help="how far the nearest geometry may be at which a displacement is exactly invisible, "
        "in Å, root mean square per atom (default: 0.001)",
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
        description=f"{text.capitalize()}, copied to ./sensitivity-notebooks; what is there "
        "already is kept.",
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
        description=f"{text.capitalize()}, for this machine only. Visitors can use its controls, "
        "but run no code; each has a process of his own.",
    )
    command.add_argument("--port", type=int, help="port of the page (default: 8866, or a free one)")
    command.add_argument("--no-browser", action="store_true", help="do not open a browser")
    command.add_argument(
        "--no-token",
        action="store_true",
        help="let everybody in who can use this machine, not only who knows the address",
    )
    command.set_defaults(run=_open_app)


def _list_structures(options: argparse.Namespace) -> int:
    from sensitivity.reports import describe_library, tabulate_library

    print(_dump(describe_library()) if options.json else tabulate_library())
    return 0


def _analyze(options: argparse.Namespace) -> int:
    from sensitivity import reports
    from sensitivity.spectrum import spectrum

    source, descriptor = _prepare(options)
    result = spectrum(source.atoms, descriptor, centers=options.center)
    report = reports.describe_spectrum if options.json else reports.tabulate_spectrum
    return _show(result, report(result, descriptor, source=source), plot=options.plot)


def _diagnose(options: argparse.Namespace) -> int:
    from sensitivity import reports
    from sensitivity.diagnosis import diagnose

    source, descriptor = _prepare(options)
    given = {} if options.tolerance is None else {"tolerance": options.tolerance}
    result = diagnose(source.atoms, descriptor, centers=options.center, **given)
    report = reports.describe_diagnosis if options.json else reports.tabulate_diagnosis
    return _show(result, report(result, descriptor, source=source), plot=options.plot)


def _navigate(options: argparse.Namespace) -> int:
    """Run ``locate``, ``twin``, ``follow`` or ``invert``, and print what there is to say."""
    navigation.check_output(options)
    source, descriptor = _load(options), build_descriptor(options)
    report = options.navigate(source, descriptor, options)
    print(report if isinstance(report, str) else _dump(report))
    return 0


def _prepare(options: argparse.Namespace) -> tuple[Source, DensityCorrelations]:
    """What is looked at, and what looks at it; refuses what cannot be written first."""
    if options.plot is not None:
        _check_plot(options.plot)
    return _load(options), build_descriptor(options)


def _show(result: Any, report: dict[str, Any] | str, *, plot: Path | None) -> int:
    """Draw a result, if that is wanted, and print what is to be said of it."""
    if plot is not None:
        _draw(result, plot)
    print(report if isinstance(report, str) else _dump(report))
    return 0


def _dump(content: dict[str, Any]) -> str:
    return json.dumps(content, allow_nan=False, ensure_ascii=False)


def _load(options: argparse.Namespace) -> Source:
    return load_source(
        options.structure, index=options.index, form=options.format, types=options.types
    )


def _check_plot(path: Path) -> None:
    """Refuse a picture that could not be written, before anything is computed."""
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ValueError(
            f"--plot must end in .png, .pdf or .svg, got {path}; choose one of the three."
        )
    if path.is_dir():
        raise ValueError(f"--plot needs the name of a file, got the folder {path}; add a name.")
    if not path.parent.is_dir():
        raise ValueError(
            f"there is no folder {path.parent} to write {path.name} to; make it first."
        )


def _draw(result: Any, path: Path) -> None:
    from sensitivity.plots import save_overview

    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        save_overview(result, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _open_lab(options: argparse.Namespace) -> int:
    from sensitivity.lab import open_lab

    return open_lab(port=options.port, browser=not options.no_browser, arguments=options.jupyter)


def _open_app(options: argparse.Namespace) -> int:
    from sensitivity.app import open_app

    return open_app(
        port=options.port,
        browser=not options.no_browser,
        token=not options.no_token,
        announce=lambda text: print(text, flush=True),
    )
