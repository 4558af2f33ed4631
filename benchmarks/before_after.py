"""The diagnosis of large structures, compared with an earlier checkout.

``python -m benchmarks.before_after FOLDER`` runs both in turn, each call in a separate process,
prints processor times and whether the counts per cause agree, and writes
``results/before_after.json``. ``git worktree add FOLDER 8f231ad`` creates the folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule

from benchmarks import clock
from sensitivity import DensityCorrelations, Diagnosis, diagnose

HERE = Path(__file__).parents[1]


def rattled(atoms: Atoms, *, size: float) -> Atoms:
    """Move every atom by about ``size`` in Å."""
    atoms.positions += np.random.default_rng(1).normal(scale=size, size=atoms.positions.shape)
    return atoms


def copper() -> Atoms:
    """Return 108 copper atoms."""
    return bulk("Cu", cubic=True).repeat(3)


CASES: dict[str, Callable[[], Diagnosis]] = {
    "C60, one center, 8 Å": lambda: diagnose(
        molecule("C60"), DensityCorrelations(cutoff=8.0, n_max=8, l_max=8), centers=[0]
    ),
    "Cu 108, 5 Å": lambda: diagnose(copper(), DensityCorrelations(cutoff=5.0, n_max=6)),
    "Cu 108 rattled, 3.5 Å": lambda: diagnose(rattled(copper(), size=0.05), DensityCorrelations()),
    "benzene, noise, all centers": lambda: diagnose(
        rattled(molecule("C6H6"), size=5e-4), DensityCorrelations()
    ),
    "CH4, carbon": lambda: diagnose(molecule("CH4"), DensityCorrelations(), centers=[0]),
}


def run_once(name: str) -> dict[str, object]:
    """Return processor time of one call in ms and counts, after a warm-up call with methane."""
    CASES["CH4, carbon"]()
    start = time.process_time()
    counts = CASES[name]().counts
    elapsed = 1e3 * (time.process_time() - start)
    return {"ms": elapsed, "counts": {cause: n for cause, n in counts.items() if n}}


def run_in(folder: Path, name: str) -> dict[str, object]:
    """Run a case of this file with the package of a folder, in a separate process."""
    done = subprocess.run(
        [sys.executable, "-P", __file__, str(folder), "--once", name],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="folder of the earlier checkout")
    parser.add_argument("--rounds", type=int, default=3, help="for each")
    parser.add_argument("--once", help="print one case as JSON, for the separate processes")
    options = parser.parse_args()
    if options.once:
        print(json.dumps(run_once(options.once)))
        return
    summary = {}
    for name in CASES:
        runs: dict[str, list[dict]] = {"before": [], "after": []}
        for _ in range(options.rounds):
            runs["before"].append(run_in(options.before.resolve(), name))
            runs["after"].append(run_in(HERE, name))
        before, after = (min(run["ms"] for run in runs[which]) for which in runs)
        same = runs["before"][0]["counts"] == runs["after"][0]["counts"]
        summary[name] = {
            "before_ms": round(before, 1),
            "after_ms": round(after, 1),
            "ratio": round(before / after, 2),
            "same_counts": same,
        }
        print(f"{name}: {before:.0f} ms, {after:.0f} ms, {before / after:.1f} times; {same=}")
    clock.save("before_after", summary)


if __name__ == "__main__":
    main()
