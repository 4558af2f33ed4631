"""Structures are found again from their features, and what keeps them from it is named."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from cases import rotate

from sensitivity import DensityCorrelations, Inversion, invert, spectrum, structures
from sensitivity.descriptors import Descriptor, batches_from_function, features_from_function
from sensitivity.inversion.invert import missing_neighbors
from sensitivity.jacobian import differentiate
from sensitivity.progress import Cancelled, Interrupted, cancellable
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
    assert "respond at most quadratically to a mode" in result.status


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
    """Features beyond the fold: along the null mode they change in one direction only."""
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
    assert result.stalled_by == "fold"
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
    assert stuck.stalled_by == "minimum"
    assert "in a local minimum, to first order" in stuck.status
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
        return differentiate(*args, **keywords)

    monkeypatch.setattr("sensitivity.observation.differentiate", interrupted)
    target = structures.load("C2H4")
    start = rattled(target, 0.1, rng=np.random.default_rng(0))
    with pytest.raises(Interrupted) as caught:
        invert(DESCRIPTOR.features(target), DESCRIPTOR, start=start)
    result = caught.value.partial
    assert isinstance(result, Inversion)
    assert result.interrupted
    assert not result.converged
    assert result.steps == 1
    assert result.status.startswith("Interrupted after 2 evaluations: the features of the best")
    assert np.isnan(result.uncertainty)


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("gauss_newton", "decompose"),
        ("invert", "examine_soft_mode"),
        ("invert", "neighbor_pairs"),
        ("invert", "missing_neighbors"),
    ],
)
def test_an_interrupt_after_the_first_jacobian_has_a_result(
    module: str, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first step, and when the search is over: no Jacobian is computed any more."""
    jacobians, after = [], []

    def counted(*args, **keywords):
        jacobians.append(args)
        return differentiate(*args, **keywords)

    def interrupted(*_, **__):
        if not after:
            after.append(len(jacobians))
            raise KeyboardInterrupt

    start = structures.load("H2O")
    features = 2 * DESCRIPTOR.features(start)
    monkeypatch.setattr("sensitivity.observation.differentiate", counted)
    monkeypatch.setattr(sys.modules[f"sensitivity.inversion.{module}"], function, interrupted)
    with pytest.raises(Interrupted) as caught:
        invert(features, DESCRIPTOR, start=start, restarts=0)
    assert caught.value.partial.status.startswith("Interrupted after ")
    assert after == [len(jacobians)]


def test_an_interrupt_before_the_first_jacobian_is_a_plain_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    start = structures.load("H2O")
    features = DESCRIPTOR.features(start)
    monkeypatch.setattr("sensitivity.observation.differentiate", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        invert(features, DESCRIPTOR, start=start)
    assert not isinstance(caught.value, Interrupted)


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
    with pytest.raises(TypeError, match="must be an array of real numbers of shape"):
        invert("water", DESCRIPTOR, start=water)
    with pytest.raises(TypeError, match=r"real numbers of shape .*, got complex numbers"):
        invert(1j * features, DESCRIPTOR, start=water)
    with pytest.raises(ValueError, match=r"squares do not overflow, at most 1e\+150, got 3e\+199"):
        invert(1e200 * features, DESCRIPTOR, start=water)
    nothing = DESCRIPTOR.features(alone)
    with pytest.raises(ValueError, match=r"can move: it has no neighbour within 3\.5 Å"):
        invert(nothing, DESCRIPTOR, start=alone)
    for settings, error, message in (
        ({"tolerance": "a"}, TypeError, "tolerance must be a number between 0 and 1, got 'a'"),
        ({"tolerance": 0}, ValueError, "tolerance must be a number between 0 and 1, got 0"),
        ({"restarts": 1.5}, TypeError, "restarts must be 0 or more, got 1.5"),
        ({"restarts": -1}, ValueError, "restarts must be 0 or more, got -1"),
    ):
        with pytest.raises(error, match=message):
            invert(features, DESCRIPTOR, start=water, **settings)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("wanted", "there", "needed", "symbol", "seen"),
    [
        ("CH4", "CH3", 4, "H", "are 3"),
        ("CH4", "CH", 4, "H", "is 1"),
        ("CH2F2", "CHF3", 2, "H", "is 1"),
        ("CHF3", "CH2F2", 3, "F", "are 2"),
    ],
)
def test_a_start_with_too_few_neighbors_is_told_what_it_lacks(
    order: int, wanted: str, there: str, needed: int, symbol: str, seen: str
) -> None:
    """With one center the number of features does not tell how many atoms there are."""
    descriptor = DensityCorrelations(order=order, n_max=4, l_max=2)
    places = structures.load("generic").positions
    target, fewer = Atoms(wanted, places), Atoms(there)
    fewer.positions = places[: len(fewer)]
    features = descriptor.features(target, centers=[0])
    start = rattled(fewer, 0.05, rng=np.random.default_rng(0))
    result = invert(features, descriptor, start=start, centers=[0], restarts=1)
    assert not result.converged
    assert result.stalled_by == "composition"
    assert result.stalled_along is None
    assert "Stalled in 2 attempts" in result.status
    assert (
        f"these atoms cannot have them: the features of C0 need at least {needed} neighbours "
        f"within the cutoff in the columns of {symbol}, but there {seen};" in result.status
    )


@pytest.mark.parametrize("symbols", ["CF4", "CO4", "CN4", "CCl4"])
@pytest.mark.parametrize("name", ["S1", "generic"])
def test_other_species_drive_all_neighbours_out(name: str, symbols: str) -> None:
    """Columns go by the species of the start: those of H are taken for those of C."""
    target = structures.load(name)
    start = Atoms(symbols, target.positions)
    features = DESCRIPTOR.features(target, centers=[0])
    result = invert(features, DESCRIPTOR, start=start, centers=[0], restarts=1)
    assert result.stalled_by == "composition"
    assert "4 neighbours within the cutoff in the columns of C, but there are 0;" in result.status


def test_no_features_have_another_sign() -> None:
    """Nothing is nearer to them than no neighbour at all."""
    start = structures.load("S1")
    features = -DESCRIPTOR.features(start, centers=[0])
    result = invert(features, DESCRIPTOR, start=start, centers=[0], restarts=3)
    assert result.residual == pytest.approx(1)
    assert result.attempts == 4
    assert result.stalled_by == "nothing left"
    assert "because no neighbour remains within the cutoff" in result.status


def test_far_too_many_neighbors_are_counted_in_no_time() -> None:
    start = structures.load("generic")
    features = 1e60 * DESCRIPTOR.features(start, centers=[0])
    result = invert(features, DESCRIPTOR, start=start, centers=[0], restarts=0)
    assert "need at least 1004 neighbours" in result.status


def test_a_crystal_with_one_atom_per_cell_sees_only_images() -> None:
    copper = bulk("Cu", "fcc", a=3.6)
    with pytest.raises(ValueError, match=r"images of the center, and move with it; use a superc"):
        invert(DESCRIPTOR.features(copper), DESCRIPTOR, start=copper)


@pytest.mark.parametrize("n_max", [3, 6])
@pytest.mark.parametrize("cutoff", [3.5, 5.0])
def test_no_structure_lacks_its_own_atoms(n_max: int, cutoff: float) -> None:
    """What is certain must not be wrong: every center has as many neighbours as it has."""
    for order, name in ((1, "C6H6"), (2, "C6H6"), (2, "CH3CN"), (2, "octahedron"), (2, "HCOOH")):
        descriptor = DensityCorrelations(order=order, cutoff=cutoff, n_max=n_max, l_max=2)
        atoms = rattled(structures.load(name), 0.2, rng=np.random.default_rng(0))
        features, centers = descriptor.features(atoms), range(len(atoms))
        assert missing_neighbors(features, descriptor, atoms=atoms, centers=centers) == ""


def test_a_crystal_lacks_only_what_is_within_the_cutoff() -> None:
    descriptor = DensityCorrelations(cutoff=4.5, n_max=4, l_max=2)
    salt, wide = structures.load("NaCl-rocksalt"), structures.load("NaCl-rocksalt")
    wide.set_cell(1.3 * wide.cell, scale_atoms=True)
    features = descriptor.features(salt, centers=[0])
    assert missing_neighbors(features, descriptor, atoms=salt, centers=[0]) == ""
    assert "12 neighbours within the cutoff in the columns of Na" in missing_neighbors(
        features, descriptor, atoms=wide, centers=[0]
    )


@pytest.mark.parametrize("more", [1, 2])
def test_surplus_atoms_that_leave_are_named(more: int) -> None:
    target = structures.load("generic")[:4]
    start = rattled(structures.load("generic"), 0.05, rng=np.random.default_rng(0))
    start += Atoms("H", [[1.3, 0.3, 0.0]])[: more - 1]
    features = DESCRIPTOR.features(target, centers=[0])
    result = invert(features, DESCRIPTOR, start=start, centers=[0])
    assert result.converged
    assert len(result.lost_atoms) == more
    assert 0 not in result.lost_atoms
    assert (result.atoms.get_distances(0, list(result.lost_atoms)) > 3.48).all()
    names = " ".join(f"H{atom}" for atom in result.lost_atoms)
    assert f"but {names} left the cutoff: the features do not determine" in result.status
    kept = [k for k in range(1, len(start)) if k not in result.lost_atoms]
    assert np.sort(result.atoms.get_distances(0, kept)) == pytest.approx(
        np.sort(target.get_distances(0, [1, 2, 3])), abs=1e-9
    )


def test_what_is_called_a_local_minimum_is_one() -> None:
    """Benzene with three atoms on the wrong side of its plane, from where it does not get back.

    From the flat molecule it is rounding that chooses the sides.
    """
    descriptor, flat = DensityCorrelations(order=2, cutoff=5.0), structures.load("C6H6")
    target = rattled(flat, 0.05, rng=np.random.default_rng(100))
    features = descriptor.features(target)
    start = target.copy()
    start.positions[np.argsort(-np.abs(target.positions[:, 2]))[:3], 2] *= -1.0
    result = invert(features, descriptor, start=start, restarts=0)
    assert result.stalled_by == "minimum"
    assert result.stalled_along is None
    rng = np.random.default_rng(0)
    for _ in range(30):
        near = rattled(result.atoms, 1e-3, rng=rng)
        off = np.linalg.norm(descriptor.features(near) - features) / np.linalg.norm(features)
        assert off > result.residual


def test_a_symmetric_start_without_restarts_ends_on_a_saddle() -> None:
    """From flat furan to first order nothing leads out of the plane; one kick does."""
    target = rattled(structures.load("C4H4O"), 0.1, rng=np.random.default_rng(0))
    features, flat = DESCRIPTOR.features(target), structures.load("C4H4O")
    stuck = invert(features, DESCRIPTOR, start=flat, restarts=0)
    assert stuck.stalled_by == "saddle"
    assert "as from a symmetric start" in stuck.status
    assert np.abs(stuck.atoms.positions[:, 0]).max() < 1e-9
    kicked = rattled(stuck.atoms, 0.01, rng=np.random.default_rng(1))
    lower = invert(features, DESCRIPTOR, start=kicked, restarts=0)
    assert lower.residual < 0.5 * stuck.residual


def test_progress_tells_and_can_end_the_search() -> None:
    said: list[str] = []
    target = structures.load("C2H4")
    start = rattled(target, 0.1, rng=np.random.default_rng(0))
    features = DESCRIPTOR.features(target)
    whole = invert(features, DESCRIPTOR, start=start, progress=said.append)
    assert len(said) == whole.evaluations
    assert said[0].startswith("1 Jacobian, attempt 1, features off by ")
    assert said[-1].startswith(f"{whole.evaluations} Jacobians, attempt {whole.attempts}")

    def stop(reason: BaseException, sentence: str) -> None:
        if sentence.startswith("4 "):
            raise reason

    result = invert(features, DESCRIPTOR, start=start, progress=partial(stop, Cancelled()))
    assert result.status.startswith("Cancelled after 4 evaluations: ")
    with pytest.raises(Interrupted) as caught:
        invert(features, DESCRIPTOR, start=start, progress=partial(stop, KeyboardInterrupt()))
    for each in (result, caught.value.partial):
        assert each.interrupted
        assert each.evaluations == 4
        assert each.residual < each.residuals[0]
        assert each.stalled_by is None
    event = Event()
    with cancellable(event):
        result = invert(features, DESCRIPTOR, start=start, progress=lambda _: event.set())
    assert result.ending == "cancelled"
    assert result.evaluations == 1
    with pytest.raises(TypeError, match="progress must be a function of one sentence"):
        invert(features, DESCRIPTOR, start=start, progress=3)


@dataclass(frozen=True)
class Blind(Descriptor):
    """Constant features, whatever the atoms do."""

    cutoff: float = 3.0
    inversion_invariant = True

    def features(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return features_from_function(self._see, atoms, cutoff=self.cutoff, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return batches_from_function(self._see, atoms, cutoff=self.cutoff, centers=centers)

    def _see(self, vectors: Any, _: Any) -> Any:
        return np.zeros(2), np.zeros((2, len(vectors), 3))


def test_a_descriptor_that_sees_nothing_fixes_nothing() -> None:
    atoms, blind = structures.load("H2O"), Blind()
    result = invert(np.zeros((3, 2)), blind, start=atoms)
    assert result.status == (
        "Recovered after 0 steps: the features agree to 0e+00 of their norm, but no displacement "
        "changes them: they determine nothing."
    )
    assert result.uncertainty == np.inf
    result = invert(np.ones((3, 2)), blind, start=atoms, restarts=0)
    assert result.stalled_by == "blind"
    assert result.status.endswith(
        "no displacement of the atoms changes them; use another descriptor."
    )


def test_features_of_nothing_drive_the_neighbours_out() -> None:
    atoms, descriptor = structures.load("generic"), DensityCorrelations(order=2)
    nothing = np.zeros_like(descriptor.features(atoms))
    result = invert(nothing, descriptor, start=atoms)
    assert result.converged
    assert result.status.endswith("but no center sees a neighbour: they determine nothing.")
