"""Crystals of equal cells: one wave vector at a time gives what one matrix gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene

from sensitivity import DensityCorrelations, jacobian, spectrum
from sensitivity.descriptors import Batch
from sensitivity.geometry.motions import trivial_motions
from sensitivity.spectrum import decompose
from sensitivity.supercells import decompose_supercell

DESCRIPTOR = DensityCorrelations(cutoff=3.5, n_max=2, l_max=3)


def two_kinds_of_cells() -> Atoms:
    """Rattled cells of six atoms, one after the other: all that is equal is the step."""
    cell = bulk("NaCl", "rocksalt", a=5.0).repeat((3, 1, 1))
    cell.rattle(0.2, seed=3)
    return cell.repeat((1, 3, 2))


def shuffled(atoms: Atoms) -> Atoms:
    """The same atoms in another order, wrapped, with an origin elsewhere."""
    moved = atoms[np.random.default_rng(0).permutation(len(atoms))]
    moved.positions += [0.3, -0.7, 11.0]
    moved.wrap()
    return moved


CRYSTALS = {
    "copper": bulk("Cu", cubic=True).repeat((3, 2, 1)),
    "copper, primitive": bulk("Cu").repeat((4, 3, 3)),
    "silicon": bulk("Si", cubic=True).repeat((2, 2, 1)),
    "zincite": bulk("ZnO", "wurtzite", a=3.25, c=5.2).repeat((3, 2, 1)),
    "graphene": graphene(size=(4, 3, 1), vacuum=8.0),
    "rattled cells": two_kinds_of_cells(),
    "shuffled": shuffled(two_kinds_of_cells()),
}


@pytest.mark.parametrize("atoms", CRYSTALS.values(), ids=CRYSTALS)
def test_waves_are_singular_vectors(atoms: Atoms) -> None:
    derivative = jacobian(atoms, DESCRIPTOR)
    found = decompose_supercell(derivative)
    assert found is not None
    values, modes = found
    directions = trivial_motions(atoms, cutoff=DESCRIPTOR.cutoff).internal()
    expected, _ = decompose(derivative, directions)
    scale = spectrum(atoms, DESCRIPTOR).scale
    assert values.shape == (3 * len(atoms) - 3,)
    assert (np.diff(values) <= 0).all()
    assert np.abs(values - expected).max() <= 1e-14 * scale
    rows = modes.reshape(len(modes), -1)
    assert np.abs(rows @ rows.T - np.eye(len(rows))).max() <= 1e-14
    assert np.abs(modes.sum(axis=1)).max() <= 1e-13
    changes = derivative.apply(modes)
    assert np.abs(changes.T @ changes - np.diag(values**2)).max() <= 1e-14 * scale**2
    assert np.abs(np.linalg.norm(changes, axis=0) - values).max() <= 1e-14 * scale


def rattled(size: float) -> Atoms:
    atoms = bulk("Cu", cubic=True).repeat(2)
    atoms.rattle(size, seed=1)
    return atoms


@pytest.mark.parametrize(
    ("atoms", "centers"),
    [
        (bulk("Cu", cubic=True), None),  # its lattice has more steps, but none along a cell vector
        (bulk("Si"), None),
        (rattled(0.1), None),
        (rattled(1e-7), None),
        (rattled(1e-11), None),  # far below what can be seen, far above rounding
        (Atoms("H4", np.diag([1.0, 2, 3, 4])[:, :3]), None),
    ],
)
def test_other_structures_are_left_to_others(atoms: Atoms, centers) -> None:
    assert decompose_supercell(jacobian(atoms, DESCRIPTOR, centers=centers)) is None


@dataclass(frozen=True)
class Uneven:
    """Features of center 0 count more, which no descriptor should do."""

    cutoff: float = 3.5
    inversion_invariant: bool = True

    def features(self, atoms, *, centers=None):
        return DESCRIPTOR.features(atoms, centers=centers)

    def gradients(self, atoms, *, centers=None):
        return tuple(
            Batch(
                b.centers,
                b.atoms,
                b.features,
                b.gradient * np.where(b.centers == 0, 2, 1)[:, None, None, None],
            )
            for b in DESCRIPTOR.gradients(atoms, centers=centers)
        )


def test_a_descriptor_that_tells_centers_apart_is_taken_as_it_is() -> None:
    atoms = rattled(0.0)
    derivative = jacobian(atoms, Uneven())
    assert decompose_supercell(derivative) is None
    values = np.linalg.svd(derivative.dense(), compute_uv=False)[: 3 * len(atoms)]
    found = spectrum(atoms, Uneven())
    assert np.abs(found.singular_values - values).max() <= 3e-14 * found.scale


def test_modes_do_not_depend_on_the_way_they_were_found() -> None:
    """A crystal that is off by 1e-11 Å is decomposed as a whole; the gauge is the same."""
    perfect, other = (spectrum(rattled(size), DESCRIPTOR) for size in (0.0, 1e-14))
    assert np.abs(perfect.singular_values - other.singular_values).max() <= 1e-13 * perfect.scale
    assert np.abs(perfect.modes - other.modes).max() <= 1e-6
