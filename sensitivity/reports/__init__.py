"""Results in words: tables for a terminal, and objects for JSON."""

from sensitivity.reports.diagnoses import describe_diagnosis, tabulate_diagnosis
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
from sensitivity.reports.library_table import describe_library, tabulate_library
from sensitivity.reports.sources import Source
from sensitivity.reports.spectra import describe_spectrum, tabulate_spectrum

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
