"""Which motions are trivial: rigid ones, and those outside every environment."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from sensitivity import DensityCorrelations, jacobian, structures
from sensitivity.geometry.motions import trivial_motions

METHANE = structures.load("CH4")
IN_A_BOX = Atoms(METHANE.symbols, METHANE.positions, cell=[15, 15, 15], pbc=True)
ACROSS_THE_EDGE = IN_A_BOX.copy()
ACROSS_THE_EDGE.wrap()
TWO_FAR_APART = METHANE + Atoms(METHANE.symbols, METHANE.positions + np.array([20.0, 3.0, 0.0]))
CHAIN = Atoms(
    "CHOC",
    [[0, 0, 0], [1, 0.2, 0.5], [-0.6, 0.9, 1.1], [0.2, -0.9, 1.6]],
    cell=[15, 15, 2.6],
    pbc=[False, False, True],
)
CHAIN_IN_A_BOX = CHAIN.copy()
CHAIN_IN_A_BOX.pbc = True
TWO_CHAINS = CHAIN + Atoms(CHAIN.symbols, CHAIN.positions + np.array([30.0, 0.0, 0.0]))
SILICON = bulk("Si", cubic=True)


def periodic(molecules: str, directions: str) -> Atoms:
    """Molecules 7 Å apart, each along another direction, in a box of 15 Å."""
    atoms = Atoms(cell=[15, 15, 15], pbc=[axis in directions for axis in "abc"])
    for place, symbols in enumerate(molecules.split()):
        line = np.arange(len(symbols))[:, None] * [1.1 * (place == axis) for axis in range(3)]
        atoms += Atoms(symbols, line + np.array([7.0, 6.0, 5.0]) * place)
    return atoms


@pytest.mark.parametrize(
    ("atoms", "cutoff", "centers", "counts"),
    [
        (METHANE, 3.0, None, (3, 3, 0)),
        (structures.load("CO2"), 3.0, None, (3, 2, 0)),
        (Atoms("H"), 3.0, None, (3, 0, 0)),
        (METHANE, 1.5, [1], (3, 3, 8)),  # hydrogen 1 sees carbon only: one distance is left
        (METHANE, 1.0, None, (3, 3, 9)),  # nobody sees anybody
        (IN_A_BOX, 3.0, None, (3, 3, 0)),
        (ACROSS_THE_EDGE, 3.0, None, (3, 3, 0)),
        (TWO_FAR_APART, 3.0, None, (3, 3, 6)),
        (CHAIN, 3.0, None, (3, 1, 0)),  # about its own direction
        (CHAIN_IN_A_BOX, 3.0, None, (3, 1, 0)),
        (TWO_CHAINS, 3.0, None, (3, 1, 4)),
        (SILICON, 3.0, None, (3, 0, 0)),
        # Four neighbours of one center, none its image: they can turn; three atoms elsewhere.
        (SILICON, 3.0, [0], (3, 3, 9)),
        (structures.load("graphene"), 3.0, None, (3, 0, 0)),
        # Nobody sees anybody: a periodic cell has no rotations, but a wire turns about itself.
        (SILICON, 1.0, None, (3, 0, 21)),
        (IN_A_BOX, 1.0, None, (3, 0, 12)),
        (structures.load("graphene"), 1.0, None, (3, 0, 3)),
        (CHAIN, 0.5, None, (3, 1, 8)),
        (CHAIN_IN_A_BOX, 0.5, None, (3, 0, 9)),
        (structures.load("Al-fcc"), 1.0, None, (3, 0, 0)),
        (periodic("CO", "c"), 3.0, None, (3, 2, 0)),
        (periodic("CO", "ab"), 3.0, None, (3, 2, 0)),
        (periodic("CO", "abc"), 3.0, None, (3, 2, 0)),
        (periodic("H", "c"), 3.0, None, (3, 0, 0)),
        # Two molecules turn against the images of each other.
        (periodic("CO CO", "c"), 3.0, None, (3, 1, 6)),
        (periodic("CO CO", "ab"), 3.0, None, (3, 0, 7)),
        (periodic("CO CO", "abc"), 3.0, None, (3, 0, 7)),
        (periodic("CO CO", ""), 3.0, None, (3, 3, 4)),
        (periodic("CO H", "abc"), 3.0, None, (3, 2, 3)),
    ],
)
def test_counts(atoms: Atoms, cutoff: float, centers, counts: tuple[int, int, int]) -> None:
    kinds = Counter(trivial_motions(atoms, cutoff=cutoff, centers=centers).kinds)
    assert (kinds["translation"], kinds["rotation"], kinds["unseen"]) == counts


@pytest.mark.parametrize(
    ("atoms", "cutoff", "centers"),
    [
        (METHANE, 3.0, None),
        (METHANE, 1.5, [1]),
        (ACROSS_THE_EDGE, 3.0, None),
        (TWO_FAR_APART, 3.0, None),
        (CHAIN_IN_A_BOX, 3.0, None),
        (TWO_CHAINS, 3.0, None),
        (SILICON, 3.0, [0]),
    ],
)
def test_no_descriptor_sees_them_and_they_are_orthonormal(atoms: Atoms, cutoff, centers) -> None:
    moved = atoms.copy()
    moved.rattle(0.05, seed=2)
    trivial = trivial_motions(moved, cutoff=cutoff, centers=centers)
    both = np.concatenate([trivial.directions, trivial.internal()])
    flat = both.reshape(3 * len(atoms), -1)
    assert np.abs(flat @ flat.T - np.eye(len(flat))).max() < 1e-13
    descriptor = DensityCorrelations(cutoff=cutoff, n_max=4, l_max=3)
    derivative = jacobian(moved, descriptor, centers=centers)
    scale = np.linalg.norm(derivative.dense(), 2)
    assert np.abs(derivative.apply(trivial.directions)).max() <= 1e-15 * scale


def test_nearly_linear_molecules_have_three_rotations() -> None:
    atoms = structures.load("CO2")
    atoms.positions[0, 0] += 1e-3
    assert trivial_motions(atoms, cutoff=3.0).kinds.count("rotation") == 3


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="center 9 does not exist"):
        trivial_motions(METHANE, cutoff=3.0, centers=[9])
    with pytest.raises(ValueError, match="cutoff must be a positive"):
        trivial_motions(METHANE, cutoff=0.0)
