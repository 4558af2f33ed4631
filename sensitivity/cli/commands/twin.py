"""``sensitivity twin``: two structures with the same features."""

from typing import Any

from sensitivity.cli.computing import Found, Task, add_search
from sensitivity.cli.options import add_option


def add(commands: Any) -> None:
    """Add the command."""
    text = "find two distinct structures with the same features"
    details = (
        ". They are on either side of a singular point, a geometry with an invisible "
        "displacement, near STRUCTURE."
    )
    output = "the two structures"
    command = add_search(
        commands, "twin", text, _find_twin, output=output, details=details, paged=True
    )
    text = "distance of each of the two from the singular point, in Å, root of the summed squares"
    add_option(command, "--amplitude", text, 0.1)
    text = "largest distance from STRUCTURE to the singular point, in Å, root of the summed squares"
    add_option(command, "--reach", text, 0.5)


def _find_twin(task: Task) -> Found:
    from sensitivity.reports import geometries
    from sensitivity.singular import find_twin

    names = ("amplitude", "reach")
    twin, status = task.compute(find_twin, task.source.atoms, *names, center=task.center)
    facts = {"center": twin.center, "residual": twin.residual, "rmsd": twin.rmsd}
    kept = twin.found or (status and twin.amplitude > 0)  # an unfinished pair after Ctrl-C
    frames = [(atoms, facts) for atoms in twin.pair] if kept else []
    report = task.report(twin, geometries.describe_twin, geometries.tabulate_twin)
    return Found(report, status, frames, twin)
