"""Formats of files: which one it is, and the frames that a file of it holds."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from itertools import islice
from typing import Final

from sensitivity.structures.files import cif, gromacs, lammps, pdb, vasp, xyz
from sensitivity.structures.files.content import Content
from sensitivity.structures.files.elements import describe, resolve
from sensitivity.structures.files.frames import (
    Frame,
    Pending,
    UnreadableError,
    keep,
    parse_all,
    read_all,
)

EXPECTED: Final = "a structure file such as .xyz, .extxyz, .cif or POSCAR"

_FLOAT = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?"
_INTEGER = r"[-+]?[\d_]+"
_THREE = rf"{_FLOAT}\s+{_FLOAT}\s+{_FLOAT}"

_SIGNIFICANT = 200  # lines in which to look for signs

# Of content whose name does not tell. First come, first served.
_SIGNS = (
    ("lammps-dump-text", r"ITEM: TIMESTEP"),
    ("lammps-data", r"(?s).{0,2000}?^\s*\d+\s+atoms\s*(#.*)?$.{0,4000}?^\s*\d+\s+atom types"),
    ("cif", r"(?i)(\s*(#.*)?\n)*data_\S"),
    ("proteindatabank", r"(HEADER|TITLE |REMARK|CRYST1|MODEL |ATOM  |HETATM|COMPND)"),
    ("extxyz", r"\s*\d+[ \t]*\n[^\n]*\n\s*\S+\s+" + _THREE),
    ("vasp", rf"[^\n]*\n\s*{_FLOAT}\s*\n(\s*{_THREE}\s*\n){{3}}\s*\w+"),
    ("sdf", r"[^\n]*\n[^\n]*\n[^\n]*\n[ \d]{6}.*V2000"),
)

# Signs that no other format has: they count more than an ending such as .dat or .out.
_CLEAR = frozenset({"extxyz", "cif", "proteindatabank"})

# A line with one atom, in formats that hold a label in it: what is before the label, and the label.
_LABEL = {
    "espresso-in": rf"(\s*)([A-Za-z]\S*)(?=\s+{_THREE})",
    "aims": rf"(\s*atom(?:_frac)?\s+{_THREE}\s+)(\S+)",
    "gaussian-in": rf"(\s*)(?!(?i:TV)\s)([A-Za-z][^\s,]*)(?=(?:\s+-?[01])?\s+{_THREE})",
    "mol": rf"(\s*{_THREE}\s+)([A-Za-z]\S*)",
    "sdf": rf"(\s*{_THREE}\s+)([A-Za-z]\S*)",
    "turbomole": rf"(\s*{_THREE}\s+)([A-Za-z]\S*)",
    "xsf": rf"(\s*)([A-Za-z]\S*)(?=\s+{_THREE})",
}

# Where a file says how many atoms follow, in a line, from 0, or anywhere (-1): ASE would take
# fewer, or look for each that is missing.
_COUNT = {
    "cfg": (0, rf"Number of particles\s*=\s*({_INTEGER})"),
    "cube": (2, rf"\s*({_INTEGER})"),
    "dlp4": (1, rf"\s*{_INTEGER}\s+{_INTEGER}\s+({_INTEGER})"),
    "espresso-in": (-1, rf"(?i)\bnat\s*=\s*({_INTEGER})"),
    "gen": (0, rf"\s*({_INTEGER})"),
    "mol": (3, r"([ \d]{3})"),
    "sdf": (3, r"([ \d]{3})"),
}

# What ASE passes over without a word, although the structure is another one with it.
_REFUSED = {
    "turbomole": r"^\$coord +\S+.*|^\$(periodic|lattice|cell).*",
    "mol": r"V3000",
    "sdf": r"V3000",
}

# castep-cell: ASE would start the program for a list of its keywords.
_SETTINGS = {"castep-cell": {"calculator_args": {"keyword_tolerance": 3}}}

# Formats that are split into frames here.
_SCANNED: dict[str, Callable[[Iterable[str]], Iterator[Frame]]] = {
    "cif": cif.scan,
    "gromacs": gromacs.scan,
    "proteindatabank": pdb.scan,
    "vasp-xdatcar": vasp.scan_trajectory,
}

# What stands behind the atoms of a complete file that does not say how many they are.
_END = {
    "dmol-car": r"end",
    "gromos": r"END",
    "res": r"(END|HKLF)",
    "runnerdata": r"\s*end",
    "turbomole": r"\$(?!coord)",
}

_GEN_SYMBOLS = 1  # line from 0


def find_format(content: Content) -> str:
    """Return ASE's name of the format of a content.

    Raises
    ------
    UnreadableError
        If it is not recognized, or one that ASE does not read.
    """
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats

    text = "\n".join(islice(content.lines(), _SIGNIFICANT))
    lammps_file = next((f for f, sign in _SIGNS[:2] if re.match(sign, text, re.MULTILINE)), None)
    if lammps_file is not None:
        return lammps_file
    named = io.BytesIO(text.encode())
    named.name = f"/dev/null/{content.name}"  # ASE looks whether there is a folder of the name
    try:
        found: str | None = filetype(named)
    except UnknownFileTypeError:
        found = None
    shown = next((form for form, sign in _SIGNS if re.match(sign, text)), None)
    if found not in ioformats or (shown in _CLEAR and found in _by_ending(content.name)):
        found = shown
    if found is None:
        raise UnreadableError(
            "its format is not recognized; name it with the format that ASE gives it"
        )
    return check_format(found)


def _by_ending(name: str) -> set[str]:
    """The format that ASE would take from the ending of a name alone."""
    from ase.io.formats import extension2format

    form = extension2format.get(name.rsplit(".", 1)[-1].lower())
    return set() if form is None else {form.name}


def check_format(form: str) -> str:
    """Return the name of a format that ASE reads.

    Raises
    ------
    UnreadableError
        If ASE does not know it, or only writes it.
    """
    from ase.io.formats import ioformats

    if form not in ioformats:
        near = " or ".join(get_close_matches(form, ioformats, n=2))
        hint = f"did you mean {near}?" if near else "give ASE's name of it, such as extxyz"
        raise UnreadableError(f"there is no format {form!r}; {hint}")
    if not ioformats[form].can_read:
        raise UnreadableError(f"the format {form!r} holds no structure that can be read")
    return form


def scan(content: Content, form: str, types: lammps.Types | None) -> Iterator[Pending]:
    """Yield every frame of a content; those of long trajectories are not read yet."""
    if types is not None and not form.startswith("lammps"):
        raise UnreadableError(f"types are for LAMMPS files, and this is of the format {form}")
    if form in {"xyz", "extxyz"}:
        return xyz.scan(content.lines())
    return (keep(frame) for frame in _read_frames(content, form, types))


def _read_frames(content: Content, form: str, types: lammps.Types | None) -> Iterator[Frame]:
    if form in _SCANNED:
        yield from _SCANNED[form](content.lines())
    elif form == "vasp":
        yield from vasp.scan_poscar(content.lines(), str(content.path or ""))
    elif form == "lammps-data":
        yield from lammps.scan_data(content.lines(), types)
    elif form == "lammps-dump-text":
        yield from lammps.scan_dump(content.lines(), types)
    elif form == "sdf":
        for record in _split_records(content.lines()):
            yield from _scan_text(record, form, content)
    elif content.is_binary:
        yield from _scan_binary(content, form)
    else:
        yield from _scan_text(list(content.lines()), form, content)


def _split_records(lines: Iterable[str]) -> Iterator[list[str]]:
    """The molecules of an SDF file."""
    record: list[str] = []
    for line in lines:
        if line.startswith("$$$$"):
            yield record
            record = []
        else:
            record.append(line)
    if any(line.strip() for line in record):
        yield record


def _scan_text(lines: list[str], form: str, content: Content) -> Iterator[Frame]:
    try:
        count = _announced(lines, form)
        if count is not None:
            rows = _count_rows(lines, form)
            if count > len(lines) or rows > count:
                raise UnreadableError(
                    f"it announces {count} atoms and has {rows or len(lines)} lines"
                )
        if form in _REFUSED and (
            match := re.search(_REFUSED[form], "\n".join(lines), re.MULTILINE)
        ):
            raise UnreadableError(f"{match[0].strip()!r} is not read; convert the file")
        if form in _END and not any(re.match(_END[form], line) for line in lines):
            raise UnreadableError("it has no end behind its atoms; is the file complete?")
        lines, notes = _resolve_labels(lines, form)
    except UnreadableError as error:
        yield Frame(problem=str(error))
        return
    settings = _SETTINGS.get(form, {})
    text = "\n".join([*lines, ""])
    for found in parse_all(text, form, path=str(content.path or content.name), **settings):
        if count is not None and found.atoms is not None and len(found.atoms) != count:
            yield Frame(problem=f"it announces {count} atoms and has {len(found.atoms)}")
        else:
            yield replace(found, notes=(*notes, *found.notes))


def _announced(lines: list[str], form: str) -> int | None:
    """How many atoms the file says that it has, as ASE reads it: 5, +5 or 1_000."""
    number, pattern = _COUNT.get(form, (0, None))
    if pattern is None or number >= len(lines):
        return None
    text = "\n".join(lines) if number < 0 else lines[number]
    match = re.search(pattern, text) if number < 0 else re.match(pattern, text)
    return abs(int(match[1])) if match and match[1].strip() else None


def _count_rows(lines: list[str], form: str) -> int:
    """How many lines are atoms, in formats in which they can be told from others."""
    pattern = re.compile(_LABEL.get(form, r"(?!)"))
    return sum(bool(pattern.match(line)) for line in lines)


def _resolve_labels(lines: list[str], form: str) -> tuple[list[str], list[str]]:
    """The lines with symbols of elements, and notes."""
    labels: dict[str, str] = {}

    def read_label(label: str, number: int) -> str:
        try:
            labels[label] = labels.get(label) or resolve(label)
        except ValueError as error:
            raise UnreadableError(f"line {number}: {error}") from error
        return labels[label]

    read = list(lines)
    if form == "gen" and len(lines) > _GEN_SYMBOLS:
        words = lines[_GEN_SYMBOLS].split()
        read[_GEN_SYMBOLS] = " ".join(read_label(word, _GEN_SYMBOLS + 1) for word in words)
    elif form in _LABEL:
        pattern = re.compile(_LABEL[form])
        for k, line in enumerate(lines):
            if match := pattern.match(line):
                read[k] = match[1] + read_label(match[2], k + 1) + line[match.end(2) :]
    if form == "turbomole":  # it asks for lower case
        labels = {label: symbol for label, symbol in labels.items() if label != symbol.lower()}
    return read, describe(labels)


def _scan_binary(content: Content, form: str) -> Iterator[Frame]:
    """Yield frames one after the other: a trajectory can be larger than the memory."""
    if content.path is None or content.damage or content.path.name != content.name:
        return parse_all(content.read(), form, path=content.name)
    return read_all(str(content.path), form)
