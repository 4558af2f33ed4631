"""Singular points from ``locate`` and from a simplex search on the condition, same starts.

``python -m benchmarks.locate`` prints a table and writes ``results/locate.json``. The simplex
search is that of Nelder and Mead in scipy, on s_min / s_max of the internal displacements: a method
without derivatives. It ends as soon as that is 1e-12. It may end at symmetric points, and with
coinciding atoms; ``locate`` may not. Both take turns, and their processor times are compared over
the starts of the simplex searches. It takes a minute or two.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from time import process_time

import numpy as np
from ase import Atoms
from scipy.optimize import OptimizeResult, minimize

from benchmarks import clock
from sensitivity import DensityCorrelations, diagnose, locate, spectrum
from sensitivity.geometry.motions import trivial_motions

DESCRIPTOR = DensityCorrelations()
NEXT_ORDER = DensityCorrelations(order=3, n_max=4, l_max=4)
SINGULAR = 1e-12
SHORTEST, LONGEST = 1.0, 1.3  # Å
MOST_EVALUATIONS = 10_000


@dataclass(frozen=True)
class Run:
    """One search from one start.

    Processor time in s, number of Jacobians, displacement in Å, condition, and whether the cause is
    incompleteness that order 3 lifts.
    """

    seconds: float
    evaluations: int
    moved: float
    condition: float
    spurious: bool


def make_start(seed: int) -> Atoms:
    """Return methane with bonds of random direction, and of random length within the bounds."""
    rng = np.random.default_rng(seed)
    bonds = rng.normal(size=(4, 3))
    bonds *= rng.uniform(SHORTEST, LONGEST, 4)[:, None] / np.linalg.norm(bonds, axis=1)[:, None]
    return Atoms("CH4", np.vstack([np.zeros(3), bonds]))


def is_spurious(atoms: Atoms) -> bool:
    """Return True if the only cause is incompleteness, which order 3 lifts."""
    try:
        counts = diagnose(atoms, DESCRIPTOR, centers=[0]).counts
    except ValueError:  # atoms at one place
        return False
    lifted = spectrum(atoms, NEXT_ORDER, centers=[0]).condition > 1e-6
    return lifted and counts["symmetry"] == 0 and counts["incompleteness"] > 0


def run_locate(start: Atoms) -> Run:
    """Time ``locate``."""
    before = process_time()
    point = locate(start, DESCRIPTOR, center=0)
    seconds = process_time() - before
    spurious = is_spurious(point.atoms)
    return Run(seconds, point.evaluations, point.moved, point.condition, spurious)


def run_simplex(start: Atoms) -> Run:
    """Time the simplex search until it is singular or makes no progress."""
    moves = trivial_motions(start, cutoff=DESCRIPTOR.cutoff, centers=[0]).internal()

    def at(coordinates: np.ndarray) -> Atoms:
        atoms = start.copy()
        atoms.positions += np.tensordot(coordinates, moves, axes=1)
        return atoms

    def condition(coordinates: np.ndarray) -> float:
        try:
            result = spectrum(at(coordinates), DESCRIPTOR, centers=[0])
        except ValueError:  # atoms at one place
            return 1.0
        values = result.singular_values[: result.internal]
        return float(values[-1] / values[0])

    options = {
        "maxfev": MOST_EVALUATIONS,
        "maxiter": MOST_EVALUATIONS,
        "xatol": 0,  # the condition or the number of evaluations ends the search
        "fatol": SINGULAR,
    }

    def stop(intermediate_result: OptimizeResult) -> None:
        if intermediate_result.fun <= SINGULAR:
            raise StopIteration

    before = process_time()
    result = minimize(
        condition, np.zeros(len(moves)), method="Nelder-Mead", options=options, callback=stop
    )
    seconds = process_time() - before
    moved = float(np.linalg.norm(result.x))
    return Run(seconds, int(result.nfev), moved, float(result.fun), is_spurious(at(result.x)))


def summarize(runs: list[Run]) -> dict[str, float]:
    """Return medians, and the numbers of singular and of spurious runs."""
    return {
        "starts": len(runs),
        "singular": sum(run.condition <= SINGULAR for run in runs),
        "spurious": sum(run.condition <= SINGULAR and run.spurious for run in runs),
        "median seconds": float(np.median([run.seconds for run in runs])),
        "longest seconds": max(run.seconds for run in runs),
        "median evaluations": float(np.median([run.evaluations for run in runs])),
        "median moved": float(np.median([run.moved for run in runs])),
        "median condition": float(np.median([run.condition for run in runs])),
    }


def compare(faster: list[Run], slower: list[Run]) -> dict[str, float]:
    """Return the speed-up for each start, and as the ratio of medians."""
    ratios = [b.seconds / a.seconds for a, b in zip(faster, slower, strict=True)]
    found = [ratio for ratio, run in zip(ratios, slower, strict=True) if run.spurious]
    medians = [float(np.median([run.seconds for run in runs])) for runs in (faster, slower)]
    return {
        "starts": len(ratios),
        "ratio of medians": medians[1] / medians[0],
        "lowest": min(ratios),
        "highest": max(ratios),
        "starts at which simplex ends at a spurious point": len(found),
        "median of ratios there": float(np.median(found)) if found else float("nan"),
    }


def main() -> None:
    """Run both, print a table, and save the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=100)
    parser.add_argument("--simplex-starts", type=int, default=12)
    arguments = parser.parse_args()
    run_locate(make_start(0))  # warm up
    runs: dict[str, list[Run]] = {"locate": [], "simplex": []}
    for seed in range(arguments.starts):
        runs["locate"].append(run_locate(make_start(seed)))
        if seed < arguments.simplex_starts:
            runs["simplex"].append(run_simplex(make_start(seed)))
    table = {name: summarize(every) for name, every in runs.items()}
    for key in table["locate"]:
        print(f"{key:20s}" + "".join(f"{table[name][key]:14.3g}" for name in runs))
    same = runs["locate"][: len(runs["simplex"])]
    faster = compare(same, runs["simplex"])
    for key, value in faster.items():
        print(f"{key:50s}{value:8.3g}")
    clock.save(
        "locate",
        {
            "summary": table,
            "faster": faster,
            "runs": {name: [asdict(run) for run in every] for name, every in runs.items()},
        },
    )


if __name__ == "__main__":
    main()
