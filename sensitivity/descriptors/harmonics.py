"""Real spherical harmonics, accurate to rounding, their gradient, and their couplings.

All (l, m) are in one array with an axis for l and one for m = -l ... l, the latter padded by zeros
to 2 l_max + 1: the extra arithmetic costs less than the calls of a loop over l.

They are computed here because those of sphericart 2.0.4, the library for this purpose, are off by
up to 2e-14 for l ≤ 6, where its constants end, so rotations would no longer be invisible.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from wigners import clebsch_gordan_array

from sensitivity.numerics import Array

Y_00 = float(np.sqrt(0.25 / np.pi))


def spherical_harmonics(units: Array, l_max: int) -> Array:
    """Return real, orthonormal Y_lm of unit vectors, without the Condon-Shortley phase.

    Y_{l,l} and Y_{l,-l} are the real and the imaginary part of (x + iy)^l, times a factor; the
    others follow from Y_lm = a_lm z Y_{l-1,m} - b_lm Y_{l-2,m}.

    ``units`` has shape (3, ...), the result (l_max + 1, 2 l_max + 1, ...), where place l + m of the
    second axis belongs to m.
    """
    x, y, z = units
    first, a, b = (array.reshape(*array.shape, *[1] * z.ndim) for array in _recurrence(l_max))
    powers = np.empty((l_max + 1, *z.shape), dtype=complex)
    powers[0] = 1.0
    powers[1:] = x + 1j * y
    np.cumprod(powers, axis=0, out=powers)
    powers *= first
    out = np.zeros((l_max + 1, 2 * l_max + 1, *z.shape))
    out[0, 0] = powers[0].real
    for l in range(1, l_max + 1):
        of_degree, n = out[l], 2 * l - 1
        of_degree[0], of_degree[n + 1] = powers[l].imag, powers[l].real
        np.multiply(a[l, :n] * z, out[l - 1, :n], out=of_degree[1 : n + 1])
        if l > 1:
            of_degree[2:n] -= b[l, : n - 2] * out[l - 2, : n - 2]
    return out


def harmonics_gradient(harmonics: Array, units: Array, r: Array) -> Array:
    """Return ∇Y_lm = -r̂ x (r x ∇Y_lm)/r from generators of rotation, r x ∇Y_l = G_l Y_l.

    Because G is antisymmetric to the last bit, a rotation leaves invariants of Y unchanged to
    rounding; a gradient from differentiated polynomials does not guarantee this.

    ``harmonics``, shape (l, m, ...), are those of ``spherical_harmonics``, ``units``, (3, ...), and
    ``r``, (...) in Å, the directions and lengths of the vectors. The result, in 1/Å, has shape
    (l, m, ..., 3).
    """
    l_size, m_size, *shape = harmonics.shape
    rotated = _generators(l_size - 1) @ harmonics.reshape(l_size, m_size, -1)
    lx, ly, lz = rotated.reshape(l_size, 3, m_size, *shape).swapaxes(0, 1)
    ux, uy, uz = units / r
    out = np.empty((l_size, m_size, *shape, 3))
    np.subtract(uz * ly, uy * lz, out=out[..., 0])
    np.subtract(ux * lz, uz * lx, out=out[..., 1])
    np.subtract(uy * lx, ux * ly, out=out[..., 2])
    return out


@lru_cache(maxsize=4096)
def coupling(l1: int, l2: int, l3: int) -> Array:
    """Return coefficients W that make Σ W_{m1 m2 m3} Y_{l1 m1} Y_{l2 m2} Y_{l3 m3} invariant.

    These are the Clebsch-Gordan coefficients ⟨l1 m1; l2 m2|l3 m3⟩/√(2l3 + 1), Wigner's 3j symbols
    up to a sign, transformed to real spherical harmonics. ΣW² = 1. For even l1 + l2 + l3 the sum is
    unchanged by inversion, for odd it changes sign. Shape (2 l1 + 1, 2 l2 + 1, 2 l3 + 1),
    read-only.
    """
    complex_coupling = clebsch_gordan_array(l1, l2, l3) / np.sqrt(2 * l3 + 1)
    u1, u2, u3 = (_complex_from_real(l) for l in (l1, l2, l3))
    real = np.einsum("abc,ai,bj,ck->ijk", complex_coupling, u1, u2, u3.conj(), optimize=True)
    result = np.ascontiguousarray(real.real if (l1 + l2 + l3) % 2 == 0 else real.imag)
    result.setflags(write=False)
    return result


def _complex_from_real(l: int) -> NDArray[np.complex128]:
    """Return U of Y_lm(complex) = Σ_μ U_{mμ} Y_lμ(real), Condon-Shortley phase included."""
    u = np.zeros((2 * l + 1, 2 * l + 1), dtype=complex)
    u[l, l] = 1.0
    for m in range(1, l + 1):
        sign = (-1) ** m
        u[l + m, l + m], u[l + m, l - m] = sign * np.sqrt(0.5), sign * 1j * np.sqrt(0.5)
        u[l - m, l + m], u[l - m, l - m] = np.sqrt(0.5), -1j * np.sqrt(0.5)
    return u


@lru_cache(maxsize=64)
def _recurrence(l_max: int) -> tuple[Array, Array, Array]:
    """Return factors of (x + iy)^l, (l,), and a and b, (l, m), at the places of l - 1 and l - 2."""
    a, b = np.zeros((2, l_max + 1, 2 * l_max + 1))
    for l in range(1, l_max + 1):
        m = np.arange(1.0 - l, l)
        a[l, : len(m)] = np.sqrt((4.0 * l**2 - 1) / (l**2 - m**2))
        m = m[1:-1]
        ratio = ((l - 1.0) ** 2 - m**2) / (4.0 * (l - 1.0) ** 2 - 1)
        b[l, : len(m)] = np.sqrt((4.0 * l**2 - 1) / (l**2 - m**2)) * np.sqrt(ratio)
    step = np.arange(1.0, l_max + 1)
    first = np.sqrt(np.cumprod(np.concatenate([[0.25 / np.pi], (2 * step + 1) / (2 * step)])))
    first[1:] *= np.sqrt(2)
    return first, a, b


@lru_cache(maxsize=64)
def _generators(l_max: int) -> Array:
    """Stack the matrices G_l for x, y and z, shape (l, 3m, m), padded by zeros."""
    m_size = 2 * l_max + 1
    padded = np.zeros((l_max + 1, 3, m_size, m_size))
    for l in range(l_max + 1):
        m, u = np.arange(-l, l), _complex_from_real(l)
        raising = np.diag(np.sqrt((l - m) * (l + m + 1)), -1).astype(complex)
        lowering = raising.T
        z = np.diag(np.arange(-l, l + 1))
        components = (0.5 * (raising + lowering), -0.5j * (raising - lowering), z)
        real = np.array([(u.conj().T @ (1j * j.T) @ u).real for j in components])
        padded[l, :, : 2 * l + 1, : 2 * l + 1] = 0.5 * (real - real.swapaxes(1, 2))
    return padded.reshape(l_max + 1, 3 * m_size, m_size)
