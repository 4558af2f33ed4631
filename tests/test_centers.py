"""One center is ``center=``, several are ``centers=``, and the other word is explained."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sensitivity import (
    DensityCorrelations,
    convergence,
    diagnose,
    feature_changes,
    find_twin,
    follow,
    invert,
    jacobian,
    locate,
    spectrum,
    structures,
)
from sensitivity.descriptors.batches import batches_from_function, features_from_function
from sensitivity.geometry.motions import trivial_motions
from sensitivity.geometry.superposition import superpose
from sensitivity.jacobian import second_derivative
from sensitivity.symmetry import site_symmetry

DESCRIPTOR = DensityCorrelations()
ONE = [locate, follow, find_twin, site_symmetry, structures.environment, superpose]
SEVERAL = [
    jacobian,
    second_derivative,
    trivial_motions,
    spectrum,
    invert,
    diagnose,
    feature_changes,
    convergence,
    batches_from_function,
    features_from_function,
    DESCRIPTOR.features,
    DESCRIPTOR.gradients,
]


@pytest.mark.parametrize("function", ONE)
def test_the_word_for_one_center(function: Callable[..., object]) -> None:
    expected = (
        f"^{function.__name__} takes center=, one index; centers= is for functions of several "
        "centers such as spectrum.$"
    )
    with pytest.raises(TypeError, match=expected):
        function(structures.load("X0"), DESCRIPTOR, centers=[0])


@pytest.mark.parametrize("function", SEVERAL)
def test_the_word_for_several_centers(function: Callable[..., object]) -> None:
    expected = (
        f"^{function.__qualname__} takes centers=, a sequence of indices; center= is for functions "
        "of one center such as locate.$"
    )
    with pytest.raises(TypeError, match=expected):
        function(structures.load("X0"), DESCRIPTOR, center=0)


@pytest.mark.parametrize("name", ["Explorer", "BasisExplorer", "PathExplorer.between"])
def test_the_word_for_several_centers_in_a_notebook(name: str) -> None:
    view, _, method = name.partition(".")
    made = getattr(pytest.importorskip("sensitivity.explorers"), view)
    made = getattr(made, method) if method else made
    with pytest.raises(TypeError, match=f"^{name} takes centers=, a sequence of indices; "):
        made(structures.load("X0"), DESCRIPTOR, center=0)
