"""Search for the structure that has given features."""

from sensitivity.inversion.inversion import Inversion, NullMode
from sensitivity.inversion.invert import invert

__all__ = ["Inversion", "NullMode", "invert"]
