"""Reports of results: tables for a terminal, and objects for JSON."""
