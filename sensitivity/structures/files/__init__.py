"""Structures from files: every format that ASE reads, and what ASE leaves to its user."""

from sensitivity.structures.files.reading import (
    StructureWarning,
    choose,
    read,
    read_frames,
    show,
    warn,
)

__all__ = ["StructureWarning", "choose", "read", "read_frames", "show", "warn"]
