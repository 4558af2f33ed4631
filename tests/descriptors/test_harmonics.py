"""Spherical harmonics against scipy, and identities that only exact ones obey."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import sph_harm_y

from sensitivity.descriptors.harmonics import coupling, harmonics_gradient, spherical_harmonics

L_MAX = 12


@pytest.fixture
def vectors() -> np.ndarray:
    """Shape (3, 40), among them the axes."""
    random = np.random.default_rng(0).normal(size=(3, 34))
    return np.concatenate([random, np.eye(3), -2 * np.eye(3)], axis=1)


@pytest.fixture
def harmonics(vectors: np.ndarray) -> np.ndarray:
    """Shape (l, m, 40)."""
    return spherical_harmonics(vectors / np.linalg.norm(vectors, axis=0), L_MAX)


def test_against_scipy(vectors: np.ndarray, harmonics: np.ndarray) -> None:
    x, y, z = vectors
    polar, azimuth = np.arccos(z / np.linalg.norm(vectors, axis=0)), np.arctan2(y, x)
    for l in range(L_MAX + 1):
        for m in range(1, l + 1):
            complex_value = (-1) ** m * np.sqrt(2) * sph_harm_y(l, m, polar, azimuth)
            assert np.abs(harmonics[l, l + m] - complex_value.real).max() < 2e-14
            assert np.abs(harmonics[l, l - m] - complex_value.imag).max() < 2e-14
        assert np.abs(harmonics[l, l] - sph_harm_y(l, 0, polar, azimuth).real).max() < 2e-14
        assert not harmonics[l, 2 * l + 1 :].any()


def test_addition_theorem(harmonics: np.ndarray) -> None:
    """Σ_m Y_lm² = (2l + 1)/4π, to rounding."""
    for l, squares in enumerate((harmonics**2).sum(axis=1)):
        assert squares == pytest.approx(np.full(40, (2 * l + 1) / (4 * np.pi)), rel=3e-15)


def test_gradient_against_differences(vectors: np.ndarray, harmonics: np.ndarray) -> None:
    r = np.linalg.norm(vectors, axis=0)
    gradient = harmonics_gradient(harmonics, vectors / r, r)
    step = 1e-3
    for axis in range(3):

        def at(shift: float, axis: int = axis) -> np.ndarray:
            moved = vectors.copy()
            moved[axis] += shift
            return spherical_harmonics(moved / np.linalg.norm(moved, axis=0), L_MAX)

        difference = 8 * (at(step) - at(-step)) - at(2 * step) + at(-2 * step)
        expected = difference / (12 * step)
        assert np.abs(gradient[..., axis] - expected).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("l", [(0, 0, 0), (1, 1, 2), (2, 3, 3), (1, 2, 2), (4, 5, 6), (3, 3, 3)])
def test_couplings_are_normalised_and_symmetric(l: tuple[int, int, int]) -> None:
    w = coupling(*l)
    assert (w**2).sum() == pytest.approx(1.0, rel=1e-14)
    if l[0] == l[1]:
        assert np.abs(w - (-1) ** sum(l) * w.swapaxes(0, 1)).max() < 1e-15
    if l[1] == l[2]:
        assert np.abs(w - (-1) ** sum(l) * w.swapaxes(1, 2)).max() < 1e-15
