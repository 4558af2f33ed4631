"""Ask what a descriptor of atomic structure does not see, and why.

The Jacobian of the map from atomic positions to features, its singular values, and what they
mean. See https://doi.org/10.12688/openreseurope.14156.1 for the method.
"""

from sensitivity import structures
from sensitivity.convergence import Convergence, convergence
from sensitivity.descriptors import DensityCorrelations, GaussianTypeOrbitals, SphericalBessel
from sensitivity.diagnosis import Diagnosis, diagnose
from sensitivity.jacobian import Jacobian, jacobian
from sensitivity.spectrum import Spectrum, spectrum

__all__ = [
    "Convergence",
    "DensityCorrelations",
    "Diagnosis",
    "GaussianTypeOrbitals",
    "Jacobian",
    "Spectrum",
    "SphericalBessel",
    "convergence",
    "diagnose",
    "jacobian",
    "spectrum",
    "structures",
]
