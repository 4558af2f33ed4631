"""Ask what a descriptor of atomic structure does not see, and why.

The Jacobian of the map from atomic positions to features, its singular values, and what they
mean. See https://doi.org/10.12688/openreseurope.14156.1 for the method.
"""

from sensitivity import structures
from sensitivity.convergence import Convergence, convergence
from sensitivity.descriptors import DensityCorrelations, GaussianTypeOrbitals, SphericalBessel
from sensitivity.diagnosis import Diagnosis, diagnose
from sensitivity.inversion import Inversion, NullMode, invert
from sensitivity.jacobian import Jacobian, jacobian
from sensitivity.paths import Path, follow
from sensitivity.singular import SingularPoint, Twin, find_twin, locate
from sensitivity.spectrum import Spectrum, spectrum

__all__ = [
    "Convergence",
    "DensityCorrelations",
    "Diagnosis",
    "GaussianTypeOrbitals",
    "Inversion",
    "Jacobian",
    "NullMode",
    "Path",
    "SingularPoint",
    "Spectrum",
    "SphericalBessel",
    "Twin",
    "convergence",
    "diagnose",
    "find_twin",
    "follow",
    "invert",
    "jacobian",
    "locate",
    "spectrum",
    "structures",
]
