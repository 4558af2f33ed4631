"""The explorer of surveys."""
