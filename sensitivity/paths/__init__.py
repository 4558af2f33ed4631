"""Curves in the space of structures along what a descriptor sees well, or does not see."""

from sensitivity.paths.follow import follow
from sensitivity.paths.path import Path

__all__ = ["Path", "follow"]
