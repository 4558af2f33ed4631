"""Periodic images: what a center sees is drawn, moves with the atoms, and stays within bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, graphene, molecule
from panel import QUICK, SINGLE, TOOLBAR, Post

from sensitivity import structures
from sensitivity.explorers import Explorer
from sensitivity.structures.images import near_images

pytestmark = TOOLBAR

SALT = bulk("NaCl", "rocksalt", a=5.64, cubic=True)


def neighbours(positions: np.ndarray, center: int, *, cutoff: float) -> np.ndarray:
    """Distances from one of these points to the others, as far as the cutoff."""
    distances = np.sort(np.linalg.norm(positions - positions[center], axis=1))[1:]
    return distances[distances < cutoff]


@pytest.mark.parametrize(
    ("atoms", "count"),
    [(SALT, 18), (bulk("Si"), 16), (graphene(size=(1, 1, 1), vacuum=5), 12), (bulk("Cu"), 18)],
    ids=["NaCl", "Si", "graphene", "Cu"],
)
@pytest.mark.parametrize("center", [0, -1])
def test_what_a_center_sees_is_drawn(atoms: Atoms, count: int, center: int) -> None:
    """6 and 12 neighbours of rock salt, 4 and 12 of diamond, 3, 6 and 3 of graphene, 12 and 6."""
    cutoff = {18: 4.1, 16: 3.9, 12: 2.9}[count]
    index = center % len(atoms)
    images = near_images(atoms, [index], cutoff=cutoff)
    found = neighbours(images.extend(atoms.positions), index, cutoff=cutoff)
    assert len(found) == count
    pairs = structures.neighbor_pairs(atoms, cutoff)
    seen = np.sort(np.linalg.norm(pairs.vectors[pairs.i == index], axis=1))
    np.testing.assert_allclose(found, seen, atol=1e-12)


def test_each_image_is_drawn_once_and_none_is_an_atom() -> None:
    images = near_images(SALT, range(8), cutoff=4.1)
    positions = images.extend(SALT.positions)
    assert len(images) > 18
    structures.check(Atoms(f"H{len(positions)}", positions))
    assert (images.join(SALT).numbers[8:] == SALT.numbers[images.owners]).all()


def test_a_slab_has_no_images_above_it() -> None:
    slab = fcc111("Al", (2, 2, 3), vacuum=2.0)
    images = near_images(slab, [0], cutoff=5.0)
    assert len(images) > 0
    assert np.abs(images.shifts[:, 2]).max() == 0


def test_molecules_have_none() -> None:
    assert len(near_images(molecule("CH4"), [0], cutoff=5.0)) == 0


@pytest.mark.parametrize("most", [20, 50, 100])
def test_of_too_many_whole_shells_are_left_out(most: int) -> None:
    images = near_images(SALT, [0], cutoff=9.0, most=most)
    assert len(images) <= most
    positions = images.extend(SALT.positions)
    distances = np.linalg.norm(positions[8:] - positions[0], axis=1)
    every = near_images(SALT, [0], cutoff=9.0, most=10_000)
    left = np.linalg.norm(every.extend(SALT.positions)[8:] - positions[0], axis=1)
    beyond = left[left > distances.max(initial=0) + 0.1]
    assert len(beyond) == len(every) - len(images) > 0


def test_images_move_with_their_atoms_and_have_no_arrows(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = Explorer(SALT, replace(QUICK, order=1), centers=[0])
    scene = explorer.molecule._scene
    images = near_images(SALT, [0], cutoff=3.0)
    assert len(images) == 3
    assert scene["count"] == 8
    assert scene["bodies"][0]["text"].count("ATOM") == 11
    assert scene["bodies"][0]["styles"][0]["sele"] == "@0,1,2,3,4,5,6,7"
    post = Post()
    monkeypatch.setattr(explorer.molecule.widget, "send", post.send)
    explorer.amplitude = 0.2
    atoms, arrows = post.last()
    np.testing.assert_allclose(atoms[:8], explorer.state.atoms.positions, atol=SINGLE)
    moved = atoms - images.extend(SALT.positions)
    np.testing.assert_allclose(moved[8:], moved[images.owners], atol=2 * SINGLE)
    assert arrows.shape == (2, 8, 3)
    assert post.types() == ["binary_single"]


def test_a_layer_is_outlined_at_the_height_of_its_atoms() -> None:
    slab = fcc111("Al", (1, 1, 2), vacuum=6.0)
    explorer = Explorer(slab, replace(QUICK, order=1), centers=[0])
    start = np.reshape(explorer.molecule._scene["cell"]["start"], (-1, 3))
    assert len(start) == 4
    np.testing.assert_allclose(start[:, 2], slab.positions[:, 2].mean())
