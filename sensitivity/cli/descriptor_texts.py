"""The texts that name a descriptor: ``--descriptor`` and ``--setting``."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sensitivity.cli.own_descriptor import is_own, is_said_here, load_descriptor

if TYPE_CHECKING:
    from ase import Atoms

    from sensitivity.descriptors import Descriptor


def descriptor_from(text: str, atoms: Atoms, **settings: Any) -> Descriptor:
    """Return the descriptor that a text names, for a structure.

    The text is a name of the catalog or FILE:NAME, and may be followed by settings, such as
    "2 n_max=8 l_max=4". These have priority over ``settings``.
    """
    name, own = split_settings(text)
    settings = {**settings, **own}
    if is_own(name):
        return load_descriptor(name, **settings)
    from sensitivity.descriptors.catalog import named_descriptor

    try:
        return named_descriptor(name, atoms, **settings)
    except MemoryError:
        raise
    except Exception as error:  # packages have classes of their own
        if isinstance(error, ValueError) and is_said_here(error):
            raise
        given = ", ".join(f" {key}={value!r}" for key, value in settings.items())
        refused = "" if is_said_here(error) else f" {name} does not accept{given}"
        raise ValueError(f"--descriptor{refused}: {error}") from error


def split_settings(text: str) -> tuple[str, dict[str, Any]]:
    """Return the name in a text, and the settings after it."""
    found = re.fullmatch(r"(.*?)((?:\s+\w+=\S+)*)\s*", text, re.DOTALL)
    name, settings = found.groups() if found else (text, "")
    return name, read_settings(settings.split())


def read_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Return settings given as ``key=value``; a value is a Python literal, or else a text."""
    settings = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key.isidentifier() and equals and value):
            raise ValueError(f"--setting must be NAME=VALUE, got {text!r}; give e.g. n_max=8.")
        if "=" in value:
            raise ValueError(f"{text!r} is more than one setting; separate them by spaces.")
        if key in settings:
            raise ValueError(f"the setting {key} is given twice; leave one out.")
        try:
            settings[key] = literal_eval(value)
        except (SyntaxError, ValueError):
            settings[key] = value
    return settings
