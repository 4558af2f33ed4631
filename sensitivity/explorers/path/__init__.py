"""The explorer of a path."""
