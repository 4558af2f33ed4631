"""``sensitivity rattle``: structures displaced along null and soft modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sensitivity.cli.computing import Found, Task, add_search
from sensitivity.cli.options import add_option, given

if TYPE_CHECKING:
    from ase import Atoms


def add(commands: Any) -> None:
    """Add the command."""
    text = "displace a structure along its invisible and its least visible modes"
    details = (
        ", all at once, with random signs and amounts. The structures can be training data, or "
        "starting structures without the symmetry of the original."
    )
    output = "the displaced structures"
    command = add_search(
        commands, "rattle", text, _rattle, output=output, details=details, one_center=False
    )
    text = "length of the displacement of a structure, in Å, root of the summed squares"
    add_option(command, "--amplitude", text, 0.1)
    add_option(command, "--count", "number of structures", 1, int, "N")
    add_option(command, "--seed", "seed of the random sign and amount of each mode", 0, int, None)
    text = "number of least visible modes, in addition to all invisible ones"
    add_option(command, "--soft", text, 3, int, "K")


def _rattle(task: Task) -> Found:
    import numpy as np

    from sensitivity.rattle import rattle
    from sensitivity.reports.rattled import describe_rattled, tabulate_rattled
    from sensitivity.spectrum import spectrum

    options, centers = task.options, task.options.center
    seed = 0 if options.seed is None else options.seed
    if seed < 0:
        raise ValueError(f"--seed must be 0 or more, got {seed}; try 0.")
    settings = {"amplitude": 0.1, **given(options, "amplitude", "count", "soft")}
    rng, atoms = np.random.default_rng(seed), task.source.atoms
    moved = rattle(atoms, task.descriptor, rng=rng, centers=centers, **settings)
    spectra = [spectrum(each, task.descriptor, centers=centers) for each in moved]
    before = spectrum(atoms, task.descriptor, centers=centers)
    report = task.report(before, describe_rattled, tabulate_rattled, moved=spectra)
    frames = [
        (each, _facts(each, {"rank": found.rank, "condition": found.condition}))
        for each, found in zip(moved, spectra, strict=True)
    ]
    return Found(report, 0, frames)


def _facts(moved: Atoms, more: Mapping[str, Any]) -> dict[str, Any]:
    names = "amplitude", "null_modes", "soft_modes"
    return {**{name: moved.info[name] for name in names}, **more}
