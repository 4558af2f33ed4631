"""Geometries with invisible displacements: search for them, and for the twins that meet there."""

from sensitivity.geometry.superposition import superpose
from sensitivity.singular.locate import SingularPoint, locate
from sensitivity.singular.twins import Twin, find_twin

__all__ = [
    "SingularPoint",
    "Twin",
    "find_twin",
    "locate",
    "superpose",
]
