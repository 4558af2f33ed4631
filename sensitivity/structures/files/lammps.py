"""Structures from LAMMPS, whose files number the species and do not name them.

Formats as in https://docs.lammps.org/read_data.html and https://docs.lammps.org/dump.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile

import numpy as np
from ase.data import atomic_masses, atomic_numbers, chemical_symbols

from sensitivity.structures.files.elements import describe, resolve
from sensitivity.structures.files.frames import Frame, UnreadableError, parse

Types = Mapping[int, str]

_STYLES = {5: "atomic", 8: "atomic"}  # by the number of columns, where only one has it
_UNITS = frozenset({"real", "metal", "si", "cgs", "electron", "micro", "nano"})
_LABELS = "Atom Type Labels"
_SECTION = re.compile(r"[A-Z][A-Za-z]*( [A-Za-z]+)*")
_SAME_MASS = 0.05  # u, of an element as a hint: isotopes and rounding


def scan_data(lines: Iterable[str], types: Types | None) -> Iterator[Frame]:
    """Yield the structure of a data file."""
    try:
        yield _read_data(list(lines), types)
    except UnreadableError as error:
        yield Frame(problem=str(error))


def scan_dump(lines: Iterable[str], types: Types | None) -> Iterator[Frame]:
    """Yield every snapshot of a text dump."""
    for snapshot in _split_dump(lines):
        try:
            yield _read_snapshot(snapshot, types)
        except UnreadableError as error:
            yield Frame(problem=str(error))


def parse_types(text: str) -> dict[int, str]:
    """Return the elements that a text such as ``1=Si,2=O`` gives to types.

    Raises
    ------
    ValueError
        If it is not of this form.
    """
    found: dict[int, str] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*=\s*(\w+)\s*", part)
        if match is None:
            raise ValueError(f"types must look like 1=Si,2=O, got {text!r}; correct {part!r}.")
        if int(match[1]) in found:
            raise ValueError(f"types must name each type once, got type {match[1]} twice.")
        found[int(match[1])] = match[2]
    return check_types(found)


def check_types(types: Types) -> dict[int, str]:
    """Return the elements of types as symbols.

    Raises
    ------
    TypeError, ValueError
        If they are not positive integers with symbols of elements.
    """
    if not isinstance(types, Mapping):
        raise TypeError(f"types must map types to symbols, got {types!r}; give e.g. {{1: 'Si'}}.")
    for number, symbol in types.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ValueError(f"types are numbered from 1, got {number!r}; give e.g. {{1: 'Si'}}.")
        if symbol not in chemical_symbols[1:]:
            raise ValueError(f"{symbol!r}, for type {number}, is not the symbol of an element.")
    return dict(types)


def _read_data(lines: list[str], types: Types | None) -> Frame:
    clean = [line.split("#")[0].strip() for line in lines]
    count = next((int(m[1]) for m in (re.fullmatch(r"(\d+)\s+atoms", x) for x in clean) if m), None)
    if count is None:
        raise UnreadableError("it does not say how many atoms it has")
    rows = _section(clean, "Atoms")
    if count != len(rows):
        raise UnreadableError(
            f"it announces {count} atoms and has {len(rows)}; is the file complete?"
        )
    style = _find_style(lines, rows)
    column = 2 if style in {"full", "angle", "bond", "molecular"} else 1
    labels = {row.split()[0]: row.split()[1] for row in _section(clean, _LABELS)}
    names = {label: number for number, label in labels.items()}
    used = [names.get(word, word) for word in (row.split()[column] for row in rows)]
    symbols, notes = _name_types(used, types, labels, _section(clean, "Masses"), form="lammps-data")
    numbers = {number: atomic_numbers[symbol] for number, symbol in symbols.items()}
    header = takewhile(lambda line: not _SECTION.fullmatch(line), clean[1:])
    body = [_replace_label(row, column, names) for row in rows]
    text = "\n".join(["", *header, f"Atoms # {style}", "", *body, ""])
    units = _find_units(re.search(r"units = (\w+)", lines[0] if lines else ""))
    return parse(text, "lammps-data", notes=notes, Z_of_type=numbers, atom_style=style, units=units)


def _replace_label(row: str, column: int, names: Mapping[str, str]) -> str:
    words = row.split()
    words[column] = names.get(words[column], words[column])
    return " ".join(words)


def _find_units(match: re.Match[str] | None) -> str:
    """The units that a file names, or those of which Å is the length."""
    units = match[1] if match else "metal"
    if units not in _UNITS:
        raise UnreadableError(f"its units, {units}, have no length in Å")
    return units


def _section(clean: list[str], name: str) -> list[str]:
    """The rows of a section of a data file, without comments."""
    begin = next((k for k, line in enumerate(clean) if line == name), None)
    rows: list[str] = []
    for line in clean[begin + 1 :] if begin is not None else []:
        if _SECTION.fullmatch(line):
            break
        rows += [line] if line else []
    return rows


def _find_style(lines: list[str], rows: list[str]) -> str:
    """The style that the comment behind 'Atoms' names, or the number of columns tells."""
    comment = next((m[1] for m in (re.match(r"\s*Atoms\s*#\s*(\w+)", x) for x in lines) if m), None)
    columns = len(rows[0].split()) if rows else 0
    style = comment or _STYLES.get(columns)
    if style is None:
        raise UnreadableError(
            f"rows of {columns} columns can be of several styles; write the style behind Atoms, as "
            "in 'Atoms # full' or 'Atoms # charge'"
        )
    return style


def _name_types(
    used: Iterable[str],
    types: Types | None,
    labels: Mapping[str, str],
    masses: list[str],
    *,
    form: str,
) -> tuple[dict[int, str], list[str]]:
    """The elements of the types that occur: as asked for, or as the labels of the file say."""
    numbers = sorted({int(each) for each in used if each.isdecimal()})
    if types is not None:
        missing = [number for number in numbers if number not in types]
        if missing:
            raise UnreadableError(
                f"type {missing[0]} has no element; add {missing[0]}=SYMBOL to the types"
            )
        return {number: types[number] for number in numbers}, []
    try:
        read = {labels[str(number)]: resolve(labels[str(number)]) for number in numbers}
        return {number: read[labels[str(number)]] for number in numbers}, describe(read)
    except (KeyError, ValueError):
        pass
    weights = dict(row.split()[:2] for row in masses if len(row.split()) > 1)
    guessed = [_guess(weights.get(str(number), "")) for number in numbers]
    if all(guessed):
        pairs = list(zip(numbers, guessed, strict=True))
        advice = "the masses suggest "
    else:
        pairs, advice = [(1, "Si"), (2, "O")], "for example "
    command = ",".join(f"{number}={symbol}" for number, symbol in pairs)
    raise UnreadableError(
        f"its species are numbered; name the elements of the types, {advice}--format {form} "
        f"--types {command} (in Python: types={dict(pairs)})"
    )


def _guess(mass: str) -> str:
    """The element of this mass in u, or nothing."""
    try:
        gaps = np.abs(atomic_masses[1:] - float(mass))
    except ValueError:
        return ""
    nearest = int(np.nanargmin(gaps))
    return str(chemical_symbols[nearest + 1]) if gaps[nearest] < _SAME_MASS else ""


def _split_dump(lines: Iterable[str]) -> Iterator[list[str]]:
    """The snapshots: each ends at the first item behind its atoms."""
    snapshot: list[str] = []
    complete = False
    for line in lines:
        item = line.startswith("ITEM: ")
        if item and (complete or (line.startswith("ITEM: TIMESTEP") and _is_begun(snapshot))):
            yield snapshot
            snapshot, complete = [], False
        complete = complete or line.startswith("ITEM: ATOMS")
        snapshot.append(line)
    if any(line.strip() for line in snapshot):
        yield snapshot


def _is_begun(snapshot: Iterable[str]) -> bool:
    return any(line.startswith("ITEM: TIMESTEP") for line in snapshot)


def _read_snapshot(lines: list[str], types: Types | None) -> Frame:
    heads = {
        " ".join(line.split()[1:2]): k for k, line in enumerate(lines) if line.startswith("ITEM: ")
    }
    if not {"NUMBER", "BOX", "ATOMS"} <= heads.keys():
        raise UnreadableError("a snapshot is not complete")
    begin = heads["ATOMS"]
    columns = lines[begin].split()[2:]
    rows = [line.split() for line in lines[begin + 1 :] if line.strip()]
    count = lines[heads["NUMBER"] + 1].strip()
    if count != str(len(rows)) or any(len(row) != len(columns) for row in rows):
        raise UnreadableError(
            f"a snapshot announces {count} atoms and has {len(rows)} complete rows"
        )
    labels, species, notes = _find_species(columns, rows, types)
    units = re.match(r"(\w+)", lines[heads["UNITS"] + 1]) if "UNITS" in heads else None
    # ASE takes a column 'element' before masses and types.
    others = [k for k, name in enumerate(columns) if name != "element" and k != species]
    head = " ".join(["ITEM: ATOMS", *(columns[k] for k in others), "element"])
    body = [" ".join([*(row[k] for k in others), labels[row[species]]]) for row in rows]
    text = "\n".join([*lines[heads["TIMESTEP"] : begin], head, *body, ""])
    return parse(text, "lammps-dump-text", notes=notes, units=_find_units(units))


def _find_species(
    columns: list[str], rows: list[list[str]], types: Types | None
) -> tuple[dict[str, str], int, list[str]]:
    """The element of each word in the column of the species, that column, and notes."""
    named = next((name for name in ("element", "type") if name in columns), None)
    if named is None:
        raise UnreadableError("a snapshot has neither the column type nor the column element")
    if types is not None and "type" in columns:
        named = "type"
    species = columns.index(named)
    words = {row[species] for row in rows}
    if not all(word.isdecimal() for word in words):
        try:
            labels = {word: resolve(word) for word in sorted(words)}
        except ValueError as error:
            raise UnreadableError(str(error)) from error
        return labels, species, describe(labels)
    mass = columns.index("mass") if "mass" in columns else None
    masses = [f"{row[species]} {row[mass]}" for row in rows] if mass is not None else []
    symbols, notes = _name_types(words, types, {}, masses, form="lammps-dump-text")
    return {str(number): symbol for number, symbol in symbols.items()}, species, notes
