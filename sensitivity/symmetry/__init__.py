"""The point group of an environment, and the displacements that it leaves invariant."""

from sensitivity.symmetry.groups import PointGroup
from sensitivity.symmetry.sites import SiteSymmetry, site_symmetry

__all__ = ["PointGroup", "SiteSymmetry", "site_symmetry"]
