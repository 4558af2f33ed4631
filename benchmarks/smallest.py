"""Time and memory of ``smallest`` for rattled silicon, and how the smallest value falls.

``python -m benchmarks.smallest`` measures each size in a fresh process, prints a table and the
exponents of growth, and writes ``results/smallest.json``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from benchmarks.clock import save
from benchmarks.systems import silicon
from sensitivity import DensityCorrelations, smallest

SETTINGS = {"order": 2, "cutoff": 5.0, "n_max": 6, "l_max": 4}
REPEATS = (2, 3, 4, 6, 8, 10)  # 64 to 8000 atoms


def measure(repeats: int) -> dict[str, float]:
    """Return time in s, peak memory in MiB, and what was found, for cubic cells along each side."""
    atoms = silicon(repeats)
    atoms.rattle(0.05, seed=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    found = smallest(atoms, DensityCorrelations(**SETTINGS))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "atoms": len(atoms),
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "MiB": (peak - before) / 1024,
        "smallest": float(found.singular_values[0] / found.largest),
        "residual": float(found.residuals.max()),
    }


def run() -> list[dict[str, float]]:
    """Measure every size in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.smallest", "--repeats"]
    return [
        json.loads(subprocess.run([*command, str(n)], capture_output=True, check=True).stdout)
        for n in REPEATS
    ]


def exponent(rows: list[dict[str, float]], name: str) -> float:
    """Return the slope of a line through the logarithms, from 512 atoms on."""
    large = [row for row in rows if row["atoms"] >= 512]
    x, y = (np.log([row[key] for row in large]) for key in ("atoms", name))
    return float(np.polyfit(x, y, 1)[0])


def main() -> None:
    """Print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, help="measure one size only, and print it as JSON")
    options = parser.parse_args()
    if options.repeats is not None:
        print(json.dumps(measure(options.repeats)))
        return
    rows = run()
    for row in rows:
        print("  ".join(f"{name} {value:.3g}" for name, value in row.items()))
    for name in ("cpu_seconds", "MiB", "smallest"):
        print(f"{name} ~ atoms^{exponent(rows, name):.2f}")
    save("smallest", rows)


if __name__ == "__main__":
    main()
