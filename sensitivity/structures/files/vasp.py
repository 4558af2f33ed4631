"""Configurations of POSCAR and XDATCAR files.

Formats as in https://www.vasp.at/wiki/POSCAR and https://www.vasp.at/wiki/XDATCAR.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import dropwhile, takewhile

from sensitivity.structures.files.elements import describe, resolve
from sensitivity.structures.files.frames import Frame, Lines, UnreadableError, parse

_HEADER = 7  # lines: comment, scale, three vectors, symbols, numbers of atoms
_SYMBOLS = 5  # number of the line of symbols, from 0; in files of VASP 4 the numbers of atoms


def scan_poscar(lines: Iterable[str], path: str) -> Iterator[Frame]:
    """Yield the structure of a POSCAR or CONTCAR."""
    read = list(lines)
    try:
        header, count, notes = _read_header(read[:_HEADER])
        rows = dropwhile(lambda line: not _is_row(line), read[_HEADER:])
        found = len(list(takewhile(_is_row, rows)))
        if count != found:
            raise UnreadableError(
                f"it announces {count} atoms and has {found}; is the file complete?"
            )
    except UnreadableError as error:
        yield Frame(problem=str(error))
        return
    yield parse("\n".join([*header, *read[_HEADER:], ""]), "vasp", notes=notes, path=path)


def scan_trajectory(lines: Iterable[str]) -> Iterator[Frame]:
    """Yield every configuration of an XDATCAR; a header may stand before each of them."""
    source = Lines(lines)
    header: list[str] = []
    above: list[str] = []  # lines since the last configuration
    while source.peek() is not None:
        line = source.take()
        if not _begins_configuration(line):
            above.append(line)
            continue
        header, above = above[-_HEADER:] if len(above) >= _HEADER else header, []
        try:
            read, count, notes = _read_header(header)
            rows: list[str] = []
            while len(rows) < count and _is_row(source.peek() or ""):
                rows.append(source.take())
            if len(rows) < count:
                raise UnreadableError(
                    f"line {source.number + 1}: a configuration of {count} atoms ends after "
                    f"{len(rows)}; is the file complete?"
                )
        except UnreadableError as error:
            yield Frame(problem=str(error))
        else:
            text = "\n".join([*read, line, *rows, ""])
            yield parse(text, "vasp-xdatcar", notes=notes)


def _begins_configuration(line: str) -> bool:
    return line.strip().lower().startswith("direct configuration")


def _is_row(line: str) -> bool:
    words = line.split()[:3]
    with suppress(ValueError):
        return len(words) == len("xyz") and bool([float(word) for word in words])
    return False


def _read_header(header: list[str]) -> tuple[list[str], int, list[str]]:
    """The header with symbols of elements, the number of atoms, and notes."""
    if len(header) < _HEADER:
        raise UnreadableError("its header is not complete")
    words = re.split(r"[!#]", header[_SYMBOLS])[0].split()
    if not words:
        raise UnreadableError(f"line {_SYMBOLS + 1} is empty; it should hold symbols")
    if words[0].isdecimal():  # then the last of these lines is above the atoms, or one of them
        note = "it has no line of symbols: elements are taken from the first line"
        return header, _count(words), [note]
    try:
        labels = {word: resolve(word) for word in words}
    except ValueError as error:
        raise UnreadableError(f"line {_SYMBOLS + 1}: {error}") from error
    named = [*header[:_SYMBOLS], " ".join(labels[word] for word in words)]
    # Names of potentials such as Fe_pv are what the format asks for.
    notes = describe({word.split("_")[0].split("/")[0]: one for word, one in labels.items()})
    counts = re.split(r"[!#]", header[_SYMBOLS + 1])[0].split()
    if len(counts) != len(words):
        raise UnreadableError(f"it has {len(words)} symbols and {len(counts)} numbers of atoms")
    return [*named, " ".join(counts), *header[_SYMBOLS + 2 :]], _count(counts), notes


def _count(words: list[str]) -> int:
    try:
        return sum(map(int, words))
    except ValueError as error:
        raise UnreadableError(f"{' '.join(words)!r} are not numbers of atoms") from error
