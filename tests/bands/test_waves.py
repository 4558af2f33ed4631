"""Waves of one wave vector: orthonormal, each with its singular value and its cause."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from ase import Atoms
from crystals import CRYSTALS, CUTOFF

from sensitivity import DensityCorrelations, bands, jacobian
from sensitivity.bands import Bands
from sensitivity.descriptors import Descriptor
from sensitivity.diagnosis import Cause

USUAL = DensityCorrelations(cutoff=CUTOFF, n_max=4, l_max=4)
SMALL = DensityCorrelations(cutoff=CUTOFF, n_max=1, l_max=0)
WIRE = Atoms("HF", [[0.0, 0.0, 0.0], [0.4, 0.0, 1.0]], cell=[9, 9, 2.1], pbc=[False, False, True])
LONELY = Atoms("HHe", [[0, 0, 0], [0, 0, 4.0]], cell=[8, 8, 8], pbc=True)
"""No atom has a neighbour."""

CASES: dict[str, tuple[Atoms, Descriptor]] = {
    "diamond": (CRYSTALS["diamond"][0], USUAL),
    "small": (CRYSTALS["diamond"][0], SMALL),
    "quartz": (CRYSTALS["quartz"][0], SMALL),
    "wire": (WIRE, DensityCorrelations(cutoff=2.0)),
    "lonely": (LONELY, DensityCorrelations(cutoff=2.0)),
}


def analyse(name: str) -> Bands:
    atoms, descriptor = CASES[name]
    q = np.where(atoms.pbc, [[0, 0, 0], [0.5, 0, 0.5], [0.1, 0.2, 0.3]], 0.0)
    return bands(atoms, descriptor, path=q)


@pytest.mark.parametrize("name", CASES)
def test_waves_are_an_orthonormal_basis_with_the_counts_of_the_bands(name: str) -> None:
    found = analyse(name)
    for number, q in enumerate(found.q):
        waves = found.waves(q)
        flat = waves.vectors.reshape(len(waves.causes), -1)
        np.testing.assert_allclose(flat @ flat.conj().T, np.eye(len(flat)), atol=1e-12)
        expected = {cause: count[number] for cause, count in found.counts.items() if count[number]}
        assert Counter(waves.causes) == Counter(expected)
        rank = found.rank[number]
        np.testing.assert_allclose(
            waves.singular_values[:rank], found.singular_values[number, :rank], rtol=1e-9
        )
        assert (waves.singular_values[rank:] <= found.zero_level).all()


def test_waves_by_truncation_are_seen_by_a_larger_basis_and_those_by_symmetry_are_not() -> None:
    found, larger = analyse("small"), analyse("diamond")
    waves = found.waves([0.1, 0.2, 0.3])
    matrix = larger.derivative.at(waves.q[None])[0]
    responses = np.linalg.norm(matrix @ waves.vectors.reshape(6, 6).T, axis=0)
    seen: dict[Cause, bool] = {"sensitive": True, "truncation": True, "symmetry": False}
    assert set(waves.causes) == {*seen}
    for cause, response in zip(waves.causes, responses, strict=True):
        assert (response > 1e-4 * larger.scale) == seen[cause]


def test_rigid_motions_are_those_of_the_crystal() -> None:
    waves = analyse("wire").waves([0, 0, 0])
    translations = waves.vectors[[cause == "translation" for cause in waves.causes]]
    assert len(translations) == 3
    np.testing.assert_allclose(translations[:, 0], translations[:, 1], atol=1e-12)
    (rotation,) = waves.vectors[[cause == "rotation" for cause in waves.causes]]
    np.testing.assert_allclose(rotation[:, [0, 2]], 0.0, atol=1e-12)  # about z, from x to y
    np.testing.assert_allclose(rotation[0, 1], -rotation[1, 1], atol=1e-12)


@pytest.mark.parametrize("band", range(6))
def test_a_wave_in_a_supercell_changes_the_features_as_its_singular_value_says(band: int) -> None:
    found = analyse("diamond")
    q = np.array([0.5, 0.0, 0.5])
    waves = found.waves(q)
    cells = np.indices((2, 1, 2)).reshape(3, -1).T
    moves = np.exp(2j * np.pi * cells @ q)[:, None, None] * waves.vectors[band] / 2
    dense = jacobian(found.atoms.repeat((2, 1, 2)), USUAL).dense()
    size = np.linalg.norm(dense @ moves.reshape(-1))
    np.testing.assert_allclose(size, waves.singular_values[band], atol=1e-9 * found.scale)


@pytest.mark.parametrize("q", ["half", [[0.0, 0.0, 0.0]], [0.0, 0.1], [0.0, np.nan, 0.0]])
def test_what_is_no_wave_vector_is_refused(q: object) -> None:
    with pytest.raises(ValueError, match=r"q must be a wave vector of shape \(3,\)"):
        analyse("lonely").waves(q)  # type: ignore[arg-type]
