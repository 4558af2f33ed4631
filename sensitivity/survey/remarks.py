"""Remarks on a descriptor, each kind told once."""

from __future__ import annotations

import re
from collections.abc import Iterable


def distinct(remarks: Iterable[str]) -> tuple[str, ...]:
    """Return the first of the remarks that differ in their numbers only."""
    first: dict[str, str] = {}
    for remark in remarks:
        first.setdefault(re.sub(r"\d\S*", "", remark), remark)
    return tuple(first.values())
