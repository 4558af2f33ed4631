"""Structures from files, in any format that ASE reads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from numbers import Integral
from os import PathLike
from pathlib import Path

from ase import Atoms

from sensitivity.structures.neighbors import check

# ase.io takes half a second to import, and is imported where a file is read.
_FORMATS = "such as .xyz, .extxyz, .cif or POSCAR"


def read(path: str | PathLike[str], *, index: int = 0) -> Atoms:
    """Return one frame of a file: the first, or the one that ``index`` chooses.

    The format is the one that ASE recognizes. Constraints and stored results are left behind.

    Raises
    ------
    TypeError
        If ``index`` is not an integer.
    ValueError
        If the file is missing, empty or unreadable, has no such frame, or holds a structure that
        ``check`` refuses.
    """
    if not isinstance(index, Integral) or isinstance(index, bool):
        raise TypeError(f"index must be the integer number of a frame, got {index!r}; give e.g. 0.")
    file = _existing(path)
    atoms = _frame(file, int(index))
    _strip(atoms)
    try:
        check(atoms)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return atoms


def count_frames(path: str | PathLike[str], *, limit: int | None = None) -> int:
    """Return how many frames a file holds, counting no further than ``limit`` if there is one.

    Raises
    ------
    ValueError
        If the file is missing, empty or unreadable.
    """
    return sum(1 for _ in islice(read_frames(path), limit))


def read_frames(path: str | PathLike[str]) -> Iterator[Atoms]:
    """Yield the frames of a file, one after the other, as ``read`` returns them, but not checked.

    Raises
    ------
    ValueError
        If the file is missing, empty or unreadable.
    """
    import ase.io

    file = _existing(path)
    try:
        for atoms in ase.io.iread(file, index=":", do_not_split_by_at_sign=True):
            _strip(atoms)
            yield atoms
    except Exception as error:
        raise ValueError(_unreadable(file, error)) from error


def _strip(atoms: Atoms) -> None:
    """Leave constraints and stored results behind."""
    atoms.calc = None
    atoms.set_constraint()


def _existing(path: str | PathLike[str]) -> Path:
    file = Path(path)
    if not file.exists():
        raise ValueError(f"there is no file {file}; expected a structure file {_FORMATS}.")
    if file.is_dir():
        raise ValueError(f"{file} is a folder; expected a structure file {_FORMATS}.")
    if file.stat().st_size == 0:
        raise ValueError(f"the file {file} is empty; expected a structure file {_FORMATS}.")
    return file


def _frame(file: Path, index: int) -> Atoms:
    import ase.io

    # ASE's readers raise nearly every kind of exception on files that are not what they seem.
    try:
        # ASE takes the first frame for one too far before the last.
        if index < 0 and index < -count_frames(file):
            raise IndexError(index)
        atoms = ase.io.read(file, index=index, do_not_split_by_at_sign=True)
    except Exception as error:
        count = _count_or_zero(file)
        if count and not -count <= index < count:
            raise ValueError(
                f"{file} has {count} frame{'s' if count != 1 else ''}, counted from 0, and no "
                f"frame {index}; choose an index from 0 to {count - 1}, or from the end."
            ) from error
        raise ValueError(_unreadable(file, error)) from error
    assert isinstance(atoms, Atoms)  # an integer index gives one frame
    return atoms


def _count_or_zero(file: Path) -> int:
    try:
        return count_frames(file)
    except ValueError:
        return 0


def _unreadable(file: Path, error: Exception) -> str:
    from ase.io.formats import UnknownFileTypeError

    if isinstance(error, UnknownFileTypeError):
        reason = "its format is not recognized"
    elif isinstance(error, OSError) and error.strerror:  # of the operating system, not of ASE
        reason = error.strerror
    else:  # whatever a reader stumbled over says little to a person
        reason = "its content is not of the format that its name suggests"
    return f"cannot read {file} as a structure ({reason}); expected a file {_FORMATS}."
