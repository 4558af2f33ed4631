"""Structures from files: every format that ASE reads, and corrections that ASE does not make."""

from sensitivity.structures.files.reading import StructureWarning, read, read_frames

__all__ = ["StructureWarning", "read", "read_frames"]
