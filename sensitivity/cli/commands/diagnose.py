"""``sensitivity diagnose``: the cause of every invisible displacement."""

from typing import Any

from sensitivity.cli.computing import Analysed, Task, add_analysis
from sensitivity.cli.options import add_option


def add(commands: Any) -> None:
    """Add the command."""
    text = "find the cause of every invisible displacement"
    details = (
        ". The table lists the modes, right singular vectors of the Jacobian of the features. Each "
        "has its singular value, the cause if it is invisible, the evidence, and the atoms that "
        "move most. For more than 216 atoms, unless centers are chosen, the result is partial: the "
        "report of 'smallest', with the least visible displacements, the number of invisible ones, "
        "and how many of them symmetry hides."
    )
    picture = (
        "the singular values and one internal mode: a spurious one (invisible, but not by "
        "symmetry) if there is one, else the least visible"
    )
    command = add_analysis(
        commands, "diagnose", text, _diagnose, details=details, picture=picture, paged=True
    )
    text = (
        "count a displacement as invisible if it is exactly invisible at a geometry within this "
        "distance, in Å, root mean square over the atoms of an environment"
    )
    add_option(command, "--tolerance", text, 0.001)
    text = "examine all displacements even of more than 216 atoms; this takes long"
    command.add_argument("--complete", action="store_true", help=text)


def _diagnose(task: Task) -> Analysed:
    from sensitivity.diagnosis import diagnose
    from sensitivity.reports import modes
    from sensitivity.spectrum import MANY

    centers, count = task.options.center, len(task.source.atoms)
    if centers is None and count > MANY:
        if not task.options.complete:
            return _diagnose_in_part(task)
        centers = range(count)
    result, status = task.compute(diagnose, task.source.atoms, "tolerance", centers=centers)
    report = task.report(result, modes.describe_diagnosis, modes.tabulate_diagnosis)
    return result, report, status


def _diagnose_in_part(task: Task) -> Analysed:
    from sensitivity.reports import large
    from sensitivity.smallest import smallest

    if task.options.tolerance is not None:
        raise ValueError(
            f"--tolerance is for a complete diagnosis, and that of {len(task.source.atoms)} atoms "
            "is partial: the least visible displacements at this geometry; add --complete, or "
            "choose a --center."
        )
    result, status = task.compute(smallest, task.source.atoms)
    return result, task.report(result, large.describe_partial, large.tabulate_partial), status
