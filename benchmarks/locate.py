"""Singular points by ``locate``, and by a simplex search on the condition, from the same starts.

``python -m benchmarks.locate`` prints a table and writes ``results/locate.json``. The simplex
search is that of Nelder and Mead, as in scipy, on s_min / s_max of the internal displacements: what
one does without derivatives. It may end at symmetric points, and with atoms at one place;
``locate`` may not. It takes minutes.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from time import perf_counter

import numpy as np
from ase import Atoms
from scipy.optimize import minimize

from benchmarks import clock
from sensitivity import DensityCorrelations, diagnose, locate, spectrum
from sensitivity.motions import trivial_motions

DESCRIPTOR = DensityCorrelations()
NEXT_ORDER = DensityCorrelations(order=3, n_max=4, l_max=4)
SINGULAR = 1e-12
SHORTEST, LONGEST = 1.0, 1.3  # Å
MOST_EVALUATIONS = 10_000


@dataclass(frozen=True)
class Run:
    """One search from one start.

    Seconds, Jacobians, Å moved, condition, and whether it is incompleteness that order 3 lifts.
    """

    seconds: float
    evaluations: int
    moved: float
    condition: float
    spurious: bool


def make_start(seed: int) -> Atoms:
    """Methane with bonds of random direction, and of random length within the bounds."""
    rng = np.random.default_rng(seed)
    bonds = rng.normal(size=(4, 3))
    bonds *= rng.uniform(SHORTEST, LONGEST, 4)[:, None] / np.linalg.norm(bonds, axis=1)[:, None]
    return Atoms("CH4", np.vstack([np.zeros(3), bonds]))


def is_spurious(atoms: Atoms) -> bool:
    """Whether the only cause is incompleteness, and order 3 sees what order 2 does not."""
    try:
        counts = diagnose(atoms, DESCRIPTOR, centers=[0]).counts
    except ValueError:  # atoms at one place
        return False
    lifted = spectrum(atoms, NEXT_ORDER, centers=[0]).condition > 1e-6
    return lifted and counts["symmetry"] == 0 and counts["incompleteness"] > 0


def run_locate(start: Atoms) -> Run:
    """Time ``locate``."""
    before = perf_counter()
    point = locate(start, DESCRIPTOR, center=0)
    seconds = perf_counter() - before
    spurious = is_spurious(point.atoms)
    return Run(seconds, point.evaluations, point.moved, point.condition, spurious)


def run_simplex(start: Atoms) -> Run:
    """Time the simplex search, until it is singular or gets no further."""
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
        "xatol": 0,
        "fatol": SINGULAR,
    }
    before = perf_counter()
    result = minimize(condition, np.zeros(len(moves)), method="Nelder-Mead", options=options)
    seconds = perf_counter() - before
    moved = float(np.linalg.norm(result.x))
    return Run(seconds, int(result.nfev), moved, float(result.fun), is_spurious(at(result.x)))


def summarize(runs: list[Run]) -> dict[str, float]:
    """Medians, and how many of the runs are singular and spurious."""
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


def main() -> None:
    """Run both, print a table, and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=100)
    parser.add_argument("--simplex-starts", type=int, default=5)
    arguments = parser.parse_args()
    run_locate(make_start(0))  # warm up
    runs = {
        "locate": [run_locate(make_start(s)) for s in range(arguments.starts)],
        "simplex": [run_simplex(make_start(s)) for s in range(arguments.simplex_starts)],
    }
    table = {name: summarize(every) for name, every in runs.items()}
    for key in table["locate"]:
        print(f"{key:20s}" + "".join(f"{table[name][key]:14.3g}" for name in runs))
    ratio = table["simplex"]["median seconds"] / table["locate"]["median seconds"]
    print(f"locate is {ratio:.0f} times faster")
    clock.save(
        "locate",
        {
            "summary": table,
            "ratio": ratio,
            "runs": {name: [asdict(run) for run in every] for name, every in runs.items()},
        },
    )


if __name__ == "__main__":
    main()
