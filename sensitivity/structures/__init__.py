"""Structures: read, name and check them, and find neighbours.

Examples
--------
>>> from sensitivity import structures
>>> structures.load("X0").get_chemical_formula()
'CH4'
"""

from sensitivity.structures.files import StructureWarning, read, read_frames
from sensitivity.structures.library import ch4_pair, find_name, load, names, summarize
from sensitivity.structures.names import COMMON
from sensitivity.structures.neighbors import Pairs, check, environment, neighbor_pairs
from sensitivity.structures.translations import primitive_cell
from sensitivity.structures.validation import check_centers, check_cutoff

__all__ = [
    "COMMON",
    "Pairs",
    "StructureWarning",
    "ch4_pair",
    "check",
    "check_centers",
    "check_cutoff",
    "environment",
    "find_name",
    "load",
    "names",
    "neighbor_pairs",
    "primitive_cell",
    "read",
    "read_frames",
    "summarize",
]
