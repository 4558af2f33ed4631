"""Settings of a descriptor, and the descriptor with one of them changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sensitivity.descriptors import DensityCorrelations, Descriptor
from sensitivity.descriptors.orders import LARGEST_ORDER

DESCRIPTOR = ("order", "n_max", "l_max", "cutoff", "smearing")
"""The settings of a descriptor."""

ORDERS = {1: "1: distances", 2: "2: power spectrum", 3: "3: bispectrum", 4: "4: trispectrum"}
"""What the correlations of each order are called."""


def refine(descriptor: Descriptor, name: str, value: Any) -> Descriptor:
    """Return the descriptor with one setting changed.

    A higher order takes a basis that is affordable there, a lower one leaves it as it is.

    Raises
    ------
    TypeError, ValueError
        If it has no such setting, or the setting cannot have this value.
    """
    if not isinstance(descriptor, DensityCorrelations) or name not in DESCRIPTOR:
        raise TypeError(
            f"a {type(descriptor).__name__} has no {name} to be set here; give the explorer "
            "another descriptor."
        )
    if name != "order":
        return replace(descriptor, **{name: value})
    found: DensityCorrelations | None = descriptor
    while found is not None and found.order < value:
        found = found.higher_order()
    if found is None:
        raise ValueError(f"there is no order {value}; give one from 1 to {LARGEST_ORDER}.")
    odd = found.parity_odd and value >= 3
    channels = found.contract_channels if value >= 3 else None
    return replace(found, order=value, parity_odd=odd, contract_channels=channels)
