"""``sensitivity bands``: the singular values of an infinite crystal."""

from typing import Any

from sensitivity.cli.computing import Analysed, Task, add_analysis
from sensitivity.cli.options import add_crystal, add_option


def add(commands: Any) -> None:
    """Add the command."""
    text = "show the singular values of an infinite crystal along a path of wave vectors"
    details = (
        ". In an infinite crystal displacements are waves. Each wave vector also has the number of "
        "visible waves, the number that symmetry allows, and the causes of invisible waves. The "
        "crystal is reduced to its primitive cell. "
        "The printed table has only the special points; --json and --plot have all wave vectors."
    )
    command = add_analysis(
        commands,
        "bands",
        text,
        _bands,
        details=details,
        subject=add_crystal,
        picture="the bands",
        paged=True,
    )
    text = "special points, as ASE names them, such as GXWK, or GX,UG with a jump from X to U"
    add_option(command, "--path", text, "the usual path of the lattice", str, "POINTS")
    add_option(command, "--points", "number of wave vectors along the path", 100, int, "N")


def _bands(task: Task) -> Analysed:
    from sensitivity.bands import bands
    from sensitivity.reports import crystals

    result, status = task.compute(bands, task.source.atoms, "path", "points")
    return result, task.report(result, crystals.describe_bands, crystals.tabulate_bands), status
