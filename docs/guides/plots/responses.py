import numpy as np

from sensitivity import DensityCorrelations, diagnose, feature_changes, structures
from sensitivity.plots import plot_responses

X0, descriptor = structures.load("X0"), DensityCorrelations()
found = diagnose(X0, descriptor, centers=[0])
modes = [found.modes[index].displacement for index in (0, 7, 8)]
amplitudes = np.geomspace(1e-4, 0.1, 13)
changes = feature_changes(X0, descriptor, modes, centers=[0], amplitudes=amplitudes)
plot_responses(amplitudes, changes, labels=["most visible", "least visible", "invisible"])
