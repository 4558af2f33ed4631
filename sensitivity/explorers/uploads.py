"""Files that a person gives: which are read, and what is said of those that are not."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from ase.data import atomic_numbers

from sensitivity import structures
from sensitivity.app.limits import UPLOAD
from sensitivity.explorers.settings import check_size
from sensitivity.explorers.state import Upload

FORMATS = (
    *("extxyz", "xyz", "cif", "vasp", "vasp-xdatcar", "proteindatabank", "aims", "gen", "xsf"),
    *("gaussian-in", "espresso-in", "castep-cell", "turbomole", "cube", "mol", "sdf", "res"),
)
"""Of uploaded files, as ASE names them: text. Some other formats of ASE can make Python do what
their author wants, and in the page who uploads is a stranger."""

PACKED = (".gz", ".bz2", ".xz")
"""Endings of files that could become a thousand times as large."""

LONGEST_NAME = 60
"""Characters of the name of a file, of which each may take four of the 255 bytes."""

MOST_FRAMES = 10_000
"""Structures of a file that are kept, each of some kB."""

MOST_SPARE = 1000
"""By how much a number of atoms may be larger than the number of lines, and a number of columns
than one: far more than in any file, and little to be allocated in vain."""


def read_upload(name: str, content: bytes) -> Upload:
    """Return all structures of a file, the first of them chosen. They are not checked.

    Raises
    ------
    ValueError
        If it is too large, or no structure in a format of ``FORMATS``; the message says so in
        words.
    """
    shown = shown_name(name)
    if len(content) > UPLOAD:
        raise ValueError(
            f"{shown} has {len(content) / 1e6:.1f} MB, and at most {UPLOAD / 1e6:.0f} MB can be "
            "read here; cut out what you want to look at."
        )
    if name.lower().endswith(PACKED):
        raise ValueError(f"{shown} is compressed; unpack it before it is opened here.")
    with TemporaryDirectory() as folder:
        path = Path(folder, _file_name(name))
        path.write_bytes(content.removeprefix(BOM_UTF8))  # ASE would take it for a part of a word
        try:
            _check_format(path)
            frames = tuple(islice(structures.read_frames(path), MOST_FRAMES + 1))
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), shown)) from None
    if not frames:
        raise ValueError(f"there is no structure in {shown}; give a file with at least one.")
    if len(frames) > MOST_FRAMES:
        raise ValueError(
            f"{shown} has more than {MOST_FRAMES} structures; cut out those you want to look at."
        )
    return Upload(shown, frames)


def choose_frame(upload: Upload, index: int) -> Upload:
    """Return the upload with another of its structures chosen, from the end if it is negative.

    Raises
    ------
    ValueError
        If there is no such structure, or it is none that can be looked at.
    """
    count = len(upload.frames)
    if not -count <= index < count:
        raise ValueError(
            f"{upload.name} has {count} frame{'s' if count != 1 else ''}, counted from 0, and no "
            f"frame {index}; choose an index from 0 to {count - 1}, or from the end."
        )
    try:
        check_size(upload.frames[index])
        structures.check(upload.frames[index])
    except ValueError as error:
        raise ValueError(f"{upload.name}: {error}") from error
    return Upload(upload.name, upload.frames, index % count)


def shown_name(name: str) -> str:
    """The name of a file as a person gave it, without the folders of a path."""
    # A browser gives no folders. Where there are < and >, a / is hardly one between folders.
    return re.sub(r"^([^<>/\\]*[/\\])+", "", name)[-LONGEST_NAME:] or "The file"


def _check_format(path: Path) -> None:
    from ase.io.formats import UnknownFileTypeError, filetype

    try:
        found = filetype(str(path))
    except UnknownFileTypeError:
        return  # empty, or unknown: said in words when it is read
    if found not in FORMATS:
        raise ValueError(
            f"{path} is of the format {found!r}, which is not read from an uploaded file; "
            "give it as xyz, extxyz, cif, POSCAR or pdb."
        )
    lines = path.read_text(errors="replace").splitlines()
    if found in {"xyz", "extxyz"}:
        _check_frames(path, lines)
    if found.startswith("vasp"):
        _check_counts(path, lines)


def _check_frames(path: Path, lines: list[str]) -> None:
    """Refuse a file that is shorter than it says: ASE would look for each atom that is missing."""
    place = 0
    while place < len(lines) and lines[place].strip().isdecimal():
        count = int(lines[place])
        columns = re.findall(r":[RILS]:(\d+)", " ".join(lines[place + 1 : place + 2]))
        if sum(int(number) for number in columns) > MOST_SPARE:
            raise ValueError(f"{path} speaks of more than {MOST_SPARE} columns; is it complete?")
        place += count + 2
        if place > len(lines):
            raise _incomplete(path, count)


def _check_counts(path: Path, lines: list[str]) -> None:
    """Refuse the same of VASP, whose numbers of atoms are below their elements or the cell."""
    for number, (above, line) in enumerate(pairwise(lines)):
        words, counts = above.split(), line.split()
        below = number in {4, 5} or all(word in atomic_numbers for word in words)
        if below and counts and all(each.isdecimal() for each in counts):
            total = sum(int(each) for each in counts)
            if total > len(lines) + MOST_SPARE:
                raise _incomplete(path, total)


def _incomplete(path: Path, count: int) -> ValueError:
    return ValueError(f"{path} speaks of {count} atoms and ends before them; is it complete?")


def _file_name(name: str) -> str:
    """The last part of a name, as a folder takes it, with the ending that tells the format."""
    last = re.split(r"[/\\\0]", name)[-1]
    return "structure" if last in {"", ".", ".."} else last[-LONGEST_NAME:]
