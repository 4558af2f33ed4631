"""The category of all warnings, the error for a missing library, and names in a terminal."""

import re


class SensitivityWarning(UserWarning):
    """A note about an input or a result; the command shows it in one line on standard error."""


def missing(what: str, library: str | None) -> ModuleNotFoundError:
    """Return the error that says how to install a library that something needs."""
    return ModuleNotFoundError(
        f'{library} is not installed, and {what} it; run: pip install "atomic-sensitivity[lab]"',
        name=library,
    )


def visible(text: str) -> str:
    r"""Return text with codes such as \u001b for characters that a terminal obeys.

    They control it, break lines, or change the direction of what follows; names in files may have
    them. JSON means the same then.
    """
    obeyed = r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
    return re.sub(obeyed, lambda found: f"\\u{ord(found[0]):04x}", text)
