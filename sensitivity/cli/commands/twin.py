"""``sensitivity twin``: two structures with the same features."""

from typing import Any

from sensitivity.cli.computing import Task
from sensitivity.cli.options import add_option
from sensitivity.cli.searching import Found, add_search


def add(commands: Any) -> None:
    """Add the command."""
    text = "find two distinct structures with the same features"
    command = add_search(commands, "twin", text, _find_twin, output="the two structures")
    add_option(
        command,
        "--amplitude",
        "distance of each from the singular point between them, in Å, root of the summed squares",
        0.1,
    )
    add_option(
        command,
        "--reach",
        "largest distance to the singular point, in Å, root of the summed squares",
        0.5,
    )


def _find_twin(task: Task) -> Found:
    from sensitivity import reports
    from sensitivity.singular import find_twin

    settings = {"center": task.center, **task.given("amplitude", "reach")}
    twin, status = task.compute(find_twin, task.source.atoms, **settings)
    facts = {"center": twin.center, "residual": twin.residual, "rmsd": twin.rmsd}
    kept = twin.found or (status and twin.amplitude > 0)  # a pair that Ctrl-C has left unfinished
    frames = [(atoms, facts) for atoms in twin.pair] if kept else []
    words = reports.describe_twin if task.options.json else reports.tabulate_twin
    return Found(words(twin, task.descriptor, source=task.source), status, frames)
