"""Structures: read them, name them, check them, and find who is near whom."""

from sensitivity.structures.files import StructureWarning, read, read_frames
from sensitivity.structures.library import ch4_pair, load, names, summarize
from sensitivity.structures.neighbors import Pairs, check, environment, neighbor_pairs
from sensitivity.structures.validation import check_centers, check_cutoff

__all__ = [
    "Pairs",
    "StructureWarning",
    "ch4_pair",
    "check",
    "check_centers",
    "check_cutoff",
    "environment",
    "load",
    "names",
    "neighbor_pairs",
    "read",
    "read_frames",
    "summarize",
]
