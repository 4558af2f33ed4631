"""The correlations of each order, and what limits them."""

from __future__ import annotations

from sensitivity.descriptors.bispectrum import Bispectrum
from sensitivity.descriptors.correlations import Basis, Correlation, RadialSpectrum
from sensitivity.descriptors.power_spectrum import PowerSpectrum
from sensitivity.descriptors.radial import GaussianTypeOrbitals, RadialBasis
from sensitivity.descriptors.trispectrum import Trispectrum

LARGEST_ORDER = 4
# Per center, at order 4, where their number grows as the fourth power of that of the channels.
# So many take seconds, and for a center with ten neighbours a quarter of a gigabyte.
LARGEST_FEATURES = 1_000_000


def correlations(basis: Basis, *, order: int, parity_odd: bool) -> Correlation:
    """Return the correlations of this order of the channels of ``basis``."""
    if order == 1:
        return RadialSpectrum(basis)
    if order == 2:
        return PowerSpectrum(basis)
    return Bispectrum(basis, parity_odd) if order == 3 else Trispectrum(basis, parity_odd)


def largest_l_max(order: int) -> int:
    """Return the largest degree that an order allows.

    Beyond 32 a typing error is more likely than a wish. At order 4 pairs of factors are coupled to
    degrees up to 2 l_max, and the coupling coefficients alone need memory that grows as the sixth
    power of l_max: 34 MB at 12, 9 GB at 32.
    """
    return 12 if order == LARGEST_ORDER else 32


def largest_n_max(basis: RadialBasis | None = None) -> int:
    """Return the largest number of radial functions that is allowed, or that a basis can have.

    More than 64 are more likely a typing error than a wish; more than 12 Gaussian-type orbitals
    are not independent in double precision.
    """
    return 12 if isinstance(basis, GaussianTypeOrbitals) else 64


def affordable_basis(order: int, n_max: int, l_max: int) -> tuple[int, int, int | None]:
    """Return n_max, l_max and contract_channels with which an order above 1 takes milliseconds.

    They are at most those given, for a small molecule, but for degrees enough to see angles well.
    """
    most = {2: (8, 8, None), 3: (6, 6, 8), 4: (4, 6, 3)}
    functions, degrees, channels = most[order]
    return min(n_max, functions), min(max(l_max, 6), degrees), channels


def require_few_features(size: int, *, order: int, basis: Basis, parity_odd: bool) -> None:
    """Raise a ValueError if order 4 has more than ``LARGEST_FEATURES``, with what would do."""
    if order < LARGEST_ORDER or size <= LARGEST_FEATURES:
        return

    def count(channels: int) -> int:
        return Trispectrum(Basis(1, channels, basis.l_max), parity_odd).size()

    fitting = 0
    while count(fitting + 1) <= LARGEST_FEATURES:
        fitting += 1
    raise ValueError(
        f"order 4 with {basis.channels} channels and l_max={basis.l_max} has {size} features per "
        f"center, more than {LARGEST_FEATURES}; mix the channels to at most {fitting} with "
        "contract_channels, or choose a smaller n_max or l_max, or a lower order."
    )
