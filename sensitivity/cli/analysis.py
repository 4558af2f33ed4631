"""What ``analyze`` and ``diagnose`` share: a result, its report and its picture."""

import io
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensitivity.cli.computing import Report, Task, check_path, load_task, show
from sensitivity.cli.ctrl_c import finishing
from sensitivity.cli.options import add_subject
from sensitivity.cli.parser import add_command
from sensitivity.outputs import write_output

_FORMATS = (".png", ".pdf", ".svg")
Analysis = Callable[[Task], tuple[Any, Report, int]]


def add_analysis(
    commands: Any, name: str, text: str, analyze: Analysis, *, details: str
) -> ArgumentParser:
    """Add a command that analyses a structure: gives the result, its report and the status."""

    def run(options: Namespace) -> int:
        check_path(options.plot, "--plot", _FORMATS)
        result, report, status = analyze(load_task(options))
        try:
            show(report)
        finally:  # also if nobody reads the report
            if options.plot is not None:
                _draw(result, options.plot)
        return status

    details += " Write ./NAME for a file that has the name of a structure."
    command = add_command(commands, name, text, run, details=details)
    add_subject(command)
    command.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw the singular values and the least visible mode (.png, .pdf or .svg)",
    )
    return command


def _draw(result: Any, path: Path) -> None:
    from sensitivity.plots import save_overview

    picture = io.BytesIO()
    save_overview(result, picture, form=path.suffix.lower()[1:])
    with finishing():
        write_output(path, picture.getvalue(), option="--plot")
