"""Descriptors: the native density correlations, and what every descriptor offers."""

from sensitivity.descriptors.density_correlations import DensityCorrelations
from sensitivity.descriptors.protocol import Batch, Block, Centers, Descriptor
from sensitivity.descriptors.radial import GaussianTypeOrbitals, RadialBasis, SphericalBessel

__all__ = [
    "Batch",
    "Block",
    "Centers",
    "DensityCorrelations",
    "Descriptor",
    "GaussianTypeOrbitals",
    "RadialBasis",
    "SphericalBessel",
]
