"""The example of one's own descriptor is short, and works in everything that takes a descriptor."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from panel import TOOLBAR

from sensitivity import diagnose, find_twin, follow, jacobian, locate, spectrum, structures
from sensitivity.convergence import convergence
from sensitivity.descriptors import Descriptor, with_defaults

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = EXAMPLES / "own_descriptor.py"
SymmetryFunctions = runpy.run_path(str(EXAMPLE), run_name="own_descriptor")["SymmetryFunctions"]
ANGULAR = EXAMPLES / "angular_descriptor.py"
AngularFunctions = runpy.run_path(str(ANGULAR), run_name="angular_descriptor")["AngularFunctions"]


@pytest.fixture
def descriptor() -> Descriptor:
    return SymmetryFunctions(n=8, cutoff=3.0)


def test_it_is_short() -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 40


def test_it_says_what_it_is(descriptor: Descriptor) -> None:
    assert with_defaults(descriptor) is descriptor
    assert descriptor.name == "SymmetryFunctions"
    assert descriptor.settings == {"n": 8, "cutoff": 3.0}
    assert descriptor.limits["n"] == (2, 16)
    assert descriptor.larger_basis() == SymmetryFunctions(n=10)
    assert SymmetryFunctions(n=16).larger_basis() is None
    assert descriptor.higher_order() is None
    assert descriptor.count_features(structures.load("CH4")) == 16
    assert descriptor.python() == (
        "from own_descriptor import SymmetryFunctions",
        "SymmetryFunctions(n=8, cutoff=3.0)",
    )


def test_jacobian_and_spectrum(descriptor: Descriptor) -> None:
    atoms = structures.load("generic")
    assert jacobian(atoms, descriptor, centers=[0]).shape == (16, 15)
    assert spectrum(atoms, descriptor, centers=[0]).rank == 4  # the distances


def test_diagnose_tells_truncation_from_incompleteness(descriptor: Descriptor) -> None:
    atoms = structures.load("generic")
    found = diagnose(atoms, descriptor, centers=[0])
    assert found.counts["incompleteness"] == 5
    few = diagnose(atoms, SymmetryFunctions(n=2), centers=[0])
    assert few.counts["truncation"] == 2


def test_convergence_over_the_basis(descriptor: Descriptor) -> None:
    found = convergence(structures.load("generic"), descriptor, centers=[0], n=[2, 3, 6, 8])
    assert found.rank.tolist() == [2, 3, 4, 4]
    assert found.visible.tolist() == [9] * 4


def test_locate_follow_and_twin(descriptor: Descriptor) -> None:
    atoms = structures.load("generic")
    point = locate(atoms, descriptor, center=0)
    assert point.converged
    assert spectrum(point.atoms, descriptor, centers=[0]).rank < 9
    path = follow(atoms, descriptor, center=0, mode=8, length=0.1)
    assert path.feature_distance.max() <= 1e-5
    twin = find_twin(atoms, descriptor, center=0)
    assert twin.found
    first, second = (descriptor.features(each, centers=[0]) for each in twin.pair)
    assert np.linalg.norm(first - second) <= 1e-8 * np.linalg.norm(first)


@TOOLBAR
def test_explorer(descriptor: Descriptor) -> None:
    from sensitivity.explorers import Explorer

    atoms = structures.load("CH4")
    explorer = Explorer(atoms, descriptor, centers=[0])
    assert explorer.reference.spectrum.rank == spectrum(atoms, descriptor, centers=[0]).rank
    assert explorer.descriptor is descriptor


def test_what_pairs_of_neighbours_cannot_tell_is_named() -> None:
    found = diagnose(structures.load("X0"), AngularFunctions(), centers=[0])
    assert (found.counts["sensitive"], found.counts["incompleteness"]) == (8, 1)
    generic = diagnose(structures.load("generic"), AngularFunctions(), centers=[0])
    assert generic.counts["sensitive"] == 9
    few = diagnose(structures.load("generic"), AngularFunctions(n=1, powers=1), centers=[0])
    assert few.counts["truncation"] == 7  # two features
