"""The lines of a file, taken one after the other, and the words in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sensitivity.structures.files.ase_frames import UnreadableError

Types = Mapping[int, str]


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
            raise UnreadableError(
                f"line {self.number}: expected the number of atoms, found {quote(line)}"
            )
        if count < 1:
            raise UnreadableError(f"line {self.number}: the number of atoms is {count}")
        return count


def check_rows(rows: Sequence[object], announced: int, *, where: str) -> None:
    """Refuse a table that has fewer rows than ``where`` announces."""
    if len(rows) < announced:
        raise UnreadableError(
            f"{where} announces {announced} atoms, and only {len(rows)} follow; is the file "
            "complete?"
        )


def check_count(found: int, announced: int, *, where: str = "it") -> None:
    """Refuse a frame that has more or fewer atoms than it announces."""
    if found != announced:
        raise UnreadableError(
            f"{where} announces {announced} atoms and has {found}; is the file complete?"
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


def replace_word(row: str, column: int, word: str) -> str:
    """Return a row with another word in a column."""
    words = row.split()
    words[column] = word
    return " ".join(words)


def quote(text: str, *, most: int = 40) -> str:
    """Return a text in quotes, cut to a number of characters."""
    text = text.strip()
    return repr(text if len(text) <= most else text[:most] + "...")
