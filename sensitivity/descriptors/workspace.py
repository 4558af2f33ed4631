"""Memory that is used again.

The first touch of fresh memory costs about 1 µs per page of 4 KiB, which is several times the
arithmetic that is then done on it, and what is freed goes back to the system at once.
"""

from __future__ import annotations

import threading
from itertools import accumulate
from math import prod

import numpy as np
from numpy.typing import NDArray


class _Workspace(threading.local):
    """One buffer per thread, from which arrays are handed out."""

    def __init__(self) -> None:
        self._buffer = np.empty(0)

    def arrays(self, *shapes: tuple[int, ...]) -> list[NDArray[np.float64]]:
        """Return uninitialised arrays of these shapes; the next call hands out the same memory."""
        ends = list(accumulate(prod(shape) for shape in shapes))
        buffer = self._buffer if ends[-1] <= len(self._buffer) else np.empty(ends[-1])
        if buffer.nbytes <= 2**24:  # more is not kept
            self._buffer = buffer
        starts = [0, *ends[:-1]]
        return [
            buffer[start:end].reshape(shape)
            for start, end, shape in zip(starts, ends, shapes, strict=True)
        ]


workspace = _Workspace()
