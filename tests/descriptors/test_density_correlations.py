"""Settings and structures that the native descriptor refuses, and those it must not refuse."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from sensitivity import DensityCorrelations, SphericalBessel, jacobian, memory, structures
from sensitivity.descriptors import GaussianTypeOrbitals, density_correlations


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": 0}, r"order must be an integer from 1 to 4, got 0"),
        ({"order": 5}, r"order must be an integer from 1 to 4, got 5"),
        ({"n_max": 0}, r"n_max must be an integer from 1 to 15 with Gaussian-type orbitals, got 0"),
        ({"n_max": 16}, r"n_max must be .* got 16; more are linearly dependent in double"),
        (
            {"n_max": 65, "basis": SphericalBessel()},
            r"n_max must be an integer from .* got 65",
        ),
        ({"l_max": -1}, r"l_max must be an integer from 0 to 32, got -1"),
        ({"l_max": 33}, r"l_max must be an integer from 0 to 32, got 33"),
        ({"cutoff": 0.0}, r"cutoff must be a positive, finite length in Å, got 0"),
        ({"cutoff": -2.0}, r"cutoff must be a positive, finite length in Å, got -2"),
        ({"cutoff": np.nan}, r"cutoff must be a positive, finite length in Å, got nan"),
        ({"smearing": -0.1}, r"smearing must be a finite number from 0 to 10, got -0.1"),
        ({"smearing": 1e-4}, r"smearing=0.0001 Å is too narrow for cutoff=3.5 Å.*or 0"),
        ({"cutoff": 1e5}, r"smearing=0.3 Å is too narrow for cutoff=100000 Å"),
        ({"cutoff_width": 0.0}, r"cutoff_width must be positive, got 0"),
        ({"smearing": 11.0}, r"smearing must be a finite number from 0 to 10, got 11"),
        ({"cutoff_width": 9.0}, r"cutoff_width must be a finite number from 0 to 3.5, got 9"),
        ({"center_weight": np.inf}, r"center_weight must be a finite number"),
        ({"parity_odd": True}, r"parity_odd=True needs order=3 or 4, got order=2"),
        ({"species": ["Xx"]}, r"chemical symbols, got 'Xx'; give e.g."),
        ({"species": []}, r"species must name at least one element"),
    ],
)
def test_settings_out_of_range(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DensityCorrelations(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": 2.0}, r"order must be an integer from 1 to 4, got 2.0"),
        ({"n_max": True}, r"n_max must be an integer"),
        ({"l_max": "6"}, r"l_max must be an integer .* got '6'"),
        ({"cutoff": "3"}, r"cutoff must be a positive, finite length in Å, got '3'"),
        ({"smearing": None}, r"smearing must be a finite number .* got None"),
        ({"basis": "gto"}, r"basis must be a radial basis such as .* got 'gto'"),
        ({"basis": SphericalBessel}, r"basis must be a radial basis"),
        ({"order": 3, "parity_odd": "yes"}, r"parity_odd must be True or False, got 'yes'"),
        ({"species": "CH"}, r"species must be a sequence such as \('C', 'H'\), got 'CH'"),
    ],
)
def test_settings_of_the_wrong_kind(settings: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        DensityCorrelations(**settings)


def test_species_without_a_channel() -> None:
    descriptor = DensityCorrelations(species=("C", "O"))
    with pytest.raises(ValueError, match=r"channels for C, O only, .* has H; add it to species"):
        descriptor.features(structures.load("CH4"))


def test_fixed_species_only_add_features_that_are_zero() -> None:
    atoms = structures.load("CH4")
    own = DensityCorrelations(n_max=3, l_max=2)
    more = DensityCorrelations(n_max=3, l_max=2, species=("O", 6, "H"))
    few, many = own.features(atoms), more.features(atoms)
    assert more.species == (1, 6, 8)
    assert many.shape[1] == more.count_features(atoms) > few.shape[1] == own.count_features(atoms)
    assert np.sort(many[many != 0]) == pytest.approx(np.sort(few[few != 0]), rel=1e-14)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_more_features_than_memory_are_counted_and_refused(order: int) -> None:
    descriptor = DensityCorrelations(
        order=order, n_max=12, l_max=10, species=tuple(range(1, 90)), cutoff=6.0
    )
    atoms = bulk("Si", cubic=True).repeat(3 if order > 1 else 1)
    count = descriptor.count_features(atoms)
    if order == 1:
        assert jacobian(atoms, descriptor).shape == (8 * count, 24)
        return
    message = rf"{count} features per center.* GB are free; choose fewer centers"
    with pytest.raises(ValueError, match=message):
        jacobian(atoms, descriptor)


def test_too_many_features_are_refused_before_radial_functions_are_made(monkeypatch) -> None:
    """Those of so large a basis take seconds."""
    made: list[object] = []
    monkeypatch.setattr(density_correlations, "radial_functions", made.append)
    monkeypatch.setattr(memory, "_free", lambda: 1e9)
    descriptor = DensityCorrelations(order=3, n_max=60, l_max=20, basis=SphericalBessel())
    for refused in (descriptor.features, descriptor.gradients):
        with pytest.raises(ValueError, match=r"717235640 features per center.* GB are free"):
            refused(structures.load("CH4"))
    assert not made


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("l_max", [0, 1, 4])
def test_count_is_that_of_the_features(channels: int, l_max: int) -> None:
    atoms = structures.load("CH4")[1:]
    for odd in (False, True):
        descriptor = DensityCorrelations(order=3, n_max=channels, l_max=l_max, parity_odd=odd)
        features = descriptor.features(atoms, centers=[0])
        assert features.shape == (1, descriptor.count_features(atoms))


@pytest.mark.parametrize("n_max", [1, 2, 3])
@pytest.mark.parametrize("name", ["H2", "CH4"])
def test_the_odd_part_of_a_small_basis(name: str, n_max: int) -> None:
    """Where equal l leave no distinct channels, there is no feature, and nothing breaks."""
    atoms = structures.load(name)
    descriptor = DensityCorrelations(order=3, n_max=n_max, l_max=3, parity_odd=True)
    result = jacobian(atoms, descriptor)
    assert result.shape == (len(atoms) * descriptor.count_features(atoms), 3 * len(atoms))
    assert np.array_equal(result.features, descriptor.features(atoms))


def test_the_width_follows_a_small_cutoff() -> None:
    atoms = Atoms("HHH", [[0, 0, 0], [0, 0, 0.2], [0, 0.25, 0.1]])
    usual = DensityCorrelations(cutoff=0.4, smearing=0.1).features(atoms)
    stated = DensityCorrelations(cutoff=0.4, smearing=0.1, cutoff_width=0.2).features(atoms)
    assert usual.any()
    assert np.array_equal(usual, stated)


def test_results_outlive_later_calls() -> None:
    """Memory is used again within the package; what was returned must not change."""
    atoms = structures.load("CH4")
    descriptor = DensityCorrelations(n_max=3, l_max=3)
    held = jacobian(atoms, descriptor)
    before = held.dense().copy()
    for other in ("C6H6", "H2O", "CH4"):
        jacobian(structures.load(other), descriptor)
    assert np.array_equal(held.dense(), before)
    assert np.array_equal(jacobian(atoms, descriptor).dense(), before)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_isolated_atom_has_features_zero_and_a_jacobian_zero(order: int) -> None:
    atoms = Atoms("ArAr", [[0, 0, 0], [0, 0, 20.0]])
    descriptor = DensityCorrelations(order=order, n_max=3, l_max=2)
    result = jacobian(atoms, descriptor)
    assert not result.features.any()
    assert not result.dense().any()
    assert result.unseen.all()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        DensityCorrelations().order = 3  # type: ignore[misc]


@pytest.mark.parametrize("cutoff", [2.0, 6.0])
def test_the_most_orbitals_are_those_that_leave_six_digits(cutoff: float) -> None:
    basis = GaussianTypeOrbitals()
    nodes, weights = np.polynomial.legendre.leggauss(400)
    x, weights = 2 * cutoff * (nodes + 1), 2 * cutoff * weights  # to 4 cutoffs, where all are zero
    conditions = []
    for n_max in (basis.most, basis.most + 1):
        (orbitals,) = basis.primitives(x, cutoff=cutoff, n_max=n_max, l_max=0)
        conditions.append(np.linalg.cond(orbitals * weights * x**2 @ orbitals.T))
    assert conditions[0] < 1e10 < conditions[1]
