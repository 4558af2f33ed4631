"""``sensitivity diagnose``: the cause of every invisible displacement."""

from typing import Any

from sensitivity.cli.computing import Analysed, Task, add_analysis, hint_at_smallest
from sensitivity.cli.options import add_option


def add(commands: Any) -> None:
    """Add the command."""
    text = "find the cause of every invisible displacement"
    details = (
        ". The table lists the modes, right singular vectors of the Jacobian of the features. Each "
        "has its singular value, the cause if it is invisible, the evidence, and the atoms that "
        "move most. For more than 216 atoms the command 'smallest' is faster."
    )
    command = add_analysis(commands, "diagnose", text, _diagnose, details=details)
    text = (
        "count a displacement as invisible if it is exactly invisible at a geometry within this "
        "distance, in Å, root mean square over the atoms of an environment"
    )
    add_option(command, "--tolerance", text, 0.001)


def _diagnose(task: Task) -> Analysed:
    from sensitivity.diagnosis import diagnose
    from sensitivity.reports import modes

    hint_at_smallest(task)
    centers = task.options.center
    result, status = task.compute(diagnose, task.source.atoms, "tolerance", centers=centers)
    report = task.report(result, modes.describe_diagnosis, modes.tabulate_diagnosis)
    return result, report, status
