"""Errors as sentences."""

from __future__ import annotations


def as_sentence(error: BaseException) -> str:
    """Return the message of an error as a sentence."""
    if isinstance(error, MemoryError):
        return "There is not enough memory. Choose a smaller structure, basis or order."
    text = " ".join(str(error).split()) or type(error).__name__
    if text.split()[0].isalpha():  # the name of a file or of an argument stays as it is
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
