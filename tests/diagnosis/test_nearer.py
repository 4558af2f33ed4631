"""Causes that are much nearer than those that displacements are counted for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from selection import mostly_slow

from sensitivity import DensityCorrelations, diagnose, structures
from sensitivity.diagnosis import Diagnosis
from sensitivity.diagnosis.zeros import Budget, Spent, nearest_zeros
from sensitivity.observation import Observation
from sensitivity.reports.modes import describe_diagnosis
from sensitivity.reports.sources import Source
from sensitivity.tolerances import Tolerance

DESCRIPTOR = DensityCorrelations(order=2, cutoff=3.0, n_max=8, l_max=8)
# Center 0 is where order 2 is incomplete; a mirror plane is 0.008 Å away.
POSITIONS = [
    [0.0, 0.0, 0.0],
    [-0.42140336, 0.23381759, 0.89755303],
    [0.22317981, -0.97474554, 0.22839938],
    [0.22317981, 0.97474554, -0.22839938],
    [-1.22591094, 0.0, 0.0],
]


def rattled(seed: int | None) -> Atoms:
    """The structure with noise of 5e-4 Å, or as it is."""
    atoms = Atoms("CH4", POSITIONS)
    if seed is not None:
        atoms.positions += np.random.default_rng(seed).normal(scale=5e-4, size=(5, 3))
    return atoms


def check_mentioned(found: Diagnosis) -> None:
    """Assert that the incompleteness is said next to the symmetry that is counted."""
    (other,) = found.nearer
    assert (other.cause, other.count, other.counted) == ("incompleteness", 1, "symmetry")
    assert Tolerance.CLEAR_GAP * other.distance < other.counted_distance < 0.01
    for text in (found.status, found.summary):
        away = f"{other.counted_distance:.1g} Å away"
        assert f"1 of those invisible by symmetry ({away})" in text
        assert "invisible by incompleteness much nearer" in text
    assert "None is spurious" not in found.summary
    assert not found.bounded


@pytest.mark.parametrize("seed", mostly_slow([None, *range(30)], fast=[None, 0, 3]))
@pytest.mark.parametrize("tolerance", mostly_slow([0.01, 0.02, 0.05, 0.1], fast=[0.01]))
def test_an_incompleteness_much_nearer_than_a_symmetry_is_mentioned(
    seed: int | None, tolerance: float
) -> None:
    found = diagnose(rattled(seed), DESCRIPTOR, centers=[0], tolerance=tolerance)
    assert found.counts["incompleteness"] == 0
    check_mentioned(found)


@pytest.mark.parametrize("seed", mostly_slow(range(30), fast=[0, 1]))
@pytest.mark.parametrize("tolerance", [0.003, 0.005])
def test_it_is_counted_where_the_symmetry_is_out_of_reach(seed: int, tolerance: float) -> None:
    found = diagnose(rattled(seed), DESCRIPTOR, centers=[0], tolerance=tolerance)
    assert found.counts["incompleteness"] == 1
    assert found.nearer == ()


def test_it_is_mentioned_in_the_json() -> None:
    found = diagnose(rattled(0), DESCRIPTOR, centers=[0], tolerance=0.01)
    source = Source("CH4", found.atoms)
    text = json.dumps(describe_diagnosis(found, DESCRIPTOR, source=source))
    (other,) = json.loads(text)["nearer"]
    assert (other["cause"], other["count"], other["counted"]) == ("incompleteness", 1, "symmetry")
    assert other["distance"] < 1e-3 < other["counted_distance"]


def test_what_other_centers_see_is_not_mentioned() -> None:
    found = diagnose(rattled(0), DESCRIPTOR, tolerance=0.01)
    assert found.counts["incompleteness"] == 0
    assert found.nearer == ()


@pytest.mark.parametrize("seed", mostly_slow(range(10), fast=[0]))
def test_a_truncation_much_nearer_than_a_symmetry_is_mentioned(seed: int) -> None:
    """With l_max = 1 some displacements are null here, and the mirror plane is 0.008 Å away."""
    small = DensityCorrelations(order=2, cutoff=3.0, n_max=4, l_max=1)
    found = diagnose(rattled(seed), small, centers=[0], tolerance=0.01)
    assert {other.cause for other in found.nearer} >= {"truncation"}
    assert all(3 * other.distance < other.counted_distance for other in found.nearer)


@pytest.mark.parametrize("name", ["Td", "C3v", "octahedron", "linear-equal"])
@pytest.mark.parametrize("centers", [[0], None])
def test_nothing_is_nearer_than_an_exact_symmetry(name: str, centers: list[int] | None) -> None:
    found = diagnose(structures.load(name), DESCRIPTOR, centers=centers, tolerance=0.01)
    assert found.spurious == 0
    assert found.nearer == ()


def test_within_the_accuracy_of_coordinates_only_what_is_null_here_is_mentioned() -> None:
    """Next to a symmetric geometry with noise there often is a singular one."""
    atoms = structures.load("Td")
    atoms.positions += np.random.default_rng(1).normal(scale=3e-4, size=atoms.positions.shape)
    assert diagnose(atoms, DESCRIPTOR, centers=[0]).nearer == ()
    small = DensityCorrelations(order=2, cutoff=3.0, n_max=2, l_max=1)
    mentioned = diagnose(atoms, small, centers=[0]).nearer
    assert {other.cause for other in mentioned} == {"truncation"}
    assert max(other.distance for other in mentioned) <= Tolerance.COORDINATES


@pytest.mark.parametrize("seed", range(3))
def test_noise_does_not_change_what_is_counted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name in ("Td", "C3v", "octahedron"):
        atoms = structures.load(name)
        expected = diagnose(atoms, DESCRIPTOR, centers=[0]).counts
        atoms.positions += rng.normal(scale=2e-4, size=atoms.positions.shape)
        assert diagnose(atoms, DESCRIPTOR, centers=[0]).counts == expected


def test_the_bound_on_the_search_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Budget, "MOST", 2)
    found = diagnose(rattled(0), DESCRIPTOR, centers=[0], tolerance=0.01)
    assert found.bounded
    assert found.nearer == ()
    assert found.counts["symmetry"] == 3
    for text in (found.status, found.summary):
        assert "stopped at its limit of 2 steps" in text


def test_a_budget_is_spent_by_geometries_and_modes() -> None:
    observation = Observation(structures.load("X+"), DESCRIPTOR, (0,))
    internal, budget = observation.internal, Budget(100)
    settings = {"moves": internal, "reach": 0.3, "zero": 1e-9}
    nearest_zeros(observation, internal, **settings, budget=budget)
    assert 0 < budget.left < 100
    assert not budget.exceeded
    with pytest.raises(Spent):
        nearest_zeros(observation, internal, **settings, budget=(short := Budget(1)))
    assert short.exceeded


@pytest.mark.slow
def test_the_bound_suffices_for_benzene_with_noise() -> None:
    atoms = molecule("C6H6")
    atoms.positions += np.random.default_rng(1).normal(scale=0.05, size=atoms.positions.shape)
    found = diagnose(atoms, DensityCorrelations(), tolerance=0.1)
    assert (found.counts["symmetry"], found.bounded) == (12, False)
