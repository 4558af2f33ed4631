"""Frames of XYZ and extended XYZ files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from sensitivity.structures.files import sources
from sensitivity.structures.files.ase_frames import Frame, Pending, parse, reading
from sensitivity.structures.files.elements import DUMMY, Labels, describe
from sensitivity.structures.files.sources import Lines, UnreadableError


def scan(source: Lines) -> Iterator[Pending]:
    """Yield every frame; after an unreadable one, continue at the next number of atoms."""
    while source.skip_blank():
        try:
            yield _split_frame(source)
        except UnreadableError as error:
            yield partial(Frame, problem=str(error))
            source.take_while(lambda line: sources.read_count(line) is None)


def _split_frame(source: Lines) -> Pending:
    count, start = source.take_count(), source.number
    comment = source.take()
    rows = source.take_while(lambda line: len(line.split(None, 1)) > 1, most=count)
    line = source.peek() or ""
    if len(rows) < count and line.strip() and sources.read_count(line) is None:
        found = f"a symbol and three numbers between spaces, found {sources.quote(line)}"
        raise UnreadableError(f"line {source.number + 1}: expected {found}")
    sources.check_count(len(rows), count, where=f"line {start}")
    # Up to three lines VEC1 to VEC3 below the atoms hold the cell.
    vectors = source.take_while(lambda line: line.lstrip().startswith("VEC"), most=3)
    if sources.is_row(source.peek() or "", label=True):
        found = f"line {source.number + 1} is one more"
        raise UnreadableError(f"line {start} announces {count} atoms, and {found}")
    return partial(_read, comment, rows, vectors, start=start, cut=source.may_be_cut())


def _read(comment: str, rows: list[str], vectors: list[str], *, start: int, cut: bool) -> Frame:
    columns = _find_columns(comment, rows[0].split(), line=start + 1)
    labels, symbols = Labels(), dict[str, list[str]]()
    for name in [name for name in ("species", "Z") if name in columns]:
        known = labels if name == "species" else Labels({"0": DUMMY})
        words = [sources.find_word(row, columns[name]) for row in rows]
        symbols[name] = [known.read(word, line=k) for k, word in enumerate(words, start + 2)]
    for k, named in enumerate(zip(*symbols.values(), strict=True), start + 2):
        if len(set(named)) > 1:
            raise UnreadableError(f"line {k}: species and Z are of two elements")
    if any(label != symbol for label, symbol in labels.items()):
        pairs = zip(rows, symbols["species"], strict=True)
        rows = [sources.replace_word(row, columns["species"], symbol) for row, symbol in pairs]
    # ASE may take a plain-text remark for keys and values.
    remarks = [comment] if re.search(r"\b(Lattice|Properties|pbc)\s*=", comment) else [comment, ""]
    for remark in remarks:
        text = "\n".join([str(len(rows)), remark, *rows, *vectors, ""])
        frame = parse(text, "extxyz", notes=describe(labels))
        if frame.atoms is not None:
            return replace(frame, cut=True) if cut else frame
    return Frame(problem=_find_culprit(comment, rows, start))


def _find_columns(comment: str, row: list[str], *, line: int) -> dict[str, int]:
    """Return the columns of species, Z and positions, from 0."""
    from ase.io.extxyz import key_val_str_to_dict

    properties = usual = "species:S:1:pos:R:3"
    plain = re.search(r"(?:^|\s)Properties=([\w:]+)(?:\s|$)", comment)
    if plain and comment.count('"', 0, plain.start()) % 2 == 0:
        properties = plain[1]  # ten times faster than the following
    elif "Properties=" in comment:
        with reading():
            properties = str(key_val_str_to_dict(comment).get("Properties", usual))
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
        shown = sources.quote(properties)
        raise UnreadableError(f"line {line}: Properties={shown} cannot be read") from error
    if column > len(row):
        below = f"line {line + 1} has {len(row)}"
        raise UnreadableError(f"line {line} announces {column} columns, and {below}")
    if "pos" not in found or len(found) == 1:
        missing = "species" if "pos" in found else "pos"
        raise UnreadableError(f"line {line} names no column of {missing}")
    return found


def _find_culprit(comment: str, rows: list[str], start: int) -> str:
    if "Properties=" not in comment:
        for line, row in enumerate(rows, start + 2):
            if not sources.is_row(row, label=True):
                found = sources.quote(row)
                return f"line {line}: expected a symbol and three numbers, found {found}"
    return f"the frame at line {start} is not of the format that line {start + 1} says"
