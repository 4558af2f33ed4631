"""With four equal bonds one condition is enough: two disjoint pairs of neighbours equally far.

The nearest member of this family is found here by projection, without the code that is tested.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from ase import Atoms

from sensitivity import DensityCorrelations, diagnose, locate
from sensitivity.numerics import Array

DESCRIPTOR = DensityCorrelations(order=2, cutoff=3.0, n_max=6, l_max=6)
PAIRINGS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))


def equal_bonds(seed: int) -> Atoms:
    """CH4 without symmetry, with bonds of 1.09 Å and no two hydrogen atoms near each other."""
    rng = np.random.default_rng(seed)
    while True:
        directions = rng.normal(size=(4, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        if min(np.linalg.norm(a - b) for a, b in combinations(directions, 2)) > 0.8:
            return Atoms("CH4", [[0, 0, 0], *(1.09 * directions)])


def conditions(x: Array, pairing: tuple[tuple[int, int], tuple[int, int]]) -> Array:
    """Differences of squared bonds, and of the dot products of two pairs; zero in the family."""
    (a, b), (c, d) = pairing
    squares = np.sum(x**2, axis=1)
    return np.array([*(squares[1:] - squares[0]), x[a] @ x[b] - x[c] @ x[d]])


def nearest_member(start: Array) -> Array:
    """The nearest member of the family, shape (4, 3), Å: Gauss-Newton steps, center fixed."""
    found = []
    for pairing in PAIRINGS:
        x = start.copy()
        for _ in range(50):
            steps = 1e-6 * np.eye(12).reshape(12, 4, 3)
            ends = [[conditions(x + sign * step, pairing) for step in steps] for sign in (1, -1)]
            slopes = np.subtract(*ends).T / 2e-6  # [condition, coordinate]
            back = (start - x).ravel()
            lack = conditions(x, pairing) + slopes @ back
            x = x + (back - slopes.T @ np.linalg.solve(slopes @ slopes.T, lack)).reshape(4, 3)
        assert np.abs(conditions(x, pairing)).max() < 1e-10
        found.append(x)
    return min(found, key=lambda x: float(np.linalg.norm(x - start)))


@pytest.mark.parametrize("seed", range(6))
def test_a_member_is_incomplete_and_none_is_nearer_than_the_point_of_locate(seed: int) -> None:
    atoms = equal_bonds(seed)
    member = atoms.copy()
    member.positions[1:] = nearest_member(atoms.positions[1:])
    found = diagnose(member, DESCRIPTOR, centers=[0])
    assert found.groups[0].symbol == "C1"
    assert (found.counts["sensitive"], found.counts["incompleteness"]) == (8, 1)
    assert found.of("incompleteness")[0].evidence.lifted_by == 3
    point = locate(atoms, DESCRIPTOR, center=0)
    distance = float(np.linalg.norm(member.positions - atoms.positions))
    assert point.converged
    assert point.moved <= distance * (1 + 1e-6)


def test_pairs_with_a_common_atom_are_not_enough() -> None:
    atoms = equal_bonds(0)
    x = atoms.positions[1:]
    # Turn the third neighbour about the first until it is as far from it as the second.
    turned = x[0] * (x[0] @ x[1]) / (x[0] @ x[0])
    aside = np.cross(x[0], x[2])
    aside *= np.sqrt(1.09**2 - turned @ turned) / np.linalg.norm(aside)
    atoms.positions[3] = turned + aside
    assert atoms.get_distance(1, 2) == pytest.approx(atoms.get_distance(1, 3))
    assert diagnose(atoms, DESCRIPTOR, centers=[0]).spurious == 0
