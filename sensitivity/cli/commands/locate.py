"""``sensitivity locate``: the nearest singular geometry."""

from typing import Any

from sensitivity.cli.computing import Found, Task, add_search
from sensitivity.cli.options import add_option


def add(commands: Any) -> None:
    """Add the command."""
    text = "find the nearest geometry with an invisible displacement"
    details = (
        ". Geometries at which symmetry hides the displacement are skipped, unless --allow or "
        "--cause asks for them."
    )
    output = "the geometry that was found"
    command = add_search(commands, "locate", text, _locate, output=output, details=details)
    add_option(
        command, "--reach", "largest distance from STRUCTURE, in Å, root of the summed squares", 2
    )
    add_option(command, "--count", "number of geometries to find, nearest first", 1, int, "N")
    text = (
        "shortest and longest distance that a neighbour may have from the center, in Å (default: "
        "no bounds)"
    )
    command.add_argument("--bonds", type=float, nargs=2, metavar=("LOW", "HIGH"), help=text)
    text = (
        "also accept geometries at which symmetry hides the displacement, or at which two atoms "
        "are at the same place (coalescence); repeat for both (default: neither)"
    )
    reasons = ("symmetry", "coalescence")
    command.add_argument("--allow", action="append", choices=reasons, default=[], help=text)
    text = "accept only geometries at which the displacement is invisible for this cause"
    causes = ("symmetry", "incompleteness", "truncation")
    command.add_argument("--cause", choices=causes, help=text)


def _locate(task: Task) -> Found:
    from sensitivity.reports import geometries
    from sensitivity.singular import locate
    from sensitivity.singular.acceptance import AVOIDABLE

    avoid = [reason for reason in AVOIDABLE if reason not in task.options.allow]
    settings = {"center": task.center, "avoid": avoid}
    names = ("reach", "count", "bonds", "cause")
    point, status = task.compute(locate, task.source.atoms, *names, **settings)
    frames = [
        (one.atoms, {"center": one.center, "condition": one.condition, "moved": one.moved})
        for one in ((point, *point.others) if point.converged else ())
    ]
    report = task.report(point, geometries.describe_point, geometries.tabulate_point)
    return Found(report, status, frames)
