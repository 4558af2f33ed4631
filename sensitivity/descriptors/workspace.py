"""Memory for intermediate results, which is used again."""

from __future__ import annotations

import threading
from itertools import accumulate, pairwise
from math import prod

import numpy as np

from sensitivity.numerics import Array


class _Workspace(threading.local):
    """One buffer per thread, reused for the arrays that it hands out.

    First access to fresh memory costs about 1 µs per page of 4 KiB, several times the arithmetic
    done on it, and freed memory returns to the system at once.
    """

    _buffer = np.empty(0)

    def arrays(self, *shapes: tuple[int, ...]) -> list[Array]:
        """Return uninitialised arrays of these shapes; the next call reuses the same memory."""
        edges = [0, *accumulate(prod(shape) for shape in shapes)]
        buffer = self._buffer if edges[-1] <= len(self._buffer) else np.empty(edges[-1])
        if buffer.nbytes <= 2**24:  # larger buffers are not kept
            self._buffer = buffer
        parts = zip(pairwise(edges), shapes, strict=True)
        return [buffer[start:end].reshape(shape) for (start, end), shape in parts]


workspace = _Workspace()
