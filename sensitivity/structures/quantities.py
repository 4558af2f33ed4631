"""Numbers that come with a structure, such as its energy and the forces on its atoms."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import chain, count
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array, is_number

Quantities = Mapping[str, Array]
"""By name: shape () for the structure, (N,) or (N, 3) for its N atoms."""

LONGEST = 60
"""Letters of a name; the rest is left out."""

_STRUCTURE = ("numbers", "positions")
_PER_ATOM = ("forces", "charges", "magmoms", "energies")  # of the results of calculators


def stored_quantities(atoms: Atoms) -> Quantities:
    """Return the numbers in ``info`` and ``arrays``, and the stored results of a calculator.

    Nothing is computed, and results of another geometry are left out. Of two with the same name,
    the second one has a number after its name, as in "energy (2)"; results come first.
    """
    size, found = len(atoms), dict[str, Array]()
    for name, value in _stored(atoms):
        array = np.asarray(value)
        if array.dtype.kind in "iuf" and array.shape in ((), (size,), (size, 3)):
            found[_distinguish(_name(name), found)] = array.astype(float)
    return found


def _distinguish(name: str, known: Container[str]) -> str:
    """Return a name that is not known, with a number after it if necessary."""
    numbered = (f"{name} ({number})" for number in count(2))
    return next(each for each in chain([name], numbered) if each not in known)


def _name(key: Any) -> str:
    """Return a key as one line of text that can be encoded."""
    text = str(key).encode("utf-8", "replace").decode()
    return " ".join(text.split())[:LONGEST]


def _stored(atoms: Atoms) -> Iterator[tuple[str, Any]]:
    results, check = (getattr(atoms.calc, name, None) for name in ("results", "check_state"))
    if results and check is not None and not check(atoms):
        # A stress has six numbers, also for six atoms.
        known = (each for each in results.items() if each[0] in _PER_ATOM or not np.ndim(each[1]))
        yield from known
    yield from ((name, value) for name, value in atoms.info.items() if is_number(value))
    yield from ((name, each) for name, each in atoms.arrays.items() if name not in _STRUCTURE)
