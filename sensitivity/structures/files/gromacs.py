"""Frames of GROMACS files.

Columns as in https://manual.gromacs.org/current/reference-manual/file-formats.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sensitivity.structures.files.elements import RESIDUES, describe, resolve
from sensitivity.structures.files.frames import Frame, Lines, UnreadableError, parse


def scan(lines: Iterable[str]) -> Iterator[Frame]:
    """Yield every frame."""
    source = Lines(lines)
    while (line := source.peek()) is not None:
        if not line.strip():
            source.take()
            continue
        try:
            yield _read(source)
        except UnreadableError as error:
            yield Frame(problem=str(error))
            return


def _read(source: Lines) -> Frame:
    title, rows = source.take(), list[str]()
    count, start = source.take() if source.peek() is not None else "", source.number
    try:
        wanted = int(count)
    except ValueError as error:
        raise UnreadableError(
            f"line {start}: expected the number of atoms, found {count!r}"
        ) from error
    while len(rows) < wanted and (source.peek() or "").strip() and not _is_box(source.peek()):
        rows.append(source.take())
    if wanted < 1 or len(rows) < wanted:
        raise UnreadableError(
            f"line {start} announces {wanted} atoms, and {len(rows)} follow; is the file complete?"
        )
    box = source.take() if _is_box(source.peek()) else "0 0 0"  # ASE writes none for a molecule
    labels: dict[str, str] = {}
    named = [_name_element(row, line, labels) for line, row in enumerate(rows, start + 1)]
    text = "\n".join([title, count, *named, box, ""])
    return parse(text, "gromacs", notes=describe(labels))


def _is_box(line: str | None) -> bool:
    """Whether a line holds the three, or nine, numbers of a box."""
    try:
        return len([float(word) for word in (line or "").split()]) in {3, 9}
    except ValueError:
        return False


def _name_element(row: str, line: int, labels: dict[str, str]) -> str:
    """The row with the symbol of the element as the name of the atom."""
    residue, name = row[5:10].strip(), row[10:15].strip()
    ion = residue.rstrip("+-") == name.rstrip("+-")
    known = residue in RESIDUES and name[:1] in "CHNOPS"
    try:
        labels[name] = resolve(name.capitalize() if ion else name[:1] if known else name)
    except ValueError as error:
        raise UnreadableError(f"line {line}: {error}") from error
    return f"{row[:10]}{labels[name]:>5}{row[15:]}"
