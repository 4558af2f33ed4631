"""Descriptors: the native density correlations, and the protocol of every descriptor."""

from sensitivity.descriptors.batches import (
    Batch,
    Block,
    Centers,
    batches_from_blocks,
    batches_from_function,
    features_from_function,
)
from sensitivity.descriptors.density_correlations import DensityCorrelations
from sensitivity.descriptors.protocol import Descriptor, with_defaults
from sensitivity.descriptors.radial import GaussianTypeOrbitals, RadialBasis, SphericalBessel
from sensitivity.descriptors.self_description import check_descriptor

__all__ = [
    "Batch",
    "Block",
    "Centers",
    "DensityCorrelations",
    "Descriptor",
    "GaussianTypeOrbitals",
    "RadialBasis",
    "SphericalBessel",
    "batches_from_blocks",
    "batches_from_function",
    "check_descriptor",
    "features_from_function",
    "with_defaults",
]
