"""All structures that have a name: of the literature, crystals, and the molecules of G2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import MappingProxyType

from ase import Atoms

from sensitivity.structures.literature import ENVIRONMENTS, Entry


def _made_by(function: str, *arguments: str, **settings: float | str) -> Callable[[], Atoms]:
    """A builder that calls a function of ase.build, which takes a quarter of a second to import."""

    def build() -> Atoms:
        atoms: Atoms = getattr(import_module("ase.build"), function)(*arguments, **settings)
        return atoms

    return build


# A crystal's name carries its lattice, because "Si" and "NaCl" are molecules of G2. Lengths in Å.
_CRYSTALS: dict[str, Entry] = {
    "Si-diamond": Entry(
        "silicon, cubic cell", _made_by("bulk", "Si", "diamond", a=5.43, cubic=True)
    ),
    "C-diamond": Entry("diamond, primitive cell", _made_by("bulk", "C", "diamond", a=3.57)),
    "Al-fcc": Entry("aluminium, primitive cell", _made_by("bulk", "Al", "fcc", a=4.05)),
    "NaCl-rocksalt": Entry(
        "rock salt, cubic cell", _made_by("bulk", "NaCl", "rocksalt", a=5.64, cubic=True)
    ),
    "graphene": Entry("one layer, periodic in two directions", _made_by("graphene", a=2.46)),
}


@cache
def _entries() -> Mapping[str, Entry]:
    from ase.collections import g2

    molecules = {
        name: Entry("molecule of the G2 set", _made_by("molecule", name)) for name in g2.names
    }
    return MappingProxyType({**ENVIRONMENTS, **_CRYSTALS, **molecules})


def names() -> tuple[str, ...]:
    """Return the names that ``load`` knows: literature, crystals, G2."""
    return tuple(_entries())


def load(name: str) -> Atoms:
    """Return the structure of this name, made anew at every call, positions in Å.

    Sources: ``sensitivity.structures.literature`` for the environments of known rank. The
    molecules are those of the G2 set as ASE ships them (``ase.build.molecule``).

    Raises
    ------
    TypeError
        If the name is not a string.
    ValueError
        If there is no such structure; the message gives the nearest names.
    """
    return _find(name).build()


def summarize(name: str) -> str:
    """Return one line that says what the structure of this name is.

    Raises
    ------
    TypeError, ValueError
        As ``load`` does.
    """
    return _find(name).summary


def _find(name: str) -> Entry:
    if not isinstance(name, str):
        raise TypeError(f"name must be a string such as 'CH4', got {name!r}.")
    entry = _entries().get(name)
    if entry is None:
        near = _nearest(name)
        remedy = (
            f"did you mean {' or '.join(near)}?"
            if near
            else "see structures.names(), or 'sensitivity structures'."
        )
        raise ValueError(f"there is no structure named {name!r}; {remedy}")
    return entry


def _nearest(name: str) -> list[str]:
    """At most three names like this one, whatever its case; none for punctuation alone."""
    if not any(map(str.isalnum, name)):
        return []
    folded: dict[str, list[str]] = {}
    for known in _entries():
        folded.setdefault(known.lower(), []).append(known)
    exact = folded.get(name.strip().lower())
    if exact:
        return exact
    close = get_close_matches(name.lower(), folded, n=3)
    return [known for match in close for known in folded[match]][:3]
