"""Convergence: known ranks of small bases, the bound of symmetry, and what cannot be computed."""

from __future__ import annotations

import sys
from functools import partial
from threading import Event

import numpy as np
import pytest
from cases import EQUAL_BONDS_TRUNCATION, TRUNCATION, equal_bonds
from dscribe.descriptors import CoulombMatrix
from matplotlib.figure import Figure

from sensitivity import DensityCorrelations, SphericalBessel, spectrum, structures
from sensitivity.convergence import Convergence, convergence
from sensitivity.descriptors import Dscribe, OverlapMatrix
from sensitivity.plots.convergence_plot import plot_convergence
from sensitivity.progress import Cancelled, Interrupted, cancellable

DESCRIPTOR = DensityCorrelations(order=2, cutoff=3.0, n_max=4, l_max=4)


@pytest.fixture(scope="module")
def generic() -> Convergence:
    """Four neighbours in general position: all of nine displacements can be seen."""
    grid = {"n_max": [1, 2, 3], "l_max": [1, 2, 6]}
    return convergence(structures.load("generic"), DESCRIPTOR, centers=[0], **grid)


# Values


def test_ranks_of_small_bases_are_the_known_ones(generic: Convergence) -> None:
    assert generic.parameters == {"n_max": (1, 2, 3), "l_max": (1, 2, 6)}
    for (n_max, l_max), rank in TRUNCATION.items():
        point = ((1, 2, 3).index(n_max), (1, 2, 6).index(l_max))
        assert generic.rank[point] == rank
        assert generic.full[point] == (rank == 9)
        assert (generic.smallest[point] > 1e-9) == (rank == 9)
    assert (generic.visible == 9).all()
    assert (generic.internal == 9).all()
    assert generic.failures == {}


def test_ranks_of_equal_bonds_grow_with_the_degree() -> None:
    degrees = list(EQUAL_BONDS_TRUNCATION)
    found = convergence(equal_bonds(), DESCRIPTOR, centers=[0], l_max=degrees)
    assert found.rank.tolist() == list(EQUAL_BONDS_TRUNCATION.values())


@pytest.mark.parametrize(("name", "visible"), [("CH4", 7), ("C6H6", 18), ("BF3", 5), ("H2O", 3)])
def test_a_converged_basis_sees_what_symmetry_allows(name: str, visible: int) -> None:
    found = convergence(structures.load(name), DESCRIPTOR, n_max=[4, 6], l_max=[4, 6])
    assert (found.visible == visible).all()
    assert found.full.all()
    assert (found.smallest > 1e-3).all()  # what symmetry hides does not count


@pytest.mark.parametrize("name", ["generic", "X0", "CO2", "C6H6", "Si-diamond"])
def test_points_are_those_of_the_spectrum(name: str) -> None:
    atoms, centers = structures.load(name), [0, 1]
    found = convergence(atoms, DESCRIPTOR, centers=centers, n_max=[2, 4], smearing=[0.4, 0.2])
    for point in np.ndindex(2, 2):
        n_max, smearing = (2, 4)[point[0]], (0.4, 0.2)[point[1]]
        descriptor = DensityCorrelations(2, 3.0, n_max, 4, smearing=smearing)
        expected = spectrum(atoms, descriptor, centers=centers)
        assert found.rank[point] == expected.rank
        assert found.internal[point] == expected.internal
        least = expected.singular_values[found.visible[point] - 1] / expected.singular_values[0]
        assert found.smallest[point] == pytest.approx(least, rel=1e-6, abs=1e-12)


def test_nearly_symmetric_structures_have_the_bound_of_the_symmetric_one() -> None:
    atoms = structures.load("Td")
    atoms.positions += 2e-4 * np.random.default_rng(1).normal(size=(5, 3))
    found = convergence(atoms, DESCRIPTOR, centers=[0], n_max=[3, 4])
    assert found.visible.tolist() == found.rank.tolist() == [1, 1]
    assert found.smallest == pytest.approx([1, 1])


def test_handedness_lifts_the_bound() -> None:
    atoms = structures.load("planar")
    for odd, visible in ((False, 5), (True, 6)):
        descriptor = DensityCorrelations(3, 3.0, 3, 3, parity_odd=odd)
        found = convergence(atoms, descriptor, centers=[0], l_max=[3, 4])
        assert found.visible.tolist() == [visible, visible]
        assert found.full.all()


def test_the_cutoff_decides_what_is_there_to_be_seen() -> None:
    found = convergence(structures.load("CH4"), DESCRIPTOR, cutoff=[1.0, 1.5, 3.0])
    assert found.internal.tolist() == [0, 9, 9]
    assert found.visible.tolist() == [0, 4, 7]
    assert found.rank.tolist() == [0, 4, 7]
    assert np.isnan(found.smallest).tolist() == [True, False, False]
    assert found.failures == {}


def test_higher_orders_lift_what_no_basis_does() -> None:
    atoms = structures.load("X0")
    bases = convergence(atoms, DESCRIPTOR, centers=[0], n_max=[4, 6, 8], l_max=[4, 6, 8])
    assert (bases.rank == 8).all()
    assert not bases.full.any()
    assert bases.smallest.max() < 1e-12
    orders = convergence(atoms, DESCRIPTOR, centers=[0], order=[1, 2, 3])
    assert orders.rank[1:].tolist() == [8, 9]
    assert orders.rank[0] <= 4  # distances alone


# Verdict


def test_status_tells_from_where_on_nothing_changes() -> None:
    found = convergence(structures.load("CH4"), DESCRIPTOR, n_max=[4, 6, 8], l_max=[1, 6, 8])
    assert found.converged == (1, 1)
    assert found.converged_basis == {"n_max": 6, "l_max": 6}
    assert found.status == (
        "Converged: from n_max = 6, l_max = 6 on, the rank stays 7 (symmetry allows 7), and "
        f"the smallest value, {found.smallest[1, 1]:.1e} of the largest, changes by less than 10 %."
    )
    for start, same in (((1, 1), True), ((0, 1), False), ((1, 0), False)):
        values = found.smallest[start[0] :, start[1] :]
        assert (np.ptp(values) < 0.1 * values.max()) == same
    assert repr(found) == f"Convergence(CH4, n_max, l_max: {found.status})"


def test_status_of_a_zero_that_stays() -> None:
    found = convergence(structures.load("X0"), DESCRIPTOR, centers=[0], n_max=[4, 6])
    assert found.status == (
        "Converged: from n_max = 4 on, the rank stays 8 (symmetry allows 9), the smallest "
        "singular value zero."
    )


def test_status_of_what_still_changes(generic: Convergence) -> None:
    assert generic.converged is None
    assert generic.converged_basis is None
    atoms = structures.load("generic")
    ranks = convergence(atoms, DESCRIPTOR, centers=[0], n_max=[1, 2])
    assert ranks.status == (
        "Not converged: with n_max from 1 to 2 the rank goes from 5 to 9; add larger values."
    )
    values = convergence(atoms, DESCRIPTOR, centers=[0], l_max=[2, 4])
    assert "with l_max from 2 to 4 the smallest value goes from" in values.status
    assert values.converged is None


def test_the_last_point_alone_is_not_convergence() -> None:
    found = convergence(structures.load("generic"), DESCRIPTOR, centers=[0], n_max=[1, 2, 4])
    assert found.converged is None
    one = convergence(structures.load("generic"), DESCRIPTOR, centers=[0], n_max=[4])
    assert one.converged is None
    assert one.status.startswith("Nothing to compare")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("H", "see no internal displacement"), ("graphene", "symmetry hides all displacements")],
)
def test_nothing_to_be_seen_is_an_answer(name: str, reason: str) -> None:
    found = convergence(structures.load(name), DESCRIPTOR, n_max=[2, 4])
    assert found.rank.tolist() == found.visible.tolist() == [0, 0]
    assert np.isnan(found.smallest).all()
    assert reason in found.status


# What cannot be computed


def test_points_that_cannot_be_computed_keep_the_reason() -> None:
    atoms = structures.load("CH4")
    found = convergence(atoms, DESCRIPTOR, n_max=[6, 8, 16], l_max=[6, 8])
    assert set(found.failures) == {(2, 0), (2, 1)}
    assert (
        "from 1 to 15 with Gaussian-type orbitals, got 16; more are linearly"
        in found.failures[2, 0]
    )
    for array in (found.rank, found.smallest):
        assert np.isnan(array).tolist() == [[False] * 2, [False] * 2, [True] * 2]
    assert found.converged == (0, 0)
    assert found.status.endswith("; of 6 points 2 could not be computed.")
    bessel = DensityCorrelations(2, 3.0, basis=SphericalBessel())
    assert convergence(atoms, bessel, n_max=[4, 16]).failures == {}


def test_convergence_is_not_told_across_what_could_not_be_computed() -> None:
    found = convergence(structures.load("CH4"), DESCRIPTOR, n_max=[6, 16])
    assert found.converged is None
    assert found.status.startswith("Not converged: n_max = 16 could not be computed; add")


def test_too_many_features_are_a_reason() -> None:
    descriptor = DensityCorrelations(4, 3.0, 1, 6)
    found = convergence(structures.load("CH4"), descriptor, centers=[0], n_max=[1, 12])
    assert list(found.failures) == [(1,)]
    assert "features per center, more than 1000000" in found.failures[(1,)]


def test_arrays_are_read_only_and_the_structure_is_a_copy(generic: Convergence) -> None:
    for name in ("smallest", "rank", "internal", "visible"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(generic, name)[0, 0] = 1
    atoms = structures.load("H2O")
    found = convergence(atoms, DESCRIPTOR, n_max=[2])
    atoms.positions += 1
    assert not np.allclose(found.atoms.positions, atoms.positions)


# Wrong input


@pytest.mark.parametrize(
    ("grid", "error", "message"),
    [
        ({}, ValueError, r"one of n_max, l_max, .* must have values, got none; give e.g. n_max="),
        (
            {"n_max": 4},
            TypeError,
            r"n_max must be a sequence of numbers, got 4; give e.g. n_max=\[",
        ),
        ({"n_max": "46"}, TypeError, r"n_max must be a sequence of numbers, got '46'"),
        ({"l_max": [4, 4]}, ValueError, r"l_max must have different values, got \[4, 4\]; remove"),
        ({"n_max": [2.5]}, TypeError, r"n_max must be whole numbers, got \[2.5\]; round them"),
        ({"n_max": [np.nan]}, TypeError, r"n_max must be whole numbers, got \[nan\]"),
        ({"n_max": [np.inf]}, TypeError, r"n_max must be whole numbers, got \[inf\]"),
        (
            {"n_max": [0, 16]},
            ValueError,
            r"no combination can be computed: n_max must be",
        ),
        ({"cutoff": [0.0, 3.0]}, ValueError, r"cutoff must be a positive, finite length in Å, got"),
        ({"n_max": [2], "centers": [9]}, ValueError, r"center 9 does not exist"),
    ],
)
def test_wrong_grids(grid: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        convergence(structures.load("CH4"), DESCRIPTOR, **grid)


def test_whole_numbers_may_be_floats() -> None:
    found = convergence(structures.load("CH4"), DESCRIPTOR, n_max=np.array([2.0, 4.0]))
    assert found.parameters == {"n_max": (2, 4)}
    assert not found.failures


def test_what_is_no_descriptor_or_has_no_such_setting_is_refused() -> None:
    methane = structures.load("CH4")
    with pytest.raises(TypeError, match=r"descriptor must be a descriptor such as .* got 'SOAP'"):
        convergence(methane, "SOAP", n_max=[2])
    message = "DensityCorrelations has no numerical setting width; choose from n_max, l_max, order"
    with pytest.raises(TypeError, match=message):
        convergence(methane, DESCRIPTOR, width=[2])


def test_only_numbers_that_may_vary_are_suggested() -> None:
    methane, descriptor = structures.load("CH4"), OverlapMatrix()
    message = r"one of cutoff, neighbors, scale must have values, got none; give e.g. cutoff=\[4, 6"
    with pytest.raises(ValueError, match=message):
        convergence(methane, descriptor)
    with pytest.raises(TypeError, match=r"numbers, got 1; give e.g. scale=\[0.2, 1.1, 2\]."):
        convergence(methane, descriptor, scale=1)
    with pytest.raises(TypeError, match="CoulombMatrix has no setting to vary; compare spectra"):
        convergence(methane, Dscribe(CoulombMatrix(n_atoms_max=5), cutoff=9.0))
    with pytest.raises(TypeError, match="no numerical setting orbitals; choose from cutoff, nei"):
        convergence(methane, descriptor, orbitals=["s", "sp"])


def test_a_descriptor_without_settings_has_nothing_to_vary() -> None:
    class Bare:
        cutoff, inversion_invariant = 3.0, True
        features, gradients = DESCRIPTOR.features, DESCRIPTOR.gradients

    message = "^Bare has no setting to vary; compare spectra one by one.$"
    for values in ({}, {"n": [2, 3]}):
        with pytest.raises(TypeError, match=message):
            convergence(structures.load("CH4"), Bare(), **values)


def test_settings_that_enlarge_the_basis_come_first() -> None:
    grid = {"smearing": [0.3, 0.2], "l_max": [1, 2], "n_max": [1, 2, 3]}
    found = convergence(structures.load("CH4"), DESCRIPTOR, centers=[0], **grid)
    assert list(found.parameters) == ["n_max", "l_max", "smearing"]
    assert found.rank.shape == (3, 2, 2)


def test_a_stopped_computation_has_what_was_computed() -> None:
    told: list[str] = []

    def stop(error: type[BaseException], sentence: str) -> None:
        told.append(sentence)
        if len(told) % 2 == 0:
            raise error

    methane = structures.load("CH4")
    found = convergence(methane, DESCRIPTOR, n_max=[2, 3, 4], progress=partial(stop, Cancelled))
    assert told == ["n_max = 2", "n_max = 3"]
    assert np.isnan(found.rank).tolist() == [False, True, True]
    assert set(found.failures.values()) == {"not computed, because the computation was stopped"}
    assert found.status.startswith("Cancelled: 2 of 3 points were not computed, so conv")
    assert (found.ending, found.interrupted) == ("cancelled", True)
    with pytest.raises(Interrupted) as raised:
        convergence(methane, DESCRIPTOR, n_max=[2, 3], progress=partial(stop, KeyboardInterrupt))
    assert np.isnan(raised.value.partial.rank).tolist() == [False, True]


@pytest.mark.parametrize("values", [[4], [2, 3, 4]])
def test_the_status_tells_first_that_the_computation_was_stopped(values: list[int]) -> None:
    def stop(sentence: str) -> None:
        if sentence == "n_max = 4":
            raise Cancelled

    found = convergence(structures.load("X0"), DESCRIPTOR, n_max=values, progress=stop)
    assert found.status.startswith(f"Cancelled: 1 of {len(values)} points was not computed, so")


def test_a_computation_can_be_stopped_before_its_first_jacobian(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    methane, event, told = structures.load("CH4"), Event(), list[str]()
    event.set()
    with cancellable(event):
        found = convergence(methane, DESCRIPTOR, n_max=[2, 3], progress=told.append)
    assert not told

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules[convergence.__module__], "allowed_displacements", interrupted)
    with pytest.raises(Interrupted) as raised:
        convergence(methane, DESCRIPTOR, n_max=[2, 3])
    for each in (found, raised.value.partial):
        assert np.isnan(each.rank).all()
        assert not each.internal.any()
        assert each.status == (
            f"{each.ending.capitalize()}: 2 of 2 points were not computed, so convergence of the "
            "basis is unknown."
        )
        assert repr(each)
        assert plot_convergence(each, ax=Figure().subplots())
