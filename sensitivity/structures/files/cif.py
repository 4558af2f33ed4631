"""Blocks of CIF files.

Tags as in the core dictionary of the International Union of Crystallography,
https://www.iucr.org/resources/cif/dictionaries/cif_core.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sensitivity.structures.files.elements import describe, enumerate_names, resolve
from sensitivity.structures.files.frames import (
    Frame,
    UnreadableError,
    reading,
    tidy,
)

_FRACTIONS = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
_CARTESIAN = ("_atom_site_cartn_x", "_atom_site_cartn_y", "_atom_site_cartn_z")
_UNKNOWN = frozenset({".", "?", ""})
_MOST_NOTES = 6
_PLACEHOLDER = (1, 1, 1, 90, 90, 90)
"""Å and degrees: the cell of a molecule, for which the format has none."""

# Of fractional coordinates. ASE, too, takes sites that are as near for one.
_SAME_SITE = 1e-3

Tags = dict[str, Any]


def scan(lines: Iterable[str]) -> Iterator[Frame]:
    """Yield the structure of every block that has one."""
    for text in _split(lines):
        try:
            frame = _read(text)
        except UnreadableError as error:
            frame = Frame(problem=str(error))
        if frame is not None:
            yield frame


def _split(lines: Iterable[str]) -> Iterator[str]:
    """The blocks, each from its line data_NAME; such a line within a long text begins none."""
    block: list[str] = []
    quoted = False
    for line in lines:
        if line.startswith(";"):
            quoted = not quoted
        elif not quoted and line.lower().startswith("data_"):
            if block:
                yield "\n".join(block)
            block = []
        if block or (line.strip() and not line.startswith("#")):
            block.append(line)
    if block:
        yield "\n".join(block)


def _read(text: str) -> Frame | None:
    from ase.io.cif import CIFBlock, parse_cif

    name = text.split(maxsplit=1)[0]
    if "_atom_site." in text.lower():
        raise UnreadableError("mmCIF is not read; give the structure as PDB")
    if "_atom_site" not in text.lower():
        return None  # of the authors, or of the measurement
    with reading():
        blocks = list(parse_cif(io.StringIO(text)))
        if len(blocks) != 1:
            raise UnreadableError(f"{name} is not a block of a CIF file")
    notes: list[str] = []
    tags = _resolve_symbols(_choose_sites(dict(blocks[0]), notes), notes)
    if not {"_cell_length_a", "_atom_site_cartn_x"} & tags.keys():
        raise UnreadableError(f"{name} has no cell for its fractional coordinates")
    with reading() as caught:
        block = CIFBlock(blocks[0].name, tags)
        if not block.has_structure():
            raise UnreadableError(f"{name} has sites without positions or symbols")
        # ASE would wrap a molecule into its placeholder of a cell.
        alone = np.allclose(block.get_cellpar() or 0, _PLACEHOLDER)
        atoms = block.get_unsymmetrized_structure() if alone else block.get_atoms()
    notes += [f"ASE says: {text}" for text in caught if "wrong setting" in text]
    if alone:
        atoms.cell, atoms.pbc = np.zeros((3, 3)), False
        notes.append("the cell of 1 x 1 x 1 Å is a placeholder: read without a cell")
    return tidy(atoms, notes=notes)


def _choose_sites(tags: Tags, notes: list[str]) -> Tags:
    """The tags with one species on each site, and one alternative of each disorder."""
    table = _table(tags)
    labels = table.get("_atom_site_label") or table.get("_atom_site_type_symbol")
    if labels is None:
        raise UnreadableError("its sites have neither labels nor symbols")
    occupancies = [_number(each) for each in table.get("_atom_site_occupancy", [1.0] * len(labels))]
    flags = table.get("_atom_site_calc_flag", [""] * len(labels))
    kept = [row for row, flag in enumerate(flags) if str(flag).lower() != "dum"]
    if len(kept) < len(labels):
        notes.append("sites that are marked as dummies are left out")
    for row in kept:
        if any(str(table[name][row]) in _UNKNOWN for name in _FRACTIONS if name in table):
            raise UnreadableError(f"site {labels[row]} has no position")
    kept = _choose_groups(table, kept, occupancies, labels, notes)
    kept = _choose_species(table, kept, occupancies, labels, notes)
    chosen = {name: [column[row] for row in kept] for name, column in table.items()}
    chosen.pop("_atom_site_occupancy", None)
    return {name: value for name, value in tags.items() if name not in table} | chosen


def _table(tags: Tags) -> dict[str, list[Any]]:
    """The columns of the table of sites; a single site may stand without a table."""
    found = {
        name: value if isinstance(value, list) else [value]
        for name, value in tags.items()
        if name.startswith("_atom_site_") and not name.startswith("_atom_site_aniso")
    }
    length = max((len(column) for column in found.values()), default=0)
    if length == 0:
        raise UnreadableError("its table of sites is empty")
    if any(len(column) != length for column in found.values()):
        raise UnreadableError("the columns of its table of sites differ in length")
    return found


def _number(value: Any) -> float:
    """An occupancy, which is 1 where it is not given."""
    return float(value) if isinstance(value, int | float) else 1.0


def _choose_groups(
    table: Mapping[str, list[Any]],
    rows: Sequence[int],
    occupancies: Sequence[float],
    labels: Sequence[Any],
    notes: list[str],
) -> list[int]:
    """Rows without the less occupied, or later, alternatives of each disordered assembly."""
    if "_atom_site_disorder_group" not in table:
        return list(rows)
    groups = [str(group) for group in table["_atom_site_disorder_group"]]
    assemblies = table.get("_atom_site_disorder_assembly", ["."] * len(groups))
    weights: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        if groups[row] not in _UNKNOWN | {"0"}:
            found = weights[str(assemblies[row])]
            found[groups[row]] = max(found.get(groups[row], 0.0), occupancies[row])
    best = {name: max(found, key=found.__getitem__) for name, found in weights.items()}
    lost = {
        row
        for row in rows
        if groups[row] not in _UNKNOWN | {"0", best.get(str(assemblies[row]), "")}
    }
    if lost:
        names = enumerate_names(str(labels[row]) for row in sorted(lost))
        notes.append(f"of disordered groups one alternative is read, without {names}")
    return [row for row in rows if row not in lost]


def _choose_species(
    table: Mapping[str, list[Any]],
    rows: Sequence[int],
    occupancies: Sequence[float],
    labels: Sequence[Any],
    notes: list[str],
) -> list[int]:
    """Rows with the species that occupies each shared site most, or is named first."""
    partial = [row for row in rows if occupancies[row] < 1.0]
    lost: set[int] = set()
    for row in partial:
        if row in lost:
            continue
        here = [one for one in partial if one not in lost and _same_site(table, row, one)]
        if len(here) > 1:
            best = max(here, key=occupancies.__getitem__)
            lost.update(one for one in here if one != best)
            shares = ", ".join(f"{labels[one]} {occupancies[one]:g}" for one in here)
            notes.append(f"the site of {shares} is read as {labels[best]}")
        else:
            notes.append(f"site {labels[row]}, occupied by {occupancies[row]:g}, is read as full")
    if len(notes) > _MOST_NOTES:
        notes[_MOST_NOTES:] = [f"and {len(notes) - _MOST_NOTES} more sites alike"]
    return [row for row in rows if row not in lost]


def _same_site(table: Mapping[str, list[Any]], row: int, other: int) -> bool:
    names = _FRACTIONS if _FRACTIONS[0] in table else _CARTESIAN
    shift = np.array([float(table[name][row]) - float(table[name][other]) for name in names])
    if names is _FRACTIONS:
        shift -= np.round(shift)
    return bool(np.abs(shift).max() < _SAME_SITE)


def _resolve_symbols(tags: Tags, notes: list[str]) -> Tags:
    """The tags with symbols of elements; the format asks for labels such as C12 and Fe3+."""
    name = "_atom_site_type_symbol" if "_atom_site_type_symbol" in tags else "_atom_site_label"
    read: dict[str, str] = {}
    for label in map(str, tags[name]):
        try:
            read[label] = read.get(label) or resolve(label)
        except ValueError as error:
            raise UnreadableError(str(error)) from error
    usual = {label for label, symbol in read.items() if _follows_format(label, symbol)}
    notes += describe({label: symbol for label, symbol in read.items() if label not in usual})
    return tags | {"_atom_site_type_symbol": [read[str(label)] for label in tags[name]]}


def _follows_format(label: str, symbol: str) -> bool:
    return label.startswith(symbol) and not label[len(symbol) : len(symbol) + 1].isalpha()
