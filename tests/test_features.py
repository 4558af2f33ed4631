"""What one feature sees, and which features a displacement changes."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from sensitivity import (
    DensityCorrelations,
    jacobian,
    pull_back,
    spectrum,
    strongest_features,
    structures,
)

DESCRIPTOR = DensityCorrelations(order=2, n_max=3, l_max=3)


def test_a_pull_back_is_a_row_of_the_jacobian() -> None:
    water = structures.load("H2O")
    row = jacobian(water, DESCRIPTOR, centers=[1]).dense()[17].reshape(3, 3)
    assert np.abs(row).max() > 0
    assert np.array_equal(pull_back(water, DESCRIPTOR, center=1, feature=17), row)
    label = DESCRIPTOR.labels(water)[17]
    assert np.array_equal(pull_back(water, DESCRIPTOR, center=1, feature=label), row)


def test_a_pull_back_predicts_the_change_of_its_feature() -> None:
    ethanol, step = structures.load("ethanol"), 1e-4
    label = ("H", 1, "C", 0, 2)
    gradient = pull_back(ethanol, DESCRIPTOR, center=2, feature=label)
    place, direction = DESCRIPTOR.labels(ethanol).index(label), gradient / np.linalg.norm(gradient)
    values = []
    for side in (step, -step):
        moved = ethanol.copy()
        moved.positions += side * direction
        values.append(DESCRIPTOR.features(moved, centers=[2])[0, place])
    slope = (values[0] - values[1]) / (2 * step)
    assert slope == pytest.approx(np.linalg.norm(gradient), rel=1e-6)


def test_a_feature_sees_only_the_elements_of_its_label() -> None:
    """And the center, which moves against them."""
    ethanol = structures.load("ethanol")
    gradient = pull_back(ethanol, DESCRIPTOR, center=0, feature=("O", 0, "O", 1, 1))
    moving = set(np.flatnonzero(np.abs(gradient).max(axis=1) > 0))
    assert moving == {0, *np.flatnonzero(ethanol.symbols == "O")}


def test_strongest_features_are_in_the_order_of_their_changes() -> None:
    atoms, descriptor = structures.load("X0"), DensityCorrelations()
    mode = spectrum(atoms, descriptor, centers=[0]).modes[0]
    found = strongest_features(atoms, descriptor, 3 * mode, center=0, count=5)
    changes = jacobian(atoms, descriptor, centers=[0]).apply(mode[None])[:, 0]
    largest = np.sort(np.abs(changes))[::-1][:5]
    assert [abs(each.change) for each in found] == pytest.approx(largest)
    labels = descriptor.labels(atoms)
    for each in found:
        assert each.label == labels[each.feature]
        assert each.change == pytest.approx(changes[each.feature])


def test_equal_changes_come_in_the_order_of_the_features() -> None:
    """Two hydrogen atoms at the same distance as two of another element."""
    atoms = Atoms("CHHe", [[0, 0, 0], [0, 0, 1], [0, 1, 0]])
    symmetric = np.array([[0, 0, 0], [0, 0, 1.0], [0, 1.0, 0]])
    descriptor = DensityCorrelations(order=1, n_max=2)
    found = strongest_features(atoms, descriptor, symmetric, center=0)
    assert [change.label for change in found] in (
        [("H", 0), ("He", 0), ("H", 1), ("He", 1)],
        [("H", 1), ("He", 1), ("H", 0), ("He", 0)],
    )


def test_a_hidden_mode_changes_no_feature() -> None:
    methane = structures.load("Td")
    modes = spectrum(methane, DESCRIPTOR, centers=[0]).modes
    assert strongest_features(methane, DESCRIPTOR, modes[1], center=0) == ()
    assert strongest_features(methane, DESCRIPTOR, modes[0], center=0) != ()


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (("C", 0, "C", 0, 9), r"no feature with the label .*; labels\(atoms\) .* from \('H', 0"),
        (-1, "feature must be an index from 0 to 83, or a label, got -1"),
        (84, "feature must be an index from 0 to 83, or a label, got 84"),
    ],
)
def test_unknown_features_are_refused(feature, message) -> None:
    with pytest.raises(ValueError, match=message):
        pull_back(structures.load("H2O"), DESCRIPTOR, center=0, feature=feature)


def test_a_label_of_several_features_is_refused() -> None:
    class Repeating(DensityCorrelations):
        def labels(self, atoms=None):
            return ("same",) * self.count_features(atoms)

    with pytest.raises(ValueError, match="84 features have the label 'same'; give the index"):
        pull_back(structures.load("H2O"), Repeating(2, n_max=3, l_max=3), center=0, feature="same")


def test_wrong_arguments_are_refused() -> None:
    water = structures.load("H2O")
    with pytest.raises(TypeError, match=r"feature must be an index .* got 1\.5"):
        pull_back(water, DESCRIPTOR, center=0, feature=1.5)
    with pytest.raises(TypeError, match="pull_back takes center=, one index"):
        pull_back(water, DESCRIPTOR, centers=[0], feature=1)
    with pytest.raises(ValueError, match=r"mode must have shape \(3, 3\).* got \(2, 3\)"):
        strongest_features(water, DESCRIPTOR, np.zeros((2, 3)), center=0)
    with pytest.raises(ValueError, match="other than zero, got norm 0"):
        strongest_features(water, DESCRIPTOR, np.zeros((3, 3)), center=0)
    with pytest.raises(ValueError, match="count must be an integer of at least 1, got 0"):
        strongest_features(water, DESCRIPTOR, np.ones((3, 3)), center=0, count=0)
