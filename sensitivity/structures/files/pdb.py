"""Models of PDB files.

Columns as in the wwPDB's file format, version 3.3, https://www.wwpdb.org/documentation/file-format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from sensitivity.structures.files.elements import RESIDUES, describe, enumerate_names, resolve
from sensitivity.structures.files.frames import Frame, UnreadableError, parse

# Å. The format asks for a cell of 1 x 1 x 1 Å where there is none; some programs write 0.
_PLACEHOLDER = 1.0
_CELL = "the cell of {0:g} x {1:g} x {2:g} Å is a placeholder: read without a cell"


@dataclass(frozen=True)
class _Atom:
    """One line ATOM or HETATM."""

    line: str
    number: int  # of the line, from 1

    @property
    def name(self) -> str:
        return self.line[12:16]

    @property
    def alternative(self) -> str:
        return self.line[16:17].strip()

    @property
    def residue(self) -> str:
        """What tells residues apart: chain, number and insertion code."""
        return self.line[21:27]

    @property
    def site(self) -> str:
        """What a person calls the place of the atom."""
        return " ".join(f"{self.line[17:21]} {self.residue} {self.name}".split())

    @property
    def occupancy(self) -> float | None:
        try:
            return float(self.line[54:60])
        except ValueError:
            return None


def scan(lines: Iterable[str]) -> Iterator[Frame]:
    """Yield every model; a cell that stands before all models belongs to each of them."""
    header: dict[str, str] = {}
    atoms: list[_Atom] = []
    inside = False
    sizes: list[int] = []
    for number, line in enumerate(lines, 1):
        record = line[:6].strip()
        if record in {"ATOM", "HETATM"}:
            atoms.append(_Atom(line, number))
        elif record == "CRYST1" or record.startswith("ORIGX"):
            header[record] = line
        elif record in {"MODEL", "END", "ENDMDL"}:
            inside = record == "MODEL"
            if atoms:
                sizes.append(len(atoms))
                yield _read(list(header.values()), atoms)
            atoms = []
    if atoms and (inside or (sizes and len(atoms) < sizes[-1])):
        yield Frame(problem=f"model {len(sizes) + 1} has no end; is the file complete?")
    elif atoms:
        yield _read(list(header.values()), atoms)


def _read(header: Sequence[str], atoms: Sequence[_Atom]) -> Frame:
    try:
        kept, cell_notes = _check_cell(header)
        chosen, notes = _choose_alternatives(atoms)
        lines, labels, named = [], {}, []
        for atom in chosen:
            symbol, label, from_name = _find_element(atom)
            labels[label] = symbol
            named += [label] if from_name else []
            lines.append(_rewrite(atom, symbol))
    except UnreadableError as error:
        return Frame(problem=str(error))
    notes = [*cell_notes, *notes, *describe(labels)]
    if named:
        notes.append("columns 77 and 78 are empty: elements are taken from the names of the atoms")
    return parse("\n".join([*kept, *lines, "END", ""]), "proteindatabank", notes=notes)


def _check_cell(header: Sequence[str]) -> tuple[list[str], list[str]]:
    """The header without a cell that means none, and the note about it."""
    kept, notes = [], []
    for line in header:
        if line.startswith("CRYST1"):
            try:
                lengths = [float(line[start : start + 9]) for start in (6, 15, 24)]
                angles = [float(line[start : start + 7]) for start in (33, 40, 47)]
            except ValueError as error:
                raise UnreadableError(f"the cell {line.strip()!r} cannot be read") from error
            if max(lengths) <= _PLACEHOLDER or not all(angles):
                notes.append(_CELL.format(*lengths))
                continue
            group = line[55:66].strip()
            if group.replace(" ", "") not in {"", "1", "P1"}:
                notes.append(
                    f"the symmetry {group} is not applied: the cell holds what the file lists"
                )
        kept.append(line)
    return kept, notes


def _choose_alternatives(atoms: Sequence[_Atom]) -> tuple[list[_Atom], list[str]]:
    """The atoms at the places that are occupied most, or else named first, in each residue."""
    shares: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for atom in atoms:
        if atom.alternative:
            shares[atom.residue].setdefault(atom.alternative, []).append(atom.occupancy or 0.0)
    chosen = {
        residue: max(found, key=lambda a: fmean(found[a])) for residue, found in shares.items()
    }
    kept = [one for one in atoms if one.alternative in {"", chosen.get(one.residue)}]
    several = [one for one in atoms if len(shares[one.residue]) > 1 and one.alternative]
    notes = []
    if several:
        sites = enumerate_names(
            f"{one.site} ({chosen[one.residue]})" for one in several if one in kept
        )
        notes.append(f"of alternative locations one is read: {sites}")
    partial = [one for one in kept if one not in several and 0.0 < (one.occupancy or 0.0) < 1.0]
    if partial:
        sites = enumerate_names(f"{one.site} ({one.occupancy:g})" for one in partial)
        notes.append(f"sites that are occupied in part are read as full: {sites}")
    return kept, notes


def _find_element(atom: _Atom) -> tuple[str, str, bool]:
    """The element, the label that gives it, and whether that is the name of the atom."""
    written = atom.line[76:78].strip()
    try:
        if written.isalpha():
            return resolve(written.capitalize()), written.capitalize(), False
        name = _element_in_name(atom)
        return resolve(name), name, True
    except ValueError as error:
        raise UnreadableError(f"line {atom.number}: {error}") from error


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
    try:
        for start in (30, 38, 46):
            float(line[start : start + 8])
    except ValueError as error:
        raise UnreadableError(
            f"line {atom.number}: {line[30:54]!r} are not three coordinates"
        ) from error
    residue = line[22:26] if line[22:26].strip().isdecimal() else "   1"
    record = "HETATM" if line.startswith("HETATM") else "ATOM  "
    return f"{record}{line[6:22]}{residue}{line[26:76]}{symbol:>2}"
