"""Structures are found again from their features, and what keeps them from it is named."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from cases import rotate

from sensitivity import DensityCorrelations, invert, jacobian, spectrum, structures
from sensitivity.inversion import descent
from sensitivity.singular import superpose

DESCRIPTOR = DensityCorrelations(order=2)
FOUND = 1e-6
"""Å."""

MOLECULES = ["H2O", "NH3", "CH3Cl", "C2H4", "SiH3", "HCOOH", "C2H6", "CH3CN"]


def rattled(atoms: Atoms, size: float, *, rng: np.random.Generator) -> Atoms:
    moved = atoms.copy()
    moved.positions += size * rng.normal(size=atoms.positions.shape)
    return moved


def distance(atoms: Atoms, other: Atoms) -> float:
    """Root mean square distance after superposition, each atom on its own."""
    start, end = (part.positions - part.positions.mean(axis=0) for part in (atoms, other))
    overlap = np.linalg.svd(start.T @ end, compute_uv=False).sum()
    square = np.sum(start**2) + np.sum(end**2) - 2 * overlap
    if square > 1e-12:
        return float(np.sqrt(square / len(atoms)))
    u, _, v = np.linalg.svd(start.T @ end)
    return float(np.sqrt(np.mean(np.sum((start @ u @ v - end) ** 2, axis=1))))


@pytest.mark.parametrize("name", MOLECULES)
def test_finds_a_rattled_molecule_again(name: str) -> None:
    rng = np.random.default_rng(3)
    target = rattled(structures.load(name), 0.1, rng=rng)
    for size in (0.05, 0.1):
        start = rotate(rattled(target, size, rng=rng), rng=rng)
        result = invert(DESCRIPTOR.features(target), DESCRIPTOR, start=start)
        assert result.converged
        assert result.stalled_along is None
        assert distance(start, target) > 0.1 * size
        assert distance(result.atoms, target) < 1e-11


def test_the_error_is_squared_at_every_step_where_the_features_fix_the_structure() -> None:
    rng = np.random.default_rng(0)
    target = rattled(structures.load("CH3CN"), 0.1, rng=rng)
    start = rattled(target, 0.02, rng=rng)
    residuals = invert(DESCRIPTOR.features(target), DESCRIPTOR, start=start).residuals
    late = residuals[(residuals > 1e-13)][-2:]
    assert late[1] < 30 * late[0] ** 2


@pytest.mark.parametrize("name", ["BF3", "CO2", "CH4", "C2H2"])
def test_the_error_is_halved_at_every_step_where_symmetry_hides_a_displacement(name: str) -> None:
    """The features are quadratic along it: a double root, whose residual falls to a quarter."""
    rng = np.random.default_rng(1)
    target = structures.load(name)
    start = rattled(target, 0.1, rng=rng)
    result = invert(DESCRIPTOR.features(target), DESCRIPTOR, start=start)
    assert result.converged
    assert distance(result.atoms, target) < FOUND
    ratios = result.residuals[1:] / result.residuals[:-1]
    assert np.median(ratios) == pytest.approx(0.25, rel=0.1)
    assert result.steps > 15
    null = result.stalled_along
    assert null is not None
    assert null.condition < 1e-5
    assert "answer at most quadratically to a mode" in result.status


def test_the_uncertainty_is_about_the_error() -> None:
    """A bound from the softest mode alone, at the residual where the search ended."""
    rng = np.random.default_rng(2)
    for name in MOLECULES:
        for ideal in (True, False):
            target = (
                structures.load(name) if ideal else rattled(structures.load(name), 0.1, rng=rng)
            )
            start = rattled(target, 0.05, rng=rng)
            result = invert(DESCRIPTOR.features(target), DESCRIPTOR, start=start)
            error = distance(result.atoms, target) * np.sqrt(len(target))
            assert error < 10 * result.uncertainty
            assert result.uncertainty < FOUND


def test_reports_the_null_mode_of_a_singular_carbon_environment() -> None:
    """S1: all is recovered, but slowly and to half of the digits; all centers do not mind."""
    target = structures.load("S1")
    start = rattled(target, 0.05, rng=np.random.default_rng(0))
    alone = invert(DESCRIPTOR.features(target, centers=[0]), DESCRIPTOR, start=start, centers=[0])
    null = alone.stalled_along
    assert alone.converged
    assert null is not None
    expected = spectrum(target, DESCRIPTOR, centers=[0])
    assert expected.rank == expected.internal - 1
    mode = expected.modes[expected.internal - 1]
    laid = superpose(alone.atoms, target, center=0)
    turned = (null.displacement @ laid.rotation.T)[np.argsort(laid.permutation)]
    assert abs(np.sum(turned * mode)) == pytest.approx(1, abs=1e-3)
    assert null.singular_value == pytest.approx(
        null.condition * spectrum(alone.atoms, DESCRIPTOR, centers=[0]).singular_values[0]
    )
    assert null.distance < 1e-6
    together = invert(DESCRIPTOR.features(target), DESCRIPTOR, start=start)
    assert together.converged
    assert together.steps < alone.steps


def test_says_along_which_mode_it_stalls() -> None:
    """Features beyond the fold: along the null mode they change one way only."""
    singular = structures.load("S1")
    mode = spectrum(singular, DESCRIPTOR, centers=[0]).modes[8]
    sides = [singular.copy(), singular.copy()]
    for sign, side in zip((1, -1), sides, strict=True):
        side.positions += 0.05 * sign * mode
    here, *there = (DESCRIPTOR.features(a, centers=[0]) for a in (singular, *sides))
    beyond = here - (sum(there) / 2 - here)
    start = rattled(singular, 0.01, rng=np.random.default_rng(0))
    result = invert(beyond, DESCRIPTOR, start=start, centers=[0], restarts=1)
    assert not result.converged
    assert result.attempts == 2
    null = result.stalled_along
    assert null is not None
    assert null.condition < 1e-3
    assert result.status.startswith("Stalled in 2 attempts with features off by")
    assert "because of a null mode of relative singular value" in result.status


def test_restarts_lead_out_of_a_local_minimum() -> None:
    """Furan, flat, rattled: atoms on the wrong side of the plane."""
    rng = np.random.default_rng([0, len("C4H4O")])
    target = rattled(structures.load("C4H4O"), 0.1, rng=rng)
    start = rattled(target, 0.1, rng=rng)
    features = DESCRIPTOR.features(target)
    stuck = invert(features, DESCRIPTOR, start=start, restarts=0)
    assert not stuck.converged
    assert stuck.stalled_along is None
    assert "no null mode is the cause" in stuck.status
    found = invert(features, DESCRIPTOR, start=start)
    assert found.converged
    assert found.attempts > 1
    assert found.evaluations > stuck.evaluations
    assert distance(found.atoms, target) < FOUND


def test_a_perfectly_symmetric_start_does_not_hold_it() -> None:
    """From flat ammonia to a pyramid: to first order nothing leads there."""
    target = structures.load("NH3")
    start = target.copy()
    start.positions[:, 2] = 0
    result = invert(DESCRIPTOR.features(target), DESCRIPTOR, start=start)
    assert result.converged
    assert distance(result.atoms, target) < FOUND


def test_a_mirror_image_is_found_from_its_own_side() -> None:
    target = rattled(structures.load("CH3Cl"), 0.1, rng=np.random.default_rng(0))
    mirrored = target.copy()
    mirrored.positions[:, 0] *= -1
    start = rattled(mirrored, 0.02, rng=np.random.default_rng(1))
    result = invert(DESCRIPTOR.features(target), DESCRIPTOR, start=start)
    assert result.converged
    shift = (result.atoms.positions - mirrored.positions).mean(axis=0)
    assert np.abs(result.atoms.positions - shift - mirrored.positions).max() < 0.2


def test_a_crystal() -> None:
    target = structures.load("NaCl-rocksalt")
    descriptor = DensityCorrelations(order=2, cutoff=4.5, n_max=4, l_max=4)
    target = rattled(target, 0.1, rng=np.random.default_rng(0))
    start = rattled(target, 0.05, rng=np.random.default_rng(1))
    result = invert(descriptor.features(target), descriptor, start=start)
    assert result.converged
    moved = result.atoms.positions - target.positions
    assert np.abs(moved - moved.mean(axis=0)).max() < 1e-10


def test_a_center_with_one_neighbour() -> None:
    target = Atoms("CO", [[0, 0, 0], [0, 0, 1.1]])
    start = Atoms("CO", [[0, 0, 0], [0.1, 0.7, 1.0]])
    result = invert(DESCRIPTOR.features(target, centers=[0]), DESCRIPTOR, start=start, centers=[0])
    assert result.converged
    assert result.atoms.get_distance(0, 1) == pytest.approx(1.1, abs=1e-12)


def test_order_one_leaves_angles_open() -> None:
    """Four distances are fixed, the five other displacements of methane are not."""
    descriptor = DensityCorrelations(order=1)
    target = structures.load("generic")
    start = rattled(target, 0.05, rng=np.random.default_rng(0))
    result = invert(descriptor.features(target, centers=[0]), descriptor, start=start, centers=[0])
    assert result.converged
    assert result.stalled_along is not None
    assert np.sort(result.atoms.get_distances(0, range(1, 5))) == pytest.approx(
        np.sort(target.get_distances(0, range(1, 5))), abs=1e-9
    )
    assert result.uncertainty > FOUND


def test_the_result_and_the_start() -> None:
    start = rattled(structures.load("H2O"), 0.05, rng=np.random.default_rng(0))
    before = start.positions.copy()
    result = invert(DESCRIPTOR.features(structures.load("H2O")), DESCRIPTOR, start=start)
    assert (start.positions == before).all()
    assert result.residual == result.residuals[-1] <= 1e-13
    assert result.steps == len(result.residuals) - 1
    assert (np.diff(result.residuals) < 0).all()
    assert repr(result) == f"Inversion(OH2, centers=3: {result.status})"
    with pytest.raises(ValueError, match="read-only"):
        result.residuals[0] = 0
    again = invert(DESCRIPTOR.features(result.atoms), DESCRIPTOR, start=result.atoms)
    assert again.steps == 0
    assert again.evaluations == 1


def test_an_interrupt_keeps_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def interrupted(*args, **keywords):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return jacobian(*args, **keywords)

    monkeypatch.setattr(descent, "jacobian", interrupted)
    target = structures.load("C2H4")
    start = rattled(target, 0.1, rng=np.random.default_rng(0))
    result = invert(DESCRIPTOR.features(target), DESCRIPTOR, start=start)
    assert result.interrupted
    assert not result.converged
    assert result.steps == 2
    assert result.status.startswith("Interrupted after 3 evaluations: the features of the best")
    assert np.isnan(result.uncertainty)


def test_refuses_what_does_not_fit_in_words() -> None:
    water = structures.load("H2O")
    features = DESCRIPTOR.features(water)
    with pytest.raises(
        ValueError, match=r"shape .* = \(3, \d+\) of those of the start, OH2 with 3 "
    ):
        invert(features[:, :-1], DESCRIPTOR, start=water)
    with pytest.raises(ValueError, match="give a start with the species and number of atoms"):
        invert(features, DESCRIPTOR, start=structures.load("NH3"))
    with pytest.raises(ValueError, match=r"got .* give a start with the species"):
        invert(features, DESCRIPTOR, start=Atoms("O3", water.positions))
    broken, alone = features.copy(), Atoms("O")
    broken[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite numbers, got 1 of"):
        invert(broken, DESCRIPTOR, start=water)
    with pytest.raises(TypeError, match="must be an array of numbers of shape"):
        invert("water", DESCRIPTOR, start=water)
    nothing = DESCRIPTOR.features(alone)
    with pytest.raises(ValueError, match="an atom without neighbours say nothing"):
        invert(nothing, DESCRIPTOR, start=alone)
    for settings, error, message in (
        ({"tolerance": "a"}, TypeError, "tolerance must be a number, got 'a'"),
        ({"tolerance": 0}, ValueError, "tolerance must be between 0 and 1, got 0"),
        ({"restarts": 1.5}, TypeError, "restarts must be an integer, got 1.5"),
        ({"restarts": -1}, ValueError, "restarts must be 0 or more, got -1"),
    ):
        with pytest.raises(error, match=message):
            invert(features, DESCRIPTOR, start=water, **settings)


def test_a_start_of_another_composition_ends_and_says_so() -> None:
    """With one center the number of features does not tell how many atoms there are."""
    methane, methyl = structures.load("CH4"), structures.load("CH3")
    features = DESCRIPTOR.features(methane, centers=[0])
    result = invert(features, DESCRIPTOR, start=methyl, centers=[0], restarts=1)
    assert not result.converged
    assert "Stalled in 2 attempts" in result.status


def test_features_of_nothing_drive_the_neighbours_out() -> None:
    atoms, descriptor = structures.load("generic"), DensityCorrelations(order=2)
    nothing = np.zeros_like(descriptor.features(atoms))
    result = invert(nothing, descriptor, start=atoms)
    assert "no center sees a neighbour" in result.status or not result.converged
