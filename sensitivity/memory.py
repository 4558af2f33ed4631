"""Refuse what would not fit into memory, before it is allocated."""

from __future__ import annotations

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
    return free if limit is None or used is None else min(free, limit - used)


def _read(name: str) -> float | None:
    try:
        return float((_CGROUP / name).read_text())
    except (OSError, ValueError):  # no such file, or the word "max"
        return None
