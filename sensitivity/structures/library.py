"""All structures that have a name: of the literature, crystals, and the molecules of G2."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import cache, partial
from importlib import import_module

from ase import Atoms

from sensitivity.structures.literature import ENVIRONMENTS, Entry


def _made_by(function: str, *arguments: str, **settings: float | str) -> Callable[[], Atoms]:
    """A builder that calls a function of ase.build, which takes a quarter of a second to import."""
    return lambda: getattr(import_module("ase.build"), function)(*arguments, **settings)


_bulk = partial(_made_by, "bulk")

# A crystal's name carries its lattice, because "Si" and "NaCl" are molecules of G2. Lengths in Å.
_CRYSTALS = {
    "Si-diamond": Entry("silicon, cubic cell", _bulk("Si", "diamond", a=5.43, cubic=True)),
    "C-diamond": Entry("diamond, primitive cell", _bulk("C", "diamond", a=3.57)),
    "Al-fcc": Entry("aluminium, primitive cell", _bulk("Al", "fcc", a=4.05)),
    "NaCl-rocksalt": Entry("rock salt, cubic cell", _bulk("NaCl", "rocksalt", a=5.64, cubic=True)),
    "graphene": Entry("one layer, periodic in two directions", _made_by("graphene", a=2.46)),
}


@cache
def _entries() -> dict[str, Entry]:
    from ase.collections import g2

    summary = "molecule of the G2 set"
    molecules = {name: Entry(summary, _made_by("molecule", name)) for name in g2.names}
    return {**ENVIRONMENTS, **_CRYSTALS, **molecules}


def names() -> tuple[str, ...]:
    """Return the names that ``load`` knows: literature, crystals, G2."""
    return tuple(_entries())


def load(name: str) -> Atoms:
    """Return the structure of this name, made anew at every call, positions in Å.

    Sources: ``sensitivity.structures.literature`` for the environments of known rank. The
    molecules are those of the G2 set as ASE ships them (``ase.build.molecule``).

    Raises TypeError if the name is not a string, and ValueError, with the nearest names, if there
    is no such structure.
    """
    return _find(name).build()


def summarize(name: str) -> str:
    """Return one line that says what the structure of this name is; errors as of ``load``."""
    return _find(name).summary


def _find(name: str) -> Entry:
    if not isinstance(name, str):
        raise TypeError(f"name must be a string such as 'CH4', got {name!r}.")
    entry = _entries().get(name)
    if entry is None:
        near = " or ".join(_nearest(name))
        other = "see structures.names(), or 'sensitivity structures'."
        remedy = f"did you mean {near}?" if near else other
        raise ValueError(f"there is no structure named {name!r}; {remedy}")
    return entry


def _nearest(name: str) -> list[str]:
    """At most three names like this one, whatever its case; none for punctuation alone."""
    if not any(map(str.isalnum, name)):
        return []
    folded: dict[str, list[str]] = {}
    for known in _entries():
        folded.setdefault(known.lower(), []).append(known)
    if exact := folded.get(name.strip().lower()):
        return exact
    close = get_close_matches(name.lower(), folded, n=3)
    return [known for match in close for known in folded[match]][:3]
