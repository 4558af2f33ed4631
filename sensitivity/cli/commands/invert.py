"""``sensitivity invert``: a structure from its features."""

from __future__ import annotations

from argparse import Namespace
from math import inf
from typing import TYPE_CHECKING, Any

from sensitivity.cli.computing import Found, Task, add_search
from sensitivity.cli.options import add_option, complete_names, load_source

if TYPE_CHECKING:
    from ase import Atoms


def add(commands: Any) -> None:
    """Add the command."""
    text = "recover a structure from its features"
    details = (
        ". The atoms of a starting structure, --start or --rattle, are moved until they have the "
        "features of STRUCTURE."
    )
    output = "the recovered structure"
    command = add_search(
        commands, "invert", text, _invert, output=output, details=details, one_center=False
    )
    start = command.add_mutually_exclusive_group(required=True)
    text = "starting structure: a name or a file, with the atoms of STRUCTURE in the same order"
    complete_names(start.add_argument("--start", metavar="STRUCTURE", help=text))
    text = "start from STRUCTURE plus Gaussian noise of this standard deviation, in Å"
    start.add_argument("--rattle", type=float, metavar="Å", help=text)
    add_option(command, "--seed", "seed of the noise of --rattle", 0, int, None)
    text = "largest number of further attempts if the first one fails"
    add_option(command, "--restarts", text, 10, int, "N")


def _invert(task: Task) -> Found:
    from sensitivity.inversion import invert
    from sensitivity.observation import Observation
    from sensitivity.reports import geometries

    start, centers = _start(task.source.atoms, task.options), task.options.center
    wanted = Observation.of(task.source.atoms, task.descriptor, centers=centers).features
    result, status = task.compute(invert, wanted, "restarts", start=start, centers=centers)
    facts = {"residual": result.residual, "converged": result.converged}
    words = geometries.describe_inversion, geometries.tabulate_inversion
    report = task.report(result, *words, start=start)
    return Found(report, status, [(result.atoms, facts)])


def _start(target: Atoms, options: Namespace) -> Atoms:
    if options.start is None:
        return _rattled(target, options.rattle, 0 if options.seed is None else options.seed)
    if options.seed is not None:
        raise ValueError(
            "--seed applies only to the noise of --rattle, got it with --start; leave it out."
        )
    start = load_source(options.start, types=options.types).atoms
    if list(start.numbers) != list(target.numbers):
        raise ValueError(
            f"--start must have the atoms of the structure, {target.symbols}, in the same order, "
            f"got {start.symbols}; reorder them, or use --rattle."
        )
    if (start.pbc != target.pbc).any() or (start.cell.array != target.cell.array).any():
        raise ValueError(
            "--start must have the cell and the periodicity of the structure, got others; use "
            "the same, or use --rattle."
        )
    return start


def _rattled(target: Atoms, width: float, seed: int) -> Atoms:
    import numpy as np

    if not 0 < width < inf:
        raise ValueError(f"--rattle must be a positive length in Å, got {width}; try 0.05.")
    if seed < 0:
        raise ValueError(f"--seed must be 0 or more, got {seed}; try 0.")
    start: Atoms = target.copy()
    start.positions += np.random.default_rng(seed).normal(scale=width, size=start.positions.shape)
    return start
