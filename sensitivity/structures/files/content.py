"""The bytes of a file, a pipe or standard input, and their text."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

EXPECTED: Final = "a structure file such as .xyz, .extxyz, .cif or POSCAR"
STANDARD_INPUT: Final = "-"

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)

# First bytes of compressed data, whatever the file is called.
_PACKED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


@dataclass
class Content:
    """The bytes of a file, decompressed, and their text."""

    name: str  # of the file, without the ending of a compression
    path: Path | None = None  # where the same bytes are on the disk
    kept: bytes = b""  # of a pipe or of standard input, which can be read only once
    damage: str = ""  # what was wrong with the bytes as far as they were read

    @cached_property
    def head(self) -> bytes:
        """The first bytes, in which ASE, too, looks for the format."""
        return self.read(most=50_000)

    @cached_property
    def unpacker(self) -> Callable[[Any], Any] | None:
        """The function that opens the bytes if they are compressed."""
        with self._open_raw() as file:
            first = file.read(max(map(len, _PACKED)))
        return next((unpack for mark, unpack in _PACKED.items() if first.startswith(mark)), None)

    @property
    def is_binary(self) -> bool:
        """True if this is no text."""
        return b"\0" in self.head and not self.head.startswith(_UTF_16)

    def read(self, *, most: int = sys.maxsize) -> bytes:
        """Return the bytes; compressed data that end early count as far as they go."""
        chunks, missing = [], most
        with self._open() as file:
            while missing > 0 and (chunk := file.read1(min(50_000, missing))):
                chunks.append(chunk)
                missing -= len(chunk)
        return b"".join(chunks)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text, without their ends, reading no further than is asked for.

        The text is UTF-8 or UTF-16, with or without a byte-order mark; a line that is neither is
        read as Latin-1. Lines end as on Unix, Windows or the old Macintosh.
        """
        wide = self.head.startswith(_UTF_16)
        encoding = "utf-16" if wide else "latin-1"
        with self._open() as file, io.TextIOWrapper(file, encoding, errors="replace") as text:
            for number, line in enumerate(text):
                read = line if wide else _decode(line)
                yield (read if number else read.removeprefix("\ufeff")).removesuffix("\n")

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """The decompressed bytes as a file, which ends where they are damaged."""
        unpack = self.unpacker
        with unpack(self.path or io.BytesIO(self.kept)) if unpack else self._open_raw() as file:
            try:
                yield file
            except _DAMAGED as error:
                if isinstance(error, OSError) and error.strerror:  # of the operating system
                    raise
                self.damage = "the compressed data are damaged or end early"

    def _open_raw(self) -> IO[bytes]:
        return io.BytesIO(self.kept) if self.path is None else self.path.open("rb")


def _decode(line: str) -> str:
    """A line that was read as Latin-1 as UTF-8, if it is."""
    try:
        return line if line.isascii() else line.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return line


def open_content(name: str) -> Content:
    """Return what a file, a pipe or, for ``-``, standard input holds; ValueError if nothing."""
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
