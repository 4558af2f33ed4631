"""Tables no wider than a terminal, and JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from math import isfinite
from textwrap import wrap
from typing import Any

import numpy as np
from ase import Atoms

from sensitivity.numerics import Array

Json = dict[str, Any]
# Characters per line: the usual width of a terminal.
WIDTH = 80


def tabulate(head: list[str], body: list[list[str]], *, right: tuple[int, ...]) -> str:
    """Return a table as text; columns ``right`` are right-aligned, the widest texts are wrapped."""
    natural = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    gap = 2 if sum(natural) + 2 * (len(head) - 1) <= WIDTH else 1
    widths = _narrow(natural, [head, *body], right, room=WIDTH - gap * (len(head) - 1))
    lines = []
    for row in [head, *body]:
        cells = [wrap_text(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            aligned = (
                part.rjust(width) if column in right else part.ljust(width)
                for column, (part, width) in enumerate(zip(parts, widths, strict=True))
            )
            lines.append((" " * gap).join(aligned).rstrip())
    return "\n".join(lines)


def _narrow(
    widths: list[int], rows: list[list[str]], right: tuple[int, ...], *, room: int
) -> list[int]:
    """Return the widths of columns, with text columns narrowed as far as their words allow."""
    columns = zip(*rows, strict=True)
    words = [max(len(word) for word in ["", *" ".join(column).split()]) for column in columns]
    widths = list(widths)
    while sum(widths) > room:
        texts = [k for k in range(len(widths)) if k not in right and widths[k] > words[k]]
        if not texts:
            break
        widths[max(texts, key=lambda k: widths[k])] -= 1
    return widths


def wrap_text(text: str, width: int = WIDTH) -> list[str]:
    """Return the lines of a text; words, which may be paths, are not broken."""
    return wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]


def as_json(value: Any) -> Any:
    """Return a value, also a nested one, for JSON; numbers that are not finite become None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return value


def pick(result: object, *names: str, **renamed: str) -> Json:
    """Return attributes of a result for JSON, ``renamed`` ones under the name of the keyword."""
    attributes = {**{name: name for name in names}, **renamed}
    return {key: as_json(getattr(result, name)) for key, name in attributes.items()}


def find_moving(displacements: Array) -> list[tuple[int, float]]:
    """Return the atoms that move most, and their fractions of the squared displacement.

    They carry 90 % of it, but are at most four: the other atoms of a collective mode are left out.
    A displacement of zero, as after a search that ended early, has none.
    """
    shares = np.sum(np.asarray(displacements) ** 2, axis=1)
    if not shares.any():
        return []
    shares = shares / shares.sum()
    # Rounded, so that equivalent atoms are listed in the order of the structure.
    order = np.argsort(-np.round(shares, 6), kind="stable")
    count = 1 + int(np.searchsorted(np.cumsum(shares[order]), 0.9))
    return [(int(atom), float(shares[atom])) for atom in order[: min(count, 4)]]


def describe_moving(displacements: Array) -> Json:
    """Return a displacement and the atoms that it moves most, for JSON."""
    atoms = [atom for atom, _ in find_moving(displacements)]
    return {"displacements": as_json(np.asarray(displacements)), "atoms": atoms}


def name_moving(atoms: Atoms, displacements: Array, *, shares: bool = False) -> str:
    """Return the atoms that move most in one line, with percentages if wanted."""
    texts = (f"{atoms.symbols[k]}{k} {share:.0%}" for k, share in find_moving(displacements))
    return " ".join(texts if shares else (text.split()[0] for text in texts))


def choose_lines(count: int, *, most: int = 11) -> Sequence[int]:
    """Return at most ``most`` of ``count`` line numbers, evenly spaced, with both ends."""
    lines: list[int] = np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
    return lines
