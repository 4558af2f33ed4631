"""The category of every warning that this package gives, and the error for a missing library."""


class SensitivityWarning(UserWarning):
    """A note about an input or a result; the command shows it in one line on standard error."""


def missing(what: str, library: str | None) -> ModuleNotFoundError:
    """Return the error that says how to install a library that something needs."""
    return ModuleNotFoundError(
        f'{library} is not installed, and {what} it; run: pip install "atomic-sensitivity[lab]"',
        name=library,
    )
