"""Results in words: tables for a terminal, and objects for JSON."""

from sensitivity.reports.geometries import (
    describe_inversion,
    describe_path,
    describe_point,
    describe_twin,
    tabulate_inversion,
    tabulate_path,
    tabulate_point,
    tabulate_twin,
)
from sensitivity.reports.modes import (
    describe_diagnosis,
    describe_spectrum,
    tabulate_diagnosis,
    tabulate_spectrum,
)
from sensitivity.reports.sources import Source, describe_library, tabulate_library

__all__ = [
    "Source",
    "describe_diagnosis",
    "describe_inversion",
    "describe_library",
    "describe_path",
    "describe_point",
    "describe_spectrum",
    "describe_twin",
    "tabulate_diagnosis",
    "tabulate_inversion",
    "tabulate_library",
    "tabulate_path",
    "tabulate_point",
    "tabulate_spectrum",
    "tabulate_twin",
]
