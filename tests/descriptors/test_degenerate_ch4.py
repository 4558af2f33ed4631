"""Order 2 reproduces the power spectra of the degenerate CH4 manifold that scikit-matter ships.

scikit-matter's ``load_degenerate_CH4_manifold`` holds 162 power spectra of librascal, not the
structures. The structures are X-(u, v), then X+(u, v), for u/π in linspace(.7, .9, 9) and v/π in
linspace(-.1, .1, 9); Pozdnyakov et al., Phys. Rev. Lett. 125, 166001 (2020).
"""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest
from skmatter.datasets import load_degenerate_CH4_manifold

from sensitivity import DensityCorrelations, structures

GEOMETRIES = Path(__file__).parents[1] / "data" / "degenerate_CH4_manifold.extxyz"
AGREEMENT = 1e-7  # relative to the largest feature; the positions are given to 1e-15 Å
N_MAX, L_MAX = 2, 2
# All atoms are one species there, and the center counts as one of them.
DESCRIPTOR = DensityCorrelations(
    order=2,
    cutoff=4.0,
    n_max=N_MAX,
    l_max=L_MAX,
    smearing=0.5,
    cutoff_width=0.5,
    center_weight=1.0,
)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Ours, shape (162, l, n, n'), both n <= n' and n >= n' filled in."""
    unique = []
    for atoms in ase.io.read(GEOMETRIES, ":"):
        atoms.symbols[:] = "H"
        unique.append(DESCRIPTOR.features(atoms, centers=[0])[0])
    full = np.zeros((len(unique), L_MAX + 1, N_MAX, N_MAX))
    n, k = np.triu_indices(N_MAX)
    full[:, :, n, k] = full[:, :, k, n] = np.reshape(unique, (len(unique), L_MAX + 1, len(n)))
    return full


@pytest.fixture(scope="module")
def published() -> np.ndarray:
    """scikit-matter's, shape (162, l, n, n')."""
    spectra = load_degenerate_CH4_manifold().data.SOAP_power_spectrum
    return spectra.reshape(162, N_MAX, N_MAX, L_MAX + 1).transpose(0, 3, 1, 2)


def test_power_spectra_agree_up_to_one_scale_per_l(
    features: np.ndarray, published: np.ndarray
) -> None:
    assert features.shape == published.shape
    for l in range(L_MAX + 1):
        ours, theirs = features[:, l], published[:, l]
        scale = (ours * theirs).sum() / (ours * ours).sum()
        assert scale != 0
        assert np.abs(scale * ours - theirs).max() <= AGREEMENT * np.abs(theirs).max()
        assert np.ptp(theirs) > 1e-3 * np.abs(theirs).max()  # the manifold is not one point


def test_the_geometries_are_those_of_the_library() -> None:
    frames = ase.io.read(GEOMETRIES, ":")
    assert len(frames) == 162
    grid = [(u, v) for u in np.linspace(0.7, 0.9, 9) for v in np.linspace(-0.1, 0.1, 9)]
    for frame, sign, (u, v) in zip(frames, [-1] * 81 + [1] * 81, grid + grid, strict=True):
        pair = structures.ch4_pair(u * np.pi, v * np.pi, sign=sign)
        np.testing.assert_allclose(frame.positions, pair.positions, rtol=0, atol=1e-12)


def test_twins_have_equal_features_exactly_where_v_is_zero(features: np.ndarray) -> None:
    minus, plus = features.reshape(2, 9, 9, -1)  # [u, v, feature]
    distance = np.abs(minus - plus).max(axis=-1) / np.abs(features).max()
    assert distance[:, 4].max() <= 1e-13
    assert np.delete(distance, 4, axis=1).min() >= 1e-5
