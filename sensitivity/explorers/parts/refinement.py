"""A descriptor with one of its settings changed."""

from __future__ import annotations

from typing import Any

from sensitivity.descriptors import Descriptor, with_defaults

ORDERS = {1: "1: distances", 2: "2: power spectrum", 3: "3: bispectrum", 4: "4: trispectrum"}
"""Names of the correlations of each order."""


def refine(descriptor: Descriptor, name: str, value: Any) -> Descriptor:
    """Return the descriptor with one of the settings changed that it offers to be changed.

    A higher order takes a basis that is affordable there, a lower one leaves it as it is.

    Raises
    ------
    TypeError, ValueError
        If it offers no such setting, or the setting cannot have this value.
    """
    own = with_defaults(descriptor)
    if name not in own.limits:
        raise TypeError(
            f"a {own.name} has no {name} that can be set here; give the explorer another "
            "descriptor."
        )
    if name != "order":
        return own.with_settings(**{name: value})
    found = own.of_order(value)
    if found is None:
        low, high = own.limits[name]
        raise ValueError(f"there is no order {value}; give one from {low} to {high}.")
    return found
