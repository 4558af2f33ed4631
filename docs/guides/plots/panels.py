import matplotlib.pyplot as plt
import numpy as np

from sensitivity import DensityCorrelations, diagnose, feature_changes, structures
from sensitivity.plots import plot_diagnosis, plot_mode, plot_responses

X0, descriptor = structures.load("X0"), DensityCorrelations()
found = diagnose(X0, descriptor, centers=[0])
modes = [found.modes[index].displacement for index in (0, 8)]
amplitudes = np.geomspace(1e-4, 0.1, 13)
changes = feature_changes(X0, descriptor, modes, centers=[0], amplitudes=amplitudes)

plt.rcParams["font.size"] = 8
figure, axes = plt.subplot_mosaic(
    [["values", "values"], ["mode", "responses"]], figsize=(6.7, 5.0), layout="constrained"
)
plot_diagnosis(found, ax=axes["values"])
plot_mode(found, 8, ax=axes["mode"])
plot_responses(amplitudes, changes, labels=["visible", "invisible"], ax=axes["responses"])
