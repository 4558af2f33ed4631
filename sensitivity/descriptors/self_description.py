"""Checks of the settings, limits and methods that a descriptor states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isfunction
from numbers import Integral, Real
from typing import Any, NamedTuple

from ase import Atoms

from sensitivity.descriptors.density_correlations import DensityCorrelations
from sensitivity.descriptors.protocol import (
    ESSENTIAL,
    Descriptor,
    is_json,
    plain,
    settings_of,
    with_defaults,
)


class _Statement(NamedTuple):
    expected: str
    accepts: Callable[[Any], bool]


def _is_integer(value: object, *, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def _is_pair(given: object, accepts: Callable[[Any], bool]) -> bool:
    value = plain(given)
    return isinstance(value, tuple | list) and len(value) == 2 and all(map(accepts, value))


def _is_range(value: Any) -> bool:
    return _is_pair(value, lambda end: isinstance(end, Real)) and bool(value[0] <= value[1])


_METHODS = [name for name, it in vars(Descriptor).items() if isfunction(it) and name[0] != "_"]
_STATEMENTS = {
    "inversion_invariant": _Statement("True or False", lambda x: x in (True, False)),
    "name": _Statement("a text", lambda x: isinstance(x, str) and bool(x)),
    "settings": _Statement(
        "a dictionary of names and JSON values", lambda x: isinstance(x, Mapping)
    ),
    "limits": _Statement(
        "a dictionary of settings, each with its least and largest value",
        lambda x: isinstance(x, Mapping) and all(map(_is_range, x.values())),
    ),
    "refinable": _Statement(
        "a tuple of names of settings",
        lambda x: isinstance(x, tuple | list) and all(isinstance(each, str) for each in x),
    ),
    "effort": _Statement("a positive number", lambda x: isinstance(x, int | float) and x > 0),
    "invariance": _Statement('"O(3)", "SO(3)" or "none"', lambda x: x in ("O(3)", "SO(3)", "none")),
    "smooth": _Statement("True or False", lambda x: x in (True, False)),
    "remarks": _Statement(
        "a tuple of sentences",
        lambda x: isinstance(x, tuple | list) and all(isinstance(each, str) for each in x),
    ),
    "order": _Statement(
        "None or an integer of at least 1", lambda x: x is None or _is_integer(x, least=1)
    ),
    "expansion": _Statement(
        "None or two integers, the numbers of radial functions and the largest degree",
        lambda x: x is None or _is_pair(x, lambda each: _is_integer(each, least=0)),
    ),
    **dict.fromkeys(_METHODS, _Statement("a method, or left out", callable)),
}


def check_descriptor(descriptor: Descriptor) -> None:
    """Refuse an object that is no descriptor, or that contradicts itself.

    Parameters
    ----------
    descriptor
        Any object.

    Raises
    ------
    TypeError
        With the name of what is missing.
    ValueError
        With the statement that is wrong.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations
    >>> from sensitivity.descriptors import check_descriptor
    >>> check_descriptor(DensityCorrelations())
    >>> check_descriptor("SOAP")
    Traceback (most recent call last):
        ...
    TypeError: descriptor must be a descriptor such as DensityCorrelations(order=2), got 'SOAP'.
    """
    missing = [name for name in ESSENTIAL if not hasattr(descriptor, name)]
    if isinstance(descriptor, type) or "gradients" in missing:
        raise TypeError(
            "descriptor must be a descriptor such as DensityCorrelations(order=2), "
            f"got {descriptor!r}."
        )
    if missing:
        raise TypeError(
            f"a descriptor must have {', '.join(ESSENTIAL)}; {type(descriptor).__name__} has no "
            f"{', '.join(missing)}: add what is missing, or make it a subclass of "
            "sensitivity.descriptors.Descriptor, which has defaults."
        )
    if type(descriptor) is not DensityCorrelations:  # the native one is tested separately
        _check_statements(descriptor)


def _check_statements(descriptor: Descriptor) -> None:
    known, kind = with_defaults(descriptor), type(descriptor).__name__
    for name, (expected, accepts) in _STATEMENTS.items():
        if not accepts(value := getattr(known, name)):
            raise ValueError(f"{name} of {kind} must be {expected}, got {value!r}.")
    settings = {str(key): value for key, value in known.settings.items()}
    for name, value in settings.items():
        if not is_json(value):
            raise ValueError(
                f"settings of {kind} must be JSON values (None, True, False, numbers, text, and "
                f"lists or dictionaries of them), got {name} = {value!r}; make it one of these, or "
                "leave it out."
            )
    for name in ("limits", "refinable"):
        if unknown := ", ".join(key for key in getattr(known, name) if key not in settings):
            raise ValueError(
                f"{name} of {kind} must name some of its settings, {', '.join(settings) or 'none'},"
                f" got {unknown}; add it to settings, or leave it out."
            )
    for name in known.refinable:
        if not _is_integer(plain(settings[name]), least=0):
            raise ValueError(
                f"refinable of {kind} must name integer settings, got {name} = {settings[name]!r}; "
                "leave it out, and define larger_basis."
            )


def larger_basis(descriptor: Descriptor, atoms: Atoms) -> Descriptor | None:
    """Return the descriptor's own ``larger_basis``, checked; None if not available.

    Raises ValueError if it is no descriptor, has another cutoff, or a basis that is not larger,
    judging by its settings and its number of features of a structure.
    """
    larger = _checked(descriptor, "larger_basis")
    if larger is None:
        return None
    kind, mine, theirs = type(descriptor).__name__, settings_of(descriptor), settings_of(larger)
    for name in with_defaults(descriptor).refinable:
        if not _is_integer(value := theirs.get(name, mine[name]), least=mine[name]):
            raise ValueError(
                f"larger_basis() of {kind} must have an integer {name} of at least {mine[name]}, "
                f"got {name} = {value!r}."
            )
    if larger.cutoff != descriptor.cutoff:
        raise ValueError(
            f"larger_basis() of {kind} must keep its cutoff of {descriptor.cutoff} Å, got "
            f"{larger.cutoff} Å: it must see the same environment."
        )
    try:
        few, many = (with_defaults(each).count_features(atoms) for each in (descriptor, larger))
    except ValueError:  # such as for too many features
        return larger
    same = mine and theirs == mine and type(larger) is type(descriptor)
    if many < few or (many == few and (same or larger is descriptor)):
        raise ValueError(
            f"larger_basis() of {kind} must return a larger basis or None, got {larger!r} with "
            f"{many} features per center, from {few}."
        )
    return larger


def higher_order(descriptor: Descriptor) -> Descriptor | None:
    """Return the descriptor's own ``higher_order``, checked; None if not available.

    Raises ValueError if it is no descriptor, or of another order.
    """
    higher = _checked(descriptor, "higher_order")
    if higher is None:
        return None
    mine, theirs = with_defaults(descriptor).order, with_defaults(higher).order
    if higher is descriptor or (mine and theirs and theirs != mine + 1):
        raise ValueError(
            f"higher_order() of {type(descriptor).__name__}, of order {mine}, must return "
            f"correlations of one more neighbour or None, got {higher!r} of order {theirs}."
        )
    return higher


def _checked(descriptor: Descriptor, name: str) -> Descriptor | None:
    kind = type(descriptor).__name__
    try:
        other: Descriptor | None = getattr(with_defaults(descriptor), name)()
    except Exception as error:
        error.add_note(f"{name}() of {kind} has raised this.")
        raise
    if other is None:
        return None
    try:
        check_descriptor(other)
    except TypeError as error:
        raise ValueError(
            f"{name}() of {kind} must return a descriptor or None, got {other!r}."
        ) from error
    return other
