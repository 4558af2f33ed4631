"""Refuse what would not fit into memory, before it is allocated."""

from __future__ import annotations

from math import inf
from pathlib import Path

import psutil

# Where Linux tells a container (a Binder session, for one) how much it may use, and uses.
_CGROUP = Path("/sys/fs/cgroup")

# Asking for the free memory takes 30 µs; what is smaller than this is not worth asking for.
_SMALL = 64e6


def require_memory(size: float, *, purpose: str, remedy: str) -> None:
    """Raise a ValueError that tells the size if ``size`` bytes are more than are free.

    Raises
    ------
    ValueError
        With ``purpose``, what needs the memory, and ``remedy``, what to do about it.
    """
    if size <= _SMALL:
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
    """What a limit on this process leaves, as the one of the app (``app/process.py``)."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return inf
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if limit == resource.RLIM_INFINITY:
        return inf
    return float(limit - psutil.Process().memory_info().data)


def _read(name: str) -> float | None:
    try:
        return float((_CGROUP / name).read_text())
    except (OSError, ValueError):  # no such file, or the word "max"
        return None
