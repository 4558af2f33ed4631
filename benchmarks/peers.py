"""Order 2, features and full Jacobian: `sensitivity` and dscribe, featomic and quippy.

``python -m benchmarks.peers`` prints the table and writes ``results/peers.json``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import version

from benchmarks import clock
from benchmarks.contenders import CONTENDERS, CUTOFF, L_MAX, N_MAX, OURS, SMEARING
from benchmarks.systems import SYSTEMS

PACKAGES = ("dscribe", "featomic", "quippy-ase", "numpy", "vesin")
SLOW = 200.0  # ms; a slower contender would use up the time of all rounds


def time_system(name: str, contenders: list[str], *, seconds: float) -> dict[str, clock.Timing]:
    """Time all contenders on one structure; slow ones separately, a few calls each."""
    atoms = SYSTEMS[name]()
    calls = {contender: CONTENDERS[contender](atoms) for contender in contenders}
    once = {c: min(clock.time_once(call)[0] for _ in range(3)) for c, call in calls.items()}
    slow = {c: call for c, call in calls.items() if once[c] > SLOW}
    fast = {c: call for c, call in calls.items() if c not in slow}
    timings = clock.interleave(fast, seconds=seconds) if fast else {}
    return timings | (clock.interleave(slow, seconds=0.0, rounds=1) if slow else {})


def measure_memory(system: str, contender: str) -> float:
    """Return the peak memory of one call in a fresh process, in MiB."""
    command = [sys.executable, "-m", "benchmarks.peers", "--memory", system, contender]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(json.loads(printed.splitlines()[-1]))


def print_memory(system: str, contender: str) -> None:
    """Run in the fresh process: warm up on methane, then measure."""
    CONTENDERS[contender](SYSTEMS["CH4"]())()
    call = CONTENDERS[contender](SYSTEMS[system]())
    print(json.dumps(round(clock.measure_peak(call), 2)))


def compare(timings: dict[str, clock.Timing]) -> dict[str, float]:
    """Return the best time of the fastest peer over that of `sensitivity`."""
    fastest = min(t.best for name, t in timings.items() if name not in OURS)
    return {name: round(fastest / timings[name].best, 2) for name in OURS if name in timings}


def print_system(name: str, timings: dict[str, clock.Timing], memory: dict[str, float]) -> None:
    """Print one table row per contender."""
    print(f"\n{name}\n{'':22s}{'best':>10s}{'median':>10s}{'CPU':>10s}{'calls':>8s}{'MiB':>9s}")
    for contender, t in timings.items():
        peak = memory.get(contender, float("nan"))
        print(
            f"{contender:22s}{t.best:10.3f}{t.median:10.3f}{t.processor:10.3f}{t.calls:8d}{peak:9.1f}"
        )
    for contender, ratio in compare(timings).items():
        print(f"fastest peer / {contender}: {ratio:.2f}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="per structure")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS))
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--name", default="peers", help="of the JSON file")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print_memory(*options.memory)
        return
    table = {}
    print(f"n_max {N_MAX}, l_max {L_MAX}, cutoff {CUTOFF} Å, smearing {SMEARING} Å; times in ms")
    for name in options.systems:
        timings = time_system(name, options.contenders, seconds=options.seconds)
        memory = {} if options.no_memory else {c: measure_memory(name, c) for c in timings}
        print_system(name, timings, memory)
        table[name] = {
            "milliseconds": {c: asdict(t) for c, t in timings.items()},
            "peak_MiB": memory,
            "fastest_peer_over_ours": compare(timings),
        }
    versions = {package: version(package) for package in PACKAGES}
    clock.save(options.name, {"versions": versions, "systems": table})


if __name__ == "__main__":
    main()
