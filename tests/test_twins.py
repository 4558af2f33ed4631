"""Twins: the same features, distinct structures, told apart by the next order."""

from __future__ import annotations

import cases
import numpy as np
import pytest
from ase import Atoms
from test_locate import ORDER_2, ORDER_3, OfUnknownOrder, random_environment

from sensitivity import DensityCorrelations, find_twin, locate, structures
from sensitivity.singular import superpose

AMPLITUDES = (0.05, 0.2)
LOCATED = {f"located {seed}": seed for seed in range(10)}


def singular_structure(name: str) -> Atoms:
    if name in LOCATED:
        return locate(random_environment(LOCATED[name]), ORDER_2, center=0).atoms
    return structures.load(name)


@pytest.mark.parametrize("amplitude", AMPLITUDES)
@pytest.mark.parametrize("name", ["S1", "X0", *LOCATED])
def test_two_structures_one_set_of_features(name: str, amplitude: float) -> None:
    twin = find_twin(singular_structure(name), ORDER_2, center=0, amplitude=amplitude)
    assert twin.found
    first, second = (ORDER_2.features(atoms, centers=[0]) for atoms in twin.pair)
    assert np.linalg.norm(first - second) <= 1e-13 * np.linalg.norm(first)
    assert twin.rmsd >= 0.02
    first, second = (ORDER_3.features(atoms, centers=[0]) for atoms in twin.pair)
    assert np.linalg.norm(first - second) >= 1e-3 * np.linalg.norm(first)
    assert twin.next_order is not None
    assert twin.next_order >= 1e-3
    ahead = np.vdot(twin.pair[0].positions - twin.pair[1].positions, twin.point.mode)
    assert abs(ahead) == pytest.approx(2 * amplitude, rel=1e-9)


@pytest.mark.parametrize("name", ["bispectrum+", "bispectrum-", "N3"])
@pytest.mark.parametrize("amplitude", AMPLITUDES)
def test_the_bispectrum_has_twins_that_order_four_parts(name: str, amplitude: float) -> None:
    twin = find_twin(structures.load(name), ORDER_3, center=0, amplitude=amplitude)
    assert twin.found
    assert twin.residual <= 1e-13
    assert twin.rmsd >= 0.02
    assert twin.next_order >= 1e-3
    order_4 = DensityCorrelations(order=4, n_max=3, l_max=4)
    first, second = (order_4.features(atoms, centers=[0]) for atoms in twin.pair)
    assert np.linalg.norm(first - second) >= 1e-4 * np.linalg.norm(first)


def test_the_known_pair_is_a_pair() -> None:
    """X+ and X- are as far apart as the manifold says, and not congruent."""
    one, other = (structures.load(name) for name in ("X+", "X-"))
    assert superpose(one, other, center=0).rmsd > 0.1


def test_near_a_singular_point_it_is_found_first() -> None:
    twin = find_twin(random_environment(3), ORDER_2, center=0)
    assert twin.found
    assert twin.point.moved > 0.1


@pytest.mark.parametrize("name", ["Td", "C3v", "Cs", "square", "planar", "linear-equal"])
def test_symmetry_makes_no_twins(name: str) -> None:
    twin = find_twin(structures.load(name), ORDER_2, center=0)
    assert not twin.found
    assert "singular by its symmetry" in twin.status
    assert "not to a twin" in twin.status


def test_no_twin_without_a_singular_point() -> None:
    twin = find_twin(structures.load("generic")[:4], ORDER_2, center=0)
    assert not twin.found
    assert "With 3 neighbours" in twin.status
    twin = find_twin(random_environment(0), ORDER_2, center=0, reach=0.01)
    assert not twin.found
    assert "within 0.01 Å" in twin.status


def test_a_descriptor_without_a_next_order() -> None:
    twin = find_twin(structures.load("S1"), OfUnknownOrder(ORDER_2), center=0)
    assert twin.found
    assert twin.next_order is None
    assert "no higher order" in twin.status


@pytest.mark.parametrize("amplitude", [0.0, -0.1, 2.0, float("nan")])
def test_wrong_amplitude(amplitude: float) -> None:
    with pytest.raises(ValueError, match="amplitude must be above 0"):
        find_twin(structures.load("S1"), ORDER_2, center=0, amplitude=amplitude)
    with pytest.raises(TypeError, match="amplitude must be a length"):
        find_twin(structures.load("S1"), ORDER_2, center=0, amplitude="far")  # type: ignore[arg-type]


@pytest.mark.parametrize("neighbors", [3, 4, 7, 8, 10])
@pytest.mark.parametrize("mirrored", [False, True])
def test_superposition_undoes_what_does_not_matter(neighbors: int, mirrored: bool) -> None:
    rng = np.random.default_rng(neighbors)
    atoms = random_environment(5, symbols=f"CH{neighbors}")
    turned, place = cases.shuffle(cases.rotate(atoms, rng=rng), rng=rng)
    turned = turned[[place[0], *(k for k in range(len(atoms)) if k != place[0])]]
    turned.positions = turned.positions * (-1 if mirrored else 1) + [1.0, -2.0, 0.5]
    laid = superpose(atoms, turned, center=0)
    assert laid.rmsd < 1e-12
    assert laid.exact == (neighbors <= 7)
    np.testing.assert_allclose(laid.atoms.positions, turned.positions, atol=1e-12)
    proper = superpose(atoms, turned, center=0, inversion=False)
    assert (proper.rmsd > 1e-2) == mirrored
    assert np.linalg.det(proper.rotation) == pytest.approx(1.0)


def test_superposition_from_frames_agrees_with_all_permutations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Structures that have nothing to do with each other are the hardest."""
    pairs = [[random_environment(20 + s + k, symbols="CH6") for k in (0, 40)] for s in range(8)]
    exact = [superpose(*pair, center=0).rmsd for pair in pairs]
    monkeypatch.setattr("sensitivity.singular.superposition.MOST_PERMUTATIONS", 1)
    likely = [superpose(*pair, center=0) for pair in pairs]
    assert not any(laid.exact for laid in likely)
    np.testing.assert_allclose([laid.rmsd for laid in likely], exact, rtol=1e-9)


def test_superposition_of_what_is_not_alike() -> None:
    with pytest.raises(ValueError, match="same atoms and center"):
        superpose(Atoms("CH4"), Atoms("CH3F"), center=0)
    with pytest.raises(ValueError, match="only molecules"):
        superpose(Atoms("CH4", pbc=True, cell=np.eye(3)), Atoms("CH4"), center=0)


def test_a_lone_center_has_no_twin() -> None:
    with pytest.raises(ValueError, match="no internal displacement"):
        find_twin(structures.load("S1")[:1], ORDER_2, center=0)


def test_many_like_atoms_on_a_line_are_superposed() -> None:
    places = np.array([0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1.0, -1.0])
    line = np.zeros((9, 3))
    line[1:, 2] = places
    atoms = Atoms("CH8", line)
    assert superpose(atoms, atoms[[0, 3, 2, 1, 5, 4, 7, 6, 8]], center=0).rmsd < 1e-12
