"""Results in words: tables for a terminal, and objects for JSON."""

from sensitivity.reports.diagnoses import describe_diagnosis, tabulate_diagnosis
from sensitivity.reports.library import describe_library, tabulate_library
from sensitivity.reports.sources import Source
from sensitivity.reports.spectra import describe_spectrum, tabulate_spectrum

__all__ = [
    "Source",
    "describe_diagnosis",
    "describe_library",
    "describe_spectrum",
    "tabulate_diagnosis",
    "tabulate_library",
    "tabulate_spectrum",
]
