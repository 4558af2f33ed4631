"""Results as files for other people: self-contained pages, and data for chemiscope."""

from sensitivity.share.survey_chemiscope import survey_chemiscope
from sensitivity.share.survey_page import survey_page

__all__ = ["survey_chemiscope", "survey_page"]
