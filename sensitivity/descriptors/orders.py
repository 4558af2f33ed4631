"""The correlations of each order, their limits, and the arguments that they allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import isfinite
from numbers import Integral
from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from sensitivity.descriptors.bispectrum import Bispectrum
from sensitivity.descriptors.correlations import Basis, Correlation, RadialSpectrum
from sensitivity.descriptors.power_spectrum import PowerSpectrum
from sensitivity.descriptors.radial import GaussianTypeOrbitals, RadialBasis
from sensitivity.descriptors.trispectrum import Trispectrum
from sensitivity.numerics import Indices, check_integer, check_real
from sensitivity.structures import check_cutoff

LARGEST_ORDER = 4
# Per center, at order 4, where the number grows as the fourth power of that of the channels. This
# many take seconds, and a quarter of a gigabyte for a center with ten neighbours.
LARGEST_FEATURES = 1_000_000
DEPENDENT = (
    "more are linearly dependent in double precision, and spherical Bessel functions are not"
)


def correlations(basis: Basis, *, order: int, parity_odd: bool) -> Correlation:
    """Return the correlations of this order of the channels of ``basis``."""
    if order <= 2:
        return RadialSpectrum(basis) if order == 1 else PowerSpectrum(basis)
    return Bispectrum(basis, parity_odd) if order == 3 else Trispectrum(basis, parity_odd)


@lru_cache(maxsize=32)
def places_of(basis: Basis, species: tuple[int, ...], *, order: int, parity_odd: bool) -> Indices:
    """Return the correlations that do not vanish if only some species have a density.

    ``species`` are their indices among those of the basis. Correlations are polynomials: one that
    does not vanish everywhere does not vanish at random numbers. They are in the same order as
    those of a basis with only these species.
    """
    random = np.random.default_rng(0)
    coefficients = np.zeros((basis.l_max + 1, 1, basis.channels, 2 * basis.l_max + 1))
    for l, of_degree in enumerate(coefficients):
        for a in species:
            of_degree[0, basis.own(a), : 2 * l + 1] = random.normal(size=(basis.n_max, 2 * l + 1))
    values = correlations(basis, order=order, parity_odd=parity_odd).features(coefficients)
    places = np.flatnonzero(values[0])
    places.setflags(write=False)
    return places


def largest_l_max(order: int) -> int:
    """Return the largest degree that an order allows.

    A value above 32 is probably a typing error. Order 4 couples pairs of factors to degrees up to
    2 l_max, and the memory of the coupling coefficients alone grows as the sixth power of l_max:
    34 MB at 12, 9 GB at 32.
    """
    return 12 if order == LARGEST_ORDER else 32


def largest_n_max(basis: RadialBasis | None = None) -> int:
    """Return the largest number of radial functions that is allowed, or that a basis supports.

    More than 64 are probably a typing error.
    """
    return basis.most if isinstance(basis, GaussianTypeOrbitals) else 64


def affordable_basis(order: int, n_max: int, l_max: int) -> tuple[int, int, int | None]:
    """Return n_max, l_max and contract_channels with which an order above 1 takes milliseconds.

    For a small molecule; at most the given values, except for degrees enough to see angles well.
    """
    functions, degrees, channels = {2: (8, 8, None), 3: (6, 6, 8), 4: (4, 6, 3)}[order]
    return min(n_max, functions), min(max(l_max, 6), degrees), channels


def require_few_features(correlation: Correlation, basis: Basis, *, parity_odd: bool) -> None:
    """Raise a ValueError, with a remedy, if order 4 has more than ``LARGEST_FEATURES``."""
    size = correlation.size()
    if size <= LARGEST_FEATURES:
        return

    def count(channels: int) -> int:
        return Trispectrum(Basis(1, channels, basis.l_max), parity_odd).size()

    fitting = 0
    while count(fitting + 1) <= LARGEST_FEATURES:
        fitting += 1
    raise ValueError(
        f"order 4 with {basis.channels} channels and l_max={basis.l_max} has {size} features per "
        f"center, more than {LARGEST_FEATURES}; choose a smaller n_max or l_max, or a lower "
        f"order, or mix the channels to at most {fitting}."
    )


def check_arguments(given: Mapping[str, Any]) -> None:
    """Refuse arguments, by name, that have the wrong type or are out of range.

    The message of the TypeError or ValueError names the argument and the expected value.
    """
    check_cutoff(given["cutoff"])
    _check_range(given, "order", 1, LARGEST_ORDER)
    _check_basis(given, given["basis"])
    order, parity_odd = given["order"], given["parity_odd"]
    last = order == LARGEST_ORDER
    where, remedy = " at order 4" * last, "choose one of these, or a lower order" * last
    _check_range(given, "l_max", 0, largest_l_max(order), where=where, remedy=remedy)
    if given["contract_channels"] is not None:
        _check_range(given, "contract_channels", 1, largest_n_max())
    _check_length(given, "smearing", 10.0)  # Å: wider densities hide all distances
    check_real(given["center_weight"], "center_weight", "a finite number", accepts=isfinite)
    if given["cutoff_width"] is not None:
        _check_width(given)
    if not isinstance(parity_odd, bool):
        raise TypeError(f"parity_odd must be True or False, got {parity_odd!r}.")
    if parity_odd and order < 3:
        raise ValueError(
            f"parity_odd=True needs order=3 or 4, got order={order}: lower orders have no "
            "invariant that changes sign under inversion; leave it False."
        )


def find_species(species: Iterable[int | str]) -> tuple[int, ...]:
    """Return the atomic numbers, increasing, of numbers or symbols.

    Raises TypeError or ValueError if it is no sequence, is empty, or has an entry that is no
    element.
    """
    return tuple(sorted(list_species(species)))


def list_species(species: Iterable[int | str]) -> tuple[int, ...]:
    """Do the same as ``find_species``, but keep the order."""
    if isinstance(species, str | int) or not isinstance(species, Iterable):
        raise TypeError(f"species must be a sequence such as ('C', 'H'), got {species!r}.")
    numbers: dict[int, None] = {}
    for one in species:
        number = atomic_numbers.get(one) if isinstance(one, str) else one
        if isinstance(number, Integral) and 0 <= number < len(chemical_symbols) and one is not True:
            numbers[int(number)] = None
        else:
            raise ValueError(
                f"species must be atomic numbers or chemical symbols, got {one!r}; "
                "give e.g. ('C', 'H') or (6, 1)."
            )
    if not numbers:
        raise ValueError("species must name at least one element, got none; give e.g. ('C', 'H').")
    return tuple(numbers)


def _check_basis(given: Mapping[str, Any], basis: Any) -> None:
    if isinstance(basis, type) or not hasattr(basis, "primitives"):
        raise TypeError(
            "basis must be a radial basis such as GaussianTypeOrbitals() or SphericalBessel(), "
            f"got {basis!r}."
        )
    gaussian = isinstance(basis, GaussianTypeOrbitals)
    where, remedy = " with Gaussian-type orbitals" * gaussian, DEPENDENT * gaussian
    _check_range(given, "n_max", 1, largest_n_max(basis), where=where, remedy=remedy)


def _check_range(
    given: Mapping[str, Any], name: str, low: int, high: int, *, where: str = "", remedy: str = ""
) -> None:
    expected, allowed = f"an integer from {low} to {high}{where}", range(low, high + 1)
    check_integer(given[name], name, expected, accepts=allowed.__contains__, remedy=remedy)


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
