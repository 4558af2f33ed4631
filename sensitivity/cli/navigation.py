"""The commands that move atoms: ``locate``, ``twin``, ``follow`` and ``invert``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensitivity.cli.frames import check_path, write_frames
from sensitivity.cli.options import add_structure, capitalize_first, load_source
from sensitivity.cli.progress_line import tell_progress

# Whatever imports scipy is imported where it is used: --help is immediate.
if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms

    from sensitivity.descriptors import DensityCorrelations
    from sensitivity.reports import Source

Report = dict[str, Any] | str
Frames = Sequence[tuple["Atoms", Mapping[str, Any]]]


@dataclass(frozen=True)
class Found:
    """The report of a search, and the structures found, each with facts about it."""

    report: Report
    frames: Frames

    def complete(self, path: Path | None, *, written: bool) -> Report:
        """Return the report with what was written to a file, if one was wanted."""
        if isinstance(self.report, dict):
            return {**self.report, "output": str(path) if written else None}
        if written:
            count = f"{len(self.frames)} structure{'s' if len(self.frames) > 1 else ''}"
            return f"{self.report}\n\nWrote {count} to {path}."
        if path is not None and not self.frames:
            return f"{self.report}\n\nFound nothing to write to {path}."
        return self.report


_INPUT = (
    " STRUCTURE is a name that 'sensitivity structures' lists, or a file that ASE reads. Ctrl-C "
    "stops the search and keeps the results so far."
)


def add_commands(commands: Any) -> Iterator[argparse.ArgumentParser]:
    """Give the parser of each command; ``options.navigate`` is what it runs."""
    yield _add_locate(commands)
    yield _add_twin(commands)
    yield _add_follow(commands)
    yield _add_invert(commands)


def _add_locate(commands: Any) -> argparse.ArgumentParser:
    text = "find the nearest geometry at which a displacement is invisible"
    command = _add_command(commands, "locate", text, output="the geometry that was found")
    _add_length(command, "--reach", "largest displacement, in Å, root of the summed squares", 2)
    command.add_argument("--count", type=int, metavar="N", help="number of points (default: 1)")
    command.add_argument(
        "--bonds",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="shortest and longest distance that a neighbour may have from the center, in Å "
        "(default: no bounds)",
    )
    command.add_argument(
        "--allow",
        action="append",
        choices=("symmetry", "coalescence"),
        default=[],
        help="do not avoid points that are singular by symmetry, or where atoms meet; repeatable",
    )
    command.set_defaults(navigate=_locate)
    return command


def _add_twin(commands: Any) -> argparse.ArgumentParser:
    text = "find two distinct structures with the same features"
    command = _add_command(commands, "twin", text, output="the two structures")
    _add_length(
        command,
        "--amplitude",
        "distance of each from the singular point between them, in Å, root of the summed squares",
        0.1,
    )
    _add_length(command, "--reach", "largest distance to the singular point, in Å", 0.5)
    command.set_defaults(navigate=_twin)
    return command


def _add_follow(commands: Any) -> argparse.ArgumentParser:
    text = "move the atoms along a singular vector, on a curved path"
    command = _add_command(commands, "follow", text, output="all frames, as a trajectory,")
    command.add_argument(
        "--mode",
        type=int,
        action="append",
        help="number of the mode, as in 'sensitivity analyze'; several are followed as one "
        "subspace (default: the least visible internal one)",
    )
    _add_length(
        command, "--length", "length of the path, in Å; negative for the opposite direction", 1.0
    )
    _add_length(command, "--step", "distance between frames, in Å", 0.05)
    command.set_defaults(navigate=_follow)
    return command


def _add_invert(commands: Any) -> argparse.ArgumentParser:
    text = "recover a structure from its features"
    command = _add_command(
        commands, "invert", text, output="the recovered structure", one_center=False
    )
    start = command.add_mutually_exclusive_group(required=True)
    start.add_argument(
        "--start",
        metavar="STRUCTURE",
        help="starting structure: a name or a file, with the same atoms in the same order",
    )
    start.add_argument(
        "--rattle",
        type=float,
        metavar="Å",
        help="start from the structure itself, with normal noise of this width on each coordinate",
    )
    command.add_argument("--seed", type=int, help="seed of the noise of --rattle (default: 0)")
    command.add_argument(
        "--restarts", type=int, metavar="N", help="more attempts after the first (default: 10)"
    )
    command.set_defaults(navigate=_invert)
    return command


def _add_command(
    commands: Any, name: str, text: str, *, output: str, one_center: bool = True
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{capitalize_first(text)}.{_INPUT}"
    )
    add_structure(command, one_center=one_center)
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument(
        "--output", type=Path, metavar="FILE", help=f"write {output} to this .extxyz or .xyz"
    )
    command.set_defaults(start=None)
    return command


def _add_length(command: argparse.ArgumentParser, name: str, text: str, usual: float) -> None:
    command.add_argument(name, type=float, metavar="Å", help=f"{text} (default: {usual:g})")


def check_output(options: argparse.Namespace) -> None:
    """Refuse a file that cannot be written, before anything is computed."""
    if options.output is not None:
        read = [name for name in (options.structure, options.start) if name is not None]
        check_path(options.output, inputs=read)


def _locate(source: Source, descriptor: DensityCorrelations, options: argparse.Namespace) -> Found:
    from sensitivity import reports
    from sensitivity.singular import locate
    from sensitivity.singular.avoidance import AVOIDABLE

    avoid = [reason for reason in AVOIDABLE if reason not in options.allow]
    given = _given(options, "reach", "count", "bonds")
    with tell_progress("locate") as progress:
        point = locate(
            source.atoms,
            descriptor,
            center=_center(options),
            avoid=avoid,
            progress=progress,
            **given,
        )
    found = (point, *point.others) if point.converged else ()
    frames = [
        (one.atoms, {"center": one.center, "condition": one.condition, "moved": one.moved})
        for one in found
    ]
    report = reports.describe_point if options.json else reports.tabulate_point
    return Found(report(point, descriptor, source=source), frames)


def _twin(source: Source, descriptor: DensityCorrelations, options: argparse.Namespace) -> Found:
    from sensitivity import reports
    from sensitivity.singular import find_twin

    given = _given(options, "amplitude", "reach")
    with tell_progress("twin") as progress:
        twin = find_twin(
            source.atoms, descriptor, center=_center(options), progress=progress, **given
        )
    facts = {"center": twin.center, "residual": twin.residual, "rmsd": twin.rmsd}
    kept = twin.found or (twin.interrupted and twin.amplitude > 0)
    frames = [(atoms, facts) for atoms in twin.pair] if kept else []
    report = reports.describe_twin if options.json else reports.tabulate_twin
    return Found(report(twin, descriptor, source=source), frames)


def _follow(source: Source, descriptor: DensityCorrelations, options: argparse.Namespace) -> Found:
    from sensitivity import reports
    from sensitivity.paths import follow

    center, given = _center(options), _given(options, "length", "step")
    mode = options.mode or _softest(source.atoms, descriptor, center)
    with tell_progress("follow") as progress:
        path = follow(
            source.atoms, descriptor, center=center, mode=mode, progress=progress, **given
        )
    columns = zip(path.length, path.net, path.condition, path.feature_distance, strict=True)
    frames = [
        (atoms, dict(zip(("length", "net", "condition", "feature_distance"), row, strict=True)))
        for atoms, row in zip(path.frames, columns, strict=True)
    ]
    report = reports.describe_path if options.json else reports.tabulate_path
    return Found(report(path, descriptor, source=source), frames)


def _softest(atoms: Atoms, descriptor: DensityCorrelations, center: int) -> int:
    """Return the least visible internal mode; without any, 0, which ``follow`` refuses."""
    from sensitivity.spectrum import spectrum

    return max(spectrum(atoms, descriptor, centers=(center,)).internal - 1, 0)


def _invert(source: Source, descriptor: DensityCorrelations, options: argparse.Namespace) -> Found:
    from sensitivity import reports
    from sensitivity.inversion import invert

    start, centers = _start(source.atoms, options), options.center
    wanted = descriptor.features(source.atoms, centers=centers)
    given = _given(options, "restarts")
    with tell_progress("invert") as progress:
        result = invert(
            wanted, descriptor, start=start, centers=centers, progress=progress, **given
        )
    facts = {"residual": result.residual, "converged": result.converged}
    report = (reports.describe_inversion if options.json else reports.tabulate_inversion)(
        result, descriptor, source=source, start=start
    )
    return Found(report, [(result.atoms, facts)])


def _start(target: Atoms, options: argparse.Namespace) -> Atoms:
    """Return the structure from which the inversion starts."""
    if options.start is None:
        return _rattled(target, options.rattle, 0 if options.seed is None else options.seed)
    if options.seed is not None:
        raise ValueError(
            "--seed belongs to the noise of --rattle, got it with --start; leave it out."
        )
    start = load_source(options.start, types=options.types).atoms
    if list(start.numbers) != list(target.numbers):
        raise ValueError(
            f"--start must have the atoms of the structure, {target.symbols}, in the same order, "
            f"got {start.symbols}; reorder them, or use --rattle."
        )
    if (start.pbc != target.pbc).any() or (start.cell.array != target.cell.array).any():
        raise ValueError(
            "--start must have the cell and the periodicity of the structure, got others; give "
            "it the same, or use --rattle."
        )
    return start


def _rattled(target: Atoms, width: float, seed: int) -> Atoms:
    import numpy as np

    if not 0 < width < inf:
        raise ValueError(f"--rattle must be a positive length in Å, got {width}; try 0.05.")
    if seed < 0:
        raise ValueError(f"--seed must be 0 or more, got {seed}; try 0.")
    start: Atoms = target.copy()
    noise: np.ndarray = np.random.default_rng(seed).normal(size=start.positions.shape)
    start.positions += width * noise
    return start


def _center(options: argparse.Namespace) -> int:
    """Return the only center, the first atom if none is given."""
    centers = options.center or [0]
    if len(centers) > 1:
        raise ValueError(f"this command takes one --center, got {len(centers)}; give one.")
    return int(centers[0])


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the options that were given; the library has the defaults of the others."""
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def write(found: Found, path: Path | None) -> bool:
    """Write the structures found to a file, if one is wanted; return True if it was written."""
    if path is None or not found.frames:
        return False
    write_frames(path, found.frames)
    return True
