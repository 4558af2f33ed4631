"""Columns of text, and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray

# The atoms listed for a mode carry this fraction of its squared displacement, but are at most so
# many: the rest of a collective mode is summed up.
_MOVING, _MOST_ATOMS = 0.9, 4
# Characters of a line of text: no wider than the table of a small molecule.
_WIDTH = 100


def tabulate(head: list[str], body: list[list[str]], *, right: tuple[int, ...]) -> str:
    """Return lines of text; columns are as wide as they need be, those of numbers to the right."""
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *body]
    ]
    return "\n".join(lines)


def break_lines(lines: Sequence[str]) -> list[str]:
    """Return lines of text no wider than a terminal; no word is broken, as a path may be one."""
    parts = (wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False) for line in lines)
    return [part for line in parts for part in line or [""]]


def finite(value: float) -> float | None:
    """Return the number, or None for one that JSON does not have."""
    return float(value) if isfinite(value) else None


def find_moving(displacements: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Return the atoms that move most, and their fractions of the squared displacement."""
    shares = np.sum(displacements**2, axis=1)
    shares = shares / shares.sum()
    # Rounded, so that equivalent atoms are listed in the order of the structure.
    order = np.argsort(-np.round(shares, 6), kind="stable")
    count = 1 + int(np.searchsorted(np.cumsum(shares[order]), _MOVING))
    return [(int(atom), float(shares[atom])) for atom in order[: min(count, _MOST_ATOMS)]]
