"""Singular values and modes: exact, complete, sorted, reproducible."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from sensitivity import (
    DensityCorrelations,
    Jacobian,
    Spectrum,
    diagnose,
    jacobian,
    spectrum,
    structures,
)
from sensitivity.descriptors import Batch, Centers, Descriptor
from sensitivity.geometry.motions import trivial_motions
from sensitivity.numerics import Array
from sensitivity.progress import Cancelled
from sensitivity.spectrum import decompose, decompose_outside, fix_gauge

DESCRIPTOR = DensityCorrelations(cutoff=3.0, n_max=4, l_max=4)
EXAMPLE = Path(__file__).parents[1] / "examples" / "own_descriptor.py"
SymmetryFunctions = runpy.run_path(str(EXAMPLE), run_name="own_descriptor")["SymmetryFunctions"]


def rattled(name: str) -> Atoms:
    """A molecule of the library, out of symmetry."""
    atoms = structures.load(name)
    atoms.rattle(0.1, seed=5)
    return atoms


STRUCTURES = pytest.mark.parametrize(
    ("atoms", "centers"),
    [
        (structures.load("CH4"), [0]),
        (structures.load("CH4"), None),
        (structures.load("CO2"), None),
        (rattled("C6H6"), None),
        (rattled("CH3CH2OH"), [2, 7]),
        (bulk("NaCl", "rocksalt", a=4.6), None),
        (structures.load("graphene"), None),
        (Atoms("H"), None),
    ],
    ids=lambda value: str(value.symbols) if isinstance(value, Atoms) else str(value),
)


@STRUCTURES
def test_three_values_per_atom_with_orthonormal_modes(atoms: Atoms, centers) -> None:
    result = spectrum(atoms, DESCRIPTOR, centers=centers)
    n = 3 * len(atoms)
    assert result.singular_values.shape == (n,)
    assert result.modes.shape == (n, len(atoms), 3)
    assert len(result.kinds) == n
    assert (np.diff(result.singular_values) <= 1e-14 * result.scale).all()
    flat = result.modes.reshape(n, -1)
    assert np.abs(flat @ flat.T - np.eye(n)).max() <= 1e-13
    assert not result.singular_values[result.internal :].any()
    order = ["internal", "unseen", "rotation", "translation"]
    assert [order.index(kind) for kind in result.kinds] == sorted(map(order.index, result.kinds))


@STRUCTURES
def test_values_are_those_of_lapack_and_modes_give_them(atoms: Atoms, centers) -> None:
    result = spectrum(atoms, DESCRIPTOR, centers=centers)
    derivative = jacobian(atoms, DESCRIPTOR, centers=centers)
    dense = derivative.dense()
    expected = np.zeros(3 * len(atoms))
    values = np.linalg.svd(dense, compute_uv=False)
    expected[: len(values)] = values
    assert np.abs(result.singular_values - expected).max() <= 3e-14 * result.scale
    changes = np.linalg.norm(derivative.apply(result.modes), axis=0)
    assert np.abs(changes - result.singular_values).max() <= 3e-14 * result.scale


def test_small_values_are_exact_far_below_the_floor_of_the_gram_matrix() -> None:
    """1e-10 s_max, which eigenvalues of the Gram matrix cannot see: off Td by 1e-10 Å."""
    atoms = structures.load("Td")
    step = np.random.default_rng(0).normal(size=atoms.positions.shape)
    values = []
    for size in (1e-10, 2e-10):
        moved = atoms.copy()
        moved.positions += size * step
        values.append(spectrum(moved, DESCRIPTOR, centers=[0]).singular_values[1:4])
    assert (values[0] < 1e-8).all()
    assert values[1] / values[0] == pytest.approx(np.full(3, 2.0), rel=1e-4)


PLANTED = np.array([1.0, 0.3, 2e-2, 9e-3, 1e-4, 1e-8, 1e-10, 1e-12, 1e-14])  # of the largest


def planted(atoms: Atoms, *, whole: bool) -> tuple[Jacobian, Array]:
    """A Jacobian with known singular values within the internal displacements.

    ``whole`` has one batch of all centers and atoms; else each center is a batch of its own, with
    its atoms in another order.
    """
    rng = np.random.default_rng(0)
    internal = trivial_motions(atoms, cutoff=9.0).internal()
    values = 3.0 * np.concatenate([PLANTED, np.zeros(len(internal) - len(PLANTED))])
    rotation, _ = np.linalg.qr(rng.normal(size=(len(internal),) * 2))
    left, _ = np.linalg.qr(rng.normal(size=(20 * len(atoms), len(internal))))
    dense = (left * values) @ rotation.T @ internal.reshape(len(internal), -1)
    gradient, order = dense.reshape(len(atoms), 20, -1, 3), np.arange(len(atoms))
    features = np.ones((len(atoms), 20))
    if whole:
        batches = [Batch(order, np.tile(order, (len(atoms), 1)), features, gradient)]
    else:
        turned = order[::-1]
        batches = [
            Batch(order[i : i + 1], turned[None], features[:1], gradient[i : i + 1][:, :, turned])
            for i in order
        ]
    return Jacobian(atoms, tuple(order.tolist()), tuple(batches)), values


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", ["CH4", "C6H6"])
def test_small_values_that_are_planted_come_out(name: str, whole: bool) -> None:
    """As by LAPACK from the dense matrix: their error is a few eps of the largest one."""
    atoms = rattled(name)
    derivative, values = planted(atoms, whole=whole)
    trivial = trivial_motions(atoms, cutoff=9.0)
    count = len(PLANTED)
    exact = np.linalg.svd(derivative.dense(), compute_uv=False)
    allowed = 1e-15 * values[0]
    assert np.abs(exact[:count] - values[:count]).max() <= allowed
    for found, modes in (
        decompose_outside(derivative, trivial.directions),
        decompose(derivative, trivial.internal()),
    ):
        assert np.abs(found[count:]).max(initial=0) <= 1e-14 * values[0]
        small = slice(3, count)  # 1e-2 of the largest is where the roots of squares end
        assert np.abs(found[small] - values[small]).max() <= allowed
        assert found[small] == pytest.approx(values[small], rel=0.1)
        assert np.abs(found[:3] - values[:3]).max() <= 1e-14 * values[0]
        changes = np.linalg.norm(derivative.apply(modes), axis=0)
        assert np.abs(changes - found).max() <= 1e-14 * values[0]
        rows = np.concatenate([modes, trivial.directions]).reshape(3 * len(atoms), -1)
        assert np.abs(rows @ rows.T - np.eye(len(rows))).max() <= 1e-14


def greedy(rows: Array) -> Array:
    """The gauge as its definition says it: the coordinate of largest weight, again and again."""
    preference = 1 - 1e-6 * np.arange(rows.shape[1]) / rows.shape[1]
    chosen = []
    for _ in rows:
        pivot = np.argmax((rows**2).sum(axis=0) * preference)
        mode = rows[:, pivot] @ rows
        chosen.append(mode / np.linalg.norm(mode))
        rows = rows - np.outer(rows @ chosen[-1], chosen[-1])
    return np.array(chosen)


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_gauge(count: int) -> None:
    rng = np.random.default_rng(count)
    rows = np.linalg.qr(rng.normal(size=(36, count)))[0].T
    fixed = fix_gauge(np.ones(count), rows.reshape(count, 12, 3), scale=1.0).reshape(count, 36)
    assert np.abs(fixed - greedy(rows)).max() <= 1e-13
    assert np.abs(fixed @ fixed.T - np.eye(count)).max() <= 1e-14
    apart = fix_gauge(-np.arange(count), rows.reshape(count, 12, 3), scale=1.0).reshape(count, 36)
    expected = np.concatenate([greedy(row[None]) for row in rows])
    assert np.abs(apart - expected).max() <= 1e-15


def test_fewer_features_than_coordinates() -> None:
    descriptor = DensityCorrelations(order=2, n_max=1, l_max=2, species=("H", "C"))
    result = spectrum(structures.load("generic"), descriptor, centers=[0])
    assert result.features.size < 15
    assert result.rank == 3
    assert result.condition < 1e-14


def test_condition() -> None:
    generic = spectrum(structures.load("generic"), DESCRIPTOR, centers=[0])
    internal = generic.singular_values[: generic.internal]
    assert generic.condition == pytest.approx(internal[-1] / internal[0], rel=1e-14)
    assert generic.rank == generic.internal == 9
    assert spectrum(structures.load("S1"), DESCRIPTOR, centers=[0]).condition < 1e-14
    assert np.isnan(spectrum(Atoms("H"), DESCRIPTOR).condition)


def test_where_symmetry_hides_everything_rounding_is_no_signal() -> None:
    result = spectrum(structures.load("graphene"), DESCRIPTOR)
    assert (result.rank, result.condition, result.internal) == (0, 0.0, 3)


@pytest.mark.parametrize("name", ["Td", "C6H6", "graphene"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_modes_do_not_depend_on_rounding(name: str, seed: int) -> None:
    """Eight singular values of methane's carbon are zero, and any basis would do."""
    atoms = structures.load(name)
    noisy = atoms.copy()
    noisy.positions += 1e-16 * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    first, second = (spectrum(a, DESCRIPTOR, centers=[0]) for a in (atoms, noisy))
    assert first.kinds == second.kinds
    assert np.abs(first.modes - second.modes).max() < 1e-6


def test_rounded_coordinates_do_not_change_the_rank() -> None:
    atoms = structures.load("CH4")
    exact = spectrum(atoms, DESCRIPTOR).rank
    atoms.positions = atoms.positions.round(6)
    assert spectrum(atoms, DESCRIPTOR).rank == exact == 7


def test_threshold() -> None:
    atoms = structures.load("Td")
    atoms.positions[1] *= 1.001
    ranks = [spectrum(atoms, DESCRIPTOR, centers=[0], threshold=t).rank for t in (0.5, 1e-5)]
    assert ranks == [1, 3]
    with pytest.raises(TypeError, match="threshold must be from 0 to below 1, got 'a'"):
        spectrum(atoms, DESCRIPTOR, threshold="a")
    for wrong in (-1e-3, 1.0):
        with pytest.raises(ValueError, match="threshold must be from 0 to below 1"):
            spectrum(atoms, DESCRIPTOR, threshold=wrong)


def test_says_in_a_sentence_what_is_seen() -> None:
    result = spectrum(structures.load("CH4"), DESCRIPTOR, centers=[0])
    assert result.status.startswith(
        "Rank 1 of 9 internal displacements; smallest/largest singular value "
    )
    assert repr(result) == f"Spectrum(CH4, centers=1: {result.status})"
    alone: Spectrum = spectrum(Atoms("H"), DESCRIPTOR)
    assert "no internal displacement" in alone.status


@pytest.mark.parametrize("descriptor", [DensityCorrelations(n_max=2, l_max=2), SymmetryFunctions()])
@pytest.mark.parametrize("analyze", [spectrum, jacobian])
def test_progress_is_told_and_may_cancel(analyze: Callable, descriptor: Descriptor) -> None:
    """With the same result; before the first center and, of the spectrum, after the last."""
    atoms, said = structures.load("H2O"), list[str]()
    told = analyze(atoms, descriptor, progress=said.append)
    assert any(sentence.endswith("0 of 3 centers") for sentence in said)
    np.testing.assert_array_equal(told.features, analyze(atoms, descriptor).features)
    for count in range(len(said)):
        left = iter(range(count))

        def stop(_: str, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Cancelled("enough")

        with pytest.raises(Cancelled, match="enough"):
            analyze(atoms, descriptor, progress=stop)
    heard = len(said)
    analyze(atoms, descriptor)
    assert len(said) == heard
    with pytest.raises(TypeError, match="progress must be a function of one sentence, got 1"):
        analyze(atoms, descriptor, progress=1)


class Anchored:
    """Sees, beside what it should, where the center is."""

    cutoff, inversion_invariant = DESCRIPTOR.cutoff, True

    def features(self, atoms: Atoms, *, centers: Centers = None) -> Array:
        (batch,) = self.gradients(atoms, centers=centers)
        return batch.features

    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        (batch,) = DESCRIPTOR.gradients(atoms, centers=centers)
        place = atoms.positions[batch.centers, :1]
        slopes = np.zeros((1, 1, len(atoms), 3))
        slopes[0, 0, batch.atoms[0].tolist().index(batch.centers[0]), 0] = 1.0
        features = np.concatenate([batch.features, place], axis=1)
        gradient = np.concatenate([batch.gradient, slopes], axis=1)
        return (Batch(batch.centers, batch.atoms, features, gradient),)


def test_broken_invariance_is_told_beside_what_is_projected_out() -> None:
    """A unit translation of five atoms moves the center, which is in their middle, by 1/√5."""
    atoms = structures.load("CH4")
    broken, whole = (spectrum(atoms, each, centers=[0]) for each in (Anchored(), DESCRIPTOR))
    assert broken.trivial_value == pytest.approx(5**-0.5, rel=1e-12)
    assert not broken.singular_values[broken.internal :].any()
    size = f"{broken.trivial_value / broken.scale:.1e} of the scale"
    words = "The descriptor is not invariant, or its gradients are wrong: rigid motions, or atoms"
    assert words in broken.status
    assert size in broken.status
    found = diagnose(atoms, Anchored(), centers=[0])
    assert size in found.summary
    (value,) = {round(mode.singular_value, 12) for mode in found.of("translation")} - {0.0}
    assert value == round(broken.trivial_value, 12)
    assert whole.trivial_value <= 1e-7 * whole.scale
    assert "not invariant" not in whole.status + diagnose(atoms, DESCRIPTOR).summary
    crystal = bulk("Si", cubic=True)
    crystal = spectrum(crystal * (2, 1, 1), DESCRIPTOR)
    assert crystal.trivial_value <= 1e-12 * crystal.scale


@pytest.mark.parametrize("threshold", [0, 1e-12, 1e-9])
def test_rounding_does_not_break_invariance_at_any_threshold(threshold: float) -> None:
    descriptor = DensityCorrelations(order=2, n_max=3, l_max=3)
    found = spectrum(structures.load("CH4"), descriptor, threshold=threshold)
    assert not found.broken_invariance
    broken = spectrum(structures.load("CH4"), Anchored(), centers=[0], threshold=threshold)
    assert "The descriptor is not invariant" in broken.status


def test_broken_invariance_is_told_where_all_features_vanish() -> None:
    """The position of the only atom, at the origin, is all that is seen: the scale is zero."""
    found = spectrum(Atoms("H"), Anchored())
    assert (found.scale, found.trivial_value) == (0.0, 1.0)
    assert "The descriptor is not invariant" in found.broken_invariance
