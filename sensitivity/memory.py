"""Check of the memory that a computation needs, before it is allocated."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil


def require_memory(size: float, *, purpose: str, remedy: str) -> None:
    """Raise a ValueError if ``size`` bytes, needed for a purpose, exceed the free memory."""
    small = 64e6  # querying free memory takes 30 µs, too long for less
    if size <= small:
        return
    free = _free()
    if size > free:
        raise ValueError(
            f"{purpose} need {size / 1e9:.3g} GB of memory, and {free / 1e9:.3g} GB are free; "
            f"{remedy}."
        )


def _free() -> float:
    free = [float(psutil.virtual_memory().available)]
    # Memory limit of a container on Linux, such as a Binder session.
    container = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # no such file, or the word "max"
        limit, used = container / "memory.max", container / "memory.current"
        free.append(float(limit.read_text()) - float(used.read_text()))
    # Memory limit of the process, such as that of the app (``app/process.py``).
    with suppress(ModuleNotFoundError):  # on Windows
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_DATA)
        if most != resource.RLIM_INFINITY:
            free.append(float(most - psutil.Process().memory_info().data))
    return min(free)
