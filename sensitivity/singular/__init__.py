"""Geometries at which a displacement is not seen: finding them, and the twins that meet there."""

from sensitivity.singular.locate import locate
from sensitivity.singular.nearest import DescriptorView, NearestZeros, nearest_zeros
from sensitivity.singular.pairs import Twin
from sensitivity.singular.points import SingularPoint
from sensitivity.singular.progress import Progress, check_progress
from sensitivity.singular.stillness import explain_stillness
from sensitivity.singular.superposition import Superposition, superpose
from sensitivity.singular.twins import find_twin

__all__ = [
    "DescriptorView",
    "NearestZeros",
    "Progress",
    "SingularPoint",
    "Superposition",
    "Twin",
    "check_progress",
    "explain_stillness",
    "find_twin",
    "locate",
    "nearest_zeros",
    "superpose",
]
