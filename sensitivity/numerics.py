"""Names of array types, and checks of numbers, used by all modules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class ReadOnlyArrays:
    """Base of dataclasses whose arrays are read-only."""

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)


def unique_rows(rows: Indices) -> tuple[Indices, Indices]:
    """Return the first index of each distinct row, in lexical order, and the number of every row.

    ``rows``, shape (n, columns), equals ``rows[first][number]``. ``np.unique`` with an axis
    does the same, but turns Ctrl-C into a TypeError.
    """
    order = np.lexsort(rows.T[::-1])
    is_new = np.ones(len(rows), dtype=bool)
    is_new[1:] = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    number = np.empty(len(rows), dtype=np.intp)
    number[order] = np.cumsum(is_new) - 1
    return order[is_new], number


def stacked_triangle(parts: Iterable[Array]) -> Array:
    """Return R of A = Q R, at most (n, n), of a matrix given in parts, each (rows, n)."""
    held: list[Array] = []
    for part in parts:
        # Reducing less often would take memory, more often time.
        if sum(map(len, held)) >= 4 * part.shape[1]:
            held = [np.asarray(np.linalg.qr(np.concatenate(held), mode="r"))]
        held.append(part)
    return np.asarray(np.linalg.qr(np.concatenate(held), mode="r"))


def is_number(value: object) -> bool:
    """Return True for a real number, which a bool is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_real(
    value: object, name: str, expected: str, *, accepts: Callable[[float], bool], remedy: str = ""
) -> float:
    """Return a real number that is accepted; ``accepts`` must refuse NaN and infinity.

    Raises TypeError if it is not a number and ValueError if it is not accepted: "{name} must be
    {expected}, got {value}; {remedy}."
    """
    return float(_check(value, name, expected, kind=Real, accepts=accepts, remedy=remedy))


def check_integer(
    value: object, name: str, expected: str, *, accepts: Callable[[int], bool], remedy: str = ""
) -> int:
    """Return an integer that is accepted; errors are those of ``check_real``."""
    return int(_check(value, name, expected, kind=Integral, accepts=accepts, remedy=remedy))


def takes_center(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorate a function, or ``__init__``, of one center: ``centers=`` raises a TypeError."""
    return _refuse(function, "centers", "one index", "several centers such as spectrum")


def takes_centers(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorate a function, or ``__init__``, of many centers: ``center=`` raises a TypeError."""
    return _refuse(function, "center", "a sequence of indices", "one center such as locate")


def _refuse(
    function: Callable[Parameters, Result], wrong: str, what: str, others: str
) -> Callable[Parameters, Result]:
    name = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def checked(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
        if wrong in keywords:
            right = "center" if wrong == "centers" else "centers"
            taken = f"{name} takes {right}=, {what}"
            raise TypeError(f"{taken}; {wrong}= is for functions of {others}.")
        return function(*arguments, **keywords)

    return checked


def _check(
    value: Any, name: str, expected: str, *, kind: type, accepts: Callable[[Any], bool], remedy: str
) -> Any:
    right = isinstance(value, kind) and not isinstance(value, bool)
    if right and accepts(value):
        return value
    found = value if right else repr(value)
    message = f"{name} must be {expected}, got {found}" + (f"; {remedy}." if remedy else ".")
    raise ValueError(message) if right else TypeError(message)
