"""Structures from files, in any format that ASE reads.

Every interpretation of a structure is noted, and an unreadable frame does not keep others from
being read.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike

from ase import Atoms

from sensitivity.notes import SensitivityWarning
from sensitivity.numerics import check_integer
from sensitivity.structures.files import sources
from sensitivity.structures.files.ase_frames import NOTHING, Frame, Pending, keep
from sensitivity.structures.files.formats import check_format, find_format, scan
from sensitivity.structures.files.lammps import check_types
from sensitivity.structures.files.sources import Content, Types, UnreadableError
from sensitivity.structures.neighbors import check

Name = str | PathLike[str]  # of a file; ``-`` is standard input

COUNTED = 1000
"""Frames examined besides the chosen one: a long trajectory is not read to its end."""


class StructureWarning(SensitivityWarning):
    r"""A decision in reading a structure that may differ from the author's intent.

    Examples
    --------
    >>> import warnings
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sensitivity import structures
    >>> with TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as notes:
    ...     warnings.simplefilter("always")
    ...     file = Path(folder) / "water.xyz"
    ...     _ = file.write_text("3\n\nOW 0 0 0.12\nH 0 0.76 -0.48\nH 0 -0.76 -0.48\n")
    ...     _ = structures.read(file)
    ...
    >>> notes[0].category.__name__
    'StructureWarning'
    >>> "OW" in str(notes[0].message)
    True
    """


@dataclass(frozen=True)
class Source:
    """A structure and its origin: the library, or a frame of a file."""

    name: str  # in the library, or of the file
    atoms: Atoms
    index: int = 0  # of the frame in the file, from 0
    frames: int = 1  # number of frames of the file, or a lower bound
    all_counted: bool = True  # True if ``frames`` is exact
    notes: tuple[str, ...] = ()  # decisions in reading it, and unreadable other frames


def read(
    path: Name, *, index: int = 0, format: str | None = None, types: Types | None = None
) -> Atoms:
    """Return one frame of a file, without constraints and stored results.

    Warns with ``StructureWarning`` about decisions made in reading it, such as one of two
    alternative locations, or if other frames cannot be read.

    Parameters
    ----------
    path
        A file, a pipe, or ``-`` for standard input; may be compressed by gzip, bzip2 or xz.
    index
        Number of the frame, from 0, or from the end if it is negative.
    format
        ASE's name of the format; None to detect it from name and content.
    types
        Element symbols of LAMMPS types, such as ``{1: "Si", 2: "O"}``.

    Raises
    ------
    ValueError
        If the file is missing, empty or unreadable, has no such frame, or contains a structure
        that ``check`` refuses.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sensitivity import structures
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "water.xyz"
    ...     structures.load("H2O").write(file)
    ...     atoms = structures.read(file)
    ...
    >>> atoms.get_chemical_formula()
    'H2O'
    """
    source = choose(path, index=index, format=format, types=types)
    warn(source)
    return source.atoms


def warn(source: Source) -> None:
    """Issue the notes on a frame as one ``StructureWarning``, at the caller of the caller."""
    if source.notes:
        warnings.warn(f"{source.name}: {'; '.join(source.notes)}.", StructureWarning, 3)


def _show(path: Name) -> str:
    """Return the name of a file as shown in messages."""
    return "standard input" if path == sources.STANDARD_INPUT else os.fspath(path)


def choose(
    path: Name, *, index: int = 0, format: str | None = None, types: Types | None = None
) -> Source:
    """Return a frame of a file as ``read`` does, with information on the others."""
    expected, remedy = "an integer frame number", "give e.g. 0"
    index = check_integer(index, "index", expected, accepts=lambda _: True, remedy=remedy)
    enough = 20_000  # atoms of the examined frames, which take about 0.1 s
    wanted: Pending | None = None
    last: deque[Pending] = deque(maxlen=max(-index, 1))
    bad: list[int] = []
    count, looked, size, complete = 0, 0, 0, True
    content = sources.open_content(os.fspath(path))
    for pending in _find_frames(content, path, format=format, types=types):
        if count == looked < COUNTED and size < enough:
            frame = pending()
            last.append(keep(frame))
            looked += 1
            size += len(frame.atoms or ())
            bad += [count] if frame.atoms is None else []
        elif count > index >= 0:
            complete = False
            break
        else:
            last.append(pending)
        wanted = last[-1] if count == index else wanted
        count += 1
    if index < 0 and count >= -index:
        wanted = last[0]
    if wanted is None:
        raise no_frame(_show(path), count, index)
    others = note_bad(bad, count=looked, complete=complete and looked == count)
    found, number = wanted(), index % count
    atoms = take(_show(path), found, number=number, count=count, others=others)
    return Source(_show(path), atoms, number, count, complete, (*found.notes, *others))


def read_frames(
    path: Name, *, format: str | None = None, types: Types | None = None
) -> Iterator[Frame]:
    r"""Yield the frames of a file in order, including unreadable ones.

    The structures are not checked.

    Parameters
    ----------
    path, format, types
        As for ``read``.

    Raises
    ------
    TypeError, ValueError
        If the file is missing or empty, the format is unknown, or there is no frame.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sensitivity import structures
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "two.xyz"
    ...     _ = file.write_text("1\n\nHe 0 0 0\n1\n\nHe 0 0 zero\n")
    ...     frames = list(structures.read_frames(file))
    ...
    >>> frames[0].atoms
    Atoms(symbols='He', pbc=False)
    >>> frames[1].problem
    "line 6: expected a symbol and three numbers, found 'He 0 0 zero'"
    """
    content = sources.open_content(os.fspath(path))
    for count, pending in enumerate(_find_frames(content, path, format=format, types=types), 1):
        yield replace(pending(), read=content.fraction(count))


def _find_frames(
    content: Content, path: Name, *, format: str | None, types: Types | None
) -> Iterator[Pending]:
    elements = None if types is None else check_types(types)
    found, problem = False, ""
    try:
        form = find_format(content) if format is None else check_format(format)
        for pending in scan(content, form, elements):
            found = True
            yield pending
        problem = "" if found else content.damage or NOTHING.problem
    except UnreadableError as error:
        problem = str(error)
    except OSError as error:  # of the operating system; those of readers become unreadable frames
        problem = str(error.strerror or error)
    if problem:
        what = f"{_show(path)} as a structure ({problem})"
        raise ValueError(f"cannot read {what}; expected {sources.EXPECTED}.")


def take(name: str, frame: Frame, *, number: int, count: int, others: Sequence[str] = ()) -> Atoms:
    """Return the structure of a frame if it can be analysed; else ValueError, with ``others``."""
    if frame.atoms is None:
        which = name if count == 1 else f"frame {number} of {name}"
        said = "; ".join([frame.problem, *others]) if count > 1 else frame.problem
        end = "" if said.endswith("?") else "."
        raise ValueError(f"cannot read {which} as a structure: {said}{end}")
    try:
        check(frame.atoms)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return frame.atoms


def note_bad(bad: list[int], *, count: int, complete: bool) -> list[str]:
    """Return the note on unreadable frames, if any."""
    if not bad:
        return []
    total = f"{count} frames" if complete else f"the first {count} frames"
    which = ", ".join(map(str, bad[:5])) + " and more" * (len(bad) > 5)
    return [f"{count - len(bad)} of {total} can be read, not frame {which}"]


def no_frame(name: str, count: int, index: int) -> ValueError:
    """Return the error for an index beyond the frames of a file."""
    has, remedy = "a single frame, number 0", "choose that"
    if count > 1:
        has = f"{count} frames, counted from 0"
        remedy = f"choose an index from 0 to {count - 1}, or from the end"
    return ValueError(f"{name} has {has}, and no frame {index}; {remedy}.")
