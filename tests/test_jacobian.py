"""The Jacobian in blocks and dense, and what is made from it."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from sensitivity import DensityCorrelations, jacobian, structures

DESCRIPTOR = DensityCorrelations(cutoff=3.0, n_max=3, l_max=3)


def test_many_displacements_have_the_norms_and_singular_values_of_the_dense_jacobian() -> None:
    """Of more displacements than a center has coordinates, so that its rows are reduced first."""
    atoms = bulk("Cu", cubic=True) * (3, 1, 1)
    atoms.rattle(0.1, seed=2)
    result = jacobian(atoms, DESCRIPTOR)
    block = result.blocks[0]
    displacements = np.linalg.qr(np.random.default_rng(5).normal(size=(36, 36)))[0].reshape(
        36, -1, 3
    )
    assert 3 * len(block.atoms) < min(len(block.features), len(displacements))
    triangle, dense = (
        result.triangle(displacements),
        result.dense() @ displacements.reshape(36, -1).T,
    )
    values = (np.linalg.svd(matrix, compute_uv=False) for matrix in (triangle, dense))
    np.testing.assert_allclose(*values, atol=1e-13 * np.linalg.norm(dense))
    norms = (np.linalg.norm(matrix, axis=0) for matrix in (triangle, dense))
    np.testing.assert_allclose(*norms, rtol=1e-12)


def molecule() -> Atoms:
    """Ethanol, bent out of its mirror plane; species in no order."""
    atoms = structures.load("CH3CH2OH")
    atoms.rattle(0.1, seed=3)
    return atoms[[5, 0, 2, 8, 1, 4, 3, 7, 6]]


def crystal() -> Atoms:
    """Rock salt, smaller than the cutoff and distorted, with centers that are not alike."""
    atoms = bulk("NaCl", "rocksalt", a=4.6, cubic=True)
    atoms.rattle(0.2, seed=1)
    return atoms


@pytest.mark.parametrize("build", [molecule, crystal])
@pytest.mark.parametrize("centers", [None, [3, 0, 5]])
def test_dense_holds_the_blocks(build, centers) -> None:
    atoms = build()
    result = jacobian(atoms, DESCRIPTOR, centers=centers)
    chosen = tuple(range(len(atoms))) if centers is None else tuple(centers)
    assert tuple(block.center for block in result.blocks) == result.centers == chosen
    dense = result.dense()
    assert dense.shape == result.shape
    rows = dense.reshape(len(chosen), -1, len(atoms), 3)
    for row, block in zip(rows, result.blocks, strict=True):
        assert len(set(block.atoms.tolist())) == len(block.atoms)
        assert np.array_equal(row[:, block.atoms], block.gradient)
        others = np.setdiff1d(np.arange(len(atoms)), block.atoms)
        assert not row[:, others].any()


@pytest.mark.parametrize("build", [molecule, crystal])
def test_products_do_not_need_the_dense_matrix(build) -> None:
    result = jacobian(build(), DESCRIPTOR, centers=[4, 2, 0])
    dense = result.dense()
    displacements = np.random.default_rng(0).normal(size=(5, len(result.atoms), 3))
    scale = np.abs(dense).max() ** 2 * len(dense)
    assert np.abs(result.gram - dense.T @ dense).max() <= 1e-14 * scale
    expected = dense @ displacements.reshape(5, -1).T
    assert np.abs(result.apply(displacements) - expected).max() <= 1e-13 * np.abs(expected).max()
    values = [
        np.linalg.svd(m, compute_uv=False) for m in (result.triangle(displacements), expected)
    ]
    assert np.abs(values[0] - values[1]).max() <= 1e-14 * values[1][0]


@pytest.mark.parametrize("build", [molecule, crystal])
def test_features_are_those_of_the_descriptor(build) -> None:
    atoms = build()
    result = jacobian(atoms, DESCRIPTOR, centers=[4, 2, 0])
    expected = DESCRIPTOR.features(atoms, centers=[4, 2, 0])
    assert np.abs(result.features - expected).max() <= 1e-15 * np.abs(expected).max()


def test_a_molecule_sorted_by_species_needs_no_copy() -> None:
    result = jacobian(structures.load("C6H6"), DESCRIPTOR)
    assert np.shares_memory(result.dense(), result.batches[0].gradient)


def test_the_structure_is_copied_and_arrays_are_read_only() -> None:
    atoms = molecule()
    before = atoms.positions.copy()
    result = jacobian(atoms, DESCRIPTOR)
    atoms.positions += 1.0
    assert np.array_equal(result.atoms.positions, before)
    with pytest.raises(ValueError, match="read-only"):
        result.dense()[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        result.blocks[0].gradient[0, 0, 0] = 1.0


def test_unseen_atoms() -> None:
    atoms = molecule() + Atoms("He", [[30.0, 0.0, 0.0]])
    assert jacobian(atoms, DESCRIPTOR).unseen.tolist() == [False] * 9 + [True]


def test_something_that_is_no_descriptor() -> None:
    for wrong in ("soap", DensityCorrelations):
        with pytest.raises(TypeError, match="descriptor must be a descriptor such as"):
            jacobian(molecule(), wrong)


@pytest.mark.parametrize("build", [molecule, crystal])
def test_no_displacement_is_no_change(build) -> None:
    result = jacobian(build(), DESCRIPTOR, centers=[4, 2])
    assert result.apply(np.empty((0, len(result.atoms), 3))).shape == (result.shape[0], 0)


def test_pull_is_the_transpose() -> None:
    atoms = bulk("Cu", cubic=True)
    atoms.positions += np.random.default_rng(1).normal(scale=0.05, size=atoms.positions.shape)
    result = jacobian(atoms, DensityCorrelations(cutoff=3.5), centers=[2, 0])
    changes = np.random.default_rng(2).normal(size=result.shape[0])
    expected = (changes @ result.dense()).reshape(len(atoms), 3)
    np.testing.assert_allclose(result.pull(changes), expected, atol=1e-12 * np.abs(expected).max())
