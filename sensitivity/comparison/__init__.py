"""Comparison of descriptors on one structure: what each sees, how well, and what others miss."""

from sensitivity.comparison.comparison import compare
from sensitivity.comparison.modes import ComparedModes, Response, respond
from sensitivity.comparison.result import Comparison

__all__ = ["ComparedModes", "Comparison", "Response", "compare", "respond"]
