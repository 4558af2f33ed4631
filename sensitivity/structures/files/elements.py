"""Chemical elements behind the labels that files use for atoms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ase.data import atomic_numbers, chemical_symbols

from sensitivity.structures.validation import HEAVIEST

DUMMY = "X"
"""ASE's symbol of an atom without an element, of atomic number 0."""

_DUMMIES = frozenset({"X", "x"})
_ISOTOPES = {"D": "H", "T": "H"}
RESIDUES = frozenset(
    (
        *("ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE", "LEU", "LYS"),
        *("MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL"),
        *("A", "C", "G", "U", "I", "DA", "DC", "DG", "DT", "DU", "HOH", "WAT", "SOL", "TIP3"),
    )
)
"""Residues whose atoms have names that begin with their element: C, H, N, O, P or S."""

_MOST_SHOWN = 6  # labels in one note

# In names of atoms such as CA, HG or PB the second letter says where the atom is bonded, so that CA
# is an alpha carbon as well as calcium; and CH3 is a group.
_BONDED = frozenset("CHNOPS")
_POSITIONS = frozenset("ABCDEFGHMNOPSZ")
_GHOST = re.compile(r"@|(?i:.*(bq|gh|ghost)\b)|.*:")
_LAST_NATURAL = 92  # heavier elements need their own spelling: SG is a gamma sulphur


def resolve(label: str) -> str:
    """Return the symbol of the element that a label stands for, where only one is possible.

    A label is a symbol, an atomic number, D or T, or a symbol with a number or a comment, such as
    N1, D1, Fe3+, Fe_pv or OW. X is what ASE calls a dummy atom.

    Raises
    ------
    ValueError
        If it stands for no element, or for one of several.
    """
    if re.fullmatch(r"[+-]?\d+", label):
        return _from_number(label)
    if label in _DUMMIES:
        return DUMMY
    if _GHOST.match(label):
        raise ValueError(f"{label!r} is a ghost atom, not an element")
    match = re.match(r"\d*([A-Za-z]+)(?![^\W\d_])", label)  # not a part of a word in other letters
    letters = match.group(1) if match else ""
    found = {_ISOTOPES[label]} if label in _ISOTOPES else _candidates(letters)
    if len(found) > 1:
        names = " or ".join(sorted(found))
        raise ValueError(f"{label!r} could be {names}; write the symbol of the element")
    if not found:
        raise ValueError(f"{label!r} is not the symbol of an element")
    return found.pop()


def _from_number(label: str) -> str:
    number = int(label)
    if not 1 <= number <= HEAVIEST:
        raise ValueError(f"{number} is not an atomic number from 1 to {HEAVIEST}")
    return str(chemical_symbols[number])


def _candidates(letters: str) -> set[str]:
    """The elements that these letters at the beginning of a label can mean."""
    if letters in atomic_numbers or letters == "D":
        return {_ISOTOPES.get(letters, letters)}
    if len(letters) != 2:
        return {letters.upper()} & atomic_numbers.keys()
    first, pair = letters[0].upper(), letters.capitalize()
    whole = {pair} if 0 < atomic_numbers.get(pair, 0) <= _LAST_NATURAL else set()
    if letters.islower() or first not in _BONDED:
        return whole
    if letters[1] == "H":  # CH3, NH2, OH: a group, or one of its atoms
        return {first, "H"}
    return {first} | whole if letters[1] in _POSITIONS else whole or {first}


def describe(labels: Mapping[str, str]) -> list[str]:
    """Return what was read as which element, as notes."""
    read: dict[str, list[str]] = {}
    for label, symbol in labels.items():
        if label != symbol:
            read.setdefault(symbol, []).append(label)
    notes = [f"{enumerate_names(names)} read as {symbol}" for symbol, names in read.items()]
    if DUMMY in labels.values():
        notes.append("X is read as a dummy atom, of no element")
    return notes


def enumerate_names(names: Iterable[str]) -> str:
    """Return names in one phrase, at most a few of them."""
    given = list(dict.fromkeys(names))
    rest = len(given) - _MOST_SHOWN
    return ", ".join(given[:_MOST_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
