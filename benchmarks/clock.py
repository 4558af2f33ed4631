"""Time and memory of calls on a shared machine."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import platform
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"
MIB = 1024.0  # KiB, the unit of /proc/self/status
BURST = 3  # consecutive calls: the first refills the caches after the other contenders


@dataclass(frozen=True)
class Timing:
    """Times of one call in ms.

    Attributes
    ----------
    best, median
        Over all calls, wall clock. The best is the least disturbed one.
    processor
        Least processor time of a call, all threads together: above ``best`` means that
        the call used more than one thread.
    calls
        Number of calls timed.
    """

    best: float
    median: float
    processor: float
    calls: int


def interleave(
    calls: Mapping[str, Callable[[], object]], *, seconds: float, rounds: int = 5
) -> dict[str, Timing]:
    """Time the calls in turn, so that a disturbance of the machine affects all of them.

    Every call runs once untimed, then ``rounds`` times in bursts, and continues until ``seconds``
    have passed. Each round starts with another call, since the first finds empty caches.
    """
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    order, end = deque(calls), time.perf_counter() + seconds
    while rounds > 0 or time.perf_counter() < end:
        rounds -= 1
        gc.collect()
        for name in order:
            samples[name].extend(time_once(calls[name]) for _ in range(BURST))
        order.rotate()
    return {name: summarize(times) for name, times in samples.items()}


def time_once(call: Callable[[], object]) -> tuple[float, float]:
    """Return wall and processor time of one call in ms; freeing its result is not counted."""
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    times = 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - processor)
    del result
    return times


def summarize(times: list[tuple[float, float]]) -> Timing:
    """Return best, median and least processor time."""
    wall, processor = np.array(times).T
    return Timing(
        best=round(float(wall.min()), 4),
        median=round(float(np.median(wall)), 4),
        processor=round(float(processor.min()), 4),
        calls=len(wall),
    )


def measure_peak(call: Callable[[], object]) -> float:
    """Return the rise of the resident memory during one call in MiB, including its result.

    Linux only: writing 5 to ``clear_refs`` resets the peak. Freed memory kept by the allocator
    would hide a part of the rise, so it is returned first, and one call is measured per fresh
    process.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = read_memory("VmRSS")
    result = call()
    peak = read_memory("VmHWM") - before
    del result
    return peak


def read_memory(field: str) -> float:
    """Return one field of /proc/self/status in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    match = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    if match is None:
        raise OSError(f"/proc/self/status has no {field}; this measurement needs Linux.")
    return int(match.group(1)) / MIB


def save(name: str, result: object) -> Path:
    """Write a result and its machine as JSON into the results folder."""
    RESULTS.mkdir(exist_ok=True)
    machines = RESULTS / "machines.json"
    known = json.loads(machines.read_text(encoding="utf-8")) if machines.exists() else {}
    _write(machines, known | {name: describe_machine()})
    return _write(RESULTS / f"{name}.json", result)


def describe_machine() -> str:
    """Return processor, memory, system and versions of this machine in one line; Linux only."""
    model = re.search(
        r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = model[1] if model else platform.machine()
    return (
        f"{os.cpu_count()} CPUs ({processor}), {memory:.0f} GiB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, numpy {np.__version__}"
    )


def _write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path
