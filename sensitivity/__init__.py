"""Ask what a descriptor of atomic structure does not see, and why.

The Jacobian of the map from atomic positions to features, its singular values, and what they
mean. See https://doi.org/10.12688/openreseurope.14156.1 for the method.
"""

from sensitivity import structures
from sensitivity.descriptors import DensityCorrelations, GaussianTypeOrbitals, SphericalBessel
from sensitivity.jacobian import Jacobian, jacobian
from sensitivity.spectrum import Spectrum, spectrum

__all__ = [
    "DensityCorrelations",
    "GaussianTypeOrbitals",
    "Jacobian",
    "Spectrum",
    "SphericalBessel",
    "jacobian",
    "spectrum",
    "structures",
]
