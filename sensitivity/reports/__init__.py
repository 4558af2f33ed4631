"""Results in words: tables for a terminal, and objects for JSON."""
