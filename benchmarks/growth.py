"""Growth of time and memory of the Jacobian's blocks with the structure and with the basis.

``python -m benchmarks.growth`` prints the tables, writes ``results/growth.json`` and draws
``results/growth.png``. The dense array is never created.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import molecule

from benchmarks import clock
from benchmarks.systems import silicon
from sensitivity import DensityCorrelations, jacobian

SETTINGS = {"order": 2, "cutoff": 5.0, "n_max": 8, "l_max": 6, "smearing": 0.4}
SMALL = {"order": 3, "cutoff": 3.5, "n_max": 4, "l_max": 4, "smearing": 0.3}

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"  # told apart by the colour-blind
MEMORY_LINES = {
    "peak_MiB": ("s--", ORANGE, "peak memory in MiB"),
    "dense_MiB": ("^:", GREY, "a dense array would be, in MiB"),
}

Point = tuple[Callable[[], Atoms], dict[str, float]]


def points() -> dict[str, dict[int, Point]]:
    """Return for each variable its values, with the structure and settings of each."""
    benzene = lambda: molecule("C6H6")  # noqa: E731
    crystals = {8 * k**3: (lambda k=k: silicon(k), SETTINGS) for k in (1, 2, 3, 4)}
    return {
        "N": crystals,
        "n_max": {n: (benzene, SETTINGS | {"n_max": n}) for n in (2, 4, 6, 8, 10)},
        "l_max": {l: (benzene, SETTINGS | {"l_max": l}) for l in (2, 4, 6, 8, 12, 16)},
        "order": {order: (benzene, SMALL | {"order": order}) for order in (1, 2, 3)},
        "n_max, order 3": {n: (benzene, SMALL | {"n_max": n}) for n in (1, 2, 3, 4, 5)},
        "l_max, order 3": {l: (benzene, SMALL | {"n_max": 2, "l_max": l}) for l in (2, 4, 6, 8)},
    }


def make_call(point: Point) -> Callable[[], object]:
    """Return a function that computes the Jacobian of a point."""
    build, settings = point
    atoms, descriptor = build(), DensityCorrelations(**settings)
    return lambda: jacobian(atoms, descriptor)


def measure_memory(variable: str, value: int) -> float:
    """Return the peak memory of one call in a fresh process, in MiB."""
    command = [sys.executable, "-m", "benchmarks.growth", "--memory", variable, str(value)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(json.loads(printed.splitlines()[-1]))


def print_memory(variable: str, value: int) -> None:
    """Run in the fresh process: warm up on the smallest point, then measure."""
    series = points()[variable]
    make_call(series[min(series)])()
    print(json.dumps(round(clock.measure_peak(make_call(series[value])), 2)))


def measure(variable: str, *, seconds: float) -> dict[int, dict[str, float]]:
    """Measure time, memory and size of all points of one variable."""
    series = points()[variable]
    calls = {str(value): make_call(point) for value, point in series.items()}
    timings = clock.interleave(calls, seconds=seconds, rounds=2)
    rows = {}
    for value in series:
        blocks = calls[str(value)]().blocks
        rows[value] = asdict(timings[str(value)]) | {
            "peak_MiB": measure_memory(variable, value),
            "blocks_MiB": sum(b.gradient.nbytes for b in blocks) / 2**20,
            "dense_MiB": dense_size(blocks),
            "features": len(blocks[0].features),
        }
    return rows


def dense_size(blocks: tuple) -> float:
    """Return the size in MiB of the dense array (rows, 3N)."""
    rows = sum(len(block.features) for block in blocks)
    return 8 * rows * 3 * len(blocks) / 2**20


def fit_exponent(rows: dict[int, dict[str, float]], field: str) -> float:
    """Return the slope of the field in a log-log plot, over the upper half of the values."""
    values = sorted(rows)[len(rows) // 2 - 1 :]
    slope, _ = np.polyfit(np.log(values), np.log([rows[v][field] for v in values]), 1)
    return float(slope)


def print_rows(variable: str, rows: dict[int, dict[str, float]]) -> None:
    """Print one table per variable."""
    fields = ("best", "median", "peak_MiB", "blocks_MiB", "dense_MiB", "features")
    print(f"\n{variable:>15s}" + "".join(f"{field:>12s}" for field in fields))
    for value, row in rows.items():
        print(f"{value:15d}" + "".join(f"{row[field]:12.2f}" for field in fields))
    print(f"exponent of the time: {fit_exponent(rows, 'best'):.2f}")
    print(f"exponent of the peak memory: {fit_exponent(rows, 'peak_MiB'):.2f}")


def draw(tables: dict[str, dict[int, dict[str, float]]], path: Path) -> None:
    """Draw time and memory over each variable, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    for axes, (variable, rows) in zip(figure.subplots(2, 3).flat, tables.items(), strict=True):
        values = list(rows)
        label = "time in ms"
        if variable != "order":  # only three points, and no power law
            label += f", exponent {fit_exponent(rows, 'best'):.2f}"
        axes.loglog(values, [row["best"] for row in rows.values()], "o-", color=BLUE, label=label)
        for field, (marker, color, label) in MEMORY_LINES.items():
            memory = [row[field] for row in rows.values()]
            axes.loglog(values, memory, marker, color=color, label=label)
        axes.set_xlabel("atoms" if variable == "N" else variable)
        axes.set_xticks(values, [str(value) for value in values])
        axes.minorticks_off()
        axes.legend(fontsize="x-small", frameon=False)
    figure.supylabel("time (ms), memory (MiB)")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="per variable")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print_memory(options.memory[0], int(options.memory[1]))
        return
    tables = {variable: measure(variable, seconds=options.seconds) for variable in points()}
    for variable, rows in tables.items():
        print_rows(variable, rows)
    exponents = {
        variable: {field: fit_exponent(rows, field) for field in ("best", "peak_MiB")}
        for variable, rows in tables.items()
    }
    clock.save("growth", {"exponents": exponents, "tables": tables})
    draw(tables, clock.RESULTS / "growth.png")


if __name__ == "__main__":
    main()
