"""The explorer of two structures."""
