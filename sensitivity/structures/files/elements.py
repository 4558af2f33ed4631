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
_MOST_SHOWN = 6  # labels in one note

# In names of atoms such as CA, HG or NE the second letter often says where the atom is bonded, so
# that CA is an alpha carbon as well as calcium, and CH3 is a group.
_ORGANIC = frozenset("CHNO")
_POSITIONS = frozenset("ABCDEFGHMNOPSZ")


def resolve(label: str) -> str:
    """Return the symbol of the element that a label stands for, where only one is possible.

    A label is a symbol, an atomic number, D or T, or a symbol with a number or a comment, such as
    N1, Fe3+, Fe_pv or OW. X is what ASE calls a dummy atom.

    Raises
    ------
    ValueError
        If it stands for no element, or for one of several.
    """
    if re.fullmatch(r"[+-]?\d+", label):
        return _from_number(label)
    match = re.match(r"\d*([A-Za-z]+)(?![^\W\d_])", label)  # not a part of a word in other letters
    letters = match.group(1) if match else ""
    if label in _DUMMIES:
        return DUMMY
    found = _candidates(letters)
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
    if letters in atomic_numbers or letters.upper() in _ISOTOPES:
        return {_ISOTOPES.get(letters.upper(), letters)}
    if letters.islower() or len(letters) < 2:
        return {letters.capitalize()} & atomic_numbers.keys()
    first, pair = letters[0].upper(), letters[:2].capitalize()
    whole = {pair} & atomic_numbers.keys() if len(letters) == 2 or letters[1].islower() else set()
    if first in _ORGANIC and letters[1] == "H":  # CH3, NH2, OH: a group, or one of its atoms
        return {first, "H"}
    if first in _ORGANIC and letters[1] in _POSITIONS:  # in capitals
        return {first} | ({pair} & atomic_numbers.keys())
    return whole or {first} & _ORGANIC


def describe(labels: Mapping[str, str]) -> list[str]:
    """Return what was read as which element, as notes; equal and lower-case symbols need none."""
    read: dict[str, list[str]] = {}
    for label, symbol in labels.items():
        if label not in {symbol, symbol.lower()}:
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
