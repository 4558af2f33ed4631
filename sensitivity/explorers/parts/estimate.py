"""Estimates of the remaining time, appended to progress messages."""

from __future__ import annotations

import re
from time import monotonic

import numpy as np

_COUNT = re.compile(r"(\d+) of (\d+)")
_DECOMPOSED = re.compile(r"singular values of (\d+)")


class Estimate:
    """The remaining time, appended to sentences such as "gradients: 3 of 40 centers".

    The estimate extrapolates the rate so far. A sentence with other words, or with a smaller count,
    begins another stage. The time of "singular values of 1500 displacements" is estimated from a
    smaller matrix.
    """

    def __init__(self) -> None:
        self._stage: str | None = None
        self._first, self._last, self._since = 0, 0, 0.0

    def __call__(self, sentence: str) -> str:
        """Return the sentence with the remaining time, if it can be estimated."""
        found, stage = _COUNT.search(sentence), _COUNT.sub("", sentence)
        if found is None:
            size = _DECOMPOSED.search(sentence)
            return sentence + time_left(decomposition_time(int(size[1])) if size else 0.0)
        done, total = map(int, found.groups())
        if stage != self._stage or done < self._last:
            self._stage, self._first, self._since = stage, done, monotonic()
        self._last = done
        if done == self._first:
            return sentence
        rate = (monotonic() - self._since) / (done - self._first)
        return f"{sentence}{time_left(rate * (total - done))}"


def time_left(seconds: float) -> str:
    """Return the remaining time as text; empty below two seconds."""
    if seconds < 2:
        return ""
    rounded = round(seconds) if seconds < 10 else 5 * round(seconds / 5)
    return f", about {rounded} s left" if rounded < 90 else f", about {seconds / 60:.0f} min left"


def decomposition_time(count: int, *, sample: int = 200) -> float:
    """Estimate the time of the singular values of ``count`` displacements, in seconds.

    The eigenvalues of a smaller matrix are timed and scaled by the cube of the size. For a large
    matrix this overestimates, which compensates for the other steps of ``spectrum``.
    """
    if count <= 2 * sample:
        return 0.0
    matrix = np.random.default_rng(0).normal(size=(sample, sample))
    start = monotonic()
    np.linalg.eigh(matrix + matrix.T)
    return (monotonic() - start) * (count / sample) ** 3
