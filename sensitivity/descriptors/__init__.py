"""Descriptors: the native density correlations, and the protocol of every descriptor."""

from sensitivity.descriptors.adapter import Adapter
from sensitivity.descriptors.batches import (
    Batch,
    Block,
    Centers,
    batches_from_blocks,
    batches_from_function,
    features_from_function,
)
from sensitivity.descriptors.density_correlations import DensityCorrelations
from sensitivity.descriptors.differences import NotSmooth
from sensitivity.descriptors.from_ace import Ace
from sensitivity.descriptors.from_chgnet import Chgnet
from sensitivity.descriptors.from_dscribe import Dscribe
from sensitivity.descriptors.from_featomic import Featomic
from sensitivity.descriptors.from_function import Function
from sensitivity.descriptors.from_jax import Jax
from sensitivity.descriptors.from_metatomic import Metatomic
from sensitivity.descriptors.from_sevennet import SevenNet
from sensitivity.descriptors.from_torch import Torch
from sensitivity.descriptors.from_torchani import Aev
from sensitivity.descriptors.like_gradients import LikeGradients
from sensitivity.descriptors.normalized import Normalized
from sensitivity.descriptors.overlap_matrix import OverlapMatrix
from sensitivity.descriptors.protocol import Descriptor, Label, with_defaults
from sensitivity.descriptors.radial import GaussianTypeOrbitals, RadialBasis, SphericalBessel
from sensitivity.descriptors.self_description import check_descriptor
from sensitivity.descriptors.stacked import Stacked
from sensitivity.descriptors.trust import Trust

__all__ = [
    "Ace",
    "Adapter",
    "Aev",
    "Batch",
    "Block",
    "Centers",
    "Chgnet",
    "DensityCorrelations",
    "Descriptor",
    "Dscribe",
    "Featomic",
    "Function",
    "GaussianTypeOrbitals",
    "Jax",
    "Label",
    "LikeGradients",
    "Metatomic",
    "Normalized",
    "NotSmooth",
    "OverlapMatrix",
    "RadialBasis",
    "SevenNet",
    "SphericalBessel",
    "Stacked",
    "Torch",
    "Trust",
    "batches_from_blocks",
    "batches_from_function",
    "check_descriptor",
    "features_from_function",
    "with_defaults",
]
