"""The point group of an environment, and the displacements that it leaves invariant."""

from sensitivity.symmetry.groups import PointGroup
from sensitivity.symmetry.sites import LARGEST_TOLERANCE, SiteSymmetry, site_symmetry

__all__ = ["LARGEST_TOLERANCE", "PointGroup", "SiteSymmetry", "site_symmetry"]
