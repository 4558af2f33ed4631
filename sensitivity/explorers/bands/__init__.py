"""The explorer of sensitivity bands."""
