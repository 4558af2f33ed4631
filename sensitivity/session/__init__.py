"""Saved sessions: the choices made in an explorer, with their structure, as JSON.

A session is data. Reading one checks every value, and neither imports nor unpickles anything: a
descriptor is a name with settings, which the explorer looks up among the descriptors that it
offers. ``docs/guides/sharing.md`` has the formats.
"""

from sensitivity.session.comparisons import ComparisonSession, parse_comparison
from sensitivity.session.reading import parse_session, parse_text, read_file, read_session
from sensitivity.session.sessions import LINK, MOST_FRAMES, Named, Session
from sensitivity.session.surveys import SurveySession, parse_survey

__all__ = [
    "LINK",
    "MOST_FRAMES",
    "ComparisonSession",
    "Named",
    "Session",
    "SurveySession",
    "parse_comparison",
    "parse_session",
    "parse_survey",
    "parse_text",
    "read_file",
    "read_session",
]
