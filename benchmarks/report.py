"""Write the measured tables of ``results/*.json`` into the README of the benchmarks.

``python -m benchmarks.report``
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.clock import RESULTS
from benchmarks.contenders import OURS

README = Path(__file__).parent / "README.md"
START, END = "<!-- measured: start -->\n", "<!-- measured: end -->\n"


def load(name: str) -> dict:
    """Read one result."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def tabulate(header: list[str], rows: list[list[object]]) -> str:
    """Return a Markdown table; numbers have three significant digits."""
    lines = [header, ["---"] * len(header)]
    lines += [[f"{x:.3g}" if isinstance(x, float) else str(x) for x in row] for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def peers() -> str:
    """Tabulate best and median of every contender, its memory, and the ratios."""
    systems = load("peers")["systems"]
    names = list(next(iter(systems.values()))["milliseconds"])
    times, memory = [], []
    for name in sorted(names, key=lambda n: (n not in OURS, n)):
        measured = [system["milliseconds"][name] for system in systems.values()]
        times.append([name, *(f"{t['best']:.3g} ({t['median']:.3g})" for t in measured)])
        memory.append([name, *(system["peak_MiB"].get(name, "") for system in systems.values())])
    ratios = [
        [f"fastest peer / {name}", *(s["fastest_peer_over_ours"][name] for s in systems.values())]
        for name in OURS
    ]
    return (
        "### Compared with other packages, best (median) in ms\n\n"
        + tabulate(["", *systems], times + ratios)
        + "\nPeak memory of one call, result included, in MiB\n\n"
        + tabulate(["", *systems], memory)
    )


def adapters() -> str:
    """Tabulate adapters beside the library's own call, and errors of functions."""
    result = load("adapters")
    ratios, errors = result["ratio_to_own_call"], result["errors_of_functions"]
    names = list(next(iter(ratios.values())))
    rows = [[package, *(row[name] for name in names)] for package, row in ratios.items()]
    return (
        "### Adapters: gradients over the library's own call, processor time\n\n"
        + tabulate(["", *names], rows)
        + f"\nEstimated errors of `Function` cover the true ones in {errors['covered']:.1%} of "
        f"{errors['cases']} random molecules (Coulomb eigenvalues), and are "
        f"{errors['median_ratio']} times as large in the median.\n"
    )


def order3() -> str:
    """Tabulate order 3 relative to the floor, and benzene."""
    result = load("order3")
    floor = result["floor"]
    rows = [[name, t["best"], t["median"]] for name, t in result["milliseconds"].items()]
    return (
        "### Order 3, carbon environment of CH4, n_max 8, l_max 8, one species; and a slider\n\n"
        + tabulate(["ms", "best", "median"], rows)
        + f"\n{result['features']} features, {result['features_with_duplicates']} before those "
        "equal by exchange are dropped.\n"
        f"The {floor['products']} necessary matrix products have {floor['Mflop']:.1f} Mflop: "
        f"{floor['at_their_sizes_ms']:.2f} ms by numpy at their sizes, "
        f"{floor['at_peak_ms']:.2f} ms at the {floor['peak_Gflop_per_s']:.0f} Gflop/s of a "
        "1000 x 1000 product. The Jacobian (blocks) takes "
        f"**{result['over_floor_at_their_sizes']:.1f}** and "
        f"**{result['over_floor_at_peak']:.1f}** times that.\n"
    )


def survey() -> str:
    """Tabulate environments per second of a survey and of other pipelines."""
    result = load("survey")
    rates = result["per_second"]
    least = rates["dscribe, svdvals"]
    rows = [[name, round(rate), rate / least] for name, rate in rates.items()]
    return (
        "### Environments per second of a processor, order 2, rattled G2 of 3 to 12 atoms\n\n"
        + tabulate(["", "per second", "/ dscribe"], rows)
        + f"\n{result['environments']} environments of {result['frames']} molecules, n_max 6, "
        "l_max 6, cutoff 4 Å: the largest and the smallest singular value of each. A survey finds "
        "neighbours, compares centers, and makes rows. The floor multiplies and decomposes dense "
        "blocks that are in memory: a survey takes "
        f"**{rates['floor: products and LAPACK'] / rates['survey']:.1f}** times as long.\n"
    )


def spectrum() -> str:
    """Tabulate the times of singular values and those of an earlier version."""
    result = load("spectrum")
    crystals, molecules, species = (result[key] for key in ("copper", "molecules", "species"))
    rows = [[name, t["before"], t["now"], t["before"] / t["now"]] for name, t in crystals.items()]
    together = [molecules["before"], molecules["now"], molecules["before"] / molecules["now"]]
    rows.append([f"{molecules['number']} molecules, one center", *together])
    calls = list(next(iter(species.values())))
    return (
        "### Singular values, before and now, processor time in ms\n\n"
        + tabulate(["", "before", "now", "ratio"], rows)
        + "\nCopper: Jacobian, and spectra of 500 atoms. Of one molecule the median ratio is "
        f"{molecules['median of ratios']:.2f}, the least {molecules['least ratio']:.2f}.\n"
        "\nMethane's carbon, channels for C and H over H only\n\n"
        + tabulate(["", *calls], [[name, *each.values()] for name, each in species.items()])
    )


def before_after() -> str:
    """Tabulate the diagnosis of large structures and that of the earlier checkout."""
    rows = [
        [
            name,
            row["before_ms"],
            row["after_ms"],
            row["ratio"],
            "yes" if row["same_counts"] else "no",
        ]
        for name, row in load("before_after").items()
    ]
    header = ["", "8f231ad, ms", "now, ms", "ratio", "same counts"]
    return "### Diagnosis, before and after, processor time\n\n" + tabulate(header, rows)


def locate() -> str:
    """Tabulate the search for singular points and a simplex search."""
    result = load("locate")
    summary, faster = result["summary"], result["faster"]
    rows = [[key, *(summary[name][key] for name in summary)] for key in summary["locate"]]
    return (
        "### Singular points of order 2 from random CH4 environments\n\n"
        + tabulate(["", *summary], rows)
        + "\nProcessor time in s, number of Jacobians, and Å; the simplex search ends at a "
        f"condition of 1e-12. On the {faster['starts']} starts of both, `locate` is "
        f"**{faster['ratio of medians']:.0f}** times faster (ratio of medians; "
        f"{faster['lowest']:.0f} to {faster['highest']:.0f}). The simplex search ends at a "
        "spurious point, the target, "
        f"from {faster['starts at which simplex ends at a spurious point']} of them: "
        f"there the median ratio is {faster['median of ratios there']:.0f}.\n"
    )


def misses() -> str:
    """Tabulate the miss rate of nearest singular points."""
    result = load("misses")
    rows = []
    for symbols, table in result["searches"].items():
        columns = zip(*(table[key] for key in table), strict=True)
        *ours, (other, seconds, missed, furthest) = columns
        rows += [[symbols, *row] for row in ours]
        rows.append([symbols, f"multistart, {other}", seconds, missed, furthest])
    header = ["", "descents", "median seconds", "fraction missed", "largest excess, Å"]
    return (
        f"### Missed nearest singular points, {result['starts']} starts each\n\n"
        + "A start is missed if the point found is more than 0.001 Å further away than the nearest "
        "of all rows. The multistart search, of 50 descents, shares no code with `locate`.\n\n"
        + tabulate(header, rows)
        + "\n![misses](results/misses.png)\n"
    )


def growth() -> str:
    """Tabulate the growth with the number of atoms, and all exponents."""
    result = load("growth")
    fields = ("best", "median", "peak_MiB", "blocks_MiB", "dense_MiB")
    rows = [[n, *(row[field] for field in fields)] for n, row in result["tables"]["N"].items()]
    exponents = [
        [variable, e["best"], e["peak_MiB"]]
        for variable, e in result["exponents"].items()
        if variable != "order"
    ]
    return (
        "### Growth\n\nSilicon, order 2; times in ms; without the dense array\n\n"
        + tabulate(["atoms", *fields], rows)
        + "\nExponents, over the upper half of the values\n\n"
        + tabulate(["variable", "time", "peak memory"], exponents)
        + "\n![growth](results/growth.png)\n"
    )


def diagnosis() -> str:
    """Tabulate the time of a diagnosis, and its fractions per stage."""
    result = load("diagnosis")
    rows = [
        [name, one["milliseconds"]["best"], one["milliseconds"]["median"], one["target"] or ""]
        for name, one in result.items()
    ]
    stages = list(next(iter(result.values()))["shares"])
    shares = [
        [stage, *(f"{one['shares'][stage]:.0%}" for one in result.values())] for stage in stages
    ]
    return (
        "### Diagnosis, order 2, in ms\n\n"
        + tabulate(["", "best", "median", "target"], rows)
        + "\nFractions of the time (with the profiler on)\n\n"
        + tabulate(["", *result], shares)
    )


def inversion() -> str:
    """Tabulate the success rate of recovering structures from their features."""
    result = load("inversion")
    fields = list(next(iter(result.values())))
    rows = [[key, *(one[field] for field in fields)] for key, one in result.items()]
    return (
        "### Structures from features, molecules of G2 with 3 to 10 atoms, all centers\n\n"
        + tabulate(["descriptor, target, start", *fields], rows)
    )


def latency() -> str:
    """Tabulate the delay of the explorer from a key press to the display."""
    result = load("latency")
    fields = list(next(iter(result.values()))["after"])
    rows = [
        [f"{system}, {name}", *(one[field] for field in fields)]
        for system, both in result.items()
        for name, one in both.items()
    ]
    return (
        "### From a key on the amplitude slider to the display, JupyterLab, in ms\n\n"
        + tabulate(["", *fields], rows)
        + "\nHeadless Chromium, rendering in software. Target: atoms 60, chart 200 (benzene). "
        "Before: 9b6bfee.\n"
    )


def start() -> str:
    """Tabulate the seconds from the command to a moving molecule."""
    result = load("start")
    fields = list(next(iter(result.values())))
    rows = [[name, *(one[field] for field in fields)] for name, one in result.items()]
    return (
        "### From `sensitivity lab` to its address, a ready notebook, and motion, in s\n\n"
        + tabulate(["", *fields], rows)
        + "\nHeadless Chromium, rendering in software; no caches. Before: 9b6bfee.\n"
    )


def survey_runs() -> str:
    """Tabulate memory and time of long surveys, and say what kills changed."""
    result = load("survey_runs")
    kills = result["kills"]
    memory = [[key, one["peak_mib"], one["seconds"]] for key, one in result["memory"].items()]
    runs = [
        [f"{pair['environments']} {what}", workers, run["seconds"], run["processor"], run["load"]]
        for what, pair in result["processes"].items()
        for workers, found in pair["runs"].items()
        for run in found
    ]
    ratios = " ".join(
        f"Best of one over best of two, {what}: {pair['speedup']:.2f}; two processors without "
        f"other work, from the processor times: {pair['speedup_by_processor_time']:.2f}."
        for what, pair in result["processes"].items()
    )
    return (
        "### Long surveys of rattled molecules, order 2\n\n"
        f"{kills['environments']} environments without causes, killed {kills['kills']} times and "
        "resumed: every row once, largest difference from an undisturbed survey "
        f"{kills['largest_difference']:.0e}; on Dask, with {kills['workers_killed']} workers "
        f"killed: {kills['largest_difference_with_dask']:.0e}.\n\n"
        + tabulate(["environments without causes", "peak memory, MiB", "s"], memory)
        + "\nOne process and two, with the load of the machine before\n\n"
        + tabulate(["environments", "processes", "s", "processor time, s", "load"], runs)
        + f"\n{ratios}\n"
    )


def smallest() -> str:
    """Tabulate time, memory and value of the smallest singular value of rattled silicon."""
    fields = {"atoms": "atoms", "cpu_seconds": "processor time, s", "MiB": "more memory, MiB"}
    fields |= {"smallest": "smallest / largest", "residual": "largest residual"}
    rows = [[one[field] for field in fields] for one in load("smallest")]
    return (
        "### The ten smallest singular values of rattled silicon, cutoff 5 Å, n_max 6, l_max 4\n\n"
        + tabulate(list(fields.values()), rows)
    )


def potentials() -> str:
    """Tabulate the Jacobians of pretrained potentials beside forward passes."""
    result = load("potentials")
    fields = list(next(iter(result.values())))
    rows = [[name, *(one[field] for field in fields)] for name, one in result.items()]
    return (
        "### Jacobians of pretrained potentials, all centers, processor time\n\n"
        + tabulate(["", *fields], rows)
        + "\nThe ratio is that of a Jacobian to as many forward passes of the potential's own "
        "program as there are displacements. It must be at most 2 for CHGNet.\n"
    )


def machines() -> str:
    """Tabulate the machine of each result."""
    path = RESULTS / "machines.json"
    known = load("machines") if path.exists() else {}
    names = sorted(each.stem for each in RESULTS.glob("*.json") if each != path)
    rows: list[list[object]] = [[name, known.get(name, "not recorded")] for name in names]
    return "### Machines\n\n" + tabulate(["result", "machine"], rows)


def tables() -> str:
    """Return all tables."""
    # These may be missing: they need a browser, or large packages.
    special = {"potentials": potentials, "latency": latency, "start": start}
    measured = [make() for name, make in special.items() if (RESULTS / f"{name}.json").exists()]
    return "\n".join(
        [
            machines(),
            peers(),
            adapters(),
            order3(),
            spectrum(),
            survey(),
            diagnosis(),
            before_after(),
            locate(),
            misses(),
            inversion(),
            survey_runs(),
            smallest(),
            *measured,
            growth(),
        ]
    )


def main() -> None:
    """Replace the text between the markers."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    README.write_text(f"{before}{START}\n{tables()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
