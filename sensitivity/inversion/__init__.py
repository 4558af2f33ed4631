"""The structure that has given features."""

from sensitivity.inversion.invert import invert
from sensitivity.inversion.results import Inversion, NullMode

__all__ = ["Inversion", "NullMode", "invert"]
