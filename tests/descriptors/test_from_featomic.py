"""Descriptors of featomic: its features in a fixed order, its gradients, and what is refused."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.data import chemical_symbols
from cases import ENVIRONMENTS, MOLECULES
from featomic import SoapPowerSpectrum, SoapRadialSpectrum, SortedDistances
from selection import mostly_slow

from sensitivity import (
    DensityCorrelations,
    convergence,
    diagnose,
    find_twin,
    follow,
    invert,
    jacobian,
    locate,
    structures,
)
from sensitivity.descriptors.from_featomic import Featomic
from sensitivity.descriptors.self_description import larger_basis


def common(cutoff: float = 3.0, smearing: float = 0.3) -> dict:
    return {
        "cutoff": {"radius": cutoff, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
        "density": {"type": "Gaussian", "width": smearing},
    }


def power(n_max: int = 3, l_max: int = 2, *, spline: float | None = None, **changes):
    radial = {"type": "Gto", "max_radial": n_max - 1}
    basis = {"type": "TensorProduct", "max_angular": l_max, "radial": radial}
    return SoapPowerSpectrum(**common(**changes), basis={**basis, "spline_accuracy": spline})


def radial(n_max: int = 4) -> SoapRadialSpectrum:
    functions = {"type": "Gto", "max_radial": n_max - 1}
    return SoapRadialSpectrum(**common(), basis={"radial": functions, "spline_accuracy": None})


def separate() -> SoapPowerSpectrum:
    """Each degree has its own number of radial functions, and some degrees are left out."""
    each = {"0": {"type": "Gto", "max_radial": 3}, "2": {"type": "Gto", "max_radial": 1}}
    basis = {"type": "Explicit", "by_angular": each, "spline_accuracy": None}
    return SoapPowerSpectrum(**common(), basis=basis)


def ethanol() -> Atoms:
    """Three species; the last hydrogens are farther from each other than the cutoff."""
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.05, seed=1)
    return atoms


def salt() -> Atoms:
    """Two species in a skewed cell so small that atoms see several images of themselves."""
    cell = [[2.6, 0.2, 0.0], [0.0, 3.1, 0.3], [0.4, 0.0, 2.9]]
    return Atoms("OC", [[0.1, 0.0, 0.2], [1.1, 1.3, 0.9]], cell=cell, pbc=True)


def far() -> Atoms:
    """Two molecules that do not see each other: centers depend on two and on three atoms."""
    water = molecule("H2O")
    water.positions += [0.0, 0.0, 9.0]
    return molecule("CO") + water


def entries(atoms: Atoms, calculator, labels):
    """Yield center, place of the feature, value, and slopes (N, 3), one by one, as a reference."""
    tensor = calculator.compute(atoms, gradients=["positions"])
    place = {label: number for number, label in enumerate(labels)}
    for key, block in tensor.items():
        symbols = [chemical_symbols[z] for z in key.values.tolist()[1:]]
        gradient = block.gradient("positions")
        for sample, (_, center) in enumerate(block.samples.values.tolist()):
            rows = [
                i for i, (s, _, _) in enumerate(gradient.samples.values.tolist()) if s == sample
            ]
            others = gradient.samples.values[rows, 2]
            for column, numbers in enumerate(block.properties.values.tolist()):
                *l, n = numbers[:1], numbers[-1]
                label = (symbols[0], n)
                if len(symbols) == 2:
                    l, n, m = numbers
                    label = (symbols[0], n, symbols[1], m, l)
                slopes = np.zeros((len(atoms), 3))
                slopes[others] = gradient.values[rows, :, column]
                yield center, place[label], block.values[sample, column], slopes


@pytest.mark.parametrize("build", [ethanol, salt, far])
@pytest.mark.parametrize("make", [power, radial, separate])
def test_values_and_slopes_lie_where_the_labels_say(make, build) -> None:
    atoms, calculator = build(), make()
    descriptor = Featomic(calculator)
    labels = descriptor.labels(atoms)
    features = np.zeros((len(atoms), len(labels)))
    gradient = np.zeros((*features.shape, len(atoms), 3))
    for center, column, value, slopes in entries(atoms, calculator, labels):
        features[center, column] = value
        gradient[center, column] = slopes
    found = jacobian(atoms, descriptor)
    assert found.features.tolist() == features.tolist()
    # Of two equal features one is computed: the order of a sum differs.
    assert np.abs(found.dense() - gradient.reshape(found.shape)).max() <= 1e-15
    assert descriptor.features(atoms).tolist() == features.tolist()
    assert descriptor.count_features(atoms) == len(labels)


def test_some_centers_in_any_order() -> None:
    atoms, descriptor = far(), Featomic(power())
    every, some = (jacobian(atoms, descriptor, centers=c) for c in (None, [3, 0]))
    rows = every.dense().reshape(len(atoms), -1, 3 * len(atoms))[[3, 0]]
    assert some.dense().tolist() == rows.reshape(some.shape).tolist()
    assert some.features.tolist() == every.features[[3, 0]].tolist()
    assert sorted(batch.atoms.shape[1] for batch in some.batches) == [2, 3]


def test_given_species_keep_the_features_in_place() -> None:
    descriptor = Featomic(power(), species=["H", "C", "O"])
    labels = descriptor.labels()
    assert descriptor.features(molecule("CH4")).shape[1] == len(labels) == 6 * 27
    (row,) = descriptor.features(molecule("CH4"), centers=[0])
    assert {
        (one, other) for (one, _, other, _, _), value in zip(labels, row, strict=True) if value
    } == {
        ("H", "H"),
        ("H", "C"),
        ("C", "C"),
    }


@pytest.mark.parametrize(
    "name",
    mostly_slow([case.name for case in (*ENVIRONMENTS, *MOLECULES)], fast=["S1", "NH3"]),
)
def test_counts_per_cause_are_those_of_order_2(name: str) -> None:
    (case,) = (each for each in (*ENVIRONMENTS, *MOLECULES) if each.name == name)
    atoms, centers = case.build(), [0] if case in ENVIRONMENTS else None
    native = DensityCorrelations(order=2, cutoff=5.0, n_max=8, l_max=6)
    expected, found = (
        diagnose(atoms, descriptor, centers=centers).counts
        for descriptor in (native, Featomic(power(8, 6, cutoff=5.0, spline=1e-8)))
    )
    assert found == expected


def test_the_radial_spectrum_sees_distances_only() -> None:
    found = diagnose(structures.load("generic"), Featomic(radial(n_max=6)), centers=[0])
    assert (found.counts["sensitive"], found.counts["incompleteness"]) == (4, 5)


# 12 coordinates less the rank: 5 for BF3, 6 for NH3.
@pytest.mark.parametrize(("name", "nullity"), [("BF3", 7), ("NH3", 6)])
def test_nullity_near_symmetric_geometries(name: str, nullity: int) -> None:
    descriptor = Featomic(power(8, 6, cutoff=5.0))
    values = np.linalg.svd(jacobian(structures.load(name), descriptor).dense(), compute_uv=False)
    assert np.sum(values <= 1e-12 * values[0]) == nullity


def test_interpolated_radial_functions_have_an_error_that_is_reported() -> None:
    splined, exact = (Featomic(power(spline=accuracy)) for accuracy in (1e-6, None))
    errors = [jacobian(ethanol(), each).error for each in (splined, exact)]
    assert errors[0] > 1e-9
    assert errors[1] == 0
    assert any("differs from central differences" in remark for remark in splined.remarks)
    assert exact.remarks == ()


def test_a_larger_basis() -> None:
    descriptor = Featomic(power())
    larger = larger_basis(descriptor, ethanol())
    assert (larger.settings["n_max"], larger.settings["l_max"]) == (5, 4)
    assert larger.features(ethanol()).shape[1] == 6 * 25 * 5
    assert Featomic(radial()).larger_basis().settings["n_max"] == 6
    assert Featomic(separate()).larger_basis() is None
    assert Featomic(power(15, 16)).larger_basis() is None


def test_settings_have_the_names_of_the_native_descriptor() -> None:
    descriptor = Featomic(power())
    assert set(descriptor.settings) - {"species"} <= set(DensityCorrelations.__dataclass_fields__)
    changed = descriptor.with_settings(cutoff=4.0, smearing=0.5, center_weight=0.0, species=["H"])
    assert changed.cutoff == 4.0
    assert changed.settings["smearing"] == 0.5
    assert changed.species == (1,)
    assert descriptor.cutoff == 3.0
    with pytest.raises(TypeError, match="featomic SoapPowerSpectrum has no setting width; choose"):
        descriptor.with_settings(width=1.0)


@pytest.mark.parametrize("species", [None, ["O", "H", "C"]])
@pytest.mark.parametrize("make", [power, radial, separate])
def test_python_and_pickle_give_an_equal_descriptor(make, species) -> None:
    descriptor = Featomic(make(), species=species)
    lines, expression = descriptor.python()
    scope: dict = {}
    exec(lines, scope)
    for other in (eval(expression, scope), pickle.loads(pickle.dumps(descriptor))):
        assert repr(other) == repr(descriptor) == expression
        assert other.features(ethanol()).tolist() == descriptor.features(ethanol()).tolist()


@pytest.mark.parametrize("make", [power, radial, separate])
@pytest.mark.parametrize(
    ("atoms", "centers", "size"),
    [
        (ethanol(), None, 1e-3),
        (ethanol(), [4, 0], 1e-3),
        (salt(), None, 1e-3),
        (far(), None, 1e-3),
        (Atoms("CO", [[0, 0, 0], [0, 0, 3.0]]), [0], 1e-2),  # an atom crosses the cutoff
        (salt().repeat((4, 3, 3)), [0, 71], 1e-3),  # more copies than one call takes
    ],
)
def test_one_call_gives_what_each_copy_gives(make, atoms, centers, size) -> None:
    rng, copies = np.random.default_rng(0), [atoms.copy() for _ in range(9)]
    for copy in copies:
        copy.positions += rng.normal(scale=size, size=copy.positions.shape)
    descriptor = Featomic(make())
    chosen = tuple(range(len(atoms))) if centers is None else tuple(centers)
    rows = descriptor._answers(copies, [chosen] * len(copies))
    together = descriptor.gradients_of_copies(copies, centers=centers)
    for copy, features, batches in zip(copies, rows, together, strict=True):
        expected = descriptor.gradients(copy, centers=centers)
        largest = max(np.abs(batch.gradient).max() for batch in expected)
        alone = descriptor.features(copy, centers=centers)
        np.testing.assert_allclose(features, alone, rtol=0, atol=1e-14 * np.abs(alone).max())
        for one, other in zip(batches, expected, strict=True):
            assert np.array_equal(one.centers, other.centers)
            assert np.array_equal(one.atoms, other.atoms)
            np.testing.assert_allclose(one.features, other.features, rtol=0, atol=1e-14)
            np.testing.assert_allclose(one.gradient, other.gradient, rtol=0, atol=1e-14 * largest)


def test_centers_may_differ_from_structure_to_structure() -> None:
    atoms, descriptor = ethanol(), Featomic(power())
    turned = atoms[::-1]
    first, last, both = descriptor._answers([atoms, turned, turned], [(0,), (8,), (8, 3)])
    np.testing.assert_allclose(first, last, rtol=0, atol=1e-14 * np.abs(first).max())
    np.testing.assert_allclose(both[:1], last, rtol=0, atol=1e-14 * np.abs(first).max())


def test_examination_takes_few_calls(monkeypatch) -> None:
    descriptor, calls = Featomic(power()), []
    compute = type(descriptor)._rows

    def counted(self, structures, centers):
        calls.append(len(structures))
        return compute(self, structures, centers)

    monkeypatch.setattr(Featomic, "_rows", counted)
    own = descriptor.measured_on(ethanol(), centers=[0])
    assert (own.invariance, own.smooth, own.remarks) == ("O(3)", True, ())
    assert sum(calls) > 3 * len(calls)
    calls.clear()
    descriptor.measured_on(ethanol(), centers=[0])  # its elements are known
    assert calls == [1, 4]  # the structure; turned, inverted, and two pairs of like atoms exchanged


def test_labels_need_species() -> None:
    with pytest.raises(ValueError, match="depend on the structure; pass labels"):
        Featomic(power()).labels()


@pytest.mark.parametrize("make", [power, radial])
def test_an_isolated_atom_has_features_that_nothing_changes(make) -> None:
    found = jacobian(Atoms("H"), Featomic(make()))
    assert found.features.any()
    assert not found.dense().any()


@pytest.mark.slow
def test_analyses_work() -> None:
    start, descriptor = structures.load("generic"), Featomic(power(4, 3))
    assert locate(start, descriptor, center=0, reach=0.2).converged
    assert len(follow(start, descriptor, center=0, mode=8, length=0.1, step=0.05).frames) >= 3
    assert find_twin(structures.load("X0"), descriptor, center=0).residual < 1e-10
    features = descriptor.features(start, centers=[0])
    assert invert(features, descriptor, start=start, centers=[0]).residual < 1e-10
    assert convergence(start, descriptor, centers=[0], n_max=[1, 4]).rank.tolist() == [4, 9]


@pytest.mark.parametrize("pbc", [(True, True, False), (True, False, False)])
def test_mixed_periodicity_is_refused(pbc) -> None:
    atoms = Atoms("C", cell=[3.0, 3.0, 20.0], pbc=pbc)
    with pytest.raises(ValueError, match=r"all directions or in none, got pbc \[True"):
        Featomic(power()).features(atoms)


def test_unknown_species_are_refused() -> None:
    with pytest.raises(ValueError, match="are H, C, and the structure has O; add it to species"):
        Featomic(power(), species=["C", "H"]).features(ethanol())


@pytest.mark.parametrize(
    "calculator",
    ["SOAP", SortedDistances(cutoff=3.0, max_neighbors=4, separate_neighbor_types=True)],
)
def test_other_calculators_are_refused(calculator) -> None:
    with pytest.raises(
        TypeError, match="must be featomic's SoapRadialSpectrum or SoapPowerSpectrum"
    ):
        Featomic(calculator)


def test_a_missing_package_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "featomic.calculators", None)
    with pytest.raises(ImportError, match=r"atomic-sensitivity\[featomic\].* 0.6.7 is known to w"):
        Featomic(power())
