import matplotlib.pyplot as plt

from sensitivity import DensityCorrelations, diagnose, structures
from sensitivity.plots import plot_diagnosis, plot_mode

around = structures.environment(structures.load("Si-diamond"), 0, cutoff=3.0)
found = diagnose(around, DensityCorrelations(cutoff=3.0), centers=[0])
figure, (left, right) = plt.subplots(1, 2, figsize=(6.7, 2.8), layout="constrained")
plot_diagnosis(found, ax=left)
plot_mode(found, 0, ax=right)
