"""CHGNet: invariance, ranks, kinks, boxes, and what is refused."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, bulk, fcc111, molecule
from known import STRUCTURES, forward_ratio, rigid_motions, visible_rank

from sensitivity import diagnose, jacobian, spectrum, structures
from sensitivity.descriptors import Chgnet, from_chgnet
from sensitivity.descriptors.from_chgnet import _load

ROUNDING = 1e-14  # of the largest singular value


@pytest.fixture(scope="module")
def descriptor() -> Chgnet:
    return Chgnet()


@pytest.mark.parametrize("name", STRUCTURES)
def test_it_sees_what_symmetry_allows(name: str, descriptor: Chgnet) -> None:
    atoms = STRUCTURES[name]
    J = jacobian(atoms, descriptor)
    for centers in (None, [0]):
        rank = spectrum(atoms, descriptor, centers=centers).rank
        assert rank == visible_rank(atoms, "O(3)", centers=centers)
    largest = np.linalg.norm(J.dense(), 2)
    scale = max(largest, np.linalg.norm(descriptor.features(atoms)) / descriptor.cutoff)
    assert np.linalg.norm(J.apply(rigid_motions(atoms)), 2) <= ROUNDING * scale
    assert descriptor.trust.inversion_invariant
    assert descriptor.trust.local
    assert descriptor.trust.gradient_error == 0
