"""The common parts of all explorers."""
