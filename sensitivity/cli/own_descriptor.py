"""User-defined descriptors, given as ``--descriptor FILE:NAME``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sensitivity.descriptors import Descriptor

_OF_FUNCTIONS = ("cutoff", "takes", "vectorized", "order")  # settings


def is_own(text: str) -> bool:
    """Return True if a text names something in a file: FILE:NAME, or a file without a name."""
    return ":" in text or os.path.splitext(text)[1] == ".py"


def make_absolute(text: str) -> str:
    """Return FILE:NAME with the whole path of the file; other texts unchanged."""
    return os.path.abspath(text) if is_own(text) else text


def load_descriptor(given: str, **settings: Any) -> Descriptor:
    """Return the descriptor ``NAME`` of a Python file, with other settings.

    NAME is a descriptor, a function of a structure or another callable, which needs the setting
    cutoff, or a class of these. ValueError if the file or the name does not exist, or is no such.
    ``blamed`` handles exceptions raised by the file.
    """
    from sensitivity.descriptors import check_descriptor

    path, name = _split(given)
    if not os.path.isfile(path):
        found = "is a folder" if os.path.isdir(path) else "does not exist"
        raise ValueError(f"--descriptor needs a Python file, and {path} {found}.")
    if _is_binary(path):
        raise ValueError(
            f"--descriptor needs a Python file, and {path} is binary, as a saved model is; reading "
            "it may run code, so write a Python file that reads it, and give FILE.py:NAME."
        )
    module = _run(path)
    if not hasattr(module, name):
        problem = f"there is no {name} in {path}" if name else f"{path} needs a name after a colon"
        raise ValueError(f"--descriptor: {problem}; {_suggest(module, name)}")
    try:
        descriptor = _make(getattr(module, name), given, settings)
        check_descriptor(descriptor)
    except Exception as error:
        if _find_line(error, path) is None:
            raise ValueError(f"--descriptor {given}: {error}") from error
        raise
    return descriptor


def _make(found: Any, given: str, settings: dict[str, Any]) -> Descriptor:
    """Return a descriptor, an instance of a class, or a function as a descriptor."""
    from sensitivity.descriptors import with_defaults

    if isinstance(found, type) and hasattr(found, "gradients"):
        made: Descriptor = found(**settings)
        return made
    if isinstance(found, type):
        found = found()
    if callable(found) and not hasattr(found, "gradients"):
        return _make_function(found, given, settings)
    return with_defaults(found).with_settings(**settings) if settings else found


def _make_function(found: Callable[..., Any], given: str, settings: dict[str, Any]) -> Descriptor:
    from inspect import signature

    from sensitivity.descriptors import Function

    if unknown := ", ".join(key for key in settings if key not in _OF_FUNCTIONS):
        known = ", ".join(_OF_FUNCTIONS)
        raise ValueError(f"a function has no setting {unknown}; choose from {known}.")
    if "cutoff" not in settings:
        raise ValueError(
            "a function needs the radius, in Å, within which atoms change the features of a "
            f'center; add it after the name: --descriptor "{given} cutoff=5".'
        )
    with suppress(ValueError):  # compiled code may have no signature
        try:
            signature(found).bind(None)
        except TypeError as error:
            raise TypeError(f"a function of a structure takes one argument: {error}") from error
    return Function(found, **settings)


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
        for path in (_split(text)[0] for text in given if is_own(text)):
            if (line := _find_line(error, path)) is not None:
                message = f"{type(error).__name__}: {error}".rstrip(": ")
                raise ValueError(f"{path}, line {line}: {message}") from error
        if isinstance(error, TypeError):  # an argument that this descriptor does not accept
            raise ValueError(str(error)) from error
        raise


def _split(given: str) -> tuple[str, str]:
    """Return the path and the name, which may be left out."""
    path, name = given.rpartition(":")[::2] if ":" in given else (given, "")
    if not path:
        raise ValueError(f"--descriptor must be FILE.py:NAME, got {given!r}; give e.g. own.py:Own.")
    return path, name


def _is_binary(path: str) -> bool:
    """Return True for a file that is no text, such as a pickle, or what torch saves."""
    with open(path, "rb") as file:
        content = file.read()
    return content.startswith(b"\x80") or b"\0" in content


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

    names = [one for one, value in vars(module).items() if _is_usable(value, module.__name__)]
    if close := get_close_matches(name, names, n=3, cutoff=0.5):
        return f"did you mean {' or '.join(close)}?"
    return f"it has {', '.join(names)}." if names else "it has no descriptor and no function."


def _is_usable(value: Any, module: str) -> bool:
    """Return True for a descriptor, and for a class of these or a callable of this module."""
    describes, here = hasattr(value, "gradients"), getattr(value, "__module__", None) == module
    if isinstance(value, type):
        return describes and here
    return describes or (callable(value) and here)


def _find_line(error: BaseException, path: str) -> int | None:
    """Return the line of the file where an error was raised; None if it was raised elsewhere."""
    from traceback import extract_tb

    if isinstance(error, SyntaxError) and error.filename in {path, None}:
        return error.lineno or 1
    frames = extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    return lines[-1] if lines and not is_said_here(error) else None


def is_said_here(error: BaseException) -> bool:
    """Return True for an input error that this package has raised."""
    from traceback import extract_tb

    package = os.path.dirname(os.path.dirname(__file__)) + os.sep
    raised = extract_tb(error.__traceback__)[-1].filename
    kinds = TypeError | ValueError | ImportError
    return isinstance(error, kinds) and raised.startswith(package)
