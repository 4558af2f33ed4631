"""Configurations of POSCAR and XDATCAR files.

Formats as in https://www.vasp.at/wiki/POSCAR and https://www.vasp.at/wiki/XDATCAR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from sensitivity.structures.files.elements import describe, resolve
from sensitivity.structures.files.frames import Frame, Lines, UnreadableError, parse

_HEADER = 7  # lines: comment, scale, three vectors, symbols, numbers of atoms
_SYMBOLS = 5  # number of the line of symbols, from 0; in files of VASP 4 the numbers of atoms


def scan_poscar(lines: Iterable[str], path: str) -> Iterator[Frame]:
    """Yield the structure of a POSCAR or CONTCAR."""
    read = list(lines)
    try:
        header, count, notes = _read_header(read[:_HEADER])
        rows = sum(map(_is_row, read[_HEADER:]))
        if count > rows:
            raise UnreadableError(
                f"it announces {count} atoms and has {rows}; is the file complete?"
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
    return len(line.split()) >= len("xyz") and not _begins_configuration(line)


def _read_header(header: list[str]) -> tuple[list[str], int, list[str]]:
    """The header with symbols of elements, the number of atoms, and notes."""
    if len(header) < _HEADER:
        raise UnreadableError("its header is not complete")
    words = header[_SYMBOLS].split()
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
    return [*named, *header[_SYMBOLS + 1 :]], _count(header[_SYMBOLS + 1].split()), notes


def _count(words: list[str]) -> int:
    try:
        return sum(int(word) for word in takewhile(lambda word: "!" not in word, words))
    except ValueError as error:
        raise UnreadableError(f"{' '.join(words)!r} are not numbers of atoms") from error
