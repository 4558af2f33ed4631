"""Long surveys: killed and resumed, with killed workers of Dask, memory, and two processes.

``python -m benchmarks.survey_runs`` writes ``results/survey_runs.json``; it needs the extras
``survey`` and ``dask``, and takes 9 minutes. The structures are rattled methane and molecules
of the G2 set with 3 to 12 atoms, rattled, too.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.collections import g2
from distributed import Client, LocalCluster

from benchmarks import clock
from benchmarks.one_survey import DESCRIPTOR
from sensitivity import survey
from sensitivity.structures.extxyz import format_frame

RATTLE = 0.05  # Å
KILLS, WRITING = 10, 5
"""Number of kills, and of those that come while a part is being written."""


def rattled_molecules() -> Iterator[Atoms]:
    """Yield methane and the molecules of G2 in turn, each rattled, without end."""
    rng = np.random.default_rng(0)
    names = [name for name in g2.names if 3 <= len(g2[name]) <= 12]
    number = 0
    while True:
        atoms = Atoms(g2["CH4" if number % 2 else names[number // 2 % len(names)]])
        atoms.positions += rng.normal(scale=RATTLE, size=atoms.positions.shape)
        number += 1
        yield atoms


def write_source(path: Path, environments: int) -> None:
    """Write structures with exactly this number of atoms as extended XYZ."""
    with path.open("w") as file:
        for atoms in rattled_molecules():
            kept = atoms[: min(len(atoms), environments)]
            environments -= len(kept)
            file.write(format_frame(kept, info={}))
            if not environments:
                return


def command(source: Path, output: Path, *, workers: int = 1, causes: bool = False) -> list[str]:
    """Return the command that surveys a file and prints times and peak memory."""
    name = [sys.executable, "-m", "benchmarks.one_survey", str(source), str(output)]
    return [*name, "--workers", str(workers), *["--causes"] * causes]


def measure(
    source: Path, output: Path, *, workers: int = 1, causes: bool = False
) -> dict[str, object]:
    """Survey a file in a new process."""
    line = command(source, output, workers=workers, causes=causes)
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def count_parts(output: Path) -> int:
    """Return the number of complete parts."""
    return len(list(output.glob("*.parquet")))


def kill_after_a_part(source: Path, output: Path, *, writing: bool) -> bool:
    """Kill a survey after a new part, and if asked while the next is being written.

    Returns True if a partial file is left.
    """
    before, partial = count_parts(output), output / "_partial"
    with subprocess.Popen(command(source, output), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if count_parts(output) > before and (not writing or any(partial.iterdir())):
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(1e-5)
    if process.returncode != -signal.SIGKILL:
        raise RuntimeError("the survey ended before it was killed; give more environments.")
    return any(partial.iterdir())


def compare(found: pd.DataFrame, expected: pd.DataFrame, environments: int) -> float:
    """Return the largest difference of a number; fail if a row is lost or there twice."""
    assert len(found) == len(expected) == environments
    assert not found.duplicated(["frame", "center"]).any()
    tables = [
        each.sort_values(["frame", "center"], ignore_index=True) for each in (found, expected)
    ]
    numbers = tables[0].select_dtypes("number").columns.drop("seconds")
    others = tables[0].columns.difference([*numbers, "seconds"])
    pd.testing.assert_frame_equal(tables[0][others], tables[1][others])
    gaps = (tables[0][numbers] - tables[1][numbers]).abs()
    assert (gaps.isna() == tables[1][numbers].isna()).all(axis=None)
    return float(gaps.max(axis=None))


def kills(folder: Path, environments: int) -> dict[str, object]:
    """Kill a survey again and again, then let it end, and compare it with an undisturbed one.

    Then the same with the workers of a Dask cluster.
    """
    source, output = folder / "killed.extxyz", folder / "killed"
    write_source(source, environments)
    left = [kill_after_a_part(source, output, writing=kill < WRITING) for kill in range(KILLS)]
    parts = count_parts(output)
    measure(source, output)
    measure(source, folder / "undisturbed")
    expected = pd.read_parquet(folder / "undisturbed")
    workers = kill_workers(source, folder / "cluster")
    return {
        "environments": environments,
        "kills": KILLS,
        "partial_files": sum(left),
        "parts_before_the_last_run": parts,
        "parts": count_parts(output),
        "largest_difference": compare(pd.read_parquet(output), expected, environments),
        "workers_killed": workers,
        "largest_difference_with_dask": compare(
            pd.read_parquet(folder / "cluster"), expected, environments
        ),
    }


def kill_workers(source: Path, output: Path) -> int:
    """Survey on a Dask cluster of two, one of which is killed after every fourth part."""
    parts, killed = count(), list[int]()

    def kill(sentence: str) -> None:
        alive = client.run(os.getpid).values()
        if "per second" in sentence and alive and next(parts) % 4 == 1:
            killed.append(min(alive))
            os.kill(killed[-1], signal.SIGKILL)

    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as here,
        Client(here) as client,
    ):
        survey(source, DESCRIPTOR, causes=False, output=output, workers=client, progress=kill)
    return len(set(killed))


def memory(folder: Path, counts: list[int]) -> dict[str, dict[str, object]]:
    """Measure the peak memory of surveys of different length."""
    found = {}
    for number in counts:
        source = folder / f"memory-{number}.extxyz"
        write_source(source, number)
        found[str(number)] = measure(source, folder / f"memory-{number}")
    return found


def processes(folder: Path, environments: int, rounds: int, *, causes: bool) -> dict[str, object]:
    """Time one process and two, in turn.

    On a machine with other work, only the processor time is comparable: two processes on two idle
    processors take half of theirs.
    """
    source = folder / f"processes-{causes}.extxyz"
    write_source(source, environments)
    runs: dict[int, list[dict[str, object]]] = {1: [], 2: []}
    for number in range(rounds):
        for workers, found in runs.items():
            load = os.getloadavg()[0]
            output = folder / f"processes-{causes}-{workers}-{number}"
            measured = measure(source, output, workers=workers, causes=causes)
            found.append({**measured, "load": load})
    best = {
        key: [min(float(str(run[key])) for run in found) for found in runs.values()]
        for key in ("seconds", "processor")
    }
    return {
        "environments": environments,
        "runs": {str(workers): found for workers, found in runs.items()},
        "speedup": best["seconds"][0] / best["seconds"][1],
        "speedup_by_processor_time": 2 * best["processor"][0] / best["processor"][1],
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=int, default=100_000, help="in the memory runs")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    most = options.environments
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = {
            "kills": kills(folder, most // 10),
            "memory": memory(folder, [most // 100, most // 10, most]),
            "processes": {
                "without causes": processes(folder, 4 * most, options.rounds, causes=False),
                "with causes": processes(folder, most, options.rounds, causes=True),
            },
        }
    print(json.dumps(results, indent=1))
    clock.save("survey_runs", results)


if __name__ == "__main__":
    main()
