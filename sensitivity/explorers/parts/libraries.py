"""The optional libraries of the explorers, imported where they are used."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any


def require(name: str) -> Any:
    """Import a library of the extra ``lab``.

    Raises
    ------
    ModuleNotFoundError
        If it, or something that it needs, is not installed; the message says what to install.
    """
    try:
        with warnings.catch_warnings():
            # nglview 3.1 learns its own version from setuptools, in a way that this warns about.
            warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
            return import_module(name)
    except ModuleNotFoundError as error:
        raise missing(error) from error


def missing(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return the error that says how to install what could not be imported."""
    return ModuleNotFoundError(
        f"The explorers need {error.name}, which is not installed; "
        'run pip install "atomic-sensitivity[lab]".',
        name=error.name,
    )
