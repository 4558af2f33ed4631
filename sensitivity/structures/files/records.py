"""Records of a text that holds several structures, each with the number of its first line, from 0.

A bad one then keeps no other from being read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

Split = Callable[[Iterable[str]], Iterator[tuple[int, list[str]]]]


def split_nothing(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield all lines as one record."""
    yield 0, list(lines)


def split_molecules(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the molecules of an SDF file."""
    start, record = 0, list[str]()
    for number, line in enumerate(lines, 1):
        if line.startswith("$$$$"):
            yield start, record
            start, record = number, []
        else:
            record.append(line)
    if any(line.strip() for line in record):
        yield start, record


def split_steps(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the steps of an XSF file, each below the last cell; one that is missing is cut off."""
    rows = list(lines)
    first = next((row.split() for row in rows if re.match(r"\s*[^#\s]", row)), [""])
    starts = [k for k, row in enumerate(rows) if re.match(r"\s*(PRIMVEC|PRIMCOORD|ATOMS)\b", row)]
    if first[0] != "ANIMSTEPS" or not starts:
        yield 0, rows
        return
    head = above = [row for row in rows[: starts[0]] if "ANIMSTEPS" not in row]
    steps = 0
    for begin, end in pairwise([*starts, len(rows)]):
        if rows[begin].split()[0] == "PRIMVEC":
            above = [*head, *rows[begin:end]]
        else:
            steps += 1
            yield begin - len(above), [*above, *rows[begin:end]]
    if first[1:] != [str(steps)]:
        yield len(rows), above
