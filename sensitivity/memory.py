"""Refuse what would not fit into memory, before it is allocated."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil


def require_memory(size: float, *, purpose: str, remedy: str) -> None:
    """Raise a ValueError if ``size`` bytes, needed for a purpose, are more than are free."""
    small = 64e6  # asking for the free memory takes 30 µs, which is not worth it below
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
    # Linux tells a container, such as a Binder session, about its memory.
    container = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # no such file, or the word "max"
        limit, used = container / "memory.max", container / "memory.current"
        free.append(float(limit.read_text()) - float(used.read_text()))
    # A process may have a limit, as that of the app (``app/process.py``).
    with suppress(ModuleNotFoundError):  # on Windows
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_DATA)
        if most != resource.RLIM_INFINITY:
            free.append(float(most - psutil.Process().memory_info().data))
    return min(free)
