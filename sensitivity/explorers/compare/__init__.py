"""The explorer of several descriptors on one structure."""
