"""``sensitivity smallest``: the least visible displacements of a large structure."""

from typing import Any

from sensitivity.cli.computing import Analysed, Task, add_analysis
from sensitivity.cli.options import add_crystal, add_option


def add(commands: Any) -> None:
    """Add the command."""
    text = "find the smallest singular values of one large structure"
    details = (
        ", and the displacements that they belong to, with all atoms as centers. Above 216 atoms "
        "this is much faster than 'analyze' and 'diagnose', which compute all singular values. The "
        "report also counts the invisible displacements, and those that symmetry hides. "
        "The counts are complete up to 2200 atoms, and in a crystal that exactly repeats a smaller "
        "cell. Otherwise they include only the displacements that were computed."
    )
    command = add_analysis(
        commands,
        "smallest",
        text,
        _smallest,
        details=details,
        subject=add_crystal,
        picture="the singular values",
    )
    add_option(
        command,
        "--count",
        "number of singular values, including those of invisible displacements; at most 100",
        10,
        int,
        "N",
    )


def _smallest(task: Task) -> Analysed:
    from sensitivity.reports import large
    from sensitivity.smallest import smallest

    result, status = task.compute(smallest, task.source.atoms, "count")
    return result, task.report(result, large.describe_smallest, large.tabulate_smallest), status
