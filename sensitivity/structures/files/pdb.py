"""Models of PDB files.

Columns as in the wwPDB's file format, version 3.3, https://www.wwpdb.org/documentation/file-format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from sensitivity.structures.files.ase_frames import (
    Frame,
    Pending,
    UnreadableError,
    describe_placeholder,
    later,
    parse,
    refuse,
)
from sensitivity.structures.files.elements import RESIDUES, Labels, describe, enumerate_names
from sensitivity.structures.files.lines import Lines, are_numbers


class _Atom(NamedTuple):
    """One line ATOM or HETATM."""

    line: str
    number: int  # of the line, from 1
    name: str
    alternative: str
    residue: str  # what tells residues apart: chain, number and insertion code
    occupancy: float

    @property
    def site(self) -> str:
        """A name of the place of the atom, for people."""
        return " ".join(f"{self.line[17:21]} {self.residue} {self.name}".split())


def _parse_atom(line: str, number: int) -> _Atom:
    occupancy = float(line[54:60]) if are_numbers([line[54:60]]) else 0.0
    return _Atom(line, number, line[12:16], line[16:17].strip(), line[21:27], occupancy)


def scan(source: Lines) -> Iterator[Pending]:
    """Yield every model; a cell that stands before all models belongs to each of them."""
    header: dict[str, str] = {}
    atoms: list[_Atom] = []
    inside, count, size = False, 0, 0  # in a model; models so far; atoms of the last
    for line in source:
        record = line[:6].strip()
        if record in {"ATOM", "HETATM"}:
            atoms.append(_parse_atom(line, source.number))
        elif record == "CRYST1" or record.startswith("ORIGX"):
            header[record] = line
        elif record in {"MODEL", "END", "ENDMDL"}:
            inside = record == "MODEL"
            if atoms:
                count, size = count + 1, len(atoms)
                yield later(_read, list(header.values()), atoms)
            atoms = []
    if (inside and atoms) or 0 < len(atoms) < size:
        yield refuse(f"model {count + 1} has no end; is the file complete?")
    elif atoms:
        yield later(_read, list(header.values()), atoms)


def _read(header: Sequence[str], atoms: Sequence[_Atom]) -> Frame:
    kept, notes = _check_cell(header)
    chosen = _choose_alternatives(atoms, notes)
    labels, lines, from_names = Labels(), list[str](), False
    for atom in chosen:
        label = atom.line[76:78].strip().capitalize()
        if not label.isalpha():
            label, from_names = _element_in_name(atom), True
        lines.append(_rewrite(atom, labels.read(label, line=atom.number)))
    notes += describe(labels)
    if from_names:
        notes.append("columns 77 and 78 are empty: elements are taken from the names of the atoms")
    return parse("\n".join([*kept, *lines, "END", ""]), "proteindatabank", notes=notes)


def _check_cell(header: Sequence[str]) -> tuple[list[str], list[str]]:
    """The header without a cell that means none, and the note about it."""
    cell = next((line for line in header if line.startswith("CRYST1")), None)
    if cell is None:
        return list(header), []
    try:
        lengths = [float(cell[start : start + 9]) for start in (6, 15, 24)]
        angles = [float(cell[start : start + 7]) for start in (33, 40, 47)]
    except ValueError as error:
        raise UnreadableError(f"the cell {cell.strip()!r} cannot be read") from error
    # The format asks for a cell of 1 x 1 x 1 Å where there is none; some programs write 0.
    if max(lengths) <= 1.0 or not all(angles):
        return [line for line in header if line != cell], [describe_placeholder(lengths)]
    group = cell[55:66].strip()
    if group.replace(" ", "") in {"", "1", "P1"}:
        return list(header), []
    note = f"the symmetry {group} is not applied: the cell holds what the file lists"
    return list(header), [note]


def _choose_alternatives(atoms: Sequence[_Atom], notes: list[str]) -> list[_Atom]:
    """The atoms at the places that are occupied most, or else named first, in each residue."""
    shares: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for atom in atoms:
        if atom.alternative:
            shares[atom.residue].setdefault(atom.alternative, []).append(atom.occupancy)
    chosen = {
        residue: max(found, key=lambda a: fmean(found[a])) for residue, found in shares.items()
    }

    def is_chosen(one: _Atom) -> bool:
        return bool(one.alternative) and len(shares[one.residue]) > 1

    kept = [one for one in atoms if one.alternative in {"", chosen.get(one.residue)}]
    several = list(filter(is_chosen, kept))
    if several:
        sites = enumerate_names(f"{one.site} ({one.alternative})" for one in several)
        notes.append(f"of alternative locations one is read: {sites}")
    partial = [one for one in kept if 0.0 < one.occupancy < 1.0 and not is_chosen(one)]
    if partial:
        sites = enumerate_names(f"{one.site} ({one.occupancy:g})" for one in partial)
        notes.append(f"sites that are occupied in part are read as full: {sites}")
    return kept


def _element_in_name(atom: _Atom) -> str:
    """The part of the name of an atom that gives its element.

    It ends in the second of the four columns, but for names of four characters that begin with H.
    Programs that begin each name in the first column leave CA open: calcium, or an alpha carbon.
    """
    name, residue = atom.name.strip().lstrip("0123456789"), atom.line[17:21].strip()
    if residue == name:  # an ion
        return name.capitalize()
    full = len(atom.name.rstrip()) == len("HG11")
    if residue in RESIDUES or not atom.name[:1].isalpha() or (full and name.startswith("H")):
        return name[:1]
    return name


def _rewrite(atom: _Atom, symbol: str) -> str:
    """The line with its element, and a number of the residue that ASE can read."""
    line = atom.line.ljust(80)
    if not are_numbers([line[start : start + 8] for start in (30, 38, 46)]):
        raise UnreadableError(f"line {atom.number}: {line[30:54]!r} are not three coordinates")
    residue = line[22:26] if line[22:26].strip().isdecimal() else "   1"
    record = "HETATM" if line.startswith("HETATM") else "ATOM  "
    return f"{record}{line[6:22]}{residue}{line[26:76]}{symbol:>2}"
