"""Radial functions R_nl(r) of a neighbour density.

A neighbour at distance r contributes R_nl(r) Y_lm to the expansion coefficients of the density,

    R_nl(r) = ∫ x² g_nl(x) K_l(x, r) dx,

with g_nl an orthonormal radial basis and K_l the angular part of the density of one neighbour: a
normalised Gaussian of width ``smearing`` or, at zero width, a delta function, for which
R_nl = g_nl. The integral is computed once, by Gauss-Legendre quadrature, and stored as a Chebyshev
series converged to rounding: its derivative is then exact for the stored function, and evaluating
it for all pairs is one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import pairwise
from typing import ClassVar, Protocol

import numpy as np
from numpy.polynomial import chebyshev

from sensitivity.numerics import Array, ReadOnlyArrays


class RadialBasis(Protocol):
    """A radial basis on [0, reach]: normalised primitives and their orthonormalization.

    It must be hashable, because functions of equal bases are built once.

    Examples
    --------
    >>> import numpy as np
    >>> from sensitivity.descriptors import GaussianTypeOrbitals, RadialBasis
    >>> basis: RadialBasis = GaussianTypeOrbitals()
    >>> basis.primitives(np.array([0.5, 1.0]), cutoff=3.0, n_max=4, l_max=2).shape
    (3, 4, 2)
    """

    def __hash__(self) -> int: ...

    def reach(self, cutoff: float) -> float:
        """Return the distance in Å beyond which all functions count as zero."""

    def primitives(self, x: Array, *, cutoff: float, n_max: int, l_max: int) -> Array:
        """Return primitives at the distances x: shape (l_max + 1, n_max) and that of x."""

    def orthonormalization(self, *, cutoff: float, n_max: int) -> Array:
        """Return the matrix, (n_max, n_max), that turns primitives into orthonormal functions."""


@dataclass(frozen=True)
class GaussianTypeOrbitals:
    """Gaussian-type orbitals x^n exp(-x²/2σ_n²), σ_n = √max(n, 1) cutoff/n_max.

    They are orthonormalised symmetrically (Löwdin) over [0, ∞) and do not depend on l. This is
    the basis of librascal and featomic: Musil et al., J. Chem. Phys. 154, 114109 (2021), eq. 19,
    doi 10.1063/5.0044689.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, GaussianTypeOrbitals
    >>> DensityCorrelations(basis=GaussianTypeOrbitals()) == DensityCorrelations()
    True
    """

    # For more, the overlap has a condition number above 1e10, which leaves fewer than six digits.
    most: ClassVar[int] = 15

    def reach(self, cutoff: float) -> float:
        """Return infinity: orbitals have no sharp end."""
        return np.inf

    def primitives(self, x: Array, *, cutoff: float, n_max: int, l_max: int) -> Array:
        """Evaluate the normalised orbitals, the same for every l."""
        n, width = (each.reshape(-1, *[1] * x.ndim) for each in _orbitals(cutoff, n_max))
        log_scale = n * np.log(width) - 0.5 * _log_moment(2 * n + 2, width)
        scaled = 1 / width * x  # [n, ...]
        orbitals: Array = scaled**n * np.exp(log_scale - 0.5 * scaled**2)
        return np.broadcast_to(orbitals, (l_max + 1, *orbitals.shape))

    def orthonormalization(self, *, cutoff: float, n_max: int) -> Array:
        """Return S^{-1/2}, with S the overlap of the normalised orbitals.

        Raises
        ------
        ValueError
            If there are so many that they are linearly dependent in double precision.
        """
        n, width = _orbitals(cutoff, n_max)
        combined = 1 / np.sqrt(0.5 / width[:, None] ** 2 + 0.5 / width**2)
        log_norm = 0.5 * _log_moment(2 * n + 2, width)
        log_overlap = _log_moment(n[:, None] + n + 2, combined) - log_norm[:, None] - log_norm
        eigenvalues, vectors = np.linalg.eigh(np.exp(log_overlap))
        return np.asarray((vectors / np.sqrt(eigenvalues)) @ vectors.T)


@dataclass(frozen=True)
class SphericalBessel:
    """Spherical Bessel functions j_l(z_nl x/cutoff), zero at the cutoff: Laplacian eigenstates.

    Bigi, Huguenin-Dumittan, Ceriotti, Manolopoulos, J. Chem. Phys. 157, 234101 (2022),
    doi 10.1063/5.0124363.

    Examples
    --------
    >>> from sensitivity import DensityCorrelations, SphericalBessel, spectrum, structures
    >>> descriptor = DensityCorrelations(cutoff=3.0, basis=SphericalBessel())
    >>> spectrum(structures.load("Td"), descriptor, centers=[0]).rank
    1
    """

    def reach(self, cutoff: float) -> float:
        """Return the cutoff, where every function vanishes."""
        return cutoff

    def primitives(self, x: Array, *, cutoff: float, n_max: int, l_max: int) -> Array:
        """Evaluate √2 j_l(z x/cutoff) / (cutoff^{3/2} abs(j_{l+1}(z))), which is orthonormal."""
        from scipy.special import spherical_jn

        functions = np.empty((l_max + 1, n_max, *x.shape))
        for l, zeros in enumerate(spherical_bessel_zeros(n_max, l_max)):
            for n, zero in enumerate(zeros):
                norm = np.sqrt(2 / cutoff**3) / np.abs(spherical_jn(l + 1, zero))
                functions[l, n] = norm * spherical_jn(l, zero * x / cutoff)
        return functions

    def orthonormalization(self, *, cutoff: float, n_max: int) -> Array:
        """Return the identity."""
        return np.eye(n_max)


@lru_cache(maxsize=32)
def spherical_bessel_zeros(n_max: int, l_max: int) -> Array:
    """Return the first positive zeros of j_0 ... j_l_max, shape (l_max + 1, n_max).

    The zeros of neighbouring orders interlace, which brackets each one for Brent's method.
    """
    from scipy.optimize import brentq
    from scipy.special import spherical_jn

    zeros = np.zeros((l_max + 1, n_max))
    bracket = np.pi * np.arange(1, n_max + l_max + 1)
    zeros[0] = bracket[:n_max]
    for l in range(1, l_max + 1):
        function = partial(spherical_jn, l)
        bracket = np.array([brentq(function, a, b, xtol=1e-14) for a, b in pairwise(bracket)])
        zeros[l] = bracket[:n_max]
    zeros.setflags(write=False)
    return zeros


BASES: dict[str, RadialBasis] = {"gto": GaussianTypeOrbitals(), "bessel": SphericalBessel()}
"""Names of the bases in the settings of a descriptor."""


@dataclass(frozen=True)
class RadialFunctions(ReadOnlyArrays):
    """R_nl on [0, cutoff] as Chebyshev series, without the cutoff function.

    The coefficients are those of the functions and of their derivatives in 1/Å.
    """

    cutoff: float  # Å, end of the interval
    coefficients: Array  # (2, n_max (l_max + 1), terms)
    shape: tuple[int, int]  # (n_max, l_max + 1)

    def __call__(self, r: Array) -> tuple[Array, Array]:
        """Return functions and derivatives, each of shape (n_max, l_max + 1) and that of r."""
        values = (self.coefficients @ self._polynomials(r)).reshape(2, *self.shape, *r.shape)
        return values[0], values[1]

    def by_pair(self, r: Array) -> tuple[Array, Array]:
        """Return the same with the shape of r first: (..., l_max + 1, n_max)."""
        values = (self._polynomials(r).T @ self._by_degree).reshape(*r.shape, 2, *self.shape[::-1])
        return values[..., 0, :, :], values[..., 1, :, :]

    @cached_property
    def _by_degree(self) -> Array:
        """Coefficients of the functions and of their derivatives, [term, (function, l, n)]."""
        parts = self.coefficients.reshape(2, *self.shape, -1)
        return np.ascontiguousarray(parts.transpose(3, 0, 2, 1).reshape(parts.shape[3], -1))

    def _polynomials(self, r: Array) -> Array:
        # Beyond the cutoff the density is zero, but the polynomials would overflow.
        x = np.minimum(2 * r.ravel() / self.cutoff - 1, 1.0)
        return _chebyshev(x, self.coefficients.shape[-1])  # [term, pair]


def _chebyshev(x: Array, terms: int) -> Array:
    """Evaluate Chebyshev polynomials of degree 0 to terms - 1 at x, shape (terms, len(x)).

    T_{m+j} = 2 T_m T_j - T_{m-j} for j = 1 ... m doubles the number of rows at every step: six
    steps where the usual recurrence takes sixty. Rounding grows as the degree squared, as that of
    the polynomials near ±1 must, and coefficients decay faster.
    """
    polynomials = np.ones((terms, len(x)))
    if terms > 1:
        polynomials[1] = x
    m = 1
    while m < terms - 1:
        j = min(m, terms - 1 - m)
        new = polynomials[m + 1 : m + j + 1]
        np.multiply(2 * polynomials[m], polynomials[1 : j + 1], out=new)
        new -= polynomials[m - j : m][::-1]
        m += j
    return polynomials


@lru_cache(maxsize=32)
def radial_functions(
    basis: RadialBasis, *, cutoff: float, n_max: int, l_max: int, smearing: float
) -> RadialFunctions:
    """Expand R_nl in Chebyshev polynomials until the series has converged to rounding.

    Raises ValueError if the smearing is too narrow or too wide for the cutoff, or there are too
    many functions.
    """
    check_smearing(smearing, cutoff=cutoff)
    mixing = basis.orthonormalization(cutoff=cutoff, n_max=n_max)
    rounding = 4 * np.finfo(np.float64).eps
    for terms in (32, 64, 128, 256, 512, 1024, 2048):
        r = 0.5 * cutoff * (chebyshev.chebpts1(terms) + 1)
        samples = _smeared(basis, r, cutoff=cutoff, n_max=n_max, l_max=l_max, smearing=smearing)
        series = _interpolate(samples.reshape(-1, terms).T).reshape(terms, l_max + 1, n_max)
        size = np.abs(series).max(axis=(1, 2))
        significant = np.flatnonzero(size > rounding * size.max())[-1] + 1
        if significant < 0.8 * terms:
            both = np.zeros((2, significant, l_max + 1, n_max))
            both[0] = series[:significant]
            slopes = chebyshev.chebder(both[0], scl=2 / cutoff)
            both[1, : len(slopes)] = slopes
            coefficients = np.ascontiguousarray((both @ mixing).transpose(0, 3, 2, 1))
            coefficients = coefficients.reshape(2, n_max * (l_max + 1), -1)
            return RadialFunctions(cutoff, coefficients, (n_max, l_max + 1))
    raise ValueError(
        f"{n_max} radial functions of degree up to {l_max} with smearing={smearing:g} Å and "
        f"cutoff={cutoff:g} Å vary too fast to be tabulated; give a smaller n_max or l_max, or a "
        "smearing nearer to a tenth of the cutoff."
    )


def check_smearing(smearing: float, *, cutoff: float) -> None:
    """Raise a ValueError if the smearing is too narrow or too wide for the cutoff."""
    # Below, the series rarely converges, and arguments of Bessel functions overflow; above, their
    # downward recurrence loses all digits.
    narrowest, widest = 1e-4 * cutoff, 5.0 * cutoff
    if 0 < smearing < narrowest:
        raise ValueError(
            f"smearing={smearing:g} Å is too narrow for cutoff={cutoff:g} Å: expected at least "
            f"{narrowest:.2g} Å, or 0 for sharp densities; give a larger smearing."
        )
    if smearing > widest:
        raise ValueError(
            f"smearing={smearing:g} Å is too wide for cutoff={cutoff:g} Å: expected at most "
            f"{widest:.2g} Å; give a smaller smearing or a larger cutoff."
        )


def _interpolate(samples: Array) -> Array:
    """Return Chebyshev coefficients from samples at first-kind points, (terms, functions)."""
    from scipy.fft import dct

    # Rounding stays at eps for every term; in a Vandermonde product it would grow with their
    # number.
    series = dct(samples[::-1], axis=0) / len(samples)
    series[0] *= 0.5
    return np.asarray(series)


def _smeared(
    basis: RadialBasis, r: Array, *, cutoff: float, n_max: int, l_max: int, smearing: float
) -> Array:
    """Integrate R_nl of the primitives at the distances r, shape (l_max + 1, n_max, len(r))."""
    if smearing == 0:
        return basis.primitives(r, cutoff=cutoff, n_max=n_max, l_max=l_max)
    # At nine widths a Gaussian has decayed to 1e-18; this many nodes integrate it to rounding.
    nodes, weights = np.polynomial.legendre.leggauss(160)
    reach = 9.0 * smearing
    low = np.maximum(0.0, r - reach)
    high = np.minimum(basis.reach(cutoff), r + reach)
    x = 0.5 * (low + high)[:, None] + 0.5 * (high - low)[:, None] * nodes  # [r, node]
    weights = 0.5 * (high - low)[:, None] * weights * x**2
    kernel = _gaussian_kernel(x, r[:, None], smearing=smearing, l_max=l_max)  # [l, r, node]
    functions = basis.primitives(x, cutoff=cutoff, n_max=n_max, l_max=l_max)  # [l, n, r, node]
    return np.asarray(np.einsum("lnrx,lrx->lnr", functions, kernel * weights))


def _gaussian_kernel(x: Array, r: Array, *, smearing: float, l_max: int) -> Array:
    """Evaluate K_l = 4π (πσ²)^{-3/4} exp(-(x² + r²)/2σ²) i_l(x r/σ²), of unit norm in L²."""
    from scipy.special import ive

    u = x * r / smearing**2
    bessel = np.empty((l_max + 2, *u.shape))  # modified, spherical, scaled by exp(-x r/σ²)
    for l in (l_max + 1, l_max):
        bessel[l] = np.sqrt(0.5 * np.pi / u) * ive(l + 0.5, u)
    for l in range(l_max, 0, -1):  # downward is stable; upward is not
        bessel[l - 1] = bessel[l + 1] + (2 * l + 1) / u * bessel[l]
    scale = 4 * np.pi * (np.pi * smearing**2) ** -0.75
    return np.asarray(scale * np.exp(-0.5 * ((x - r) / smearing) ** 2) * bessel[: l_max + 1])


def _orbitals(cutoff: float, n_max: int) -> tuple[Array, Array]:
    n = np.arange(float(n_max))
    return n, np.sqrt(np.maximum(n, 1)) * cutoff / n_max


def _log_moment(power: Array, width: Array) -> Array:
    """Return the logarithm of ∫ x^power exp(-x²/width²) dx over [0, ∞)."""
    from scipy.special import gammaln

    return np.asarray(gammaln(0.5 * (power + 1)) - np.log(2.0) + (power + 1) * np.log(width))
