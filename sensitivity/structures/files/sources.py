"""The bytes of a file, a pipe or standard input, their lines, and the words in them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Final

EXPECTED: Final = "a structure file such as .xyz, .extxyz, .cif or POSCAR"
STANDARD_INPUT: Final = "-"

Types = Mapping[int, str]
Split = Callable[[Iterable[str]], Iterator[tuple[int, list[str]]]]
"""Split a text into records, each with the number of its first line, from 0.

An invalid record then does not affect the others.
"""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)

# First bytes of compressed data, independent of the file name.
_PACKED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


class UnreadableError(ValueError):
    """A frame that cannot be read; the text is a clause with the reason."""


@dataclass
class Content:
    """The bytes of a file, decompressed, and their text."""

    name: str  # of the file, without the ending of a compression
    path: Path | None = None  # location of the same bytes on disk
    kept: bytes = b""  # of a pipe or of standard input, which can be read only once
    damage: str = ""  # damage found in the bytes read so far
    raw: IO[bytes] | None = None  # the file, compressed as it is, if its frames are read one by one
    frames: int | None = None  # their number, if the file tells it without being read
    open_end: bool = False  # True once all lines were read, if the last has no line break

    @cached_property
    def head(self) -> bytes:
        """First bytes, from which ASE, too, detects the format."""
        return self.read(most=50_000)

    @cached_property
    def unpacker(self) -> Callable[[Any], Any] | None:
        """Function that opens the bytes if they are compressed."""
        with self._open_raw() as file:
            first = file.read(max(map(len, _PACKED)))
        return next((unpack for mark, unpack in _PACKED.items() if first.startswith(mark)), None)

    def fraction(self, taken: int) -> float:
        """Return the fraction that was read with some frames; NaN if it is unknown."""
        if self.frames:
            return taken / self.frames
        if self.raw is None:
            return math.nan
        if self.raw.closed:
            return 1.0
        return self.raw.tell() / (len(self.kept) or os.fstat(self.raw.fileno()).st_size)

    @property
    def is_binary(self) -> bool:
        """True if the content is not text."""
        return b"\0" in self.head and not self.head.startswith(_UTF_16)

    def read(self, *, most: int = sys.maxsize) -> bytes:
        """Return the bytes; truncated compressed data are returned up to the damage."""
        chunks, missing = [], most
        with self._open() as file:
            while missing > 0 and (chunk := file.read1(min(50_000, missing))):
                chunks.append(chunk)
                missing -= len(chunk)
        return b"".join(chunks)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text, without line ends, reading no further than needed.

        The text is UTF-8 or UTF-16, with or without a byte-order mark; other lines are read as
        Latin-1. Lines end as on Unix, Windows or the classic Mac OS.
        """
        wide = self.head.startswith(_UTF_16)
        encoding = "utf-16" if wide else "latin-1"
        with self._open() as file, io.TextIOWrapper(file, encoding, errors="replace") as text:
            for number, line in enumerate(text):
                self.open_end = not line.endswith("\n")
                read = line if wide else _decode(line)
                yield (read if number else read.removeprefix("\ufeff")).removesuffix("\n")

    @contextmanager
    def _open(self) -> Iterator[Any]:
        unpack = self.unpacker
        with self._open_raw() as self.raw, unpack(self.raw) if unpack else self.raw as file:
            try:
                yield file
            except _DAMAGED as error:
                if isinstance(error, OSError) and error.strerror:  # of the operating system
                    raise
                self.damage = "the compressed data are damaged or end early"

    def _open_raw(self) -> IO[bytes]:
        return io.BytesIO(self.kept) if self.path is None else self.path.open("rb")


def _decode(line: str) -> str:
    try:
        return line if line.isascii() else line.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return line


def open_content(name: str) -> Content:
    """Return the content of a file, a pipe or, for ``-``, standard input; ValueError if empty."""
    if name == STANDARD_INPUT:
        shown, content = "standard input", Content("standard input", kept=_read_stream())
    else:
        shown, content = f"the file {name}", _open_path(name)
    if not content.head:
        damaged = f" ({content.damage})" if content.damage else ""
        raise ValueError(f"{shown} is empty{damaged}; expected {EXPECTED}.")
    return content


def _open_path(name: str) -> Content:
    path = Path(name)
    unpacked = path.stem if path.suffix.lower() in {".gz", ".bz2", ".xz"} else path.name
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with path.open("rb"):
                return Content(unpacked, path=path)
        if stat.S_ISFIFO(mode) or (stat.S_ISCHR(mode) and path.resolve().name == "null"):
            return Content(unpacked, kept=path.read_bytes())
        stream = sys.stdin if stat.S_ISCHR(mode) else None
        if stream and stream.isatty() and path.samefile(f"/dev/fd/{stream.fileno()}"):
            return Content(unpacked, kept=_read_stream())  # the terminal that is standard input
        problem = f"{name} is a {'folder' if stat.S_ISDIR(mode) else 'device'}"
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a null character
        problem = f"there is no file {name}"
    except OSError as error:
        problem = f"cannot read {name} ({error.strerror})"
    raise ValueError(f"{problem}; expected {EXPECTED}.")


def _read_stream() -> bytes:
    if sys.stdin is None:
        raise ValueError("standard input is closed; give the name of a file.")
    return sys.stdin.buffer.read()


class Lines:
    """Lines with lookahead, the path of the file and LAMMPS types."""

    def __init__(
        self,
        lines: Iterable[str],
        *,
        path: str = "",
        types: Types | None = None,
        has_open_end: Callable[[], bool] = lambda: False,
    ) -> None:
        self.path, self.types = path, types
        self._has_open_end = has_open_end
        self.number = 0  # of the line that was taken last, from 1
        self._lines = iter(lines)
        self._next: str | None = None

    def __iter__(self) -> Iterator[str]:
        while self.peek() is not None:
            yield self.take()

    def peek(self) -> str | None:
        """Return the next line, or None at the end."""
        if self._next is None:
            self._next = next(self._lines, None)
        return self._next

    def may_be_cut(self) -> bool:
        """Return True after the last line, if it has no line break."""
        return self.peek() is None and self._has_open_end()

    def take(self) -> str:
        """Return the next line, empty at the end, and go on."""
        line = self.peek()
        self._next, self.number = None, self.number + 1
        return line or ""

    def take_while(self, accepts: Callable[[str], bool], *, most: float = math.inf) -> list[str]:
        """Return the next lines that are accepted, up to a maximum number."""
        taken: list[str] = []
        while len(taken) < most and (line := self.peek()) is not None and accepts(line):
            taken.append(self.take())
        return taken

    def skip_blank(self) -> bool:
        """Skip blank lines; return False at the end."""
        self.take_while(lambda line: not line.strip())
        return self.peek() is not None

    def take_count(self) -> int:
        """Return the number of atoms that the next line announces."""
        count = read_count(line := self.take())
        if count is None:
            wrong = f"expected the number of atoms, found {quote(line)}"
            raise UnreadableError(f"line {self.number}: {wrong}")
        if count < 1:
            raise UnreadableError(f"line {self.number}: the number of atoms is {count}")
        return count


def check_count(found: int, announced: int, *, where: str = "it") -> None:
    """Refuse a frame with more or fewer atoms than announced at ``where``."""
    if found != announced:
        problem = f"{where} announces {announced} atoms, and there are {found}"
        raise UnreadableError(f"{problem}; is the file complete?")


def read_count(text: str) -> int | None:
    """Return an integer as ASE reads it, such as 5, +5 or 1_000; None if it is no integer."""
    try:
        return int(text)
    except ValueError:
        return None


def are_numbers(words: Sequence[str]) -> bool:
    """Return True if every word is a number."""
    try:
        return bool([float(word) for word in words])
    except ValueError:
        return False


def is_row(line: str, *, label: bool = False) -> bool:
    """Return True if a line has three coordinates, with or without a label before them."""
    words = line.split()[label:][:3]
    return len(words) == len("xyz") and are_numbers(words)


def find_word(row: str, column: int) -> str:
    """Return the word of a row in a column, or nothing."""
    return (row.split(None, column + 1)[column : column + 1] or [""])[0]


def replace_word(row: str, column: int, word: str) -> str:
    """Return a row with another word in a column."""
    words = row.split()
    words[column] = word
    return " ".join(words)


def quote(text: str) -> str:
    """Return a text in quotes, cut to 40 characters."""
    text = text.strip()
    return repr(text if len(text) <= 40 else text[:40] + "...")


def split_molecules(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the molecules of an SDF file."""
    start, record = 0, list[str]()
    for number, line in enumerate(lines, 1):
        if line.startswith("$$$$"):
            yield start, record
            start, record = number, []
        else:
            record.append(line)
    if any(line.strip() for line in record):
        yield start, record


def split_steps(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the steps of an XSF file, each below the last cell; a missing one is truncated."""
    rows = list(lines)
    first = next((row.split() for row in rows if re.match(r"\s*[^#\s]", row)), [""])
    starts = [k for k, row in enumerate(rows) if re.match(r"\s*(PRIMVEC|PRIMCOORD|ATOMS)\b", row)]
    if first[0] != "ANIMSTEPS" or not starts:
        yield 0, rows
        return
    head = above = [row for row in rows[: starts[0]] if "ANIMSTEPS" not in row]
    steps = 0
    for begin, end in pairwise([*starts, len(rows)]):
        if rows[begin].split()[0] == "PRIMVEC":
            above = [*head, *rows[begin:end]]
        else:
            steps += 1
            yield begin - len(above), [*above, *rows[begin:end]]
    if first[1:] != [str(steps)]:
        yield len(rows), above
