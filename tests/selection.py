"""Parametrizations of which the fast run takes a part, and the slow run all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def mostly_slow(values: Iterable[Any], *, fast: Collection[Any]) -> list[Any]:
    """Parameters of which all but the fast ones are marked as slow; each fast one has to exist."""
    values = list(values)
    assert all(value in values for value in fast)
    return [value if value in fast else slow(value) for value in values]


def slow(value: Any) -> Any:
    """A parameter, or a tuple of several, that the fast run leaves out."""
    values = value if isinstance(value, tuple) else (value,)
    return pytest.param(*values, marks=pytest.mark.slow)
