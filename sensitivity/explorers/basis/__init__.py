"""The explorer of a basis."""
