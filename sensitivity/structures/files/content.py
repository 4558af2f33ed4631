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
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, TextIO, cast

STANDARD_INPUT = "-"
_HEAD = 50_000  # bytes in which ASE, too, looks for the format
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_MARK = "\ufeff"
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)

# First bytes of compressed data, whatever the file is called.
_PACKED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


@dataclass
class Content:
    """What a file holds, decompressed.

    Attributes
    ----------
    name
        Name of the file without the ending of a compression.
    path
        Where the same bytes are on the disk, or None.
    kept
        The bytes of a pipe or of standard input, which can be read only once; else None.
    damage
        What was wrong with the bytes as far as they were read, or nothing.
    """

    name: str
    path: Path | None = None
    kept: bytes | None = None
    damage: str = ""

    @cached_property
    def head(self) -> bytes:
        """The first bytes."""
        return self._read(most=_HEAD)

    @property
    def is_packed(self) -> bool:
        """Whether the bytes are compressed."""
        return self._find_unpacker() is not None

    @property
    def is_binary(self) -> bool:
        """Whether this is no text."""
        return b"\0" in self.head and not self.head.startswith(_UTF_16)

    def read(self) -> bytes:
        """Return all bytes; compressed data that end early count as far as they go."""
        return self._read(most=sys.maxsize)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text, without their ends, reading no further than is asked for.

        The text is UTF-8 or UTF-16, with or without a byte-order mark; a line that is neither is
        read as Latin-1. Lines end as on Unix, Windows or the old Macintosh.
        """
        wide = self.head.startswith(_UTF_16)
        encoding = "utf-16" if wide else "latin-1"
        with self._open() as file, io.TextIOWrapper(file, encoding, errors="replace") as text:
            try:
                for number, line in enumerate(text):
                    read = line if wide else _decode(line)
                    yield (read if number else read.removeprefix(_MARK)).removesuffix("\n")
            except _DAMAGED as error:
                self._note_damage(error)

    def _open(self) -> IO[bytes]:
        unpack = self._find_unpacker()
        if unpack is None:
            return self._open_raw()
        return cast(IO[bytes], unpack(self.path or io.BytesIO(self.kept or b"")))

    def _find_unpacker(self) -> Callable[[Any], Any] | None:
        with self._open_raw() as file:
            first = file.read(max(map(len, _PACKED)))
        return next((unpack for mark, unpack in _PACKED.items() if first.startswith(mark)), None)

    def _open_raw(self) -> IO[bytes]:
        return io.BytesIO(self.kept or b"") if self.path is None else self.path.open("rb")

    def _read(self, *, most: int) -> bytes:
        chunks, missing = [], most
        with self._open() as file:
            try:
                while missing > 0 and (chunk := file.read1(min(_HEAD, missing))):  # type: ignore[attr-defined]
                    chunks.append(chunk)
                    missing -= len(chunk)
            except _DAMAGED as error:
                self._note_damage(error)
        return b"".join(chunks)

    def _note_damage(self, error: Exception) -> None:
        if isinstance(error, OSError) and error.strerror:  # of the operating system
            raise error
        self.damage = "the compressed data are damaged or end early"


def _decode(line: str) -> str:
    """A line that was read as Latin-1 as UTF-8, if it is."""
    try:
        return line if line.isascii() else line.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return line


def open_content(name: str, *, expected: str) -> Content:
    """Return what a file, a pipe or, for ``-``, standard input holds.

    Raises
    ------
    ValueError
        If there is no such file, or it is a folder, a device, or empty; ``expected`` says what
        was expected instead.
    """
    if name == STANDARD_INPUT:
        content = Content("standard input", kept=_read_stream(sys.stdin))
    else:
        content = _open_path(name, expected=expected)
    if not content.head:
        damaged = f" ({content.damage})" if content.damage else ""
        shown = "standard input" if name == STANDARD_INPUT else f"the file {name}"
        raise ValueError(f"{shown} is empty{damaged}; expected {expected}.")
    return content


def _open_path(name: str, *, expected: str) -> Content:
    path = Path(name)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # a NUL character is a ValueError
        if isinstance(error, FileNotFoundError | NotADirectoryError | ValueError):
            raise ValueError(f"there is no file {name}; expected {expected}.") from error
        raise ValueError(f"cannot read {name} ({error.strerror}); expected {expected}.") from error
    if stat.S_ISDIR(mode):
        raise ValueError(f"{name} is a folder; expected {expected}.")
    try:
        if stat.S_ISREG(mode):
            with path.open("rb"):
                return Content(_unpacked_name(path), path=path)
        if stat.S_ISFIFO(mode) or (stat.S_ISCHR(mode) and path.resolve().name == "null"):
            return Content(_unpacked_name(path), kept=path.read_bytes())
        if stat.S_ISCHR(mode) and _is_terminal(path):
            return Content(path.name, kept=_read_stream(sys.stdin))
    except OSError as error:
        raise ValueError(f"cannot read {name} ({error.strerror}); expected {expected}.") from error
    raise ValueError(f"{name} is a device; expected {expected}.")


def _is_terminal(path: Path) -> bool:
    """Whether this is the terminal that is standard input."""
    stream = sys.stdin
    return bool(stream and stream.isatty() and path.samefile(f"/dev/fd/{stream.fileno()}"))


def _read_stream(stream: TextIO | None) -> bytes:
    if stream is None:
        raise ValueError("standard input is closed; give the name of a file.")
    return stream.buffer.read()


def _unpacked_name(path: Path) -> str:
    return path.stem if path.suffix.lower() in {".gz", ".bz2", ".xz"} else path.name
