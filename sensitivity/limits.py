"""Limits on uploaded files, for the widget and for the server of the page."""

from __future__ import annotations


class Limit:
    """Limits on an upload; limits of the server alone are in ``app/server_limits.py``."""

    # Bytes of a file: 50 000 atoms as text, a hundred times what the explorer can show. The page
    # refuses a larger file before the upload (``app/templates/page.js``).
    UPLOAD = 5_000_000
    READING_SECONDS = 10  # of real time for reading a file
    READING_MEMORY = 1_000_000_000  # bytes of memory for the process that reads a file
