"""Structures from LAMMPS, whose files number the species instead of naming them.

Formats as in https://docs.lammps.org/read_data.html and https://docs.lammps.org/dump.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import dropwhile, takewhile

import numpy as np
from ase.data import atomic_masses, atomic_numbers, chemical_symbols

from sensitivity.numerics import check_integer
from sensitivity.structures.files import sources
from sensitivity.structures.files.ase_frames import Frame, Pending, parse
from sensitivity.structures.files.elements import describe, resolve
from sensitivity.structures.files.sources import Lines, Types, UnreadableError

Words = dict[str, str]


def parse_types(text: str) -> dict[int, str]:
    """Return the elements assigned to types by text such as ``1=Si,2=O``, or raise ValueError."""
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
    """Return types if they map positive integers to symbols; else TypeError or ValueError."""
    if not isinstance(types, Mapping):
        raise TypeError(f"types must map types to symbols, got {types!r}; give e.g. {{1: 'Si'}}.")
    remedy = "give e.g. {1: 'Si'}"
    for kind, symbol in types.items():
        check_integer(kind, "a type", "an integer from 1", accepts=lambda n: n >= 1, remedy=remedy)
        if symbol not in chemical_symbols[1:]:
            raise ValueError(f"{symbol!r}, for type {kind}, is not the symbol of an element.")
    return dict(types)


def scan_data(source: Lines) -> Iterator[Pending]:
    """Yield the structure of a data file."""
    yield partial(_read_data, list(source), source.types)


def _read_data(lines: list[str], types: Types | None) -> Frame:
    clean = [line.split("#")[0].strip() for line in lines]
    count = _first(r"(\d+)\s+atoms$", clean)
    if count is None:
        raise UnreadableError("it does not say how many atoms it has")
    rows = _section(clean, "Atoms")
    sources.check_count(len(rows), int(count))
    style = _find_style(lines, rows)
    column = 2 if style in {"full", "angle", "bond", "molecular"} else 1
    labels = _pair(_section(clean, "Atom Type Labels"))
    names = {label: number for number, label in labels.items()}
    masses = _pair(_section(clean, "Masses"))
    words = (sources.find_word(row, column) for row in rows)
    used = [names.get(word, word) for word in words]
    symbols, notes = _name_types(used, types, "lammps-data", labels=labels, masses=masses)
    header = takewhile(lambda line: not _is_title(line), clean[1:])
    body = [sources.replace_word(row, column, word) for row, word in zip(rows, used, strict=True)]
    return parse(
        "\n".join(["", *header, f"Atoms # {style}", "", *body, ""]),
        "lammps-data",
        notes=notes,
        Z_of_type={int(word): atomic_numbers[symbol] for word, symbol in symbols.items()},
        atom_style=style,
        units=_check_units(re.search(r"units = (\w+)", lines[0])),
    )


def _first(pattern: str, lines: Iterable[str]) -> str | None:
    return next((match[1] for match in map(re.compile(pattern).match, lines) if match), None)


def _section(clean: list[str], name: str) -> list[str]:
    below = list(dropwhile(lambda line: line != name, clean))[1:]
    return [line for line in takewhile(lambda line: not _is_title(line), below) if line]


def _pair(rows: Iterable[str]) -> Words:
    return dict(row.split()[:2] for row in rows if len(row.split()) > 1)


def _is_title(line: str) -> bool:
    return re.fullmatch(r"[A-Z][A-Za-z]*( [A-Za-z]+)*", line) is not None


def _find_style(lines: list[str], rows: list[str]) -> str:
    comment = _first(r"\s*Atoms\s*#\s*(\w+)", lines)
    columns = len(rows[0].split()) if rows else 0
    if comment is None and columns not in {5, 8}:  # without and with images: of one style only
        raise UnreadableError(
            f"rows of {columns} columns can have several styles; write the style after Atoms, as "
            "in 'Atoms # full' or 'Atoms # charge'"
        )
    return comment or "atomic"


def _check_units(match: re.Match[str] | None) -> str:
    units = match[1] if match else "metal"
    if units not in {"real", "metal", "si", "cgs", "electron", "micro", "nano"}:
        raise UnreadableError(f"its units, {units}, have no length in Å")
    return units


def _name_types(
    used: Iterable[str], types: Types | None, form: str, *, labels: Words, masses: Words
) -> tuple[Words, list[str]]:
    """Return the elements of the types that occur: given ones, or from labels in the file."""
    words = sorted({word for word in used if word.isdecimal()}, key=int)
    if types is not None:
        for word in words:
            if int(word) not in types:
                raise UnreadableError(f"type {word} has no element; add {word}=SYMBOL to the types")
        return {word: types[int(word)] for word in words}, []
    try:
        read = {labels[word]: resolve(labels[word]) for word in words}
    except (KeyError, UnreadableError):
        raise UnreadableError(_advise(words, masses, form)) from None
    return {word: read[labels[word]] for word in words}, describe(read)


def _advise(words: Iterable[str], masses: Words, form: str) -> str:
    pairs = {int(word): _guess(masses.get(word, "")) for word in words}
    advice = "the masses suggest"
    if not all(pairs.values()):
        pairs, advice = {1: "Si", 2: "O"}, "for example"
    command = ",".join(f"{number}={symbol}" for number, symbol in pairs.items())
    return (
        f"its species are numbered; give the elements of the types, {advice} --format {form} "
        f"--types {command} (in Python: types={pairs})"
    )


def _guess(mass: str) -> str:
    """Return the element of this mass in u, apart from isotopes and rounding, or nothing."""
    try:
        gaps = np.abs(atomic_masses[1:] - float(mass))
    except ValueError:
        return ""
    nearest = int(np.nanargmin(gaps))
    return str(chemical_symbols[nearest + 1]) if gaps[nearest] < 0.05 else ""


def scan_dump(source: Lines) -> Iterator[Pending]:
    """Yield every snapshot of a text dump: each ends at the first item after its atoms."""
    snapshot: list[str] = []
    items: set[str] = set()
    for line in source:
        item = " ".join(line.split()[1:2]) if line.startswith("ITEM: ") else ""
        if item and ("ATOMS" in items or (item == "TIMESTEP" and item in items)):
            yield partial(_read_snapshot, snapshot, source.types)
            snapshot, items = [], set()
        items.add(item)
        snapshot.append(line)
    if any(line.strip() for line in snapshot):
        yield partial(_read_snapshot, snapshot, source.types)


def _read_snapshot(lines: list[str], types: Types | None) -> Frame:
    items = {line.split()[1]: k for k, line in enumerate(lines) if re.match(r"ITEM: \S", line)}
    if not {"TIMESTEP", "NUMBER", "BOX", "ATOMS"} <= items.keys():
        raise UnreadableError("a snapshot is not complete")
    begin = items["ATOMS"]
    columns = lines[begin].split()[2:]
    rows = [line.split() for line in lines[begin + 1 :] if line.strip()]
    count = lines[items["NUMBER"] + 1].strip()
    if count != str(len(rows)) or any(len(row) != len(columns) for row in rows):
        found = f"{count} atoms and has {len(rows)} complete rows"
        raise UnreadableError(f"a snapshot announces {found}")
    labels, species, notes = _find_species(columns, rows, types)
    units = re.match(r"(\w+)", lines[items["UNITS"] + 1]) if "UNITS" in items else None
    # ASE takes a column 'element' before masses and types.
    others = [k for k, name in enumerate(columns) if name != "element" and k != species]
    head = " ".join(["ITEM: ATOMS", *(columns[k] for k in others), "element"])
    body = [" ".join([*(row[k] for k in others), labels[row[species]]]) for row in rows]
    text = "\n".join([*lines[items["TIMESTEP"] : begin], head, *body, ""])
    return parse(text, "lammps-dump-text", notes=notes, units=_check_units(units))


def _find_species(
    columns: list[str], rows: list[list[str]], types: Types | None
) -> tuple[Words, int, list[str]]:
    """Return the element of each word in the species column, that column, and notes."""
    wanted = ("element", "type") if types is None else ("type", "element")
    named = next((name for name in wanted if name in columns), None)
    if named is None:
        raise UnreadableError("a snapshot has neither the column type nor the column element")
    species = columns.index(named)
    words = {row[species] for row in rows}
    if not all(word.isdecimal() for word in words):
        labels = {word: resolve(word) for word in sorted(words)}
        return labels, species, describe(labels)
    mass = columns.index("mass") if "mass" in columns else None
    masses = {row[species]: row[mass] for row in rows} if mass is not None else {}
    symbols, notes = _name_types(words, types, "lammps-dump-text", labels={}, masses=masses)
    return symbols, species, notes
