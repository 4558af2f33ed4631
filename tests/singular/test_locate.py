"""Singular points: they are singular, near, not symmetric, and the next order sees what is null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, replace
from math import pi
from threading import Event

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from multistart import Multistart
from selection import mostly_slow

from sensitivity import DensityCorrelations, diagnose, find_twin, locate, spectrum, structures
from sensitivity.completeness import resolves, resolves_angles
from sensitivity.descriptors import Batch, Centers
from sensitivity.geometry.motions import trivial_motions
from sensitivity.observation import Observation
from sensitivity.progress import Cancelled, Interrupted, cancellable
from sensitivity.reports.geometries import tabulate_point
from sensitivity.singular import SingularPoint, Twin
from sensitivity.singular.acceptance import CAUSES, PointCause
from sensitivity.singular.coincidences import (
    MovableNeighbors,
    find_coincidences,
    find_neighbors,
    find_shells,
)
from sensitivity.singular.local_modes import LocalModes, distance_to_zero, internal_modes
from sensitivity.singular.order2_projection import project, project_bonds
from sensitivity.structures.files.reading import Source
from sensitivity.tolerances import Tolerance

ORDER_2 = DensityCorrelations()
ORDER_3 = DensityCorrelations(order=3, n_max=4, l_max=4)
STARTS = 100
SINGULAR = 1e-12


def random_environment(seed: int | list[int], *, symbols: str = "CH4") -> Atoms:
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


@pytest.mark.slow
def test_random_starts_end_nearby_at_points_that_order_three_lifts() -> None:
    points = [locate(random_environment(s), ORDER_2, center=0) for s in range(STARTS)]
    good = [
        point
        for point in points
        if point.converged
        and spectrum(point.atoms, ORDER_2, centers=[0]).condition <= SINGULAR
        and spectrum(point.atoms, ORDER_3, centers=[0]).condition > 1e-5
    ]
    assert len(good) == STARTS
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


@pytest.mark.parametrize("seed", mostly_slow(range(5), fast=[0, 1]))
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
    small, start = DensityCorrelations(n_max=4, l_max=4), random_environment(45)
    shells = project_bonds(neighbors_of(start), find_shells(neighbors_of(start), 4))
    lengths = []
    for displacement in shells.displacements:
        moved = start.copy()
        moved.positions += displacement
        if np.ptp(moved.get_distances(0, range(1, 5))) < 1e-9:
            lengths.append(np.linalg.norm(displacement))
            assert spectrum(moved, small, centers=[0]).condition < 1e-13
            assert spectrum(moved, ORDER_2, centers=[0]).condition > 1e-3
    point = locate(start, small, center=0)
    assert point.cause == "truncation"
    assert point.moved <= min(lengths)


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


def neighbors_of(atoms: Atoms) -> MovableNeighbors:
    """What atom 0 has around it."""
    moves = trivial_motions(atoms, cutoff=3.5, centers=[0]).internal()
    return find_neighbors(atoms, 3.5, center=0, moves=moves, bonds=np.array([0.0, np.inf]))


@pytest.mark.parametrize("neighbors", mostly_slow([4, 5, 6, 8], fast=[4, 5]))
def test_every_coincidence_is_singular(neighbors: int) -> None:
    """The nearest of each kind, as projected on, whether or not they are also symmetric."""
    atoms = random_environment(1, symbols=f"CH{neighbors}")
    around = neighbors_of(atoms)
    for patterns in find_coincidences(around):
        found = project(around, patterns, [], reach=3.0, to_nudges=False)
        assert (np.diff(found.lengths) >= 0).all()
        looked_at = 0
        for displacement in found.displacements[:100]:
            moved = atoms.copy()
            moved.positions += displacement
            if moved.get_all_distances()[np.triu_indices(len(atoms), k=1)].min() > 0.1:
                looked_at += 1
                assert spectrum(moved, ORDER_2, centers=[0]).condition < 1e-12
        assert looked_at


def test_only_like_neighbors_coincide() -> None:
    """With four different species no two pairs can have the same shape."""
    atoms = random_environment(0, symbols="CHFClBr")
    assert [len(patterns) for patterns in find_coincidences(neighbors_of(atoms))] == [0, 0]
    point = locate(random_environment(0, symbols="CH2FCl"), ORDER_2, center=0)
    assert point.converged
    assert diagnose(point.atoms, ORDER_2, centers=[0]).counts["incompleteness"] == 1


FIVE = [
    [0, 0, 0],
    [-0.7311, 1.0514, 0.1444],
    [-0.885, 0.3572, -0.064],
    [-0.3753, -0.9438, 0.0178],
    [0.1537, -1.3579, 0.2922],
    [0.885, -0.6731, 0.1607],
]
FOUR = [
    [0, 0, 0],
    [-1.2409, 0.1716, -0.2778],
    [-0.8768, -0.4778, -0.1928],
    [0.7917, -0.353, 1.0376],
    [-0.7403, -0.285, 0.6724],
]


def test_two_equal_bonds_twice_are_nearer_than_one_pair_in_a_plane() -> None:
    """Two pairs of equal bonds and two equal dot products, 0.0635 Å away."""
    fine = DensityCorrelations(cutoff=2.6, n_max=10, l_max=10)
    point = locate(Atoms("CH5", FIVE), fine, center=0)
    assert point.moved == pytest.approx(0.0635, abs=1e-4)
    assert point.condition <= SINGULAR
    assert point.cause == "incompleteness"


def test_one_pattern_has_several_nearest_geometries() -> None:
    """Steps from the start alone end in a local minimum, 0.607 Å away."""
    fine = DensityCorrelations(cutoff=3.4, n_max=8, l_max=8)
    assert locate(Atoms("CH2F2", FOUR), fine, center=0).moved < 0.4352


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_smaller_reach_finds_nothing_else(seed: int) -> None:
    start = random_environment(seed, symbols=["CH5", "CH4F", "CH6"][seed % 3])
    found = locate(start, ORDER_2, center=0)
    for part in (0.9, 0.75, 0.5):
        assert not locate(start, ORDER_2, center=0, reach=part * found.moved).converged


@pytest.mark.slow
@pytest.mark.parametrize("symbols", ["CH5", "CH3F2", "CH6", "CH4F4", "CH8"])
def test_fifty_other_descents_find_nothing_much_nearer(symbols: str) -> None:
    fine = DensityCorrelations(cutoff=2.6, n_max=10, l_max=10)
    nearer = []
    for seed in range(4):
        start = random_environment([seed, 1], symbols=symbols)
        rng = np.random.default_rng(seed)
        other = Multistart(start, fine).nearest(descents=50, rng=rng)
        nearer.append(locate(start, fine, center=0).moved - other)
    assert max(nearer) < 0.02  # Å
    assert min(nearer) < -0.01


@pytest.mark.parametrize("seed", range(3))
def test_a_start_that_is_nearly_singular_stays(seed: int) -> None:
    start = locate(random_environment(seed), ORDER_2, center=0).atoms
    start.positions += np.random.default_rng(seed).normal(scale=1e-11, size=start.positions.shape)
    assert locate(start, ORDER_2, center=0).moved < 1e-9


@pytest.mark.slow
def test_a_cause_can_be_asked_for() -> None:
    """In a small basis truncation is nearer, and the status says so of what was not wanted."""
    start, small = random_environment(45), DensityCorrelations(n_max=4, l_max=4)
    points = {cause: locate(start, small, center=0, cause=cause) for cause in CAUSES}
    assert {cause: point.cause for cause, point in points.items()} == {c: c for c in CAUSES}
    for cause in ("incompleteness", "truncation"):
        counts = diagnose(points[cause].atoms, small, centers=[0]).counts
        assert counts[cause] >= 1
        assert counts["symmetry"] == 0
    assert points["truncation"].moved < points["incompleteness"].moved
    few = locate(random_environment(0), ORDER_2, center=0, cause="truncation")
    assert not few.converged
    assert "No point that is singular by truncation was found; the nearest by another" in few.status


@pytest.mark.parametrize("neighbors", mostly_slow([5, 6, 8], fast=[5]))
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


@pytest.mark.slow
@pytest.mark.parametrize("cause", ["incompleteness", "truncation"])
def test_a_diagnosis_sees_what_was_found(cause: PointCause) -> None:
    """Seven neighbours in a basis that is small for them."""
    start = random_environment([777, 5], symbols="CH7")
    point = locate(start, ORDER_2, center=0, cause=cause)
    assert point.cause == cause
    counts = diagnose(point.atoms, ORDER_2, centers=[0]).counts
    assert counts["truncation"] + counts["incompleteness"] == len(point.null)
    assert counts[cause] >= 1


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
    assert "already singular" in point.status


@pytest.mark.slow
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


SMALL = DensityCorrelations(n_max=2, l_max=2)


def test_a_small_basis_is_searched_also_where_a_complete_one_misses_nothing() -> None:
    places = [[0, 0, 0], [1.132, -0.278, 0.173], [-0.52, -0.882, -0.481], [0.978, 0.468, -0.56]]
    point = locate(Atoms("CH3", places), SMALL, center=0)
    assert point.converged
    assert point.moved < 0.05
    counts = diagnose(point.atoms, SMALL, centers=[0]).counts
    assert (counts["truncation"], counts["symmetry"]) == (1, 0)
    assert diagnose(point.atoms, ORDER_2, centers=[0]).counts["sensitive"] == 6


def test_no_more_is_claimed_than_was_looked_at() -> None:
    start = random_environment(1, symbols="CH3")
    few = locate(start, SMALL, center=0, reach=0.01)
    assert few.evaluations > 5
    assert few.status.startswith("No singular point was found within 0.01 Å")
    assert "a complete basis of order 2 misses only what symmetry hides, but this" in few.status
    enough = locate(start, DensityCorrelations(n_max=6, l_max=3), center=0, reach=0.01)
    assert enough.evaluations == 1
    assert enough.status.startswith(
        "With 3 neighbours, order 2 misses only what symmetry hides: no"
    )


@pytest.mark.parametrize(
    ("symbols", "n_max", "l_max"),
    mostly_slow(
        [("H", 2, 0), ("H2", 4, 1), ("H3", 6, 3), ("H2F", 4, 2)],
        fast=[("H", 2, 0), ("H2F", 4, 2)],
    ),
)
def test_what_a_basis_has_to_have_to_see_all(symbols: str, n_max: int, l_max: int) -> None:
    """It is just enough; and no descent finds a geometry where it is not."""
    enough = DensityCorrelations(n_max=n_max, l_max=l_max)
    numbers = Atoms(symbols).numbers
    assert resolves(enough, numbers)
    assert not resolves(replace(enough, n_max=n_max - 1), numbers)
    assert l_max == 0 or not resolves(replace(enough, l_max=l_max - 1), numbers)
    assert not resolves(replace(enough, contract_channels=8), numbers)
    start = random_environment(0, symbols=f"C{symbols}")
    assert not locate(start, OfUnknownOrder(enough), center=0, reach=0.5).converged


@pytest.mark.parametrize("n_max", [2, 6])
def test_equal_distances_hide_something_from_few_degrees_only(n_max: int) -> None:
    """Six pairs of four neighbours take six degrees, with however few radial functions."""
    bonds = np.random.default_rng(3).normal(size=(4, 3))
    bonds *= 1.1 / np.linalg.norm(bonds, axis=1)[:, None]
    atoms = Atoms("CH4", np.vstack([np.zeros(3), bonds]))
    around = neighbors_of(atoms)
    for l_max, rank in ((4, 8), (6, 9)):
        basis = DensityCorrelations(n_max=n_max, l_max=l_max)
        assert spectrum(atoms, basis, centers=[0], threshold=1e-9).rank == rank
        assert resolves_angles(basis, around.numbers) == (rank == 9)
        assert (len(find_shells(around, l_max)) == 0) == (rank == 9)
    assert not resolves_angles(DensityCorrelations(n_max=1, l_max=6), around.numbers)


@pytest.mark.slow
def test_what_is_close_to_a_symmetry_is_symmetric() -> None:
    """Next to C2v truncation hides one displacement, and symmetry nearly hides four.

    What is found instead is Cs, whose mirror plane does not bind a descriptor that sees handedness.
    """
    odd = DensityCorrelations(order=3, n_max=3, l_max=3, parity_odd=True)
    point = locate(random_environment([777, 3]), odd, center=0)
    found = diagnose(point.atoms, odd, centers=[0])
    assert point.cause == "truncation"
    assert (found.counts["symmetry"], found.counts["truncation"]) == (0, len(point.null))


@pytest.mark.slow
def test_from_a_singular_start_nothing_is_nearer() -> None:
    point = locate(structures.load("N3"), ORDER_3, center=0, count=3)
    assert point.moved == 0
    assert all(other.moved > 0 for other in point.others)
    assert "It found no other point nearer than the last in 800 descents" in point.status


def test_nothing_within_reach() -> None:
    point = locate(random_environment(0), ORDER_2, center=0, reach=0.01)
    assert not point.converged
    assert "within 0.01 Å" in point.status
    assert point.moved == 0


def test_an_interrupt_keeps_what_was_found() -> None:
    start = random_environment(0)
    with pytest.raises(Interrupted) as early:
        locate(start, OfUnknownOrder(ORDER_2, interrupt_at=1), center=0)
    assert not early.value.partial.converged
    assert early.value.partial.status.startswith("Interrupted at the start, before")
    assert tabulate_point(early.value.partial, ORDER_2, source=Source("a file", start))
    np.testing.assert_array_equal(early.value.partial.atoms.positions, start.positions)
    whole = OfUnknownOrder(ORDER_2)
    locate(start, whole, center=0, count=2)
    late = OfUnknownOrder(ORDER_2, interrupt_at=len(whole.calls) - 1)
    with pytest.raises(KeyboardInterrupt) as caught:
        locate(start, late, center=0, count=2)
    point = caught.value.partial
    assert early.value.partial.interrupted
    assert point.interrupted
    assert point.converged
    assert point.status.endswith("Interrupted.")


def test_an_interrupt_leaves_a_loop_around_the_search() -> None:
    """Ctrl-C is never swallowed: a loop of one's own ends, too."""
    begun = []

    def loop() -> None:
        for seed in range(3):
            begun.append(seed)
            locate(random_environment(seed), OfUnknownOrder(ORDER_2, interrupt_at=2), center=0)

    with pytest.raises(KeyboardInterrupt):
        loop()
    assert begun == [0]


def test_progress_tells_and_can_cancel_the_search() -> None:
    start, said = random_environment(0), list[str]()
    whole = locate(start, OfUnknownOrder(ORDER_2), center=0, progress=said.append)
    assert not whole.interrupted
    assert said[0].startswith("1 Jacobian, smallest/largest singular value ")
    assert all(sentence.split(", ")[2].startswith("moved ") for sentence in said)
    assert said[-1].endswith("1 found")
    numbers = [int(sentence.split()[0]) for sentence in said]
    assert numbers == sorted(numbers)
    assert 0 <= whole.evaluations - numbers[-1] <= 2  # those that confirm what was found
    for count in (0, 3, len(said) - 1):
        heard: list[str] = []

        def cancel(sentence: str, *, heard: list[str] = heard, count: int = count) -> None:
            heard.append(sentence)
            if len(heard) > count:
                raise Cancelled

        point = locate(start, OfUnknownOrder(ORDER_2), center=0, progress=cancel)
        assert point.interrupted
        assert len(heard) == count + 1
        assert point.converged == ("found" in heard[-1])
        assert "ancelled" in point.status
    with pytest.raises(ZeroDivisionError):
        locate(start, ORDER_2, center=0, progress=lambda _: 1 // 0)
    with pytest.raises(TypeError, match="progress must be a function of one sentence, got 1"):
        locate(start, ORDER_2, center=0, progress=1)  # type: ignore[arg-type]


def test_an_event_cancels_the_search() -> None:
    cancelled = Event()
    with cancellable(cancelled):
        assert locate(random_environment(0), ORDER_2, center=0).converged
        cancelled.set()
        point = locate(random_environment(0), ORDER_2, center=0)
    assert point.status == "Cancelled at the start, before a singular point was found."


@pytest.mark.parametrize("search", [locate, find_twin])
def test_an_interrupt_before_the_first_jacobian(
    search: Callable[..., SingularPoint | Twin], monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = OfUnknownOrder(ORDER_2)
    monkeypatch.setattr("sensitivity.observation.trivial_motions", _interrupt)
    with pytest.raises(Interrupted) as caught:
        search(random_environment(0), descriptor, center=0)
    assert caught.value.partial.status.startswith("Interrupted at the start, before")
    assert not descriptor.calls


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


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
    ({"avoid": ("chaos",)}, ValueError, "avoid must contain 'symmetry'"),
    ({"bonds": 1.0}, TypeError, "bonds must be two lengths"),
    ({"bonds": (1.2, 1.0)}, ValueError, "a shorter and a longer length"),
    ({"count": 0}, ValueError, "count must be at least 1"),
    ({"count": 1.5}, TypeError, "count must be at least 1, got 1.5"),
    ({"reach": 0.0}, ValueError, "reach must be a positive"),
    ({"reach": "far"}, TypeError, "reach must be a positive, finite length in Å, got 'far'"),
    ({"center": 9}, ValueError, "center 9 does not exist"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_wrong_input(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    call: Callable[..., object] = locate
    with pytest.raises(error, match=message):
        call(structures.load("generic"), ORDER_2, **{"center": 0, **arguments})


def test_a_lone_center() -> None:
    with pytest.raises(ValueError, match=r"no internal displacement: it has no neighbour within"):
        locate(structures.load("generic")[:1], ORDER_2, center=0)


def test_images_of_the_center_move_with_it() -> None:
    """Twelve neighbours, and a larger cutoff would not help; cut out they move on their own."""
    copper = bulk("Cu", "fcc", a=3.6)
    assert len(structures.environment(copper, 0, 3.5)) == 13
    expected = r"images of the center, and move with it; use a supercell, or extract the env"
    for search in (locate, find_twin):
        with pytest.raises(ValueError, match=expected):
            search(copper, ORDER_2, center=0)
    cut_out = structures.environment(copper, 0, 3.5)
    assert locate(cut_out, DensityCorrelations(order=1), center=0, reach=0.1).evaluations


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


# What counts as a zero


def fading_neighbor() -> tuple[Observation, np.ndarray, Callable[[float], np.ndarray]]:
    """A neighbour that leaves, and how to move it: what it does fades as a power."""
    start = random_environment(1, symbols="CH5")
    start.positions[5] *= 3.3 / np.linalg.norm(start.positions[5])
    outward = np.zeros_like(start.positions)
    outward[5] = start.positions[5] / 3.3
    observation = Observation(start, ORDER_3, (0,))
    return observation, observation.internal, lambda length: (length - 3.3) * outward


def look(view: Observation, displacement: np.ndarray) -> LocalModes:
    return internal_modes(view.displaced(displacement), displacement)


def test_a_value_that_fades_is_no_zero() -> None:
    """The nearest zero is where the atom has left, to first order a fraction of the way there."""
    view, moves, outward = fading_neighbor()
    for gap in (3e-2, 1e-2, 3e-3):
        here = look(view, outward(3.5 - gap))
        assert gap / 10 < distance_to_zero(view, here, moves, rounding=1e-14) <= gap
    seen = [look(view, outward(3.5 - gap)).condition for gap in (1e-2, 5e-3, 2.5e-3)]
    assert np.diff(np.log2(seen)) == pytest.approx([-2, -2], abs=0.3)


@pytest.mark.parametrize("size", [1e-8, 1e-6, 1e-4])
def test_a_zero_is_as_far_as_it_is(size: float) -> None:
    """To first order, where the singular value goes to zero as the distance, not as a power."""
    point = locate(random_environment(5), ORDER_2, center=0)
    view = Observation(point.atoms, ORDER_2, (0,))
    moves = view.internal
    step = np.tensordot(np.random.default_rng(0).normal(size=len(moves)), moves, axes=1)
    here = look(view, size * step / np.linalg.norm(step))
    assert here.condition > 1e-12
    assert 0.02 * size < distance_to_zero(view, here, moves, rounding=1e-14) <= 1.01 * size


def test_a_small_condition_far_from_a_zero_is_not_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Conditions up to 0.05 count as small here: only the distance to a zero keeps them out."""
    monkeypatch.setattr(Tolerance, "SINGULAR", 5e-2)
    start = structures.load("X+")
    assert spectrum(start, ORDER_3, centers=[0]).condition < 5e-2
    point = locate(start, ORDER_3, center=0, reach=0.02)
    assert not point.converged


# Bounded work


def cluster(count: int, *, symbols: str, flat: float = 1.0) -> Atoms:
    """Neighbours 2.3 to 2.9 Å from the center, in random directions, more or less flat."""
    rng = np.random.default_rng(0)
    bonds = rng.normal(size=(count, 3)) * [1.0, 1.0, flat]
    bonds *= rng.uniform(2.3, 2.9, count)[:, None] / np.linalg.norm(bonds, axis=1)[:, None]
    kinds = [symbols[k % len(symbols)] for k in range(count)]
    return Atoms(["Cu", *kinds], np.vstack([np.zeros(3), bonds]))


@pytest.mark.slow
@pytest.mark.parametrize(("symbols", "flat"), [("HN", 1.0), ("H", 0.1)])
def test_thirty_neighbors_end(symbols: str, flat: float) -> None:
    point = locate(cluster(30, symbols=symbols, flat=flat), ORDER_2, center=0)
    assert point.converged
    assert point.cause == "truncation"


def test_a_search_that_was_bounded_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    start = random_environment(0)
    assert "bounded" not in locate(start, ORDER_2, center=0).status
    monkeypatch.setattr("sensitivity.singular.acceptance.MOST_NUMBERS_ALONE", 10**5)
    point = locate(start, ORDER_3, center=0)
    assert 100 <= point.evaluations <= 250
    assert "The search reached its limit" in point.status


@pytest.mark.parametrize("order", [2, 3])
def test_unlike_neighbors_are_all_told_apart(order: int) -> None:
    """No pair has the shape of another: there is nothing to look for."""
    start = random_environment(0, symbols="CHFClBrI")
    point = locate(start, DensityCorrelations(order=order, n_max=4, l_max=4), center=0)
    assert point.evaluations == 1
    assert not point.converged
    expected = f"With 5 neighbours of different species, order {order} misses only what symmetry"
    assert point.status.startswith(expected)


def test_no_sentence_speaks_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensitivity.singular.acceptance.MOST_NUMBERS_ALONE", 10**5)
    for start in (random_environment(0), cluster(4, symbols="H", flat=0.0)):
        for descriptor, reach in ((ORDER_3, 2.0), (ORDER_2, 0.01)):
            point = locate(start, descriptor, center=0, reach=reach)
            assert not point.converged
            assert not {"=", "()"} & set(point.status)


def test_descents_that_have_ended_are_counted() -> None:
    """Those that count have ended: a search that is cancelled at once has made none."""
    start = random_environment(7, symbols="CH5")

    def cancel(sentence: str) -> None:
        if sentence.startswith("5"):  # Jacobians, after the first steps
            raise Cancelled

    point = locate(start, ORDER_2, center=0, progress=cancel)
    assert "nearer" not in point.status
    assert "descents" in locate(start, ORDER_2, center=0).status


def test_a_crystal_that_hides_everything_is_singular_as_it_stands() -> None:
    """All singular values are rounding, whose ratios mean nothing."""
    point = locate(bulk("Si"), DensityCorrelations(cutoff=3.0), center=0, avoid=())
    assert point.moved == 0
    assert len(point.null) == 3
    twin = find_twin(bulk("Si"), DensityCorrelations(cutoff=3.0), center=0)
    assert "singular by its symmetry Td" in twin.status


def test_a_cause_needs_an_order() -> None:
    unknown = OfUnknownOrder(ORDER_2)
    point = locate(random_environment(0), unknown, center=0, cause="truncation")
    assert not point.converged
    assert point.status.startswith("The order of the descriptor is unknown")
    assert point.evaluations == 1


class OfWrongOrder(OfUnknownOrder):
    """Says that it sees distances only."""

    order = 1


def test_a_wrong_order_proves_no_cause() -> None:
    wrong = OfWrongOrder(ORDER_2)
    assert locate(structures.load("X0"), wrong, center=0).cause == "undetermined"
    twin = find_twin(structures.load("X0"), wrong, center=0)
    assert (twin.found, twin.cause, twin.complete_basis) == (True, "undetermined", None)


@pytest.mark.parametrize(
    ("wrong", "kind", "words"),
    [
        ({"rng": 3}, TypeError, "rng must be a numpy.random.Generator"),
        ({"cause": 3}, TypeError, "cause must be text or None"),
    ],
)
def test_arguments_of_another_kind(
    wrong: dict[str, object], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        locate(random_environment(0), ORDER_2, center=0, **wrong)


@pytest.mark.slow
def test_a_reach_just_beyond_the_answer_finds_it() -> None:
    start = random_environment([22, 77], symbols="CH6")
    found = locate(start, ORDER_2, center=0).moved
    for part in (1.001, 1.05, 1.5):
        assert locate(start, ORDER_2, center=0, reach=part * found).moved <= found + 1e-6


def test_the_only_atom_of_a_species_may_leave_and_come() -> None:
    """Copies then see no channel of it; a rattled CH3CN has its nitrogen next to the cutoff."""
    start = molecule("CH3CN")
    start.rattle(0.05, rng=np.random.default_rng(4))
    point = locate(start, DensityCorrelations(cutoff=2.6), center=0)
    assert point.converged
    assert "descents" in point.status


@pytest.mark.parametrize("kind", ["charges", "few atoms", "periodic"])
def test_descriptors_that_need_the_structure_itself_get_it(kind: str) -> None:
    """Copies of the neighbours alone have no charges and no cell, and are many."""

    class Needy(OfUnknownOrder):
        def features(self, atoms: Atoms, *, centers: Centers = None) -> np.ndarray:
            return super().features(self.check(atoms), centers=centers)

        def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
            return super().gradients(self.check(atoms), centers=centers)

        def check(self, atoms: Atoms) -> Atoms:
            has = {"charges": atoms.has("charge"), "few atoms": len(atoms) < 20}
            if not (has | {"periodic": bool(atoms.pbc.all())})[kind]:
                raise KeyError(kind)
            return atoms

    start = random_environment(7, symbols="CH5")
    start.set_cell([9.0, 9.0, 9.0])
    start.pbc = True
    start.set_array("charge", np.zeros(len(start)))
    inner = DensityCorrelations(cutoff=2.6, n_max=4, l_max=4)
    expected = locate(start, OfUnknownOrder(inner), center=0)
    point = locate(start, Needy(inner), center=0)
    assert expected.converged
    np.testing.assert_allclose(point.moved, expected.moved, atol=1e-6)


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
@pytest.mark.parametrize("seed", range(6))
def test_next_to_a_tetrahedron_a_near_point_is_found(noise: float, seed: int) -> None:
    """Those as far away as from a generic start are of no use there; 0.05 Å is the tolerance."""
    start = structures.load("CH4")
    start.positions += noise * np.random.default_rng(seed).normal(size=(5, 3))
    for reach in (2.0, 0.4):
        rng = np.random.default_rng(seed)
        point = locate(start, ORDER_2, center=0, reach=reach, rng=rng)
        assert point.converged
        assert point.moved < 0.2


def test_a_rejected_point_and_its_sentence_are_one() -> None:
    """What is nearest by another cause is returned and named, though a symmetric one is nearer."""
    descriptor = DensityCorrelations(cutoff=2.6, n_max=2, l_max=8)
    point = locate(random_environment(2), descriptor, center=0, cause="truncation")
    assert not point.converged
    assert f"{point.moved:.3f} Å from the start" in point.status
