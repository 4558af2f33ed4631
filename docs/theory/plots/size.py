import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase.build import bulk

from sensitivity import DensityCorrelations, bands
from sensitivity.plots import COLORS

EDGE = 5.431  # Å
MEASURED = Path("../../../benchmarks/results/smallest.json")  # from the folder of this file

crystal = bulk("Si", "diamond", a=EDGE, cubic=True).repeat(2)
crystal.rattle(0.05, seed=0)
line = np.linspace(0, 0.5, 7)[:, None] * [1, 0, 0]
found = bands(crystal, DensityCorrelations(cutoff=5.0, n_max=6, l_max=4), path=line)
plt.figure(figsize=(4.4, 3.0), layout="constrained")
values = found.singular_values[:, -2:] / found.singular_values.max()
plt.plot(found.distance, values, color=COLORS["sensitive"], label=["bands of 64 atoms", None])
measured = json.loads(MEASURED.read_text())
q = [2 * np.pi / (EDGE * (row["atoms"] / 8) ** (1 / 3)) for row in measured]
plt.plot(q, [row["smallest"] for row in measured], "ko", markersize=4, label="smallest, atoms")
for x, row in zip(q, measured, strict=True):
    plt.annotate(row["atoms"], (x, row["smallest"]), (5, -9), textcoords="offset points")
plt.gca().set(xlabel="|q|, or 2π / side of the cell (1/Å)", ylabel="singular value / largest")
plt.gca().set(xlim=(0, 0.65), ylim=(0, 0.03))
plt.legend(frameon=False, loc="upper left")
