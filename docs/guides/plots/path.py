from sensitivity import DensityCorrelations, follow, structures
from sensitivity.plots import plot_path

path = follow(structures.load("S1"), DensityCorrelations(), center=0, mode=8, length=0.4)
plot_path(path.spectra, coordinate=path.length)
