"""Checks of what a descriptor tells of itself, which may be one of a person's own."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, NamedTuple

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


def _is_pair(value: object, accepts: Callable[[Any], bool]) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(map(accepts, value))


def _is_range(value: Any) -> bool:
    return _is_pair(value, lambda end: isinstance(end, Real)) and bool(value[0] <= value[1])


_STATEMENTS = {
    "inversion_invariant": _Statement("True or False", lambda x: x in (True, False)),
    "name": _Statement("a text", lambda x: isinstance(x, str) and bool(x)),
    "settings": _Statement("a dictionary of names and JSON values", lambda x: isinstance(x, dict)),
    "limits": _Statement(
        "a dictionary of settings, each with its least and largest value",
        lambda x: isinstance(x, dict) and all(map(_is_range, x.values())),
    ),
    "refinable": _Statement(
        "a tuple of names of settings",
        lambda x: isinstance(x, tuple | list) and all(isinstance(each, str) for each in x),
    ),
    "order": _Statement(
        "None or an integer of at least 1", lambda x: x is None or _is_integer(x, least=1)
    ),
    "expansion": _Statement(
        "None or two integers, the numbers of radial functions and the largest degree",
        lambda x: x is None or _is_pair(x, lambda each: _is_integer(each, least=0)),
    ),
}


def check_descriptor(descriptor: Descriptor) -> None:
    """Refuse an object that is no descriptor, or that contradicts itself.

    A TypeError names what is missing, and a ValueError what it tells of itself that cannot be.
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
    if type(descriptor) is not DensityCorrelations:  # which is right by its own tests
        _check_statements(descriptor)


def _check_statements(descriptor: Descriptor) -> None:
    known, kind = with_defaults(descriptor), type(descriptor).__name__
    for name, (expected, accepts) in _STATEMENTS.items():
        if not accepts(plain(value := getattr(known, name))):
            raise ValueError(f"{name} of {kind} must be {expected}, got {value!r}.")
    settings = settings_of(descriptor)
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
                f" got {unknown}; add to settings what it takes, or leave it out."
            )
    for name in known.refinable:
        if not _is_integer(settings[name], least=0):
            raise ValueError(
                f"refinable of {kind} must name integer settings, got {name} = {settings[name]!r}; "
                "leave it out, and define larger_basis."
            )


def larger_basis(descriptor: Descriptor) -> Descriptor | None:
    """Return the same descriptor with a larger basis, as it tells itself; None if there is none.

    ValueError if what it returns is no descriptor, has a smaller basis, or another cutoff.
    """
    larger = _checked(descriptor, "larger_basis")
    if larger is None:
        return None
    mine, theirs = settings_of(descriptor), settings_of(larger)
    names = with_defaults(descriptor).refinable
    if smaller := [name for name in names if theirs.get(name, mine[name]) < mine[name]]:
        found = ", ".join(f"{name} = {theirs[name]} from {mine[name]}" for name in smaller)
        raise ValueError(f"larger_basis() of {type(descriptor).__name__} must not lower {found}.")
    if larger.cutoff != descriptor.cutoff:
        raise ValueError(
            f"larger_basis() of {type(descriptor).__name__} must keep its cutoff of "
            f"{descriptor.cutoff} Å, got {larger.cutoff} Å: it has to see the same environment."
        )
    return larger


def higher_order(descriptor: Descriptor) -> Descriptor | None:
    """Return correlations of one more neighbour, as a descriptor tells itself; None without any.

    ValueError if what it returns is no descriptor.
    """
    return _checked(descriptor, "higher_order")


def _checked(descriptor: Descriptor, name: str) -> Descriptor | None:
    other: Descriptor | None = getattr(with_defaults(descriptor), name)()
    if other is not None and not hasattr(other, "gradients"):
        raise ValueError(
            f"{name}() of {type(descriptor).__name__} must return a descriptor or None, got "
            f"{other!r}."
        )
    if other is not None:
        check_descriptor(other)
    return other
