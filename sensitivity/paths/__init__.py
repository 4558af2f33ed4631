"""Curves in the space of structures along visible or invisible displacements."""

from sensitivity.paths.follow import Path, follow

__all__ = ["Path", "follow"]
