"""The optional packages that compute descriptors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from typing import Any

KNOWN_TO_WORK = {
    "dscribe": "2.1.2",
    "featomic": "0.6.7",
    "torch": "2.13.0",
    "chgnet": "0.4.2",
    "sevenn": "0.13.0",
    "torchani": "2.9.0",
    "metatomic-torch": "0.1.19",
    "jax": "0.10.2",
    "ace-jax": "0.4.1",
}
"""Versions of the packages."""

_EXTRAS = {"sevenn": "sevennet", "ace-jax": "ace"}  # whose name is not that of the package


def installed_version(package: str) -> str | None:
    """Return the installed version; None if the package is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def extra(package: str) -> str:
    """Return the name of the extra that installs the package."""
    return _EXTRAS.get(package, package)


def remedy(package: str) -> str:
    """Return the command that installs the package."""
    return f'pip install "atomic-sensitivity[{extra(package)}]"'


class PackageError(ImportError):
    """An error that names a package, what is wrong with it, and what to do."""


def failure(package: str, problem: str = "is not installed") -> PackageError:
    """Return an error that names the extra and a version that works."""
    return PackageError(
        f"{package} {problem}; {remedy(package)} (version {KNOWN_TO_WORK[package]} is known to "
        "work)."
    )


def import_package(package: str) -> Any:
    """Import a package, whose own warnings on import are no business of users."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(package.replace("-", "_"))


@contextmanager
def required(
    package: str, *, failures: tuple[type[Exception], ...] = (Exception,)
) -> Iterator[None]:
    """Raise an ImportError that names the extra, for these failures of the package in a block."""
    try:
        yield
    except PackageError:  # says what to do already
        raise
    except failures as error:
        version = installed_version(package)
        problem = [f"{version} does not work ({error})"] if version else []
        raise failure(package, *problem) from error
