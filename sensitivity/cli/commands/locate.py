"""``sensitivity locate``: the nearest singular geometry."""

from typing import Any

from sensitivity.cli.computing import Task
from sensitivity.cli.options import add_option
from sensitivity.cli.searching import Found, add_search


def add(commands: Any) -> None:
    """Add the command."""
    text = "find the nearest geometry at which a displacement is invisible"
    command = add_search(commands, "locate", text, _locate, output="the geometry that was found")
    add_option(command, "--reach", "largest displacement, in Å, root of the summed squares", 2)
    add_option(command, "--count", "number of points", 1, int, "N")
    text = (
        "shortest and longest distance that a neighbour may have from the center, in Å (default: "
        "no bounds)"
    )
    command.add_argument("--bonds", type=float, nargs=2, metavar=("LOW", "HIGH"), help=text)
    command.add_argument(
        "--allow",
        action="append",
        choices=("symmetry", "coalescence"),
        default=[],
        help="do not avoid points that are singular by symmetry, or where atoms meet; repeatable",
    )


def _locate(task: Task) -> Found:
    from sensitivity import reports
    from sensitivity.singular import locate
    from sensitivity.singular.acceptance import AVOIDABLE

    settings = {"center": task.center, **task.given("reach", "count", "bonds")}
    avoid = [reason for reason in AVOIDABLE if reason not in task.options.allow]
    point, status = task.compute(locate, task.source.atoms, avoid=avoid, **settings)
    frames = [
        (one.atoms, {"center": one.center, "condition": one.condition, "moved": one.moved})
        for one in ((point, *point.others) if point.converged else ())
    ]
    words = reports.describe_point if task.options.json else reports.tabulate_point
    return Found(words(point, task.descriptor, source=task.source), status, frames)
