"""What ``locate``, ``twin``, ``follow`` and ``invert`` share: a report, and structures to write."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sensitivity.cli.computing import Report, Task, check_path, load_task, show
from sensitivity.cli.ctrl_c import finishing
from sensitivity.cli.options import add_subject
from sensitivity.cli.parser import add_command

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms


class Found(NamedTuple):
    """The report of a search, its status, and the structures found, each with facts about it."""

    report: Report
    status: int
    frames: Sequence[tuple[Atoms, Mapping[str, Any]]]


def add_search(
    commands: Any,
    name: str,
    text: str,
    search: Callable[[Task], Found],
    *,
    output: str,
    one_center: bool = True,
) -> ArgumentParser:
    """Add a command that moves atoms; ``output`` names what it can write to a file."""

    def run(options: Namespace) -> int:
        read = [name for name in (options.structure, options.start) if name is not None]
        path = check_path(options.output, "--output", (".extxyz", ".xyz"), *read)
        found = search(load_task(options))
        written = False
        try:
            written = write_frames(path, found.frames)
        finally:  # also if the structures could not be written
            show(_complete(found, path, written=written))
        return found.status

    details = ". Ctrl-C stops the search and keeps the results so far."
    command = add_command(commands, name, text, run, details=details)
    add_subject(command, one_center=one_center)
    command.add_argument("--output", metavar="FILE", help=f"write {output} to this .extxyz or .xyz")
    command.set_defaults(start=None)
    return command


def write_frames(path: Path | None, frames: Sequence[tuple[Atoms, Mapping[str, Any]]]) -> bool:
    """Write structures, each with facts about it, as extended XYZ; return True if there are any.

    Whatever else the atoms carried, as forces, does not belong to the moved ones, and is left out.
    """
    from sensitivity.outputs import write_output
    from sensitivity.structures.extxyz import format_frame

    if path is None or not frames:
        return False
    text = "".join(format_frame(atoms, info=facts) for atoms, facts in frames)
    with finishing():
        write_output(path, text.encode(), option="--output")
    return True


def _complete(found: Found, path: Path | None, *, written: bool) -> Report:
    """Return the report with what was written to a file, if one was wanted."""
    if isinstance(found.report, dict):
        return {**found.report, "output": str(path) if written else None}
    if written:
        count = f"{len(found.frames)} structure{'s' if len(found.frames) > 1 else ''}"
        return f"{found.report}\n\nWrote {count} to {path}."
    if path is not None and not found.frames:
        return f"{found.report}\n\nFound nothing to write to {path}."
    return found.report
