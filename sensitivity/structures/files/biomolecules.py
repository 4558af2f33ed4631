"""Frames of files whose atoms belong to residues: PDB and GROMACS.

Columns as in the wwPDB's file format, version 3.3, https://www.wwpdb.org/documentation/file-format,
and https://manual.gromacs.org/current/reference-manual/file-formats.html.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from statistics import fmean
from typing import NamedTuple

from sensitivity.structures.files.ase_frames import Frame, Pending, note_placeholder, parse
from sensitivity.structures.files.elements import RESIDUES, Labels, describe, join_names, resolve
from sensitivity.structures.files.sources import Lines, UnreadableError, are_numbers, check_count


class _Atom(NamedTuple):
    """One line ATOM or HETATM."""

    line: str
    number: int  # of the line, from 1
    name: str
    alternative: str
    residue: str  # identifier of the residue: chain, number and insertion code
    occupancy: float

    @property
    def site(self) -> str:
        """Readable name of the place of the atom."""
        return " ".join(f"{self.line[17:21]} {self.residue} {self.name}".split())


def scan_pdb(source: Lines) -> Iterator[Pending]:
    """Yield every model; a cell before all models applies to each of them."""
    header: dict[str, str] = {}
    atoms: list[_Atom] = []
    inside, count, size = False, 0, 0  # in a model; models so far; atoms of the last
    for line in source:
        record = line[:6].strip()
        if record in {"ATOM", "HETATM"}:
            occupancy = float(line[54:60]) if are_numbers([line[54:60]]) else 0.0
            name, alternative, residue = line[12:16], line[16:17].strip(), line[21:27]
            atoms.append(_Atom(line, source.number, name, alternative, residue, occupancy))
        elif record == "CRYST1" or record.startswith("ORIGX"):
            header[record] = line
        elif record in {"MODEL", "END", "ENDMDL"}:
            inside = record == "MODEL"
            if atoms:
                count, size = count + 1, len(atoms)
                yield partial(_read_model, list(header.values()), atoms)
            atoms = []
    if (inside and atoms) or 0 < len(atoms) < size:
        raise UnreadableError(f"model {count + 1} has no end; is the file complete?")
    if atoms:
        yield partial(_read_model, list(header.values()), atoms)


def _read_model(header: list[str], atoms: Sequence[_Atom]) -> Frame:
    kept, notes = _check_cell(header)
    chosen = _choose_alternatives(atoms, notes)
    labels, lines, from_names = Labels(), list[str](), False
    for atom in chosen:
        label = atom.line[76:78].strip().capitalize()
        if not label.isalpha():
            label, from_names = _element_in_name(atom), True
        symbol, line = labels.read(label, line=atom.number), atom.line.ljust(80)
        if not are_numbers([line[start : start + 8] for start in (30, 38, 46)]):
            raise UnreadableError(f"line {atom.number}: {line[30:54]!r} is not three coordinates")
        residue = line[22:26] if line[22:26].strip().isdecimal() else "   1"  # ASE reads a number
        record = "HETATM" if line.startswith("HETATM") else "ATOM  "
        lines.append(f"{record}{line[6:22]}{residue}{line[26:76]}{symbol:>2}")
    notes += describe(labels)
    if from_names:
        notes.append("columns 77 and 78 are empty: elements are taken from the names of the atoms")
    return parse("\n".join([*kept, *lines, "END", ""]), "proteindatabank", notes=notes)


def _check_cell(header: list[str]) -> tuple[list[str], list[str]]:
    """Return the header without a placeholder cell, and the note about it."""
    cell = next((line for line in header if line.startswith("CRYST1")), None)
    if cell is None:
        return header, []
    try:
        lengths = [float(cell[start : start + 9]) for start in (6, 15, 24)]
        angles = [float(cell[start : start + 7]) for start in (33, 40, 47)]
    except ValueError as error:
        raise UnreadableError(f"the cell {cell.strip()!r} cannot be read") from error
    # The format requires a cell of 1 x 1 x 1 Å if there is none; some programs write 0.
    if max(lengths) <= 1.0 or not all(angles):
        return [line for line in header if line != cell], [note_placeholder(lengths)]
    group = cell[55:66].strip()
    if group.replace(" ", "") in {"", "1", "P1"}:
        return header, []
    return header, [f"the symmetry {group} is not applied: the cell holds only the listed atoms"]


def _choose_alternatives(atoms: Sequence[_Atom], notes: list[str]) -> list[_Atom]:
    """Return the atoms of the most occupied, or else first, alternative in each residue."""
    shares: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for atom in atoms:
        if atom.alternative:
            shares[atom.residue].setdefault(atom.alternative, []).append(atom.occupancy)
    best = {name: max(found, key=lambda a: fmean(found[a])) for name, found in shares.items()}
    kept = [one for one in atoms if one.alternative in {"", best.get(one.residue)}]
    chosen, shared = list[str](), list[str]()
    for one in kept:
        if one.alternative and len(shares[one.residue]) > 1:
            chosen.append(f"{one.site} ({one.alternative})")
        elif 0.0 < one.occupancy < 1.0:
            shared.append(f"{one.site} ({one.occupancy:g})")
    if chosen:
        notes.append(f"of alternative locations one is read: {join_names(chosen)}")
    if shared:
        sites = join_names(shared)
        notes.append(f"partially occupied sites are read as full: {sites}")
    return kept


def _element_in_name(atom: _Atom) -> str:
    """Return the part of the name of an atom that gives its element.

    It ends in the second of the four columns, except for names of four characters that begin with
    H. Programs that begin each name in the first column make CA ambiguous: calcium, or an alpha
    carbon.
    """
    name, residue = atom.name.strip().lstrip("0123456789"), atom.line[17:21].strip()
    if residue == name:  # an ion
        return name.capitalize()
    full = len(atom.name.rstrip()) == len("HG11")
    if residue in RESIDUES or not atom.name[:1].isalpha() or (full and name.startswith("H")):
        return name[:1]
    return name


def scan_gromacs(source: Lines) -> Iterator[Pending]:
    """Yield every frame, until one cannot be read."""
    while source.skip_blank():
        title, count, start = source.take(), source.take_count(), source.number
        rows = source.take_while(lambda line: bool(line.strip()) and not _is_box(line), most=count)
        check_count(len(rows), count, where=f"line {start}")
        # ASE writes no box for a molecule.
        box = source.take() if _is_box(source.peek() or "") else "0 0 0"
        yield partial(_read_gromacs, [title, str(count)], rows, box, start=start)


def _is_box(line: str) -> bool:
    words = line.split()
    return len(words) in {3, 9} and are_numbers(words)


def _read_gromacs(head: list[str], rows: list[str], box: str, *, start: int) -> Frame:
    labels, named = Labels(), list[str]()
    for line, row in enumerate(rows, start + 1):
        residue, name = row[5:10].strip(), row[10:15].strip()
        ion = residue.rstrip("+-") == name.rstrip("+-")
        known = residue in RESIDUES and name[:1] in "CHNOPS"
        meant = name.capitalize() if ion else name[:1] if known else name
        labels[name] = resolve(meant, line=line)
        named.append(f"{row[:10]}{labels[name]:>5}{row[15:]}")
    return parse("\n".join([*head, *named, box, ""]), "gromacs", notes=describe(labels))
