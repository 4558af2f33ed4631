"""Frames of GROMACS files.

Columns as in https://manual.gromacs.org/current/reference-manual/file-formats.html.
"""

from __future__ import annotations

from collections.abc import Iterator

from sensitivity.structures.files.ase_frames import (
    Frame,
    Pending,
    UnreadableError,
    later,
    parse,
    refuse,
)
from sensitivity.structures.files.elements import RESIDUES, Labels, describe, resolve
from sensitivity.structures.files.lines import Lines, are_numbers, check_rows


def scan(source: Lines) -> Iterator[Pending]:
    """Yield every frame, until one cannot be read."""
    while source.skip_blank():
        try:
            yield _split_frame(source)
        except UnreadableError as error:
            yield refuse(error)
            return


def _split_frame(source: Lines) -> Pending:
    title, count, start = source.take(), source.take_count(), source.number
    rows = source.take_while(lambda line: bool(line.strip()) and not _is_box(line), most=count)
    check_rows(rows, count, where=f"line {start}")
    # ASE writes no box for a molecule.
    box = source.take() if _is_box(source.peek() or "") else "0 0 0"
    return later(_read, [title, str(count)], rows, box, start=start)


def _is_box(line: str) -> bool:
    words = line.split()
    return len(words) in {3, 9} and are_numbers(words)


def _read(head: list[str], rows: list[str], box: str, *, start: int) -> Frame:
    labels = Labels()
    named = [_name_element(row, line, labels) for line, row in enumerate(rows, start + 1)]
    return parse("\n".join([*head, *named, box, ""]), "gromacs", notes=describe(labels))


def _name_element(row: str, line: int, labels: Labels) -> str:
    """The row with the symbol of the element as the name of the atom."""
    residue, name = row[5:10].strip(), row[10:15].strip()
    ion = residue.rstrip("+-") == name.rstrip("+-")
    known = residue in RESIDUES and name[:1] in "CHNOPS"
    meant = name.capitalize() if ion else name[:1] if known else name
    labels[name] = resolve(meant, line=line)
    return f"{row[:10]}{labels[name]:>5}{row[15:]}"
