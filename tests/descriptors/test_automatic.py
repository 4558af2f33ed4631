"""Jacobians from products with vectors: here products with the native Jacobian."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from order_two import chain

from sensitivity import DensityCorrelations, jacobian
from sensitivity.descriptors.automatic import Automatic, OnlyGradientsError, Products


class Multiplied(Automatic):
    """A native descriptor of which only products with the Jacobian are known."""

    def __init__(self, native: DensityCorrelations, cutoff: float, most: int = 1000) -> None:
        self.native, self.cutoff, self.most = native, cutoff, most
        self.forward, self.backward = list[int](), list[int]()

    only_backward = False

    def _linearize(self, atoms: Atoms, centers: tuple[int, ...]) -> Products:
        features = self.native.features(atoms, centers=centers)
        known = np.zeros((*features.shape, len(atoms), 3))
        for batch in self.native.gradients(atoms, centers=centers):
            for block in batch.blocks():
                known[centers.index(block.center)][:, block.atoms] = block.gradient

        def forward(directions: np.ndarray) -> np.ndarray:
            if self.only_backward:
                raise OnlyGradientsError
            self.forward.append(self.enough(len(directions)))
            return np.einsum("cqkx,mkx->mcq", known, directions)

        def backward(weights: np.ndarray) -> np.ndarray:
            self.backward.append(self.enough(len(weights)))
            return np.einsum("cqkx,mcq->mkx", known, weights)

        return Products(features, forward, backward)

    def enough(self, count: int) -> int:
        if count > self.most:
            raise MemoryError(count)
        return count


def agree(descriptor: Multiplied, atoms: Atoms, centers: list[int] | None = None) -> None:
    ours = jacobian(atoms, descriptor, centers=centers).dense()
    native = jacobian(atoms, descriptor.native, centers=centers).dense()
    assert np.abs(ours - native).max() <= 1e-15 * np.abs(native).max()


def test_fewer_displacements_than_features() -> None:
    descriptor = Multiplied(DensityCorrelations(n_max=3, l_max=2), cutoff=4.0)
    agree(descriptor, molecule("CH3CH2OH"))
    assert sum(descriptor.backward) == 0


def test_fewer_features_than_displacements() -> None:
    descriptor = Multiplied(DensityCorrelations(order=1, n_max=2), cutoff=4.0)
    agree(descriptor, molecule("CH3CH2OH"), [0])
    assert sum(descriptor.backward) == 6  # two functions of three species


def test_atoms_that_no_center_sees_together_share_a_product() -> None:
    native = DensityCorrelations(cutoff=3.0, n_max=3, l_max=2)
    for count in (20, 40):
        descriptor, atoms = Multiplied(native, cutoff=3.0), chain(count, spacing=2.0, size=0.2)
        agree(descriptor, atoms)
        descriptor.forward.clear()
        descriptor.gradients(atoms)
        assert sum(descriptor.forward) == 9 + 1  # three atoms of an environment, and the check


def test_centers_that_see_no_atom_together_share_a_product() -> None:
    native = DensityCorrelations(order=1, cutoff=3.0, n_max=2)
    descriptor, atoms = Multiplied(native, cutoff=3.0), chain(30, spacing=2.0, size=0.2)
    agree(descriptor, atoms)
    assert sum(descriptor.backward) == 6
    crystal = bulk("Si", cubic=True)
    crystal.rattle(0.1, seed=2)
    agree(Multiplied(native, cutoff=3.0), crystal)


def test_a_code_that_differentiates_backward_only() -> None:
    native = DensityCorrelations(cutoff=3.0, n_max=3, l_max=2)
    atoms = chain(30, spacing=2.0, size=0.2)
    descriptor = Multiplied(native, cutoff=3.0)
    descriptor.only_backward = True
    agree(descriptor, atoms)
    features = descriptor.features(atoms).shape[1]
    descriptor.backward.clear()
    descriptor.gradients(atoms)
    assert sum(descriptor.backward) == 3 * features + 1  # three centers, and the check
    assert descriptor.trust.gradient < 1e-8


@pytest.mark.parametrize("only_backward", [False, True])
@pytest.mark.parametrize("order", [1, 2])
def test_a_cutoff_that_is_too_short_is_found_out(order: int, only_backward: bool) -> None:
    native = DensityCorrelations(order=order, cutoff=4.0, n_max=3, l_max=2)
    for seed in range(2):
        descriptor, atoms = Multiplied(native, cutoff=2.5), chain(12, spacing=2.0, size=0.2)
        descriptor.only_backward = only_backward
        atoms.rattle(0.05, seed=seed)
        agree(descriptor, atoms)
        agree(descriptor, atoms, [0, 11])
        assert not descriptor.trust.local
        assert "depend on atoms outside the cutoff" in " ".join(descriptor.remarks)


def test_fewer_products_at_once_where_memory_is_exhausted() -> None:
    descriptor = Multiplied(DensityCorrelations(n_max=3, l_max=2), cutoff=4.0, most=3)
    agree(descriptor, molecule("CH3CH2OH"))
    assert max(descriptor.forward) <= 3
    descriptor.most = 0
    with pytest.raises(ValueError, match="needs more memory than there is; choose fewer centers"):
        descriptor.gradients(molecule("CH4"))
