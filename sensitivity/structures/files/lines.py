"""The lines of a file, taken one after the other or in records, and the words in them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from sensitivity.structures.files.ase_frames import UnreadableError

Types = Mapping[int, str]
Split = Callable[[Iterable[str]], Iterator[tuple[int, list[str]]]]
"""Splits a text into records, each with the number of its first line, from 0.

A bad one then keeps no other from being read.
"""


class Lines:
    """Lines of which the next can be looked at, with the path of the file and LAMMPS's types."""

    def __init__(self, lines: Iterable[str], *, path: str = "", types: Types | None = None) -> None:
        self.path, self.types = path, types
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

    def take(self) -> str:
        """Return the next line, empty at the end, and go on."""
        line = self.peek()
        self._next, self.number = None, self.number + 1
        return line or ""

    def take_while(self, accepts: Callable[[str], bool], *, most: float = math.inf) -> list[str]:
        """Return the next lines that are accepted, at most so many."""
        taken: list[str] = []
        while len(taken) < most and (line := self.peek()) is not None and accepts(line):
            taken.append(self.take())
        return taken

    def skip_blank(self) -> bool:
        """Go on to the next line that is not blank; False if there is none."""
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


def check_rows(rows: Sequence[object], announced: int, *, where: str) -> None:
    """Refuse a table that has fewer rows than ``where`` announces."""
    if len(rows) < announced:
        found = f"and only {len(rows)} follow; is the file complete?"
        raise UnreadableError(f"{where} announces {announced} atoms, {found}")


def check_count(found: int, announced: int) -> None:
    """Refuse a frame that has more or fewer atoms than it announces."""
    if found != announced:
        raise UnreadableError(
            f"it announces {announced} atoms and has {found}; is the file complete?"
        )


def read_count(text: str) -> int | None:
    """Return an integer as ASE reads it, such as 5, +5 or 1_000; None if it is none."""
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
    """Return True if a line holds three coordinates, behind a label or not."""
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


def split_nothing(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield all lines as one record."""
    yield 0, list(lines)


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
    """Yield the steps of an XSF file, each below the last cell; one that is missing is cut off."""
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
