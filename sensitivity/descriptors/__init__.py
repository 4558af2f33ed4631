"""Descriptors: the native density correlations, and what every descriptor offers."""

from sensitivity.descriptors.density_correlations import DensityCorrelations
from sensitivity.descriptors.protocol import (
    REFINABLE,
    Batch,
    Block,
    Centers,
    Descriptor,
    check_descriptor,
)
from sensitivity.descriptors.radial import GaussianTypeOrbitals, RadialBasis, SphericalBessel

__all__ = [
    "REFINABLE",
    "Batch",
    "Block",
    "Centers",
    "DensityCorrelations",
    "Descriptor",
    "GaussianTypeOrbitals",
    "RadialBasis",
    "SphericalBessel",
    "check_descriptor",
]
