"""Structures from files: every format that ASE reads, and what ASE leaves to its user."""

from sensitivity.structures.files.ase_frames import Frame
from sensitivity.structures.files.reading import (
    StructureWarning,
    choose,
    no_frame,
    note_bad,
    read,
    read_frames,
    show,
    take,
    warn,
)

__all__ = ["Frame", "StructureWarning", "choose", "no_frame", "note_bad", "read", "read_frames"]
__all__ += ["show", "take", "warn"]
