"""Checks of the arguments of density correlations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from numbers import Integral
from typing import Any

from ase.data import atomic_numbers, chemical_symbols

from sensitivity.descriptors.orders import LARGEST_ORDER, largest_l_max, largest_n_max
from sensitivity.numerics import check_integer, check_real
from sensitivity.structures import check_cutoff


def check_arguments(given: Mapping[str, Any]) -> None:
    """Refuse arguments, by their names, that are of the wrong kind or out of range.

    Raises
    ------
    TypeError, ValueError
        The message names the argument and what is expected.
    """
    check_cutoff(given["cutoff"])
    _check_range(given, "order", 1, LARGEST_ORDER)
    _check_range(given, "n_max", 1, largest_n_max())
    order = given["order"]
    last = order == LARGEST_ORDER
    _check_range(
        given,
        "l_max",
        0,
        largest_l_max(order),
        where=f" at order {order}" if last else "",
        remedy="choose one of these, or a lower order" if last else "",
    )
    if given["contract_channels"] is not None:
        _check_range(given, "contract_channels", 1, largest_n_max())
    _check_length(given, "smearing", 10.0)  # Å: wider densities make all distances look alike
    check_real(given["center_weight"], "center_weight", "a finite number", accepts=isfinite)
    _check_basis(given["basis"])
    if given["cutoff_width"] is not None:
        _check_width(given)
    if not isinstance(given["parity_odd"], bool):
        raise TypeError(f"parity_odd must be True or False, got {given['parity_odd']!r}.")
    if given["parity_odd"] and order < 3:
        raise ValueError(
            f"parity_odd=True needs order=3 or 4, got order={order}: lower orders have no "
            "invariant that changes sign under inversion; leave it False."
        )


def find_species(species: Iterable[int | str]) -> tuple[int, ...]:
    """Return the atomic numbers, increasing, of numbers or symbols.

    Raises
    ------
    TypeError, ValueError
        If it is no sequence, it is empty, or one is no element.
    """
    if isinstance(species, str | int) or not isinstance(species, Iterable):
        raise TypeError(f"species must be a sequence such as ('C', 'H'), got {species!r}.")
    numbers = set()
    for one in species:
        if isinstance(one, str) and one in atomic_numbers:
            numbers.add(atomic_numbers[one])
        elif isinstance(one, Integral) and 0 <= one < len(chemical_symbols) and one is not True:
            numbers.add(int(one))
        else:
            raise ValueError(
                f"species must be atomic numbers or chemical symbols, got {one!r}; "
                "give e.g. ('C', 'H') or (6, 1)."
            )
    if not numbers:
        raise ValueError("species must name at least one element, got none; give e.g. ('C', 'H').")
    return tuple(sorted(numbers))


def _check_range(
    given: Mapping[str, Any], name: str, low: int, high: int, *, where: str = "", remedy: str = ""
) -> None:
    expected = f"an integer from {low} to {high}{where}"
    check_integer(
        given[name], name, expected, accepts=lambda value: low <= value <= high, remedy=remedy
    )


def _check_length(given: Mapping[str, Any], name: str, high: float) -> None:
    expected = f"a finite number from 0 to {high:g}"
    check_real(given[name], name, expected, accepts=lambda value: 0 <= value <= high)


def _check_width(given: Mapping[str, Any]) -> None:
    _check_length(given, "cutoff_width", given["cutoff"])
    if given["cutoff_width"] == 0:
        raise ValueError(
            "cutoff_width must be positive, got 0: a sharp cutoff has no derivative where an "
            "atom crosses it; give a length in Å such as 0.5."
        )


def _check_basis(basis: object) -> None:
    if isinstance(basis, type) or not hasattr(basis, "primitives"):
        raise TypeError(
            "basis must be a radial basis such as GaussianTypeOrbitals() or SphericalBessel(), "
            f"got {basis!r}."
        )
