"""The time of a diagnosis of a molecule and of a crystal, and its distribution over stages.

``python -m benchmarks.diagnosis`` prints both and writes ``results/diagnosis.json``.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule

from benchmarks import clock
from sensitivity import DensityCorrelations, Diagnosis, diagnose

TARGETS = {  # ms
    "CH4, carbon": 50.0,
    "benzene, all centers": 500.0,
    "Si 64, all centers": 10_000.0,
}
STAGES = {
    # printed name: the function, and its file
    "singular values": ("spectrum", "observation.py"),
    "point groups": ("find", "sites.py"),
    "hidden by symmetry": ("hidden_by_symmetry", "sites.py"),
    "search for other zeros": ("nearest_zeros", "zeros.py"),
    "evidence: other descriptors": ("relative_responses", "evidence.py"),
    "evidence: responses": ("response_exponents", "evidence.py"),
}


def rattled(atoms: Atoms) -> Atoms:
    """Move every atom by about 0.05 Å: no symmetry, and every singular value is examined."""
    atoms.positions += np.random.default_rng(0).normal(scale=0.05, size=atoms.positions.shape)
    return atoms


def calls() -> dict[str, Callable[[], Diagnosis]]:
    """Return the timed calls, order 2."""
    default, wide = DensityCorrelations(), DensityCorrelations(cutoff=5.0)
    methane, benzene = molecule("CH4"), molecule("C6H6")
    silicon = bulk("Si", cubic=True).repeat(2)
    disordered = rattled(silicon.copy())
    return {
        "CH4, carbon": lambda: diagnose(methane, default, centers=[0]),
        "benzene, all centers": lambda: diagnose(benzene, default),
        "Si 64, all centers": lambda: diagnose(silicon, wide),
        "Si 64 rattled, all centers": lambda: diagnose(disordered, wide),
    }


def stages(call: Callable[[], Diagnosis]) -> dict[str, float]:
    """Return the fraction of the time of one call in each stage."""
    profile = cProfile.Profile()
    profile.runcall(call)
    rows = pstats.Stats(profile).stats
    total = max(row[3] for row in rows.values())
    seconds = {(Path(file).name, name): row[3] for (file, _, name), row in rows.items()}
    shares = {
        stage: seconds[module, function] / total for stage, (function, module) in STAGES.items()
    }
    return {**shares, "all else": 1 - sum(shares.values())}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each")
    options = parser.parse_args()
    summary = {}
    for name, call in calls().items():
        timing = clock.interleave({name: call}, seconds=options.seconds, rounds=1)[name]
        shares = stages(call)
        summary[name] = {
            "milliseconds": asdict(timing),
            "counts": {cause: count for cause, count in call().counts.items() if count},
            "target": TARGETS.get(name),
            "shares": {stage: round(share, 3) for stage, share in shares.items()},
        }
        print(f"{name}: best {timing.best:.1f} ms, median {timing.median:.1f} ms")
        for stage, share in shares.items():
            print(f"    {stage:30s}{share:6.0%}")
    clock.save("diagnosis", summary)


if __name__ == "__main__":
    main()
