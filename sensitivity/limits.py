"""Limits on files that are uploaded, for the widget and for the server of the page."""

from __future__ import annotations


class Limit:
    """Limits on an upload; those of the server alone are in ``app/server_limits.py``."""

    # Bytes of a file: 50 000 atoms as text, a hundred times what the explorer can show. The page
    # refuses a larger file before it is sent, in one sentence (``app/templates/page.js``).
    UPLOAD = 5_000_000
    READING_SECONDS = 10  # by the clock, that a file may take to be read
    READING_MEMORY = 1_000_000_000  # bytes that the process may use that reads a file
