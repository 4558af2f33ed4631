"""``sensitivity analyze``: the singular values of the Jacobian."""

from typing import Any

from sensitivity.cli.computing import Analysed, Task, add_analysis, hint_at_smallest


def add(commands: Any) -> None:
    """Add the command."""
    text = "show the singular values of the Jacobian of a structure"
    details = (
        ": the derivatives of the features with respect to the positions. Each mode (right "
        "singular vector) is listed with its kind and the atoms that move most. The kind is "
        "internal if the mode changes the shape of an environment. Otherwise it is rotation, "
        "translation or unseen (such as the motion of an atom beyond the cutoff). For more than "
        "216 atoms the command 'smallest' is faster."
    )
    add_analysis(commands, "analyze", text, _analyze, details=details)


def _analyze(task: Task) -> Analysed:
    from sensitivity.reports import modes
    from sensitivity.spectrum import spectrum

    hint_at_smallest(task)
    result, status = task.compute(spectrum, task.source.atoms, centers=task.options.center)
    return result, task.report(result, modes.describe_spectrum, modes.tabulate_spectrum), status
