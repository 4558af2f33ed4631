"""Formats of files: detection, and the frames that a file contains."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from itertools import islice
from typing import Any

from sensitivity.structures.files import biomolecules, cif, lammps, sources, vasp, xyz
from sensitivity.structures.files.ase_frames import (
    Frame,
    Pending,
    count_frames,
    keep,
    parse_all,
    read_all,
)
from sensitivity.structures.files.elements import Labels, describe
from sensitivity.structures.files.sources import Content, Lines, Types, UnreadableError

_FLOAT = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?"
_THREE = rf"{_FLOAT}\s+{_FLOAT}\s+{_FLOAT}"
_INTEGER = r"[-+]?[\d_]+"


@dataclass(frozen=True)
class _Format:
    """Properties of a format beyond ASE's; the pattern ``(?!)`` matches nothing."""

    scan: Callable[[Lines], Iterator[Pending]] | None = None  # splits a file instead of ASE
    sign: str = r"(?!)"  # beginning of a file whose name does not give its format
    clear: bool = False  # if no other format has the sign, which then overrides an ending like .dat
    label: str = r"(?!)"  # a line with one atom: the text before its label, and the label
    symbols: int | None = None  # the line, from 0, that holds the symbols of all atoms
    # How many atoms follow, at the beginning of a line, from 0, or anywhere: ASE would read fewer,
    # or search for each that is missing.
    count: tuple[int | None, str] = (None, r"(?!)")
    refused: str = r"(?!)"  # content that changes the structure, skipped silently by ASE
    end: str = ""  # end mark of a complete file without a number of atoms
    split: sources.Split | None = None  # splits a text into records, before ASE reads each of them
    settings: Mapping[str, Any] = field(default_factory=dict)  # for ASE's reader


_MOL = _Format(label=rf"(\s*{_THREE}\s+)([A-Za-z]\S*)", count=(3, r"([ \d]{3})"), refused="V3000")

# By ASE's names. If several signs match, the first counts.
_FORMATS = {
    "lammps-dump-text": _Format(lammps.scan_dump, sign=r"ITEM: TIMESTEP"),
    "lammps-data": _Format(
        lammps.scan_data,
        sign=r"(?ms).{0,2000}?^\s*\d+\s+atoms\s*(#.*)?$.{0,4000}?^\s*\d+\s+atom types",
    ),
    "cif": _Format(cif.scan, sign=r"(?i)(\s*(#.*)?\n)*data_\S", clear=True),
    "proteindatabank": _Format(
        biomolecules.scan_pdb,
        sign=r"(HEADER|TITLE |REMARK|CRYST1|MODEL |ATOM  |HETATM|COMPND)",
        clear=True,
    ),
    "extxyz": _Format(xyz.scan, sign=r"\s*\d+[ \t]*\n[^\n]*\n\s*\S+\s+" + _THREE, clear=True),
    "vasp": _Format(
        vasp.scan_poscar, sign=rf"[^\n]*\n\s*{_FLOAT}\s*\n(\s*{_THREE}\s*\n){{3}}\s*\w+"
    ),
    "sdf": replace(_MOL, sign=r"([^\n]*\n){3}[ \d]{6}.*V2000", split=sources.split_molecules),
    "mol": _MOL,
    "xyz": _Format(xyz.scan),
    "gromacs": _Format(biomolecules.scan_gromacs),
    "vasp-xdatcar": _Format(vasp.scan_trajectory),
    "aims": _Format(label=rf"(\s*atom(?:_frac)?\s+{_THREE}\s+)(\S+)"),
    # ASE would start the program for a list of its keywords.
    "castep-cell": _Format(settings={"calculator_args": {"keyword_tolerance": 3}}),
    "cfg": _Format(count=(0, rf"Number of particles\s*=\s*({_INTEGER})")),
    "cube": _Format(count=(2, rf"\s*({_INTEGER})")),
    "dlp4": _Format(count=(1, rf"\s*{_INTEGER}\s+{_INTEGER}\s+({_INTEGER})")),
    "dmol-car": _Format(end=r"end"),
    "espresso-in": _Format(
        label=rf"(\s*)([A-Za-z]\S*)(?=\s+{_THREE})", count=(None, rf"(?i)\bnat\s*=\s*({_INTEGER})")
    ),
    "gaussian-in": _Format(
        label=rf"(\s*)(?!(?i:TV)\s)([A-Za-z][^\s,]*)(?=(?:\s+-?[01])?\s+{_THREE})"
    ),
    "gen": _Format(count=(0, rf"\s*({_INTEGER})"), symbols=1),
    "gromos": _Format(end=r"END"),
    "res": _Format(end=r"(END|HKLF)"),
    "runnerdata": _Format(end=r"\s*end"),
    "turbomole": _Format(
        label=rf"(\s*{_THREE}\s+)([A-Za-z]\S*)",
        refused=r"^\$coord +\S+.*|^\$(periodic|lattice|cell).*",
        end=r"\$(?!coord)",
    ),
    "xsf": _Format(label=rf"(\s*)([A-Za-z]\S*)(?=\s+{_THREE})", split=sources.split_steps),
}


def find_format(content: Content) -> str:
    """Return ASE's name of the format of a content, if ASE reads it."""
    from ase.io.formats import UnknownFileTypeError, extension2format, filetype, ioformats

    text = "\n".join(islice(content.lines(), 200))
    shown = next((f for f, each in _FORMATS.items() if re.match(each.sign, text)), "")
    if shown.startswith("lammps"):
        return shown
    named = io.BytesIO(text.encode())
    named.name = f"/dev/null/{content.name}"  # ASE checks for a folder of this name
    try:
        found = filetype(named)
    except UnknownFileTypeError:
        found = ""
    ending = extension2format.get(content.name.rsplit(".", 1)[-1].lower())
    by_ending = ending is not None and ending.name == found
    if found not in ioformats or (by_ending and shown and _FORMATS[shown].clear):
        found = shown
    if not found:
        problem = "its format is not recognized; name it with the format that ASE gives it"
        raise UnreadableError(problem)
    return check_format(found)


def check_format(form: str) -> str:
    """Return the name of a format, if ASE reads it."""
    from ase.io.formats import ioformats

    if form not in ioformats:
        near = " or ".join(get_close_matches(form, ioformats, n=2))
        hint = f"did you mean {near}?" if near else "give ASE's name of it, such as extxyz"
        raise UnreadableError(f"there is no format {form!r}; {hint}")
    if not ioformats[form].can_read:
        raise UnreadableError(f"the format {form!r} holds no structure that can be read")
    return form


def scan(content: Content, form: str, types: Types | None) -> Iterator[Pending]:
    """Yield every frame of a content; many formats are read lazily."""
    if types is not None and not form.startswith("lammps"):
        raise UnreadableError(f"types are for LAMMPS files, and this is of the format {form}")
    known = _FORMATS.get(form, _Format())
    if known.scan is not None:
        lines = Lines(
            content.lines(),
            path=str(content.path or ""),
            types=types,
            has_open_end=lambda: content.open_end,
        )
        return _guard(known.scan(lines))
    if content.is_binary:
        content.raw = None
        # One after the other: a trajectory can exceed the memory.
        if content.path is None or content.damage or content.path.name != content.name:
            return map(keep, parse_all(content.read(), form, path=content.name))
        content.frames = count_frames(str(content.path), form)
        return map(keep, read_all(str(content.path), form))
    records = known.split(content.lines()) if known.split else [(0, _read_all(content))]
    return (keep(f) for start, rows in records for f in _scan_text(rows, form, content, start))


def _read_all(content: Content) -> list[str]:
    lines = list(content.lines())
    content.raw = None
    return lines


def _guard(frames: Iterator[Pending]) -> Iterator[Pending]:
    def attempt(pending: Pending) -> Frame:
        try:
            return pending()
        except UnreadableError as error:
            return Frame(problem=str(error))

    try:
        for pending in frames:
            yield partial(attempt, pending)
    except UnreadableError as error:
        yield partial(Frame, problem=str(error))


def _scan_text(lines: list[str], form: str, content: Content, start: int) -> Iterator[Frame]:
    known = _FORMATS.get(form, _Format())
    try:
        count = _check_text(lines, known)
        lines, labels = _resolve_labels(lines, known, start + 1)
        if form == "turbomole":  # the format requires lower case
            labels = {label: symbol for label, symbol in labels.items() if label != symbol.lower()}
        text, path = "\n".join([*lines, ""]), str(content.path or content.name)
        for found in parse_all(text, form, path=path, **known.settings):
            if count is not None and found.atoms is not None:
                sources.check_count(len(found.atoms), count)
            yield replace(found, notes=(*describe(labels), *found.notes))
    except UnreadableError as error:
        yield Frame(problem=str(error))


def _check_text(lines: list[str], known: _Format) -> int | None:
    """Return the announced number of atoms; refuse a file without as many lines, or an end."""
    text = "\n".join(lines)
    line, pattern = known.count
    above = None if line is None else "\n".join(lines[line : line + 1])
    match = re.search(pattern, text) if above is None else re.match(pattern, above)
    count = abs(int(match[1])) if match and match[1].strip() else None
    if count is not None:
        rows = sum(re.match(known.label, each) is not None for each in lines)
        if count > len(lines) or rows > count:
            sources.check_count(rows or len(lines), count)
    if refused := re.search(known.refused, text, re.MULTILINE):
        raise UnreadableError(f"{refused[0].strip()!r} is not read; convert the file")
    if known.end and not any(re.match(known.end, each) for each in lines):
        raise UnreadableError("it has no end behind its atoms; is the file complete?")
    return count


def _resolve_labels(
    lines: list[str], known: _Format, first: int
) -> tuple[list[str], Mapping[str, str]]:
    labels, read = Labels(), list(lines)
    for k, line in enumerate(lines):
        if k == known.symbols:
            read[k] = " ".join(labels.read(word, line=k + first) for word in line.split())
        elif match := re.match(known.label, line):
            read[k] = match[1] + labels.read(match[2], line=k + first) + line[match.end(2) :]
    return read, labels
