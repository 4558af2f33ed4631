from sensitivity import DensityCorrelations, convergence, structures
from sensitivity.plots import plot_convergence

found = convergence(
    structures.load("generic"),
    DensityCorrelations(),
    centers=[0],
    n_max=[1, 2, 3, 4, 6, 8],
    l_max=[1, 2, 3, 4, 6, 8],
)
plot_convergence(found)
