"""Structures written to a file, with all their digits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase import Atoms

ENDINGS = (".extxyz", ".xyz")


def check_path(path: Path, *, inputs: Sequence[str]) -> None:
    """Refuse a file that could not be written, or that is read, before anything is computed."""
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"--output must end in {' or '.join(ENDINGS)}, got {path}; choose one.")
    if path.is_dir():
        raise ValueError(f"--output needs the name of a file, got the folder {path}; add a name.")
    if not path.parent.is_dir():
        raise ValueError(
            f"there is no folder {path.parent} to write {path.name} to; make it first."
        )
    if any(path.resolve() == Path(name).resolve() for name in inputs):
        raise ValueError(
            f"--output must not be the file that is read, got {path} for both; choose another name."
        )


def write_frames(path: Path, frames: Sequence[tuple[Atoms, Mapping[str, Any]]]) -> None:
    """Write structures, each with facts about it, as extended XYZ.

    ASE's own writer rounds to 1e-8 Å, which is far from a singular point in double precision: the
    condition there would be 1e-8 instead of 1e-16. Here every position is written so that the same
    number is read again. Whatever else the atoms carried, as forces, does not belong to the moved
    ones, and is left out.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        text = "".join(_describe_frame(atoms, facts) for atoms, facts in frames)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _describe_frame(atoms: Atoms, facts: Mapping[str, Any]) -> str:
    from ase.io.extxyz import key_val_dict_to_str

    comment = ["Properties=species:S:1:pos:R:3", key_val_dict_to_str(dict(facts))]
    comment += [f'pbc="{" ".join("FT"[int(axis)] for axis in atoms.pbc)}"']
    if atoms.cell.array.any():
        comment.insert(0, f'Lattice="{" ".join(map(repr, atoms.cell.array.ravel().tolist()))}"')
    lines = [
        f"{symbol:<2} " + " ".join(f"{coordinate!r:>24}" for coordinate in place)
        for symbol, place in zip(atoms.symbols, atoms.positions.tolist(), strict=True)
    ]
    return "\n".join([str(len(atoms)), " ".join(comment), *lines, ""])
