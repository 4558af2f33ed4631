"""Frames of XYZ and extended XYZ files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial

from sensitivity.structures.files.elements import DUMMY, describe, resolve
from sensitivity.structures.files.frames import (
    Frame,
    Lines,
    Pending,
    UnreadableError,
    parse,
    reading,
)

_PLAIN = "species:S:1:pos:R:3"  # columns of a file that does not say which it has
_MEANT = re.compile(r"\b(Lattice|Properties|pbc)\s*=")
_MOST_VECTORS = 3  # lines VEC1 to VEC3 below the atoms hold the cell


def scan(lines: Iterable[str]) -> Iterator[Pending]:
    """Yield every frame; after one that cannot be read go on at the next number of atoms."""
    source = Lines(lines)
    while True:
        while (line := source.peek()) is not None and not line.strip():
            source.take()
        if line is None:
            return
        try:
            frame = _split_frame(source)
        except UnreadableError as error:
            yield partial(Frame, problem=str(error))
            _skip(source)
        else:
            yield frame


def _split_frame(source: Lines) -> Pending:
    header, start = source.take(), source.number
    count = _count(header)
    if count is None:
        raise UnreadableError(
            f"line {start}: expected the number of atoms, found {_shorten(header)}"
        )
    if count < 1:
        raise UnreadableError(f"line {start}: the number of atoms is {count}")
    comment = source.take() if source.peek() is not None else ""
    rows: list[str] = []
    while len(rows) < count:
        line = source.peek() or ""
        if len(line.split(None, 1)) < 2:
            if line.strip() and _count(line) is None:
                raise UnreadableError(
                    f"line {source.number + 1}: expected a symbol and three numbers between "
                    f"spaces, found {_shorten(line)}"
                )
            raise UnreadableError(
                f"line {start} announces {count} atoms, and only {len(rows)} follow; is the file "
                "complete?"
            )
        rows.append(source.take())
    vectors: list[str] = []
    while len(vectors) < _MOST_VECTORS and (source.peek() or "").lstrip().startswith("VEC"):
        vectors.append(source.take())
    if _is_row(source.peek()):
        raise UnreadableError(
            f"line {start} announces {count} atoms, and line {source.number + 1} is one more"
        )
    return partial(_read, comment, rows, vectors, start=start)


def _skip(source: Lines) -> None:
    """Go on to the next line that can be a number of atoms."""
    while (line := source.peek()) is not None and _count(line) is None:
        source.take()


def _count(line: str) -> int | None:
    """The number of atoms as ASE reads it: 5, +5 or 1_000."""
    try:
        return int(line)
    except ValueError:
        return None


def _is_row(line: str | None) -> bool:
    """Whether a line is an atom: a label and three numbers."""
    words = (line or "").split()
    with suppress(ValueError):
        return len(words) > len("xyz") and bool([float(word) for word in words[1:4]])
    return False


def _read(comment: str, rows: list[str], vectors: list[str], *, start: int) -> Frame:
    try:
        columns = _find_columns(comment, rows[0].split(), line=start + 1)
        numbers, labels = _column(rows, columns.get("Z")), _column(rows, columns.get("species"))
        symbols = {label: _resolve(label, line=start + 2 + k) for label, k in labels.items()}
        named = {number: _from_number(number, line=start + 2 + k) for number, k in numbers.items()}
    except UnreadableError as error:
        return Frame(problem=str(error))
    if "species" in columns and any(label != symbol for label, symbol in symbols.items()):
        rows = [_replace(row, columns["species"], symbols) for row in rows]
    if {"species", "Z"} <= columns.keys():
        for k, words in enumerate(map(str.split, rows), start + 2):
            if words[columns["species"]] != named[words[columns["Z"]]]:
                return Frame(problem=f"line {k}: species and Z are of two elements")
    comments = [comment] if _MEANT.search(comment) else [comment, ""]
    for remark in comments:  # a remark in plain words may look like keys and values to ASE
        text = "\n".join([str(len(rows)), remark, *rows, *vectors, ""])
        frame = parse(text, "extxyz", notes=describe(symbols))
        if frame.atoms is not None:
            return frame
    return Frame(problem=_find_culprit(comment, rows, start))


def _find_columns(comment: str, row: list[str], *, line: int) -> dict[str, int]:
    """The columns of species, Z and positions, from 0."""
    from ase.io.extxyz import key_val_str_to_dict

    properties = _PLAIN
    if "Properties=" in comment:
        with reading():
            properties = str(key_val_str_to_dict(comment).get("Properties", _PLAIN))
    fields = properties.split(":")
    column, found = 0, {}
    try:
        for name, width in zip(fields[::3], map(int, fields[2::3]), strict=True):
            if width < 1:
                raise ValueError(width)
            if name in {"species", "Z", "pos"}:
                found[name] = column
            column += width
    except ValueError as error:
        shown = _shorten(properties)
        raise UnreadableError(f"line {line}: Properties={shown} cannot be read") from error
    if column > len(row):
        raise UnreadableError(
            f"line {line} announces {column} columns, and line {line + 1} has {len(row)}"
        )
    if "pos" not in found or len(found) == 1:
        missing = "species" if "pos" in found else "pos"
        raise UnreadableError(f"line {line} names no column of {missing}")
    return found


def _column(rows: list[str], column: int | None) -> dict[str, int]:
    """Every word of a column, with the number of the first row that has it."""
    found: dict[str, int] = {}
    if column is None:
        return found
    for k, row in enumerate(rows):
        words = row.split(None, column + 1)
        found.setdefault(words[column] if column < len(words) else "", k)
    return found


def _replace(row: str, column: int, symbols: dict[str, str]) -> str:
    words = row.split()
    words[column] = symbols[words[column]]
    return " ".join(words)


def _resolve(label: str, *, line: int) -> str:
    try:
        return resolve(label)
    except ValueError as error:
        raise UnreadableError(f"line {line}: {error}") from error


def _from_number(number: str, *, line: int) -> str:
    if number.isdecimal() and int(number) == 0:
        return DUMMY
    return _resolve(number, line=line)


def _find_culprit(comment: str, rows: list[str], start: int) -> str:
    """Which line of a frame ASE could not read."""
    if "Properties=" not in comment:
        for line, row in enumerate(rows, start + 2):
            if not _is_row(row):
                return f"line {line}: expected a symbol and three numbers, found {_shorten(row)}"
    return f"the frame at line {start} is not of the format that line {start + 1} says"


def _shorten(text: str) -> str:
    most = 40
    text = text.strip()
    return repr(text if len(text) <= most else text[:most] + "...")
