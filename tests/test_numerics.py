"""Distinct rows, without what numpy makes of Ctrl-C."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import sensitivity
from sensitivity.numerics import unique_rows


@pytest.mark.parametrize("shape", [(200, 3), (40, 1), (1, 4), (0, 2)])
def test_distinct_rows_are_those_of_numpy(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(0).integers(-2, 3, size=shape)
    first, number = unique_rows(rows)
    expected = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    np.testing.assert_array_equal(rows[first], expected[0])
    np.testing.assert_array_equal(first, expected[1])
    np.testing.assert_array_equal(number, expected[2].ravel())


def test_rows_are_compared_in_no_other_way() -> None:
    """``np.unique`` with an axis swallows a KeyboardInterrupt."""
    package = Path(sensitivity.__file__).parent
    call = re.compile(r"np\.unique\([^\n]*\baxis=")
    assert not [path for path in package.rglob("*.py") if call.search(path.read_text("utf-8"))]
