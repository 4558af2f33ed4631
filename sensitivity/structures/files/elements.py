"""Chemical elements for the labels that files use for atoms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ase.data import atomic_numbers, chemical_symbols

from sensitivity.structures.files.sources import UnreadableError
from sensitivity.structures.validation import HEAVIEST

DUMMY = "X"  # ASE's symbol of an atom without an element, of atomic number 0

RESIDUES = frozenset(
    (
        *("ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE", "LEU", "LYS"),
        *("MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL"),
        *("A", "C", "G", "U", "I", "DA", "DC", "DG", "DT", "DU", "HOH", "WAT", "SOL", "TIP3"),
    )
)
"""Residues whose atoms have names that begin with their element: C, H, N, O, P or S."""

_ISOTOPES = {"D": "H", "T": "H"}


class Labels(dict[str, str]):
    """The symbols of the labels of a frame, each resolved once."""

    def read(self, label: str, *, line: int | None = None) -> str:
        """Return the symbol of a label, as ``resolve`` does."""
        if label not in self:
            self[label] = resolve(label, line=line)
        return self[label]


def resolve(label: str, *, line: int | None = None) -> str:
    """Return the symbol of the element that a label stands for, where only one is possible.

    A label is a symbol, an atomic number, D or T, or a symbol with a number or a comment, such as
    N1, D1, Fe3+, Fe_pv or OW. X is ASE's dummy atom. Raises UnreadableError if it stands for no
    element, or for one of several.
    """
    found, problem = set[str](), f"{label!r} is not the symbol of an element"
    if re.fullmatch(r"[+-]?\d+", label):
        problem = f"{int(label)} is not an atomic number from 1 to {HEAVIEST}"
        found.update(chemical_symbols[n] for n in {int(label)} if 1 <= n <= HEAVIEST)
    elif re.match(r"@|(?i:.*(bq|gh|ghost)\b)|.*:", label):
        problem = f"{label!r} is a ghost atom, not an element"
    elif match := re.match(r"\d*([A-Za-z]+)(?![^\W\d_])", label):  # not part of a longer word
        found = _candidates(match[1], whole=match[1] == label)
        if len(found) > 1:
            names = " or ".join(sorted(found))
            problem = f"{label!r} could be {names}; write the symbol of the element"
    if len(found) != 1:
        raise UnreadableError(problem if line is None else f"line {line}: {problem}")
    return found.pop()


def _candidates(letters: str, *, whole: bool) -> set[str]:
    """Return the elements that these letters, the beginning or all of a label, can mean.

    In atom names such as CA, HG or PB the second letter gives the bonding position, so CA is an
    alpha carbon as well as calcium; and CH3 is a group.
    """
    if letters in atomic_numbers or letters == "D" or (whole and letters in _ISOTOPES):
        return {_ISOTOPES.get(letters, letters)}
    if len(letters) != 2:
        return {letters.upper()} & atomic_numbers.keys()
    first, pair = letters[0].upper(), letters.capitalize()
    # Elements beyond uranium need exact capitals: SG is a gamma sulphur.
    natural = {pair} if 0 < atomic_numbers.get(pair, 0) <= atomic_numbers["U"] else set()
    if letters.islower() or first not in "CHNOPS":
        return natural
    if letters[1] == "H":  # CH3, NH2, OH: a group, or one of its atoms
        return {first, "H"}
    return {first} | natural if letters[1] in "ABCDEFGHMNOPSZ" else natural or {first}


def describe(labels: Mapping[str, str]) -> list[str]:
    """Return notes on the elements read for labels."""
    read: dict[str, list[str]] = {}
    for label, symbol in labels.items():
        if label != symbol:
            read.setdefault(symbol, []).append(label)
    notes = [f"{join_names(names)} read as {symbol}" for symbol, names in read.items()]
    if DUMMY in labels.values():
        notes.append("X is read as a dummy atom, of no element")
    return notes


def join_names(names: Iterable[str]) -> str:
    """Return names in one phrase, at most six of them."""
    given = list(dict.fromkeys(names))
    return ", ".join(given[:6]) + (f" and {len(given) - 6} more" if len(given) > 6 else "")
