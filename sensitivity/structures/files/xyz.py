"""Frames of XYZ and extended XYZ files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from sensitivity.structures.files.elements import describe, resolve
from sensitivity.structures.files.frames import Frame, Lines, UnreadableError, parse
from sensitivity.structures.validation import HEAVIEST

_PLAIN = "species:S:1:pos:R:3"  # columns of a file that does not say which it has
_MEANT = re.compile(r"\b(Lattice|Properties|pbc)\s*=")
_MOST_VECTORS = 3  # lines VEC1 to VEC3 below the atoms hold the cell


def scan(lines: Iterable[str]) -> Iterator[Frame]:
    """Yield every frame; after one that cannot be read go on at the next number of atoms."""
    source = Lines(lines)
    while True:
        while (line := source.peek()) is not None and not line.strip():
            source.take()
        if line is None:
            return
        try:
            frame = _scan_frame(source)
        except UnreadableError as error:
            frame = Frame(problem=str(error))
            _skip(source)
        yield frame


def _scan_frame(source: Lines) -> Frame:
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
        line = source.peek()
        if line is None or not line.strip() or _count(line) is not None:
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
    return _parse(comment, rows, vectors, start=start)


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


def _parse(comment: str, rows: list[str], vectors: list[str], *, start: int) -> Frame:
    first = start + 2  # number of the line of atom 0
    column, kind = _find_species(comment, rows[0].split(), line=start + 1)
    words = [row.split() for row in rows]
    labels: dict[str, str] = {}
    for line, row in enumerate(words, first):
        if column >= len(row):
            raise UnreadableError(f"line {line}: the row {_shorten(' '.join(row))} is too short")
        label = row[column]
        if label not in labels:
            labels[label] = _resolve(label, kind, line=line)
        row[column] = labels[label]
    if kind == "Z":
        rows = [" ".join(row) for row in words]
        labels = {}
    elif any(label != symbol for label, symbol in labels.items()):
        rows = [" ".join(row) for row in words]
    notes = describe(labels)
    comments = [comment] if _MEANT.search(comment) else [comment, ""]
    for remark in comments:  # a remark in plain words may look like keys and values to ASE
        text = "\n".join([str(len(rows)), remark, *rows, *vectors, ""])
        frame = parse(text, "extxyz", notes=notes)
        if frame.atoms is not None:
            return frame
    return Frame(problem=_find_culprit(comment, words, start))


def _find_species(comment: str, row: list[str], *, line: int) -> tuple[int, str]:
    """The column of the species, from 0, and whether it is 'S', labels, or 'Z', numbers."""
    from ase.io.extxyz import key_val_str_to_dict

    properties = _PLAIN
    if "Properties=" in comment:
        try:
            properties = str(key_val_str_to_dict(comment).get("Properties", _PLAIN))
        except Exception as error:
            raise UnreadableError(f"line {line}: its keys and values cannot be read") from error
    fields = properties.split(":")
    column, found = 0, None
    try:
        for name, width in zip(fields[::3], map(int, fields[2::3]), strict=True):
            if width < 1:
                raise ValueError(width)
            if name in {"species", "Z"}:
                found = (column, "S" if name == "species" else "Z")
            column += width
    except ValueError as error:
        raise UnreadableError(
            f"line {line}: Properties={_shorten(properties)} cannot be read"
        ) from error
    if column > len(row):
        raise UnreadableError(
            f"line {line} announces {column} columns, and line {line + 1} has {len(row)}"
        )
    if found is None:
        raise UnreadableError(f"line {line} names no column of species")
    return found


def _resolve(label: str, kind: str, *, line: int) -> str:
    if kind == "Z":
        if label.isdecimal() and 1 <= int(label) <= HEAVIEST:
            return label
        raise UnreadableError(f"line {line}: {label} is not an atomic number from 1 to {HEAVIEST}")
    try:
        return resolve(label)
    except ValueError as error:
        raise UnreadableError(f"line {line}: {error}") from error


def _find_culprit(comment: str, words: list[list[str]], start: int) -> str:
    """Which line of a frame ASE could not read."""
    if "Properties=" not in comment:
        for line, row in enumerate(words, start + 2):
            text = " ".join(row)
            if not _is_row(text):
                return f"line {line}: expected a symbol and three numbers, found {_shorten(text)}"
    return f"the frame at line {start} is not of the format that line {start + 1} says"


def _shorten(text: str) -> str:
    most = 40
    text = text.strip()
    return repr(text if len(text) <= most else text[:most] + "...")
