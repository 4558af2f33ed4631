"""Geometries at which a displacement is not seen: finding them, and the twins that meet there."""

from sensitivity.singular.locate import locate
from sensitivity.singular.nearest import DescriptorView, NearestZeros, nearest_zeros
from sensitivity.singular.points import SingularPoint
from sensitivity.singular.superposition import Superposition, superpose
from sensitivity.singular.twins import Twin, find_twin

__all__ = [
    "DescriptorView",
    "NearestZeros",
    "SingularPoint",
    "Superposition",
    "Twin",
    "find_twin",
    "locate",
    "nearest_zeros",
    "superpose",
]
