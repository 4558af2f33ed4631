"""The fraction of nearest singular points that ``locate`` misses, against its time.

``python -m benchmarks.misses`` draws ``results/misses.png`` and writes ``results/misses.json``.
From each start ``locate`` runs with several numbers of descents, up to three times the default.
The reference is the nearest point of all these, and of 50 descents of the multistart search in
``tests/singular``, which shares no code with ``locate``; a point 0.001 Å further away is a miss. It
takes ten minutes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import process_time
from unittest.mock import patch

import numpy as np
from ase import Atoms

from benchmarks import clock
from sensitivity import DensityCorrelations, locate
from sensitivity.singular import acceptance, search

DESCRIPTOR = DensityCorrelations(cutoff=2.6, n_max=10, l_max=10)
MISSED = 1e-3  # Å
SHORTEST, LONGEST, APART = 0.9, 1.4, 0.6  # Å
SYMBOLS = ("CH5", "CH3F2", "CH6", "CH8", "CH4F4")
DESCENTS = (0, 30, 100, 300, search.MOST_DESCENTS, 2400)


def make_start(seed: int, symbols: str) -> Atoms:
    """Return neighbours in random directions at random distances, without near atoms."""
    rng = np.random.default_rng([seed, 60])
    atoms = Atoms(symbols)
    while True:
        bonds = rng.normal(size=(len(atoms) - 1, 3))
        bonds /= np.linalg.norm(bonds, axis=1)[:, None]
        atoms.positions[1:] = bonds * rng.uniform(SHORTEST, LONGEST, len(bonds))[:, None]
        if atoms.get_all_distances()[np.triu_indices(len(atoms), k=1)].min() > APART:
            return atoms


def search_with(start: Atoms, descents: int) -> tuple[float, float]:
    """Return the processor time in s, and the distance of the point found in Å."""
    unbounded = {"MOST_NUMBERS": 10**11, "MOST_NUMBERS_ALONE": 10**11}
    with (
        patch.object(search, "MOST_DESCENTS", descents),
        patch.multiple(acceptance, **unbounded),
    ):
        before = process_time()
        point = locate(start, DESCRIPTOR, center=0)
        return process_time() - before, point.moved if point.converged else np.inf


def search_otherwise(start: Atoms, seed: int) -> tuple[float, float]:
    """Return time and distance of 50 descents of the multistart search."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "singular"))
    from multistart import Multistart

    before = process_time()
    found = Multistart(start, DESCRIPTOR).nearest(descents=50, rng=np.random.default_rng(seed))
    return process_time() - before, found


def measure(symbols: str, starts: int) -> dict[str, list[float]]:
    """Return median time and miss rate per number of descents, and of the multistart search."""
    rows = []
    for seed in range(starts):
        start = make_start(seed, symbols)
        found = [search_with(start, descents) for descents in DESCENTS]
        rows.append([*found, search_otherwise(start, seed)])
        print(symbols, seed, *(f"{moved:.4f}" for _, moved in rows[-1]), flush=True)
    seconds, moved = np.moveaxis(np.array(rows), 2, 0)
    further = moved - moved.min(axis=1, keepdims=True)
    return {
        "descents": [*DESCENTS, 50],
        "median seconds": np.median(seconds, axis=0).tolist(),
        "missed": (further > MISSED).mean(axis=0).tolist(),
        "furthest": further.max(axis=0).tolist(),
    }


def draw(tables: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Draw misses against time, the multistart search as crosses."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.add_subplot()
    for symbols, table in tables.items():
        seconds, missed = np.array(table["median seconds"]), 100 * np.array(table["missed"])
        (line,) = axes.plot(seconds[:-1], missed[:-1], "o-", label=symbols)
        axes.plot(seconds[-1], missed[-1], "x", color=line.get_color())
        used = DESCENTS.index(search.MOST_DESCENTS)
        axes.plot(seconds[used], missed[used], "o", ms=12, mfc="none", color=line.get_color())
    axes.set(xscale="log", xlabel="median time of the processor / s", ylabel="missed / %")
    axes.set_title("ringed: as locate searches; crosses: another multistart search", fontsize=10)
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure, draw, and save the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    arguments = parser.parse_args()
    tables = {symbols: measure(symbols, arguments.starts) for symbols in SYMBOLS}
    draw(tables, clock.RESULTS / "misses.png")
    clock.save("misses", {"starts": arguments.starts, "searches": tables})


if __name__ == "__main__":
    main()
