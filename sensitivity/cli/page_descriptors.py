"""The descriptors of the served page: the native ones, and those named when it was started."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sensitivity.app import DESCRIPTORS
from sensitivity.cli.descriptor_texts import split_settings
from sensitivity.cli.own_descriptor import is_own, load_descriptor

if TYPE_CHECKING:
    from sensitivity.descriptors import Descriptor


def read_descriptors(texts: Iterable[str]) -> list[Descriptor | str]:
    """Return the native descriptors, then those of texts such as dscribe-soap or FILE.py:NAME.

    ValueError if there is none of a name, or its package is missing.
    """
    from sensitivity.descriptors.catalog import CATALOG

    native = [name for name, entry in CATALOG.items() if not entry.package]
    return [*native, *map(_read, texts)]


def descriptors_of_page() -> list[Descriptor | str]:
    """Return the descriptors that the process of a visitor offers."""
    return read_descriptors(json.loads(os.environ.get(DESCRIPTORS, "[]")))


def _read(text: str) -> Descriptor | str:
    name, settings = split_settings(text)
    if is_own(name):
        return load_descriptor(name, **settings)
    from sensitivity.descriptors.catalog import installed_entry

    try:
        installed_entry(name)
    except ImportError as error:
        raise ValueError(f"--descriptor: {error}") from error
    if settings:
        raise ValueError(f"--descriptor {text}: the page has controls of settings; give {name}.")
    return name
