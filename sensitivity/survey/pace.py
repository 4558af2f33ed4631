"""The pace of a survey: how much is done, the rate, and the time that is left."""

from __future__ import annotations

from math import isnan, nan
from time import perf_counter


class Pace:
    """Count of what was done since the start."""

    def __init__(self) -> None:
        self._start = perf_counter()
        self._frames = self._environments = 0
        self._left = nan

    def add(self, *, frames: int, environments: int, left: float) -> None:
        """Count a part, after which at most some frames are left."""
        self._frames += frames
        self._environments += environments
        self._left = left if isnan(self._left) else min(self._left, left)

    def __str__(self) -> str:
        seconds = perf_counter() - self._start
        rate = self._environments / seconds
        done = f"{self._environments} environments of {self._frames} frames, {rate:.0f} per second"
        if isnan(self._left):
            return done
        return f"{done}, {_describe(seconds * self._left / self._frames)} left"


def _describe(seconds: float) -> str:
    for unit, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 1.5 * unit:
            return f"{seconds / unit:.2g} {name}"
    return f"{seconds:.0f} s"
