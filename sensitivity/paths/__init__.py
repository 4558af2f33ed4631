"""Curves in the space of structures along what a descriptor sees well, or does not see."""

from sensitivity.paths.follow import Path, follow

__all__ = ["Path", "follow"]
