"""Twins: the same features, distinct structures, told apart by the next order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import permutations, product
from threading import Event

import cases
import numpy as np
import pytest
from ase import Atoms
from degree_one import DegreeOne, equal_bonds
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation
from selection import mostly_slow
from test_locate import ORDER_2, ORDER_3, OfUnknownOrder, random_environment

from sensitivity import DensityCorrelations, find_twin, locate, structures
from sensitivity.geometry.superposition import are_congruent
from sensitivity.progress import Cancelled, Interrupted, cancellable
from sensitivity.singular import superpose
from sensitivity.tolerances import Tolerance

AMPLITUDES = (0.05, 0.2)
LOCATED = {f"located {seed}": seed for seed in range(10)}


def singular_structure(name: str) -> Atoms:
    if name in LOCATED:
        return locate(random_environment(LOCATED[name]), ORDER_2, center=0).atoms
    return structures.load(name)


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "amplitude"),
    mostly_slow(
        product(["bispectrum+", "bispectrum-", "N3"], AMPLITUDES),
        fast=[("bispectrum-", 0.05), ("N3", 0.2)],
    ),
)
def test_the_bispectrum_has_twins_that_order_four_parts(name: str, amplitude: float) -> None:
    twin = find_twin(structures.load(name), ORDER_3, center=0, amplitude=amplitude)
    assert twin.found
    assert twin.residual <= 1e-13
    assert twin.rmsd >= 0.02
    assert twin.next_order >= 1e-3
    order_4 = DensityCorrelations(order=4, n_max=3, l_max=4)
    first, second = (order_4.features(atoms, centers=[0]) for atoms in twin.pair)
    assert np.linalg.norm(first - second) >= 1e-4 * np.linalg.norm(first)


def differ(one: Atoms, other: Atoms, descriptor: DensityCorrelations) -> float:
    """How much features of atom 0 differ, relative to their norm."""
    first, second = (descriptor.features(atoms, centers=[0]) for atoms in (one, other))
    return float(np.linalg.norm(first - second) / np.linalg.norm(first))


def test_the_known_pair_is_a_pair() -> None:
    """X+ and X- have the same features, are not congruent, and the next order parts them."""
    one, other = (structures.load(name) for name in ("X+", "X-"))
    assert differ(one, other, ORDER_2) <= 1e-13
    assert superpose(one, other, center=0).rmsd > 0.1
    assert differ(one, other, ORDER_3) >= 1e-3


def test_at_the_smallest_amplitude_the_two_are_still_distinct() -> None:
    """The agreement is found: as they start out, the features of the two differ."""
    start = structures.load("S1")
    twin = find_twin(start, ORDER_2, center=0, amplitude=1e-3)
    assert twin.found
    assert 5e-4 < twin.rmsd < 1e-3
    sides = [start.copy(), start.copy()]
    for sign, side in zip((1, -1), sides, strict=True):
        side.positions += sign * 1e-3 * twin.point.mode
    assert differ(*sides, ORDER_2) > 100 * differ(*twin.pair, ORDER_2)


def test_what_the_residual_may_explain_is_no_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features that are only nearly equal leave structures that are only nearly distinct."""
    monkeypatch.setattr(Tolerance, "SAME_FEATURES", 1.0)
    monkeypatch.setattr("sensitivity.singular.branches.MOST_STEPS", 1)
    twin = find_twin(structures.load("X0"), ORDER_2, center=0, amplitude=0.05)
    assert twin.residual > 1e-9
    assert not twin.found
    assert "may explain" in twin.status


def test_a_mirror_image_is_no_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of the plane of a flat environment, ahead and behind are mirror images."""
    monkeypatch.setattr("sensitivity.singular.twins.find_symmetric_cause", lambda *_: "")
    monkeypatch.setattr("sensitivity.singular.twins.AVOIDABLE", ("coalescence",))
    twin = find_twin(structures.load("planar"), ORDER_2, center=0)
    assert twin.residual <= 1e-13
    assert twin.rmsd < 1e-9
    assert not twin.found
    assert "the same structure, rotated" in twin.status


def cancel_after(count: int) -> Callable[[str], None]:
    """Return a progress that cancels a search."""
    sentences: list[str] = []

    def progress(sentence: str) -> None:
        sentences.append(sentence)
        if len(sentences) > count:
            raise Cancelled

    return progress


def test_progress_tells_of_both_parts_in_sentences() -> None:
    said: list[str] = []
    start = random_environment(3)
    twin = find_twin(start, ORDER_2, center=0, progress=said.append)
    assert twin.found
    assert not twin.interrupted
    assert said[0].startswith("1 Jacobian, smallest/largest singular value ")
    assert said[-1].startswith(f"step {twin.steps}, amplitude 0.10 of 0.10 Å, features differ")
    with pytest.raises(TypeError, match="progress must be a function of one sentence, got 'loud'"):
        find_twin(start, ORDER_2, center=0, progress="loud")  # type: ignore[arg-type]


def test_cancelling_keeps_twins_of_a_smaller_amplitude() -> None:
    whole: list[str] = []
    find_twin(structures.load("S1"), ORDER_2, center=0, amplitude=0.2, progress=whole.append)
    first = sum("amplitude 0.05 of 0.20 Å" in sentence for sentence in whole)
    # At the second step with the whole amplitude, whose number of steps depends on rounding.
    later = cancel_after(sum("amplitude 0.20 of 0.20 Å" not in sentence for sentence in whole) + 1)
    twin = find_twin(structures.load("S1"), ORDER_2, center=0, amplitude=0.2, progress=later)
    assert first > 2
    assert twin.interrupted
    assert twin.found
    assert 0.05 <= twin.amplitude < 0.2
    assert differ(*twin.pair, ORDER_2) <= 1e-13
    assert twin.rmsd > 0.02
    assert twin.next_order is None
    assert twin.status.startswith(
        f"Cancelled at an amplitude of {twin.amplitude:.3f} Å (root of the summed squares): two"
    )


def test_cancelling_before_features_agree_keeps_the_best_pair() -> None:
    at = cancel_after(1)  # one sentence is of the singular point
    twin = find_twin(structures.load("X0"), ORDER_2, center=0, amplitude=0.05, progress=at)
    assert twin.interrupted
    assert not twin.found
    assert twin.amplitude == 0.05
    assert twin.residual == pytest.approx(differ(*twin.pair, ORDER_2), rel=1e-3)
    assert twin.residual > 1e-9
    assert "norm so far" in twin.status


@pytest.mark.parametrize("count", [0, 1, 5])
def test_an_event_cancels_the_search(count: int) -> None:
    """Nothing is computed after it, although it stays set."""
    event, said = Event(), list[str]()

    def progress(sentence: str) -> None:
        said.append(sentence)
        if len(said) > count:
            event.set()

    with cancellable(event):
        twin = find_twin(structures.load("S1"), ORDER_2, center=0, progress=progress)
    assert twin.interrupted
    assert twin.status.startswith("Cancelled")


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_an_early_interrupt_says_so(call: int) -> None:
    """At the first Jacobian, while looking for the singular point, and in the first step."""
    start = structures.load("S1") if call == 4 else random_environment(0)
    descriptor = OfUnknownOrder(ORDER_2, interrupt_at=call)
    with pytest.raises(Interrupted) as caught:
        find_twin(start, descriptor, center=0)
    twin = caught.value.partial
    assert twin.interrupted
    assert not twin.found
    assert twin.amplitude == 0
    reached = ["at the start, before"] * 2 + ["after 1 Jacobian, before", "before the first"]
    assert twin.status.startswith(f"Interrupted {reached[call - 1]}")
    assert len(descriptor.calls) == call  # none for the description
    np.testing.assert_array_equal(twin.pair[0].positions, start.positions)


def test_near_a_singular_point_it_is_found_first() -> None:
    twin = find_twin(random_environment(3), ORDER_2, center=0)
    assert twin.found
    assert twin.point.moved > 0.1


@pytest.mark.parametrize("name", ["Td", "C3v", "Cs", "square", "planar", "linear-equal"])
def test_symmetry_makes_no_twins(name: str) -> None:
    twin = find_twin(structures.load(name), ORDER_2, center=0)
    assert not twin.found
    assert "singular by its symmetry" in twin.status
    assert "where no twins are searched" in twin.status


def test_no_twin_without_a_singular_point() -> None:
    twin = find_twin(structures.load("generic")[:4], ORDER_2, center=0)
    assert not twin.found
    assert "With 3 neighbours" in twin.status
    twin = find_twin(random_environment(0), ORDER_2, center=0, reach=0.01)
    assert not twin.found
    assert "within 0.01 Å" in twin.status


def test_twins_by_truncation_are_called_so() -> None:
    """Nine features of nine displacements: a larger basis of the same order is enough."""
    small = DensityCorrelations(n_max=2, l_max=2)
    twin = find_twin(structures.load("generic"), small, center=0)
    assert twin.found
    assert differ(*twin.pair, small) <= 1e-13
    larger = small.larger_basis()
    assert larger is not None
    assert twin.larger_basis == differ(*twin.pair, larger)
    assert twin.larger_basis > 1e-3
    assert f"by truncation: in a larger basis they differ by {twin.larger_basis:.1e}" in (
        twin.status
    )
    assert "incompleteness" not in twin.status


@pytest.mark.parametrize("name", ["S1", "X0", "located 1"])
def test_twins_by_incompleteness_are_twins_in_every_basis(name: str) -> None:
    twin = find_twin(singular_structure(name), ORDER_2, center=0)
    assert twin.larger_basis is not None
    assert twin.larger_basis < 1e-12
    assert twin.complete_basis is not None
    assert twin.complete_basis < 1e-14
    assert twin.cause == "incompleteness"
    assert "does not distinguish them" in twin.status
    assert "incompleteness" in twin.status
    assert twin.next_descriptor == ORDER_2.higher_order()
    assert twin.next_order == differ(*twin.pair, ORDER_2.higher_order())


@pytest.mark.parametrize("order", [None, 2])
@pytest.mark.parametrize("start", [equal_bonds, partial(structures.load, "X0")])
def test_twins_that_a_larger_basis_does_not_tell_apart_need_not_be_incomplete(
    start: Callable[[], Atoms], order: int | None
) -> None:
    """More radial functions do not help where degrees are missing; a power spectrum has them."""
    twin = find_twin(start(), DegreeOne(order=order), center=0)
    assert twin.found
    assert twin.larger_basis is not None
    assert twin.larger_basis < 1e-10
    degrees = DensityCorrelations(order=2, cutoff=3.0, n_max=3, l_max=3)
    assert differ(*twin.pair, degrees) > 1e-2
    assert "incompleteness" not in twin.status
    if order is None:
        assert (twin.cause, twin.complete_basis) == ("undetermined", None)
        assert "but a complete one may: cause undetermined" in twin.status
        return
    assert twin.cause == "truncation"
    assert twin.complete_basis is not None
    assert twin.complete_basis > 1e-3
    assert "by truncation: in a complete basis they differ by" in twin.status


def test_a_descriptor_without_a_next_order() -> None:
    twin = find_twin(structures.load("S1"), OfUnknownOrder(ORDER_2), center=0)
    assert twin.found
    assert twin.larger_basis is None
    assert "no larger basis" in twin.status
    assert twin.next_descriptor is None
    assert twin.next_order is None
    assert "no higher order" in twin.status


def test_a_descriptor_with_the_essentials_only() -> None:
    class Essential:
        cutoff, inversion_invariant = ORDER_2.cutoff, True
        features, gradients = ORDER_2.features, ORDER_2.gradients

    assert find_twin(structures.load("S1"), Essential(), center=0).found


@pytest.mark.parametrize("amplitude", [0.0, -0.1, 1e-9, 9e-4, 2.0, float("nan")])
def test_wrong_amplitude(amplitude: float) -> None:
    """Nearly at the singular point features agree to rounding, which would prove nothing."""
    reason = "unrelated to the singular point" if amplitude > 1 else "rounding"
    with pytest.raises(ValueError, match=rf"amplitude must be from 0.001 to 1 Å, got .*{reason}"):
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
    monkeypatch.setattr("sensitivity.geometry.superposition.MOST_PERMUTATIONS", 1)
    likely = [superpose(*pair, center=0) for pair in pairs]
    assert not any(laid.exact for laid in likely)
    np.testing.assert_allclose([laid.rmsd for laid in likely], exact, rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_proper_superposition_is_the_best_of_all_permutations(seed: int) -> None:
    """The distances are those of scipy's rotations, of which it tries none itself."""
    one, other = (random_environment(seed + shift) for shift in (0, 40))
    start, end = (part.positions - part.positions.mean(axis=0) for part in (one, other))
    ways = ([0, *way] for way in permutations(range(1, 5)))
    best = min(Rotation.align_vectors(end[way], start)[1] for way in ways)
    laid = superpose(one, other, center=0, inversion=False)
    assert laid.rmsd == pytest.approx(best / np.sqrt(5), rel=1e-9)
    assert laid.rmsd >= superpose(one, other, center=0).rmsd


@pytest.mark.parametrize("size", [0.004, 0.03])
def test_congruence_is_what_superposition_says(
    monkeypatch: pytest.MonkeyPatch, size: float
) -> None:
    """With and without the two short cuts, on either side of the limit; turned, or mirrored."""
    calls = []

    def counted(*arguments: object, **keywords: object) -> object:
        calls.append(1)
        return superpose(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr("sensitivity.geometry.superposition.superpose", counted)
    rng = np.random.default_rng(0)
    for seed in range(4):
        atoms = random_environment(seed, symbols="CH3F2")
        moved = cases.rotate(atoms, rng=rng)
        moved.positions *= (-1) ** seed
        moved.positions += size * rng.normal(size=moved.positions.shape)
        mixed = moved[[0, 2, 1, 3, 5, 4]]
        expected = superpose(atoms, moved, center=0).rmsd < 0.01
        assert expected == (size < 0.01)
        for other in (moved, mixed):
            found = are_congruent(atoms, other, center=0, inversion=True, within=0.01)
            assert found == expected
    assert 0 < len(calls) < 8 if size < 0.01 else len(calls) < 4
    assert not are_congruent(Atoms("CH4"), Atoms("CH3F"), center=0, inversion=True, within=1.0)


@pytest.mark.slow
def test_sixty_like_atoms_are_superposed_with_few_assignments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 60! permutations: 1200 turns are followed for five rounds each, in a second."""
    sizes = []

    def assign(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sizes.append(len(costs))
        return linear_sum_assignment(costs)

    monkeypatch.setattr("scipy.optimize.linear_sum_assignment", assign)
    rng = np.random.default_rng(0)
    atoms = Atoms("Cu61", np.vstack([np.zeros(3), 3 * rng.normal(size=(60, 3))]))
    turned = cases.rotate(atoms, rng=rng)[[0, *(1 + rng.permutation(60))]]
    turned.positions += 0.05 * rng.normal(size=(61, 3))
    laid = superpose(atoms, turned, center=0)
    assert laid.rmsd < 0.12
    assert 0 < sizes.count(60) < 6000


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
