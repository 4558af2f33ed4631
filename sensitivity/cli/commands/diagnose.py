"""``sensitivity diagnose``: the cause of every invisible displacement."""

from typing import Any

from sensitivity.cli.analysis import add_analysis
from sensitivity.cli.computing import Report, Task
from sensitivity.cli.options import add_option


def add(commands: Any) -> None:
    """Add the command."""
    text = "find the cause of every invisible displacement"
    details = ", with evidence, and the atoms that move."
    command = add_analysis(commands, "diagnose", text, _diagnose, details=details)
    add_option(
        command,
        "--tolerance",
        "largest distance to a geometry at which a displacement is exactly invisible, for it to "
        "count as invisible, in Å, root mean square per atom",
        0.001,
    )


def _diagnose(task: Task) -> tuple[Any, Report, int]:
    from sensitivity import reports
    from sensitivity.diagnosis import diagnose

    settings = {"centers": task.options.center, **task.given("tolerance")}
    result, status = diagnose(task.source.atoms, task.descriptor, **settings), 0
    words = reports.describe_diagnosis if task.options.json else reports.tabulate_diagnosis
    return result, words(result, task.descriptor, source=task.source), status
