"""Sensitivity bands: singular values of an infinite crystal for every wave vector."""

from sensitivity.bands.bands import bands
from sensitivity.bands.result import Bands
from sensitivity.bands.shortfalls import Shortfall
from sensitivity.bands.waves import Waves

__all__ = ["Bands", "Shortfall", "Waves", "bands"]
