"""Geometries at which a displacement is not seen: finding them, and the twins that meet there."""

from sensitivity.geometry.superposition import Superposition, superpose
from sensitivity.progress import Progress, check_progress
from sensitivity.singular.locate import locate
from sensitivity.singular.nearest_zeros import NearestZeros, nearest_zeros
from sensitivity.singular.pairs import Twin
from sensitivity.singular.points import SingularPoint
from sensitivity.singular.twins import find_twin
from sensitivity.structures.immobile import explain_stillness

__all__ = [
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
