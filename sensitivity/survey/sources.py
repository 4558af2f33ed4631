"""The structures behind rows: a selection from a database, and environments of some rows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.structures import environment
from sensitivity.survey.frames import Frames, number_frames
from sensitivity.survey.rows import Table


def select_frames(frames: Frames, select: str | None) -> Frames:
    """Return the frames of an ASE database that match a selection; without one, all frames.

    Raises ValueError if there is no such database, or the selection is not understood.
    """
    if select is None:
        return frames
    if not isinstance(frames, str | os.PathLike) or not Path(frames).is_file():
        raise ValueError(f"select needs a file of an ASE database, got {frames!r}.")
    return _select(Path(frames), select)


def _select(path: Path, select: str) -> Iterator[Atoms]:
    from ase.db import connect

    empty = True
    try:
        for row in connect(path).select(select):
            empty = False
            yield row.toatoms()
        if empty:
            raise ValueError("no row matches")
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"cannot select {select!r} from {path} ({error}); expected a selection such as "
            "'natoms<20,energy<0' from an ASE database."
        ) from error


def find_frames(
    frames: Frames, numbers: Set[int], settings: Mapping[str, Any]
) -> Iterator[tuple[int, Atoms]]:
    """Yield the frames with these numbers, of those of a survey; ValueError if there is none."""
    left = set(numbers)
    source = select_frames(frames, settings["select"])
    for frame in number_frames(source, every=settings["every"], limit=None):
        if not left:
            return
        if frame.number in left and frame.atoms is not None:
            left.discard(frame.number)
            yield frame.number, frame.atoms
    if left:
        raise ValueError(f"frames must be those of the survey; there is no frame {min(left)}.")


def cut_out(frames: Frames, rows: Table, settings: Mapping[str, Any]) -> list[Atoms]:
    """Return the environments of rows, each with its row as ``info``."""
    found: dict[int, Atoms] = {}
    for number, atoms in find_frames(frames, set(rows["frame"].tolist()), settings):
        for place in np.flatnonzero(rows["frame"] == number).tolist():
            row = {name: values.tolist()[place] for name, values in rows.items()}
            found[place] = cut_one(atoms, row, cutoff=settings["cutoff"])
    return [found[place] for place in range(len(rows["frame"]))]


def cut_one(atoms: Atoms, row: Mapping[str, Any], *, cutoff: float) -> Atoms:
    """Return the environment of a row, which is its ``info``; ValueError if it is not there."""
    center = int(row["center"])
    if not 0 <= center < len(atoms) or atoms.symbols[center] != row["species"]:
        raise ValueError(
            f"frames must be those of the survey; frame {row['frame']} has no {row['species']} "
            f"at {center}."
        )
    cut = environment(atoms, center, cutoff)
    cut.info = dict(row)
    return cut
