"""The correlations of each order, and what limits them."""

from __future__ import annotations

from sensitivity.descriptors.bispectrum import Bispectrum
from sensitivity.descriptors.correlations import Basis, Correlation, RadialSpectrum
from sensitivity.descriptors.power_spectrum import PowerSpectrum
from sensitivity.descriptors.trispectrum import Trispectrum

LARGEST_ORDER = 4
# Beyond this, spherical harmonics and coupling coefficients are no longer what limits accuracy, but
# time and memory are, and a typing error is more likely than a wish.
LARGEST_L_MAX = 32
# At order 4 pairs of factors are coupled to degrees up to 2 l_max, and the coupling coefficients
# alone need memory that grows as the sixth power of l_max: 34 MB here, 9 GB at 32.
LARGEST_L_MAX_OF_ORDER_FOUR = 12
# Per center, at order 4, where their number grows as the fourth power of that of the channels.
# So many take seconds, and for a center with ten neighbours a quarter of a gigabyte.
LARGEST_FEATURES = 1_000_000


def correlations(basis: Basis, *, order: int, parity_odd: bool) -> Correlation:
    """Return the correlations of this order of the channels of ``basis``."""
    if order == 1:
        return RadialSpectrum(basis)
    if order == 2:
        return PowerSpectrum(basis)
    if order == 3:
        return Bispectrum(basis, parity_odd)
    return Trispectrum(basis, parity_odd)


def largest_l_max(order: int) -> int:
    """Return the largest degree that an order allows."""
    return LARGEST_L_MAX_OF_ORDER_FOUR if order == LARGEST_ORDER else LARGEST_L_MAX


def check_order(order: int, *, l_max: int, parity_odd: bool) -> None:
    """Raise a ValueError if the order, one of those there are, does not allow the other two."""
    if parity_odd and order < 3:
        raise ValueError(
            f"parity_odd=True needs order=3 or 4, got order={order}: lower orders have no "
            "invariant that changes sign under inversion; leave it False."
        )
    if l_max > largest_l_max(order):
        raise ValueError(
            f"l_max must be from 0 to {largest_l_max(order)} at order {order}, got {l_max}; "
            "choose one of these, or a lower order."
        )


def require_few_features(size: int, *, order: int, basis: Basis, parity_odd: bool) -> None:
    """Raise a ValueError if order 4 has more than ``LARGEST_FEATURES``, with what would do."""
    if order < 4 or size <= LARGEST_FEATURES:
        return
    fitting = 0
    while _size(fitting + 1, basis.l_max, parity_odd=parity_odd) <= LARGEST_FEATURES:
        fitting += 1
    raise ValueError(
        f"order 4 with {basis.channels} channels and l_max={basis.l_max} has {size} features per "
        f"center, more than {LARGEST_FEATURES}; mix the channels to at most {fitting} with "
        "contract_channels, or choose a smaller n_max or l_max, or a lower order."
    )


def _size(channels: int, l_max: int, *, parity_odd: bool) -> int:
    return Trispectrum(Basis(1, channels, l_max), parity_odd).size()
