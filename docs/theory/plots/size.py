import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase.build import bulk

from sensitivity import DensityCorrelations, bands
from sensitivity.plots import COLORS

EDGE, SIDES = 5.431, Path(__file__).parents[3] / "benchmarks/results/smallest.json"  # Å

crystal = bulk("Si", "diamond", a=EDGE, cubic=True).repeat(2)
crystal.rattle(0.05, seed=0)
line = np.linspace(0, 0.5, 6)[:, None] * [1, 0, 0]
found = bands(crystal, DensityCorrelations(cutoff=5.0, n_max=6, l_max=4), path=line)
plt.figure(figsize=(4.4, 3.0), layout="constrained")
values = found.singular_values[:, -3:] / found.scale
plt.plot(found.distance, values, color=COLORS["sensitive"], label=["bands", None, None])
measured = json.loads(SIDES.read_text())
q = [2 * np.pi / (EDGE * (row["atoms"] / 8) ** (1 / 3)) for row in measured]
plt.plot(q, [row["smallest"] for row in measured], "ko", markersize=4, label="smallest")
for x, row in zip(q, measured, strict=True):
    plt.annotate(row["atoms"], (x, row["smallest"]), (5, -9), textcoords="offset points")
plt.gca().set(xlabel="|q|, or 2π / side of the cell (1/Å)", ylabel="singular value / largest")
plt.gca().set(xlim=(0, 0.65), ylim=(0, 0.06))
plt.legend(frameon=False, loc="upper right")
