"""Survey of the environments of many structures."""

from sensitivity.survey.frames import Frames
from sensitivity.survey.survey import Survey, survey

__all__ = ["Frames", "Survey", "survey"]
