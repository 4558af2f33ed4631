"""Structures from files: every format that ASE reads, and what ASE leaves to its user."""

from sensitivity.structures.files.reading import StructureWarning, read, read_frames

__all__ = ["StructureWarning", "read", "read_frames"]
