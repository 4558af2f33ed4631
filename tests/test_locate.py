"""Singular points: they are singular, near, not symmetric, and the next order sees what is null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field
from math import pi

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from sensitivity import DensityCorrelations, diagnose, locate, spectrum, structures
from sensitivity.descriptors import Batch, Centers
from sensitivity.motions import trivial_motions
from sensitivity.singular.coincidences import find_coincidences
from sensitivity.singular.projection import Neighbors, project

ORDER_2 = DensityCorrelations()
ORDER_3 = DensityCorrelations(order=3, n_max=4, l_max=4)
STARTS = 100
SINGULAR = 1e-12


def random_environment(seed: int, *, symbols: str = "CH4") -> Atoms:
    """Neighbours in random directions, 1.0 to 1.3 Å from the center."""
    rng = np.random.default_rng(seed)
    atoms = Atoms(symbols)
    bonds = rng.normal(size=(len(atoms) - 1, 3))
    bonds *= rng.uniform(1.0, 1.3, len(bonds))[:, None] / np.linalg.norm(bonds, axis=1)[:, None]
    atoms.positions[1:] = bonds
    return atoms


@dataclass(frozen=True)
class OfUnknownOrder:
    """A descriptor that does not say what it correlates, as adapted ones, and counts its calls."""

    inner: DensityCorrelations
    calls: list[int] = field(default_factory=list)
    interrupt_at: int = -1
    order: None = None

    @property
    def cutoff(self) -> float:
        return self.inner.cutoff

    @property
    def inversion_invariant(self) -> bool:
        return self.inner.inversion_invariant

    def larger_basis(self) -> None:
        return None

    def higher_order(self) -> None:
        return None

    def features(self, atoms: Atoms, *, centers: Centers = None) -> np.ndarray:
        return self.inner.features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        self.calls.append(1)
        if len(self.calls) == self.interrupt_at:
            raise KeyboardInterrupt
        return self.inner.gradients(atoms, centers=centers)


def test_random_starts_end_nearby_at_points_that_order_three_lifts() -> None:
    points = [locate(random_environment(s), ORDER_2, center=0) for s in range(STARTS)]
    good = [
        point
        for point in points
        if point.converged
        and spectrum(point.atoms, ORDER_2, centers=[0]).condition <= SINGULAR
        and spectrum(point.atoms, ORDER_3, centers=[0]).condition > 1e-5
    ]
    assert len(good) >= 98
    assert np.median([point.moved for point in good]) < 0.15  # Å; a prototype: 0.6
    assert np.median([point.evaluations for point in good]) <= 3  # a prototype: 147


@pytest.mark.parametrize("seed", range(8))
def test_a_diagnosis_calls_it_incompleteness(seed: int) -> None:
    point = locate(random_environment(seed), ORDER_2, center=0)
    diagnosis = diagnose(point.atoms, ORDER_2, centers=[0])
    counts = {cause: number for cause, number in diagnosis.counts.items() if number}
    assert counts == {"sensitive": 8, "incompleteness": 1, "rotation": 3, "translation": 3}
    overlap = np.vdot(diagnosis.of("incompleteness")[0].displacement, point.mode)
    assert abs(overlap) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_no_descent_finds_a_nearer_one(seed: int) -> None:
    """Two routes: dot products of neighbours; and Jacobians alone, which know nothing of them."""
    start = random_environment(seed)
    known = locate(start, ORDER_2, center=0)
    blind = locate(start, OfUnknownOrder(ORDER_2), center=0)
    assert blind.converged
    assert blind.condition <= SINGULAR
    assert known.moved <= blind.moved + 1e-3


def test_equal_bonds_are_singular_with_few_degrees() -> None:
    """Six angles, four degrees: l_max = 4 has rank 8 where all bonds are equal."""
    small = DensityCorrelations(n_max=4, l_max=4)
    start = random_environment(45)
    point = locate(start, small, center=0)
    assert point.converged
    assert np.ptp(point.atoms.get_distances(0, range(1, 5))) < 1e-9
    assert spectrum(point.atoms, ORDER_2, centers=[0]).condition > 1e-3
    assert point.moved < locate(start, ORDER_2, center=0).moved


def test_moved_is_the_distance_after_the_best_turn() -> None:
    start = random_environment(3)
    point = locate(start, ORDER_2, center=0)
    centered = [a.positions - a.positions.mean(axis=0) for a in (start, point.atoms)]
    u, _, v = np.linalg.svd(centered[0].T @ centered[1])
    best = np.linalg.norm(centered[0] @ u @ v - centered[1])
    assert point.moved == pytest.approx(best, rel=1e-6)
    assert point.moved == pytest.approx(np.linalg.norm(point.path[-1] - point.path[0]))
    np.testing.assert_array_equal(point.path[0], start.positions)
    np.testing.assert_array_equal(point.path[-1], point.atoms.positions)


def test_near_the_degenerate_pair() -> None:
    """From X+, 0.275 π before X+ and X- meet, it is near; the null mode answers quadratically."""
    start = structures.ch4_pair(0.725 * pi, 0.025 * pi, sign=1)
    point = locate(start, ORDER_2, center=0)
    assert point.converged
    assert point.moved < 0.05
    modes = spectrum(point.atoms, ORDER_2, centers=[0]).modes
    assert abs(np.vdot(modes[8], point.mode)) == pytest.approx(1.0, abs=1e-9)
    for mode, power in ((point.mode, 2.0), (modes[7], 1.0)):
        small, large = (change(point.atoms, a * mode) for a in (1e-4, 2e-4))
        assert np.log2(large / small) == pytest.approx(power, abs=0.02)


def change(atoms: Atoms, displacement: np.ndarray) -> float:
    """How much the features change."""
    moved = atoms.copy()
    moved.positions += displacement
    return float(
        np.linalg.norm(ORDER_2.features(moved, centers=[0]) - ORDER_2.features(atoms, centers=[0]))
    )


@pytest.mark.parametrize("neighbors", [4, 5, 6, 8])
def test_every_coincidence_is_singular(neighbors: int) -> None:
    """Each kind, as projected on, whether or not it is also symmetric."""
    atoms = random_environment(1, symbols=f"CH{neighbors}")
    moves = trivial_motions(atoms, cutoff=3.5, centers=[0]).internal()
    bonds = np.array([0.0, np.inf])
    around = Neighbors(
        atoms.positions[1:], atoms.numbers[1:], moves, moves[:, 1:] - moves[:, :1], bonds
    )
    kinds = find_coincidences(atoms.numbers[1:])
    assert {c.kind for c in kinds} >= {"across", "bisector"}
    assert (len(kinds) == 5) == (neighbors == 4)
    for coincidences in (c for c in kinds if c.kind != "equal"):
        members = project(around, coincidences, start=np.zeros(len(moves)), reach=3.0)
        assert len(members.lengths)
        assert (np.diff(members.lengths) >= 0).all()
        for displacement in members.displacements[:3]:
            moved = atoms.copy()
            moved.positions += displacement
            if moved.get_all_distances()[np.triu_indices(len(atoms), k=1)].min() > 0.1:
                assert spectrum(moved, ORDER_2, centers=[0]).condition < 1e-13


def test_only_like_neighbors_coincide() -> None:
    """With four different species no two pairs can have the same shape."""
    assert find_coincidences(np.array([1, 9, 17, 35])) == ()
    point = locate(random_environment(0, symbols="CH2FCl"), ORDER_2, center=0)
    assert point.converged
    assert diagnose(point.atoms, ORDER_2, centers=[0]).counts["incompleteness"] == 1


@pytest.mark.parametrize("neighbors", [5, 6, 8])
def test_more_neighbors(neighbors: int) -> None:
    point = locate(random_environment(0, symbols=f"CH{neighbors}"), ORDER_2, center=0)
    assert point.converged
    assert point.moved < 1.0
    assert spectrum(point.atoms, ORDER_3, centers=[0]).condition > 1e-5


def test_a_crystal_moves_images_together() -> None:
    silicon = bulk("Si", cubic=True)
    silicon.rattle(0.1, seed=0)
    point = locate(silicon, DensityCorrelations(cutoff=3.0), center=0)
    assert point.converged
    assert point.condition <= SINGULAR


def test_bonds_keep_their_bounds() -> None:
    start = random_environment(11)
    free = locate(start, ORDER_2, center=0)
    lengths = np.linalg.norm(start.positions[1:], axis=1)
    bonds = (lengths.min() - 0.005, lengths.max() + 0.005)
    bound = locate(start, ORDER_2, center=0, bonds=bonds)
    for point in (free, bound):
        assert point.converged
    after = bound.atoms.get_distances(0, range(1, 5))
    assert (after >= bonds[0] - 1e-9).all()
    assert (after <= bonds[1] + 1e-9).all()
    assert bound.moved >= free.moved - 1e-9


def test_several_points_are_distinct_and_sorted() -> None:
    point = locate(random_environment(2), ORDER_2, center=0, count=4)
    assert len(point.others) == 3
    every = (point, *point.others)
    assert all(one.converged and one.condition <= SINGULAR for one in every)
    assert (np.diff([one.moved for one in every]) > 0).all()


@pytest.mark.parametrize("name", ["S1", "X0"])
def test_a_singular_start_stays(name: str) -> None:
    point = locate(structures.load(name), ORDER_2, center=0)
    assert point.converged
    assert point.moved == 0
    assert "singular as it stands" in point.status


@pytest.mark.parametrize("name", ["Td", "C2v", "square", "octahedron"])
def test_a_symmetric_start_is_left(name: str) -> None:
    start = structures.load(name)
    point = locate(start, ORDER_2, center=0)
    assert point.converged
    assert 0.01 < point.moved < 0.5
    assert diagnose(point.atoms, ORDER_2, centers=[0]).counts["symmetry"] == 0
    assert locate(start, ORDER_2, center=0, avoid=()).moved == 0


def test_symmetric_points_can_be_nearer() -> None:
    start = structures.load("Cs")
    start.positions[1] += [0.01, 0.02, -0.03]
    symmetric = locate(start, ORDER_2, center=0, avoid=("coalescence",))
    spurious = locate(start, ORDER_2, center=0)
    assert symmetric.converged
    assert symmetric.moved < spurious.moved


def test_null_spaces_of_more_dimensions() -> None:
    """Order 1 sees four distances of nine internal displacements."""
    point = locate(structures.load("generic"), DensityCorrelations(order=1), center=0)
    assert point.converged
    assert point.null.shape == (5, 5, 3)
    gram = np.tensordot(point.null, point.null, axes=((1, 2), (1, 2)))
    np.testing.assert_allclose(gram, np.eye(5), atol=1e-12)


def test_order_three_at_its_known_point() -> None:
    start = structures.load("N3")
    start.rattle(0.005, seed=1)
    point = locate(start, ORDER_3, center=0)
    assert point.converged
    assert point.moved < 0.1
    assert spectrum(point.atoms, ORDER_3, centers=[0]).condition <= SINGULAR


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_neighbors_hide_nothing_else(count: int) -> None:
    point = locate(structures.load("generic")[: count + 1], ORDER_2, center=0)
    assert not point.converged
    assert point.status.startswith(f"With {count} neighbour")


def test_nothing_within_reach() -> None:
    point = locate(random_environment(0), ORDER_2, center=0, reach=0.01)
    assert not point.converged
    assert "within 0.01 Å" in point.status
    assert point.moved == 0


def test_an_interrupt_keeps_what_was_found() -> None:
    start = random_environment(0)
    early = locate(start, OfUnknownOrder(ORDER_2, interrupt_at=1), center=0)
    assert not early.converged
    assert "Interrupted" in early.status
    whole = OfUnknownOrder(ORDER_2)
    locate(start, whole, center=0, count=2)
    late = OfUnknownOrder(ORDER_2, interrupt_at=len(whole.calls) - 1)
    point = locate(start, late, center=0, count=2)
    assert point.converged
    assert point.status.endswith("Interrupted.")


def test_the_start_is_not_changed_and_the_result_cannot_be() -> None:
    start = random_environment(0)
    before = start.positions.copy()
    point = locate(start, ORDER_2, center=0)
    np.testing.assert_array_equal(start.positions, before)
    for array in (point.mode, point.null, point.path):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0
    with pytest.raises(FrozenInstanceError):
        point.moved = 0.0  # type: ignore[misc]


def test_the_same_every_time() -> None:
    first, second = (locate(structures.load("Td"), ORDER_2, center=0) for _ in range(2))
    np.testing.assert_array_equal(first.atoms.positions, second.atoms.positions)


WRONG: list[tuple[dict[str, object], type[Exception], str]] = [
    ({"avoid": "symmetry"}, TypeError, "avoid must be a sequence"),
    ({"avoid": ("chaos",)}, ValueError, "avoid must hold 'symmetry'"),
    ({"bonds": 1.0}, TypeError, "bonds must be two lengths"),
    ({"bonds": (1.2, 1.0)}, ValueError, "a shorter and a longer length"),
    ({"count": 0}, ValueError, "count must be at least 1"),
    ({"count": 1.5}, TypeError, "count must be a number of points"),
    ({"reach": 0.0}, ValueError, "reach must be a positive"),
    ({"reach": "far"}, TypeError, "reach must be a length"),
    ({"center": 9}, ValueError, "center 9 does not exist"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_wrong_input(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    call: Callable[..., object] = locate
    with pytest.raises(error, match=message):
        call(structures.load("generic"), ORDER_2, **{"center": 0, **arguments})


def test_a_lone_center() -> None:
    with pytest.raises(ValueError, match="no internal displacement"):
        locate(structures.load("generic")[:1], ORDER_2, center=0)


@pytest.mark.parametrize("seed", range(2))
def test_an_atom_that_fades_at_the_cutoff_makes_no_singular_point(seed: int) -> None:
    """There its motion is hardly seen; a larger cutoff sees it well."""
    directions = np.random.default_rng(seed).normal(size=(4, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = np.array([[1.0], [1.3], [1.6], [3.35]])
    atoms = Atoms("CHFClBr", np.concatenate([np.zeros((1, 3)), lengths * directions]))
    point = locate(atoms, DensityCorrelations(order=2, cutoff=3.5), center=0)
    found = point.atoms.positions[1:] - point.atoms.positions[0]
    assert np.linalg.norm(found, axis=1).max() < 3.485
    if point.converged:
        wider = DensityCorrelations(order=2, cutoff=4.0)
        assert diagnose(point.atoms, wider, centers=[0]).counts["sensitive"] < 9
