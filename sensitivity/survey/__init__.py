"""Survey of the environments of many structures."""

from sensitivity.survey.frames import Frames
from sensitivity.survey.ranking import Totals
from sensitivity.survey.results import Survey, open_survey
from sensitivity.survey.survey import survey

__all__ = ["Frames", "Survey", "Totals", "open_survey", "survey"]
