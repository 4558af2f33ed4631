"""Results as files for other people: self-contained pages, and data for chemiscope."""

from sensitivity.share.pages import page
from sensitivity.share.survey_chemiscope import survey_chemiscope

__all__ = ["page", "survey_chemiscope"]
