"""Configurations of POSCAR and XDATCAR files.

Formats as in https://www.vasp.at/wiki/POSCAR and https://www.vasp.at/wiki/XDATCAR.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import dropwhile, takewhile

from sensitivity.structures.files import sources
from sensitivity.structures.files.ase_frames import Frame, Pending, parse
from sensitivity.structures.files.elements import Labels, describe
from sensitivity.structures.files.sources import Lines, UnreadableError

_HEADER = 7  # lines: comment, scale, three vectors, symbols, numbers of atoms


def scan_poscar(source: Lines) -> Iterator[Pending]:
    """Yield the structure of a POSCAR or CONTCAR."""
    yield partial(_read_poscar, list(source), source.path)


def _read_poscar(lines: list[str], path: str) -> Frame:
    header, count, notes = _read_header(lines[:_HEADER])
    rows = dropwhile(lambda line: not sources.is_row(line), lines[_HEADER:])
    sources.check_count(len(list(takewhile(sources.is_row, rows))), count)
    return parse("\n".join([*header, *lines[_HEADER:], ""]), "vasp", notes=notes, path=path)


def scan_trajectory(source: Lines) -> Iterator[Pending]:
    """Yield every configuration of an XDATCAR; a header may precede each of them."""
    header: list[str] = []
    above: list[str] = []  # lines since the last configuration
    for line in source:
        if not line.strip().lower().startswith("direct configuration"):
            above.append(line)
            continue
        header, above = above[-_HEADER:] if len(above) >= _HEADER else header, []
        try:
            read, count, notes = _read_header(header)
            start, rows = source.number, source.take_while(sources.is_row, most=count)
            sources.check_count(len(rows), count, where=f"line {start}: the header")
        except UnreadableError as error:
            yield partial(Frame, problem=str(error))
        else:
            text = "\n".join([*read, line, *rows, ""])
            yield partial(parse, text, "vasp-xdatcar", notes=notes)


def _read_header(header: list[str]) -> tuple[list[str], int, list[str]]:
    """Return the header with element symbols, the number of atoms, and notes."""
    if len(header) < _HEADER:
        raise UnreadableError("its header is not complete")
    first, second = (re.split(r"[!#]", line)[0].split() for line in header[_HEADER - 2 :])
    line = _HEADER - 1
    if not first:
        raise UnreadableError(f"line {line} is empty; it should hold symbols")
    if first[0].isdecimal():  # VASP 4: the second line precedes the atoms, or is one of them
        note = "it has no line of symbols: elements are taken from the first line"
        return header, _count(first), [note]
    labels = Labels()
    symbols = [labels.read(word, line=line) for word in first]
    # The format allows names of potentials such as Fe_pv.
    notes = describe({re.split("[_/]", word)[0]: symbol for word, symbol in labels.items()})
    if len(second) != len(first):
        raise UnreadableError(f"it has {len(first)} symbols and {len(second)} numbers of atoms")
    return [*header[: line - 1], " ".join(symbols), " ".join(second)], _count(second), notes


def _count(words: list[str]) -> int:
    try:
        return sum(map(int, words))
    except ValueError as error:
        raise UnreadableError(f"{' '.join(words)!r} are not numbers of atoms") from error
