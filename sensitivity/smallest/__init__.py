"""The least visible displacements of a large structure."""

from sensitivity.smallest.result import Smallest
from sensitivity.smallest.smallest import smallest

__all__ = ["Smallest", "smallest"]
