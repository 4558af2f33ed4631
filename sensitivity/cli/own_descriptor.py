"""User-defined descriptors, given as ``--descriptor FILE:NAME``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import isfunction
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sensitivity.descriptors import Descriptor


def is_own(text: str) -> bool:
    """Return True if a text names something in a file: FILE:NAME, or a file without a name."""
    return ":" in text or os.path.splitext(text)[1] == ".py"


def make_absolute(text: str) -> str:
    """Return FILE:NAME with the whole path of the file; other texts unchanged."""
    return os.path.abspath(text) if is_own(text) else text


def load_descriptor(given: str, **settings: Any) -> Descriptor:
    """Return the descriptor ``NAME`` of a Python file, with other settings.

    NAME is a descriptor, a class of descriptors, or a function of a structure, which needs the
    setting cutoff. ValueError if the file or the name does not exist, or is none of these.
    ``blamed`` handles exceptions raised by the file.
    """
    from sensitivity.descriptors import check_descriptor

    path, name = _split(given)
    if not os.path.isfile(path):
        found = "is a folder" if os.path.isdir(path) else "does not exist"
        raise ValueError(f"--descriptor needs a Python file, and {path} {found}.")
    module = _run(path)
    if not hasattr(module, name):
        raise ValueError(f"--descriptor: there is no {name} in {path}; {_suggest(module, name)}")
    try:
        descriptor = _make(getattr(module, name), settings)
        check_descriptor(descriptor)
    except Exception as error:
        if _find_line(error, path) is None:
            raise ValueError(f"--descriptor {given}: {error}") from error
        raise
    return descriptor


def _make(found: Any, settings: dict[str, Any]) -> Descriptor:
    """Return a descriptor, or an instance of a class, or a function as a descriptor."""
    from sensitivity.descriptors import Function, with_defaults

    if isinstance(found, type):
        made: Descriptor = found(**settings)
        return made
    if isfunction(found):
        if "cutoff" not in settings:
            raise ValueError(
                "a function needs the radius, in Å, within which atoms change the features of a "
                "center; add cutoff=5, after the name or as --setting."
            )
        return Function(found, **settings)
    return with_defaults(found).with_settings(**settings) if settings else found


@contextmanager
def blamed(given: Sequence[str]) -> Iterator[None]:
    """Turn an error raised by a descriptor's file into a ValueError that names file and line.

    Input errors of this package pass unchanged, also if the file has re-raised them.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        if not given or isinstance(error, BrokenPipeError | MemoryError):
            raise
        for path in (text.rpartition(":")[0] for text in given if is_own(text)):
            if (line := _find_line(error, path)) is not None:
                message = f"{type(error).__name__}: {error}".rstrip(": ")
                raise ValueError(f"{path}, line {line}: {message}") from error
        if isinstance(error, TypeError):  # an argument that this descriptor does not accept
            raise ValueError(str(error)) from error
        raise


def _split(given: str) -> tuple[str, str]:
    path, _, name = given.rpartition(":")
    if not path or not name:
        raise ValueError(f"--descriptor must be FILE.py:NAME, got {given!r}; give e.g. own.py:Own.")
    return path, name


def _run(path: str) -> ModuleType:
    """Run a file as a module; files in its folder can be imported."""
    name = os.path.splitext(os.path.basename(path))[0]
    while name in sys.modules:
        name += "_"
    module = sys.modules[name] = ModuleType(name)  # dataclasses look their module up
    module.__file__ = path
    sys.path.append(os.path.dirname(os.path.abspath(path)))
    try:
        with open(path, "rb") as file:
            exec(compile(file.read(), path, "exec"), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _suggest(module: ModuleType, name: str) -> str:
    from difflib import get_close_matches

    names = [
        one
        for one, value in vars(module).items()
        if hasattr(value, "gradients")
        and (not isinstance(value, type) or value.__module__ == module.__name__)
    ]
    if close := get_close_matches(name, names, n=3, cutoff=0.5):
        return f"did you mean {' or '.join(close)}?"
    return f"it has {', '.join(names)}." if names else "it has no descriptor."


def _find_line(error: BaseException, path: str) -> int | None:
    """Return the line of the file where an error was raised; None if it was raised elsewhere."""
    from traceback import extract_tb

    if isinstance(error, SyntaxError) and error.filename in {path, None}:
        return error.lineno or 1
    frames = extract_tb(error.__traceback__)
    package = os.path.dirname(os.path.dirname(__file__)) + os.sep
    refused = isinstance(error, TypeError | ValueError) and frames[-1].filename.startswith(package)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    return lines[-1] if lines and not refused else None
