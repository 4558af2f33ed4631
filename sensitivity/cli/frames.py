"""Structures that a command writes to a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensitivity.outputs import check_output, is_special, write_output

if TYPE_CHECKING:
    from ase import Atoms

ENDINGS = (".extxyz", ".xyz")
OPTION = "--output"


def check_path(path: Path, *, inputs: Sequence[str]) -> None:
    """Refuse a file that could not be written, or that is read, before anything is computed."""
    if path.suffix.lower() not in ENDINGS and path.name and not is_special(path):
        raise ValueError(f"{OPTION} must end in {' or '.join(ENDINGS)}, got {path}; choose one.")
    check_output(path, option=OPTION, inputs=inputs)


def write_frames(path: Path, frames: Sequence[tuple[Atoms, Mapping[str, Any]]]) -> None:
    """Write structures, each with facts about it, as extended XYZ.

    Whatever else the atoms carried, as forces, does not belong to the moved ones, and is left out.
    """
    from sensitivity.structures.extxyz import format_frame

    text = "".join(format_frame(atoms, info=facts) for atoms, facts in frames)
    write_output(path, text.encode(), option=OPTION)
