"""The category of all warnings, the error for a missing library, and names in a terminal."""

import re


class SensitivityWarning(UserWarning):
    """A note about an input or a result; the command shows it as one line on standard error."""


def missing(what: str, library: str | None) -> ModuleNotFoundError:
    """Return the error for a missing library, with the command that installs it."""
    return ModuleNotFoundError(
        f'{library} is not installed, and {what} it; run: pip install "atomic-sensitivity[lab]"',
        name=library,
    )


def visible(text: str) -> str:
    r"""Return text with escapes such as \u001b in place of characters that control a terminal.

    Such characters control the terminal, break lines, or change the text direction; names in files
    may contain them. The result means the same in JSON.
    """
    obeyed = r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
    return re.sub(obeyed, lambda found: f"\\u{ord(found[0]):04x}", text)
