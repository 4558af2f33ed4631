"""One structure of a file: read by ASE, or the reason why it cannot be read."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ase import Atoms

from sensitivity.structures.files.sources import UnreadableError
from sensitivity.structures.quantities import Quantities, stored_quantities


@dataclass(frozen=True)
class Frame:
    """One structure of a file."""

    atoms: Atoms | None = None  # without constraints and stored results
    notes: tuple[str, ...] = ()  # decisions made in reading it, one clause each
    problem: str = ""  # reason why it cannot be read: a clause that names the atom, symbol or line
    read: float = math.nan  # fraction of the file up to this frame, if it is known
    cut: bool = False  # True if the last line of an XYZ file has no line break, as if it were cut
    quantities: Quantities = field(default_factory=dict)  # that the file gives, such as an energy


NOTHING = Frame(problem="there is no structure in it")

Pending = Callable[[], Frame]
"""Read a frame that was found; may raise UnreadableError."""


def keep(frame: Frame) -> Pending:
    """Return a frame that is read already as a ``Pending`` one."""
    return lambda: frame


@contextmanager
def reading() -> Iterator[None]:
    """Turn any exception of ASE's readers into ``UnreadableError``, and drop their warnings.

    The readers raise nearly every kind of exception on files of another format. A warning about a
    missing atom is an error.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except UnreadableError:
            raise
        except Exception as error:
            raise UnreadableError(_explain(error)) from error
    for warning in caught:
        if re.match("Wrong number .* of tokens", str(warning.message)):  # in the row of an atom
            raise UnreadableError(f"a table has an incomplete row: {warning.message}")


def _explain(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, KeyError) and re.fullmatch(r"'[A-Za-z]\w{0,7}'", str(error)):
        return f"{error} is not the symbol of an element"
    text = " ".join(str(error).split())
    said = f" (ASE: {text[:120]})" if text else ""
    return f"its content does not match the format that its name suggests{said}"


def parse(content: str, form: str, *, notes: Sequence[str] = (), **settings: Any) -> Frame:
    """Return the only frame of a text in one of ASE's formats."""
    frame = next(parse_all(content, form, **settings), NOTHING)
    return replace(frame, notes=(*notes, *frame.notes)) if frame.atoms is not None else frame


def parse_all(
    content: str | bytes, form: str, *, path: str = "", **settings: Any
) -> Iterator[Frame]:
    """Yield ASE's frames until one fails; some readers also read other files near ``path``."""
    from ase.io.formats import ioformats

    data = content if isinstance(content, bytes) else content.encode()
    if ioformats[form].acceptsfd:
        file = io.BytesIO(data)
        file.name = path
        source = file if ioformats[form].isbinary else io.TextIOWrapper(file, "utf-8")
        yield from read_all(source, form, **settings)
        return
    with TemporaryDirectory() as folder:
        place = Path(folder, f"structure{Path(path).suffix}")
        place.write_bytes(data)
        yield from read_all(str(place), form, **settings)


def read_all(source: Any, form: str, **settings: Any) -> Iterator[Frame]:
    """Yield ASE's frames of a file, given by name or opened."""
    import ase.io

    frames = ase.io.iread(source, ":", form, do_not_split_by_at_sign=True, **settings)
    frame = NOTHING
    try:
        while True:
            with reading():
                atoms = next(frames, None)
            if atoms is None:
                break
            frame = tidy(atoms)
            yield frame
    except UnreadableError as error:
        frame = Frame(problem=str(error))
    if frame.atoms is None:
        yield frame


def count_frames(path: str, form: str) -> int | None:
    """Return the number of frames if a file of this format tells it without being read."""
    try:
        with reading():
            if form == "traj":
                from ase.io import Trajectory

                with Trajectory(path) as frames:
                    return len(frames)
            if form == "db":
                from ase.db import connect

                return int(connect(path).count())
    except UnreadableError:  # reading it will tell
        return None
    return None


def tidy(atoms: Atoms, *, notes: Sequence[str] = ()) -> Frame:
    """Return a structure as a frame, without results, constraints, or a cell of zero."""
    quantities = stored_quantities(atoms)
    atoms.calc = None
    atoms.set_constraint()
    if atoms.pbc.any() and not atoms.cell.array.any():
        atoms.pbc = False
        notes = [*notes, "the cell is zero: read without a cell"]
    return Frame(atoms, tuple(notes), quantities=quantities)


def note_placeholder(lengths: Sequence[float]) -> str:
    """Return the note on a placeholder cell, with edges in Å."""
    edges = " x ".join(f"{length:g}" for length in lengths)
    return f"the cell of {edges} Å is a placeholder: read without a cell"
