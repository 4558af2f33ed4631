"""The explorer of one structure."""
