"""Settings of all tests, and of the kernels of the notebooks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before numpy is imported, and handed down to the processes that tests start: with more threads
# than matrices of this size deserve, BLAS is slower, and several times slower on a busy machine.
for name in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
):
    os.environ[name] = "1"

BROWSER = Path(__file__).parent / "browser"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser last: its event loop runs until the end, and no other test may meet it."""
    items.sort(key=lambda item: BROWSER in item.path.parents)
