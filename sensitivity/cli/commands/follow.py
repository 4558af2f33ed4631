"""``sensitivity follow``: a path along a singular vector."""

from typing import Any

from sensitivity.cli.computing import Found, Task, add_search
from sensitivity.cli.options import add_option


def add(commands: Any) -> None:
    """Add the command."""
    text = "move the atoms along a mode, which is updated at each step"
    details = ". A mode is a right singular vector of the Jacobian."
    output = "all frames, as a trajectory,"
    command = add_search(
        commands, "follow", text, _follow, output=output, details=details, paged=True
    )
    text = (
        "number of the mode, as 'sensitivity analyze' lists it for this center; repeat it "
        "for several modes: the path starts along the first, and may turn within the space that "
        "they span (default: the least visible internal mode)"
    )
    command.add_argument("--mode", type=int, action="append", help=text)
    text = (
        "length of the path, in Å, root of the summed squares; negative for the opposite direction"
    )
    add_option(command, "--length", text, 1.0)
    add_option(command, "--step", "distance between frames, in Å, root of the summed squares", 0.05)


def _follow(task: Task) -> Found:
    from sensitivity.paths import follow
    from sensitivity.reports import geometries

    settings = {"mode": task.options.mode or _softest(task), "center": task.center}
    path, status = task.compute(follow, task.source.atoms, "length", "step", **settings)
    names = ("length", "net", "condition", "feature_distance")
    rows = zip(*(getattr(path, name) for name in names), strict=True)
    facts = (dict(zip(names, row, strict=True)) for row in rows)
    report = task.report(path, geometries.describe_path, geometries.tabulate_path)
    return Found(report, status, list(zip(path.frames, facts, strict=True)), path)


def _softest(task: Task) -> int:
    """Return the least visible internal mode; without any, 0, which ``follow`` rejects."""
    from sensitivity.spectrum import spectrum

    found = spectrum(task.source.atoms, task.descriptor, centers=(task.center,))
    return max(found.internal - 1, 0)
