import matplotlib.pyplot as plt

from sensitivity import DensityCorrelations, diagnose, structures
from sensitivity.plots import plot_diagnosis, plot_mode

found = diagnose(structures.load("X0"), DensityCorrelations(), centers=[0])
figure, (left, right) = plt.subplots(1, 2, figsize=(6.7, 2.8), layout="constrained")
plot_diagnosis(found, ax=left)
plot_mode(found, 8, ax=right)
