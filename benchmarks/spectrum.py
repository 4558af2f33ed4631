"""Times of singular values, compared with an earlier version.

``python -m benchmarks.spectrum FOLDER``, with another version in FOLDER (made by ``git worktree add
FOLDER COMMIT``), prints the times of both and writes ``results/spectrum.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks import clock

HERE = Path(__file__).parent
ROUNDS = 3


def measure(folder: Path) -> dict:
    """Return the times of the version in a folder."""
    run = subprocess.run(
        [sys.executable, HERE / "spectrum_times.py"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(run.stdout)


def smallest(tables: list[dict]) -> dict:
    """Return the least of several measurements of the same calls."""
    return {
        key: smallest([table[key] for table in tables])
        if isinstance(value, dict)
        else min(table[key] for table in tables)
        for key, value in tables[0].items()
    }


def summarize(before: dict, now: dict) -> dict:
    """Return times in ms and their ratios."""
    names = list(now["molecules"])
    both = [np.array([times["molecules"][name] for name in names]) for times in (before, now)]
    return {
        "copper": {
            name: {"before": before["copper"][name], "now": now["copper"][name]}
            for name in now["copper"]
        },
        "molecules": {
            "number": len(names),
            "before": float(both[0].sum()),
            "now": float(both[1].sum()),
            "median of ratios": float(np.median(both[0] / both[1])),
            "least ratio": float((both[0] / both[1]).min()),
        },
        "species": {
            name: {
                f"{call}, {when}": times["species"][name][f"{call}, C and H"]
                / times["species"][name][f"{call}, H"]
                for call in ("Jacobian", "spectrum")
                for when, times in {"before": before, "now": now}.items()
            }
            for name in now["species"]
        },
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="root of the earlier version")
    before, now = [], []
    folder = parser.parse_args().folder.resolve()
    for _ in range(ROUNDS):
        before.append(measure(folder))
        now.append(measure(HERE.parent))
    result = summarize(smallest(before), smallest(now))
    clock.save("spectrum", result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
