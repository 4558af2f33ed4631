"""Values in a session: each is checked, and refused in words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from reprlib import repr as short
from typing import Any, NoReturn

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from sensitivity.diagnosis.causes import CAUSES
from sensitivity.limits import Limit
from sensitivity.numerics import Array, is_number
from sensitivity.spectrum import TRIVIAL

_LARGEST = 1e9  # of any number: Å, features or counts; larger ones are no data
_DEEPEST = 8  # levels of lists and objects in the settings of a descriptor

Sight = tuple[Array, Array, float]
"""Directions right, up and towards the viewer, as rows (3, 3); center (3,) and radius in Å."""


class RefusedError(ValueError):
    """The problem of a file that is refused."""


def read_json(content: bytes) -> dict[str, Any]:
    """Return the object of JSON; ``RefusedError`` for anything else."""
    if len(content) > Limit.UPLOAD:
        refuse(f"has more than {Limit.UPLOAD / 1e6:.0f} MB, which are the most that are read")
    try:
        data = json.loads(content, parse_constant=_reject)
    except (ValueError, RecursionError) as error:  # also for other encodings, and huge integers
        refuse("cannot be read as JSON", error)
    if not isinstance(data, dict):
        refuse(f"is {show(data)}, not a JSON object")
    return data


def are_kinds(values: tuple[Any, ...], count: int) -> bool:
    """Return True for as many causes, or kinds of modes."""
    known = {*CAUSES, *TRIVIAL, "internal"}
    return len(values) == count and all(isinstance(each, str) and each in known for each in values)


def write_json(data: dict[str, Any]) -> bytes:
    """Return an object as JSON, with all digits."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).encode()


def describe_atoms(atoms: Atoms) -> dict[str, Any]:
    """Return a structure in the words of ``--json``."""
    return {
        "symbols": list(atoms.symbols),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "periodic": atoms.pbc.tolist(),
    }


def describe_camera(camera: Sight | None) -> dict[str, Any] | None:
    """Return a camera as JSON values."""
    names = ("view", "center", "radius")
    return camera and dict(zip(names, map(plain, camera), strict=True))


def plain(value: Any) -> Any:
    """Return an array as lists, and other values as they are."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def read_atoms(data: Any, name: str) -> Atoms:
    """Return a structure."""
    if not isinstance(data, dict):
        refuse(f"needs an object as {name}, got {show(data)}")
    symbols = read_list(data, "symbols")
    unknown = [each for each in symbols if not _is_element(each)]
    if unknown or not symbols:
        refuse(f"needs symbols of elements in {name}, got {show(unknown or symbols)}")
    positions, cell = (
        read_array(data, key, shape)
        for key, shape in (("positions", (len(symbols), 3)), ("cell", (3, 3)))
    )
    periodic = read_list(data, "periodic")
    if len(periodic) != 3 or not all(isinstance(each, bool) for each in periodic):
        refuse(f"needs three times true or false as periodic, got {show(periodic)}")
    return Atoms(symbols, positions, cell=cell, pbc=periodic)


def _is_element(symbol: Any) -> bool:
    return isinstance(symbol, str) and atomic_numbers.get(symbol, 0) > 0


def read_centers(given: Any, count: int) -> tuple[int, ...]:
    """Return the indices of centers among ``count`` atoms."""
    right = isinstance(given, list) and 0 < len(given) <= count
    if not right or not all(type(each) is int and 0 <= each < count for each in given):
        refuse(f"needs centers from 0 to {count - 1}, got {show(given)}")
    return tuple(given)


def read_camera(data: dict[str, Any]) -> Sight | None:
    """Return the directions, center and radius of the camera, if there is one."""
    if data.get("camera") is None:
        return None
    camera = read_object(data, "camera")
    view = read_array(camera, "view", (3, 3))
    if not np.allclose(view @ view.T, np.eye(3), atol=1e-3) or np.linalg.det(view) < 0:
        refuse("needs a rotation as view of its camera")
    return view, read_array(camera, "center", (3,)), read_number(camera, "radius", least=0.01)


def _switch(data: dict[str, Any], key: str) -> bool:
    if not isinstance(data[key], bool):
        refuse(f"needs true or false as {key}, got {show(data[key])}")
    return bool(data[key])


def read_format(data: dict[str, Any], format: str, version: int) -> None:
    """Refuse data of another format or version."""
    if data.get("format") != format:
        refuse(f"has the format {show(data.get('format'))}, not {format!r}")
    found = data.get("version")
    if type(found) is not int or found != version:
        refuse(f"has version {show(found)}, and this program reads {version}; update it")


def read_view(data: dict[str, Any]) -> dict[str, Any]:
    """Return the choices that are known; the explorer checks their values."""
    readers: dict[str, Callable[[dict[str, Any], str], Any]] = {
        **dict.fromkeys(("arrows", "transparent"), _switch),
        **dict.fromkeys(("arrow_length", "atom_size"), read_number),
        **dict.fromkeys(("cells", "columns"), read_integer),
        "labels": read_text,
    }
    return {name: read(data, name) for name, read in readers.items() if name in data}


def check_settings(value: Any, *, depth: int = 0) -> None:
    """Refuse settings that are nested deeper, or have larger numbers, than any descriptor's."""
    if depth > _DEEPEST:
        refuse("has settings of its descriptor that are nested too deeply")
    if is_number(value) and not (abs(value) <= _LARGEST and math.isfinite(value)):
        refuse(f"has {show(value)} as a setting of its descriptor")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            check_settings(each, depth=depth + 1)


def read_object(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an object."""
    found: dict[str, Any] = _take(data, key, "an object", lambda x: isinstance(x, dict))
    return found


def read_list(data: dict[str, Any], key: str, *, longest: int = 1_000_000) -> list[Any]:
    """Return a list."""
    found: list[Any] = _take(
        data, key, "a list", lambda x: isinstance(x, list) and len(x) <= longest
    )
    return found


def read_text(data: dict[str, Any], key: str) -> str:
    """Return a text of at most 1000 letters."""
    found: str = _take(data, key, "a text", lambda x: isinstance(x, str) and len(x) <= 1000)
    return found.encode("utf-8", "replace").decode()  # half a character cannot be sent


def read_number(data: dict[str, Any], key: str, *, least: float = -_LARGEST) -> float:
    """Return a finite number."""
    # NaN is below no limit; an integer may be too large for a float.
    expected = "a number" if least < 0 else f"a number of at least {least:g}"
    return float(_take(data, key, expected, lambda x: is_number(x) and least <= x <= _LARGEST))


def read_integer(data: dict[str, Any], key: str, *, most: int = int(_LARGEST)) -> int:
    """Return an integer from 0."""
    expected = f"an integer from 0 to {most}"
    return int(_take(data, key, expected, lambda x: type(x) is int and 0 <= x <= most))


def read_array(data: dict[str, Any], key: str, shape: tuple[int, ...]) -> Array:
    """Return finite numbers of a shape."""

    def fits(value: Any, sizes: tuple[int, ...]) -> bool:
        if not sizes:
            return is_number(value) and abs(value) <= _LARGEST
        right = isinstance(value, list) and len(value) == sizes[0]
        return right and all(fits(each, sizes[1:]) for each in value)

    size = " times ".join(map(str, shape))
    found = _take(data, key, f"{size} finite numbers", lambda x: fits(x, shape))
    return np.array(found, dtype=float).reshape(shape)


def read_optional(data: dict[str, Any], key: str, read: Callable[[], Any]) -> Any:
    """Return what ``read`` returns, or None where there is no value."""
    return None if data.get(key) is None else read()


def read_optional_array(data: dict[str, Any], key: str, shape: tuple[int, ...]) -> Array | None:
    """Return finite numbers of a shape, or None where there are none."""
    found: Array | None = read_optional(data, key, lambda: read_array(data, key, shape))
    return found


def _take(data: dict[str, Any], key: str, expected: str, accepts: Callable[[Any], bool]) -> Any:
    if key not in data:
        refuse(f"has no {key}")
    if not accepts(data[key]):
        refuse(f"needs {expected} as {key}, got {show(data[key])}")
    return data[key]


def refuse(problem: str, error: Exception | None = None) -> NoReturn:
    """Refuse a file, of which the problem is a sentence without its subject."""
    raise RefusedError(problem) from error


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Say of a refused file that it is not ``what``, and why."""
    try:
        yield
    except RefusedError as error:
        raise ValueError(f"this is {what}: it {error}; choose another file.") from error


def show(value: Any) -> str:
    """Return a value as a short text."""
    text = short(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _reject(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
