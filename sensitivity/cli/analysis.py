"""What ``analyze`` and ``diagnose`` share: a result, its report and its picture."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sensitivity.cli.computing import Report, Task, check_path, load_task, show
from sensitivity.cli.ctrl_c import finishing
from sensitivity.cli.options import add_subject
from sensitivity.cli.parser import add_command

if TYPE_CHECKING:
    from pathlib import Path

Analysis = Callable[[Task], tuple[Any, Report, int]]


def add_analysis(
    commands: Any, name: str, text: str, analyze: Analysis, *, details: str
) -> ArgumentParser:
    """Add a command that analyses a structure: gives the result, its report and the status."""

    def run(options: Namespace) -> int:
        path = check_path(options.plot, "--plot", (".png", ".pdf", ".svg"))
        result, report, status = analyze(load_task(options))
        try:
            show(report)
        finally:  # also if nobody reads the report
            if path is not None:
                _draw(result, path)
        return status

    details += " Write ./NAME for a file that has the name of a structure."
    command = add_command(commands, name, text, run, details=details)
    add_subject(command)
    command.add_argument(
        "--plot",
        metavar="FILE",
        help="draw the singular values and the least visible mode (.png, .pdf or .svg)",
    )
    return command


def _draw(result: Any, path: Path) -> None:
    from io import BytesIO

    from sensitivity.outputs import write_output
    from sensitivity.plots import save_overview

    picture = BytesIO()
    save_overview(result, picture, form=path.suffix.lower()[1:])
    with finishing():
        write_output(path, picture.getvalue(), option="--plot")
