"""``sensitivity compare``: several descriptors on one structure."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from sensitivity.cli.computing import Analysed, Task, add_analysis
from sensitivity.cli.options import add_option, add_subjects, given

if TYPE_CHECKING:
    from ase import Atoms

_RATTLE = ("copies", "amplitude", "seed")


def add(commands: Any) -> None:
    """Add the command."""
    text = "compare what several descriptors see of a structure"
    details = (
        ": singular values on one scale, causes of invisible displacements, the softest modes "
        "(the least visible ones that symmetry does not hide), and what each descriptor misses "
        "that another one sees."
    )
    command = add_analysis(
        commands,
        "compare",
        text,
        _compare,
        details=details,
        subject=add_subjects,
        picture="the singular values of all descriptors",
        paged=True,
    )
    group = command.add_argument_group("scale of the features")
    text = (
        "raw: features as they are; rattle: divided by their standard deviation in the structures "
        "of --structures, or in copies displaced at random; whitened: also decorrelated (default: "
        "rattle)"
    )
    group.add_argument("--metric", choices=("raw", "rattle", "whitened"), help=text)
    text = "file of the structures that define the scale (default: copies displaced at random)"
    group.add_argument("--structures", metavar="FILE", help=text)
    text = "50, or more for large structures"
    add_option(group, "--copies", "number of copies that are displaced at random", text, int, "N")
    add_option(group, "--amplitude", "standard deviation of their displacements, in Å", 0.05)
    add_option(group, "--seed", "seed of their displacements", 0, int, None)
    text = (
        "number of soft modes of each descriptor, those with the smallest singular values that "
        "are not zero by symmetry; the spaces that they span are compared"
    )
    usual = "the largest number of spurious modes of any descriptor, or 3 if none has any"
    add_option(command, "--soft", text, usual, int, "K")
    add_option(command, "--tolerance", "tolerance of the causes, in Å, as for diagnose", 0.001)


def _compare(task: Task) -> Analysed:
    from sensitivity.comparison import compare
    from sensitivity.reports import comparisons

    settings = {"centers": task.options.center, **_samples(task.options)}
    names = "metric", "soft", "tolerance"
    result, status = task.compute(compare, task.source.atoms, *names, **settings)
    words = comparisons.describe_comparison, comparisons.tabulate_comparison
    return result, task.report(result, *words), status


def _samples(options: Namespace) -> dict[str, Any]:
    """Return the structures that define the scale, if options select them."""
    from sensitivity.metrics import Rattle

    rattle = given(options, *_RATTLE)
    if options.structures is None:
        return {"structures": Rattle(**rattle)}
    if rattle:
        names = ", ".join(f"--{name}" for name in rattle)
        raise ValueError(
            f"{names} applies only to displaced copies, got it with --structures; leave it out."
        )
    return {"structures": _read(options.structures)}


def _read(name: str) -> list[Atoms]:
    """Return all frames of a file; ValueError if one cannot be read."""
    from sensitivity.structures.files.reading import read_frames

    frames = []
    for number, frame in enumerate(read_frames(name)):
        if frame.atoms is None:
            raise ValueError(f"--structures: frame {number} of {name}: {frame.problem}.")
        frames.append(frame.atoms)
    return frames
