"""One survey in a process of its own: times and peak memory.

``python -m benchmarks.one_survey FILE OUTPUT`` prints them as JSON. Worker processes import the
main module, so that it imports nothing that the survey does not need.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

from benchmarks import clock
from sensitivity import DensityCorrelations, survey

DESCRIPTOR = DensityCorrelations(order=2, cutoff=4.0, n_max=6, l_max=6)


def main() -> None:
    """Survey a file in this process, and print times and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--causes", action="store_true")
    options = parser.parse_args()
    start = time.perf_counter()
    found = survey(
        options.source,
        DESCRIPTOR,
        causes=options.causes,
        output=options.output,
        workers=options.workers,
    )
    seconds = time.perf_counter() - start
    peak = clock.read_memory("VmHWM")
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor = sum(each.ru_utime + each.ru_stime for each in usage)
    times = {"seconds": seconds, "processor": processor}
    print(json.dumps({**times, "peak_mib": peak, "status": found.status}))


if __name__ == "__main__":
    main()
