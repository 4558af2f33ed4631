"""Gradients of many environments at once equal those of one structure at a time."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from scipy.linalg import block_diag

from sensitivity import DensityCorrelations, SphericalBessel, jacobian

COUNTS = (1, 2, 4)
NUMBERS = np.tile(np.repeat([8, 1, 6], COUNTS), (2, 1))


def random_vectors(count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(count, sum(COUNTS), 3))
    vectors *= rng.uniform(0.8, 2.9, size=vectors.shape[:2])[..., None] / np.linalg.norm(
        vectors, axis=2, keepdims=True
    )
    vectors[0, 0], vectors[1, 0] = (0.0, 0.0, 1.1), (0.0, 0.0, -1.1)  # poles of the harmonics
    return vectors


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("counts", [COUNTS, (7,)])
@pytest.mark.parametrize("settings", [{}, {"smearing": 0.0, "basis": SphericalBessel()}])
def test_they_equal_the_jacobians_of_single_environments(order, counts, settings) -> None:
    descriptor = DensityCorrelations(order=order, cutoff=3.0, n_max=3, l_max=4, **settings)
    vectors = random_vectors(5)
    numbers = np.repeat([8, 1, 6][: len(counts)], counts)
    ((part, found),) = descriptor.like_gradients(
        vectors, np.tile(numbers, (5, 1)), species=[1, 6, 8]
    )
    assert part == slice(0, 5)
    directions = np.random.default_rng(1).normal(size=(2, 21, 3))
    chosen = np.array([1, 4])
    applied = found.apply(directions, chosen)
    every = found.apply(np.tile(np.eye(21), (5, 1, 1)), np.arange(5))
    moves, owners = np.random.default_rng(2).normal(size=(3, 21, 2)), np.array([0, 0, 4])
    moved = vectors[owners] + 0.01 * moves[:, :, 0].reshape(3, 7, 3)
    ((_, there),) = descriptor.like_gradients(moved, np.tile(numbers, (3, 1)), species=[1, 6, 8])
    pulled = there.pull(found, owners, moves)
    slopes = there.apply(np.tile(np.eye(21), (3, 1, 1)), np.arange(3)).swapaxes(1, 2)
    expected = slopes @ (every[owners] @ moves)
    assert np.abs(pulled - expected).max() < 1e-13 * np.abs(expected).max()
    for place, places in enumerate(vectors):
        atoms = Atoms(numbers=[7, *numbers], positions=np.vstack([np.zeros(3), places]))
        single = jacobian(atoms, descriptor, centers=[0])
        expected = single.dense()[:, 3:]
        size = np.abs(found.gram[place]).max()
        axes = block_diag(*found.frames[place])
        gram = axes.T @ found.gram[place] @ axes
        assert np.abs(gram - expected.T @ expected).max() < 1e-13 * size
        assert found.norms[place] == pytest.approx(np.linalg.norm(single.features), rel=1e-12)
        if place in chosen:
            own = applied[chosen.tolist().index(place)]
            product = expected @ directions[chosen.tolist().index(place)]
            assert np.abs(own.T @ own - product.T @ product).max() < 1e-12 * np.sum(product**2)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_environments_of_different_species_do_not_change_each_other(order) -> None:
    descriptor = DensityCorrelations(order=order, cutoff=3.0, n_max=3, l_max=4)
    vectors, every = random_vectors(4), np.tile(np.eye(21), (4, 1, 1))
    numbers = np.repeat([[1] * 7, [8, 1, 1, 6, 6, 6, 6], [6] * 2 + [1] * 5], [1, 2, 1], axis=0)
    together = descriptor.like_gradients(vectors, numbers, species=[1, 6, 8])
    for part, found in together:
        places = np.arange(4)[part]
        slopes = found.apply(every[part], np.arange(len(places)))
        pulled = found.pull(found, np.arange(len(places)), every[part])
        for number, place in enumerate(places.tolist()):
            one = slice(place, place + 1)
            ((_, alone),) = descriptor.like_gradients(vectors[one], numbers[one], species=[1, 6, 8])
            expected = alone.apply(every[one], np.array([0]))[0]
            rows, gram = len(expected), alone.gram[0]
            size = np.abs(expected).max()
            assert np.abs(slopes[number, :rows] - expected).max() < 1e-14 * size
            assert not slopes[number, rows:].any()
            assert np.abs(found.gram[number] - gram).max() < 1e-14 * np.abs(gram).max()
            square = expected.T @ expected
            assert np.abs(pulled[number] - square).max() < 1e-13 * np.abs(square).max()
            assert found.norms[number] == pytest.approx(alone.norms[0], rel=1e-14)
            assert found.norms[number] <= found.norm_bounds[number] * (1 + 1e-14)


@pytest.mark.parametrize(
    "settings", [{"center_weight": 1.0}, {"contract_channels": 4}, {"order": 4, "n_max": 2}]
)
def test_none_if_the_environments_must_be_taken_singly(settings) -> None:
    descriptor = DensityCorrelations(**{"order": 2, "n_max": 3, "l_max": 2, **settings})
    assert descriptor.like_gradients(random_vectors(2), NUMBERS, species=[1, 6, 8]) is None


def test_species_without_a_channel_are_refused() -> None:
    descriptor = DensityCorrelations(species=("H", "C"))
    with pytest.raises(ValueError, match="channels for H, C only"):
        descriptor.like_gradients(random_vectors(2), NUMBERS, species=[1, 6, 8])
