"""Stacked and normalised descriptors; the contract of every descriptor tests them, too."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from sensitivity import DensityCorrelations, diagnose, jacobian, spectrum, structures
from sensitivity.descriptors import Normalized, Stacked
from sensitivity.descriptors.from_function import Function

ORDERS = tuple(DensityCorrelations(order, 3.5, 3, 4) for order in (1, 2, 3))


def test_stacked_features_are_those_of_the_descriptors_side_by_side() -> None:
    water, stack = structures.load("H2O"), Stacked(ORDERS)
    parts = [each.features(water, centers=[2, 0]) for each in ORDERS]
    assert np.array_equal(stack.features(water, centers=[2, 0]), np.concatenate(parts, axis=1))
    assert stack.count_features(water) == sum(part.shape[1] for part in parts)
    labels = stack.labels(water)
    assert labels[0] == (0, ("H", 0))
    assert len(set(labels)) == stack.count_features(water)


def test_stacked_gradients_of_different_cutoffs() -> None:
    chain = Atoms("CHHH", [[0, 0, 0], [1.1, 0, 0.1], [2.2, 0.3, 0], [3.3, 0, -0.2]])
    near, far = DensityCorrelations(2, 1.5, 2, 2), DensityCorrelations(1, 4.0, 3, 0)
    stack = Stacked([near, far])
    assert stack.cutoff == 4.0
    rows = [jacobian(chain, each).dense().reshape(4, -1, 12) for each in (near, far)]
    ours = jacobian(chain, stack).dense().reshape(4, -1, 12)
    assert np.array_equal(ours, np.concatenate(rows, axis=1))


def test_a_stack_is_of_an_order_only_if_one_descriptor_sees_all() -> None:
    two, three = DensityCorrelations(2), DensityCorrelations(3)
    odd = DensityCorrelations(3, parity_odd=True)
    assert Stacked([two, three]).order == 3
    assert Stacked([three, odd]).order == 3
    assert Stacked([odd, three]).order == 3
    assert not Stacked([odd, three]).inversion_invariant
    assert Stacked([DensityCorrelations(2, 5.0), three]).order is None  # sees farther
    assert Stacked([odd, DensityCorrelations(4, n_max=1)]).order is None  # sees mirror images
    assert Stacked([two, Normalized(two)]).order is None


def test_a_stack_refines_all_its_descriptors_and_adds_the_next_order() -> None:
    stack = Stacked(ORDERS)
    assert [each.n_max for each in stack.larger_basis().descriptors] == [5, 5, 5]
    assert [each.order for each in stack.higher_order().descriptors] == [1, 2, 3, 4]
    assert Stacked([Normalized(ORDERS[0])]).higher_order() is None


def test_causes_of_a_stack() -> None:
    found = diagnose(structures.load("X0"), Stacked(ORDERS[:2]), centers=[0])
    assert found.counts["incompleteness"] == 1
    assert found.of("incompleteness")[0].evidence.lifted_by == 3
    assert diagnose(structures.load("X0"), Stacked(ORDERS), centers=[0]).counts["sensitive"] == 9


@pytest.mark.parametrize("combined", [Stacked(ORDERS), Normalized(ORDERS[1])])
def test_the_expression_creates_it(combined) -> None:
    lines, expression = combined.python()
    names: dict = {}
    exec(lines, names)
    assert eval(expression, names) == combined


def test_stacks_refuse_what_is_no_descriptor() -> None:
    with pytest.raises(ValueError, match="must have at least one descriptor, got none"):
        Stacked([])
    with pytest.raises(TypeError, match="must be a sequence of descriptors, got 3"):
        Stacked(3)
    with pytest.raises(TypeError, match="got 'SOAP'"):
        Stacked(["SOAP"])
    with pytest.raises(TypeError, match="change the descriptors, and stack them"):
        Stacked(ORDERS).with_settings(n_max=2)


def test_normalised_features_lose_their_norm() -> None:
    """With one radial function and l = 0, a center's only feature is its norm."""
    water, one = structures.load("H2O"), DensityCorrelations(2, 3.5, 1, 0, species=("H",))
    pair = Atoms("H2", [[0, 0, 0], [0, 0, 0.8]])
    assert spectrum(pair, one, centers=[0]).rank == 1
    assert spectrum(pair, Normalized(one), centers=[0]).rank == 0
    assert Normalized(ORDERS[1]).labels(water) == ORDERS[1].labels(water)
    assert Normalized(ORDERS[1]).order is None


def test_a_normalised_descriptor_keeps_settings_and_refinement() -> None:
    normalized = Normalized(ORDERS[1])
    assert normalized.name == "normalized DensityCorrelations"
    assert normalized.with_settings(n_max=2) == Normalized(DensityCorrelations(2, 3.5, 2, 4))
    assert normalized.larger_basis() == Normalized(ORDERS[1].larger_basis())
    assert normalized.higher_order() == Normalized(ORDERS[1].higher_order())
    found = diagnose(structures.load("X0"), normalized, centers=[0])
    assert found.counts["incompleteness"] == 1


def test_errors_and_remarks_of_adapters_are_kept() -> None:
    def distances(atoms: Atoms) -> np.ndarray:
        return 1 / (1 + np.sort(atoms.get_all_distances(), axis=1) ** 2)

    water, function = structures.load("H2O"), Function(distances, cutoff=5.0)
    water.rattle(0.1, seed=0)  # equal distances are kinks
    alone = jacobian(water, function).error
    assert alone > 0
    stacked = jacobian(water, Stacked([function, ORDERS[0]]))
    # Each center has the bound of all three.
    assert alone <= stacked.error <= 3**0.5 * alone * (1 + 1e-12)
    norms = np.linalg.norm(function.features(water), axis=1)
    assert jacobian(water, Normalized(function)).error == pytest.approx(alone / norms.min())
    assert function.remarks
    assert Stacked([function, ORDERS[0]]).remarks == function.remarks
    assert Normalized(function).remarks == function.remarks
    assert not function.smooth  # sorted distances
    assert not Normalized(function).smooth
    assert not Stacked([function, ORDERS[0]]).smooth


def test_features_of_norm_zero_are_refused() -> None:
    far = Atoms("H3", [[0, 0, 0], [0, 0, 0.8], [0, 0, 9.0]])
    for call in (Normalized(ORDERS[1]).features, Normalized(ORDERS[1]).gradients):
        with pytest.raises(ValueError, match=r"center 2 are all zero .*; leave this center out"):
            call(far)
