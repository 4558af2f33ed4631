"""Refuse what would not fit into memory, before it is allocated."""

from __future__ import annotations

from math import inf
from pathlib import Path

import psutil


def require_memory(size: float, *, purpose: str, remedy: str) -> None:
    """Raise a ValueError that tells the size if ``size`` bytes are more than are free.

    It says the ``purpose``, what needs the memory, and the ``remedy``, what to do about it.
    """
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
    free = float(psutil.virtual_memory().available)
    limit, used = _read("memory.max"), _read("memory.current")
    if limit is not None and used is not None:
        free = min(free, limit - used)
    return min(free, _free_of_process())


def _free_of_process() -> float:
    """Memory that a limit on this process leaves, as the one of the app (``app/process.py``)."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return inf
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if limit == resource.RLIM_INFINITY:
        return inf
    return float(limit - psutil.Process().memory_info().data)


def _read(name: str) -> float | None:
    """Read what Linux tells a container, such as a Binder session, about its memory."""
    try:
        return float((Path("/sys/fs/cgroup") / name).read_text())
    except (OSError, ValueError):  # no such file, or the word "max"
        return None
