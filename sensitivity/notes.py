"""The category of every warning that this package gives."""


class SensitivityWarning(UserWarning):
    """A note about an input or a result; the command shows it in one line on standard error."""
