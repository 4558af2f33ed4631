from sensitivity import DensityCorrelations, bands, structures
from sensitivity.plots import plot_bands

found = bands(structures.load("Si-diamond"), DensityCorrelations(cutoff=4.5), path="GXWKGL")
plot_bands(found)
