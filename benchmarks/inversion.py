"""Success rate of the recovery of structures from their features, over the molecules of G2.

Target: the molecule rattled by 0.1 Å (each coordinate, standard deviation), or unchanged. Start:
the target rattled again. Recovered: within 1e-6 Å, root mean square over the atoms after the best
rotation or improper rotation; permutations of like atoms are not allowed, which is stricter.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.collections import g2

from benchmarks.clock import save
from sensitivity import DensityCorrelations, Inversion, invert, structures

FEWEST, MOST = 3, 10  # atoms
TARGET_RATTLE = 0.1  # Å
START_RATTLES = (0.05, 0.1)  # Å
FOUND = 1e-6  # Å
DESCRIPTORS = {
    "order 1": DensityCorrelations(order=1),
    "order 2": DensityCorrelations(order=2),
    "order 2, cutoff 6 Å": DensityCorrelations(order=2, cutoff=6.0),
    "order 2, n_max 4, l_max 4": DensityCorrelations(order=2, n_max=4, l_max=4),
    "order 3, n_max 3, l_max 3": DensityCorrelations(order=3, n_max=3, l_max=3),
}


@dataclass(frozen=True)
class Trial:
    """A result, and its distance from the target in Å."""

    name: str
    result: Inversion
    error: float


def molecules() -> list[str]:
    """Return the names of the molecules of G2 of a suitable size."""
    return [name for name in g2.names if FEWEST <= len(structures.load(name)) <= MOST]


def rattled(atoms: Atoms, size: float, rng: np.random.Generator) -> Atoms:
    """Return the structure with every coordinate displaced at random."""
    moved = atoms.copy()
    moved.positions += size * rng.normal(size=atoms.positions.shape)
    return moved


def distance(atoms: Atoms, other: Atoms) -> float:
    """Return the root mean square distance after the best rotation, proper or improper."""
    start, end = (part.positions - part.positions.mean(axis=0) for part in (atoms, other))
    u, _, v = np.linalg.svd(start.T @ end)
    return float(np.sqrt(np.mean(np.sum((start @ u @ v - end) ** 2, axis=1))))


def trials(
    descriptor: DensityCorrelations, *, ideal: bool, size: float, seeds: int, restarts: int
) -> Iterator[Trial]:
    """Invert the features of all molecules."""
    for number, name in enumerate(molecules()):
        for seed in range(seeds):
            rng = np.random.default_rng([seed, number])
            target = structures.load(name)
            if not ideal:
                target = rattled(target, TARGET_RATTLE, rng)
            start = rattled(target, size, rng)
            result = invert(descriptor.features(target), descriptor, start=start, restarts=restarts)
            yield Trial(name, result, distance(result.atoms, target))


def summarize(found: list[Trial], seconds: float) -> dict[str, float]:
    """Return success rate and effort."""
    errors = np.array([trial.error for trial in found])
    steps = [trial.result.steps for trial in found]
    return {
        "molecules x starts": len(found),
        "recovered, %": round(100 * float(np.mean(errors < FOUND)), 2),
        "features reproduced, %": round(
            100 * float(np.mean([trial.result.converged for trial in found])), 2
        ),
        "worst error of those, Å": float(f"{errors[errors < FOUND].max(initial=0):.0e}"),
        "steps, median": float(np.median(steps)),
        "steps, most": max(steps),
        "evaluations, mean": round(float(np.mean([t.result.evaluations for t in found])), 1),
        "restarted": sum(trial.result.attempts > 1 for trial in found),
        "null mode at the end": sum(trial.result.stalled_along is not None for trial in found),
        "ms each": round(1e3 * seconds / len(found), 1),
    }


def main() -> None:
    """Print a line for every descriptor, kind of target and start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="starts per molecule")
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--only", choices=DESCRIPTORS, help="one descriptor")
    chosen = parser.parse_args()
    table: dict[str, dict[str, float]] = {}
    for label, descriptor in DESCRIPTORS.items():
        if chosen.only not in (None, label):
            continue
        for ideal in (False, True):
            for size in START_RATTLES:
                began = time.perf_counter()
                options = {"seeds": chosen.seeds, "restarts": chosen.restarts}
                found = list(trials(descriptor, ideal=ideal, size=size, **options))
                key = f"{label}, {'ideal' if ideal else 'rattled'}, start {size} Å"
                table[key] = summarize(found, time.perf_counter() - began)
                print(key, table[key], flush=True)
                for trial in found:
                    if trial.error >= FOUND and "order 1" not in label:
                        print(f"  {trial.name}: {trial.error:.1e} Å. {trial.result.status}")
    if chosen.only is None:
        print(save("inversion", table))


if __name__ == "__main__":
    main()
