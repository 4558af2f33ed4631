"""Notebook widgets: move the atoms along a singular vector and watch the spectrum.

They need the libraries of the extra ``lab``: ``pip install "atomic-sensitivity[lab]"``.
"""

from sensitivity.notes import missing

try:
    from sensitivity.explorers.bands.band_explorer import BandExplorer
    from sensitivity.explorers.basis.basis_explorer import BasisExplorer
    from sensitivity.explorers.compare.compare_explorer import CompareExplorer
    from sensitivity.explorers.main.explorer import Explorer
    from sensitivity.explorers.path.path_explorer import PathExplorer
    from sensitivity.explorers.survey.survey_explorer import SurveyExplorer
    from sensitivity.explorers.twin import TwinExplorer
except ModuleNotFoundError as error:
    raise missing("the explorers need", error.name) from error

__all__ = [
    "BandExplorer",
    "BasisExplorer",
    "CompareExplorer",
    "Explorer",
    "PathExplorer",
    "SurveyExplorer",
    "TwinExplorer",
]
