"""Structures from files: every format that ASE reads, and what ASE leaves to its user."""

from sensitivity.structures.files.frames import Frame
from sensitivity.structures.files.reading import (
    Chosen,
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

__all__ = [
    "Chosen",
    "Frame",
    "StructureWarning",
    "choose",
    "no_frame",
    "note_bad",
    "read",
    "read_frames",
    "show",
    "take",
    "warn",
]
