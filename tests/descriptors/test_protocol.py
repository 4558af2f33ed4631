"""The protocol: what a class must have, its defaults, and the helpers that make batches."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from sensitivity import DensityCorrelations, SphericalBessel, jacobian, spectrum, structures
from sensitivity.descriptors import (
    Batch,
    Block,
    Centers,
    Descriptor,
    batches_from_blocks,
    batches_from_function,
    check_descriptor,
    features_from_function,
    with_defaults,
)

NATIVE = DensityCorrelations(order=2, cutoff=3.0, n_max=3, l_max=3)


class Bare:
    """A descriptor with the essentials only, of no base class."""

    cutoff = 3.0
    inversion_invariant = True

    def features(self, atoms: Atoms, *, centers: Centers = None) -> np.ndarray:
        return NATIVE.features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> tuple[Batch, ...]:
        return NATIVE.gradients(atoms, centers=centers)


class Inherited(Bare, Descriptor):
    """The same as a subclass of the protocol."""


@pytest.mark.parametrize("kind", [Bare, Inherited])
def test_defaults_are_the_same_for_any_class(kind: type) -> None:
    methane = structures.load("CH4")
    assert spectrum(methane, kind()).rank == 7
    assert jacobian(methane, kind()).shape == (5 * 84, 15)
    view = with_defaults(kind())
    assert (view.cutoff, view.inversion_invariant) == (3.0, True)
    assert (view.name, view.settings, view.limits, view.refinable) == (kind.__name__, {}, {}, ())
    assert (view.order, view.expansion) == (None, None)
    assert view.larger_basis() is view.higher_order() is view.of_order(3) is None
    assert view.neighbor_densities(np.zeros(84), [6, 1]) is None
    assert view.neighbor_curve(np.ones(2)) is None
    assert view.count_features(methane) == NATIVE.count_features(methane)
    lines, expression = view.python()
    assert f"# from test_protocol import {kind.__name__}" in lines
    assert expression == "..."
    with pytest.raises(TypeError, match=f"{kind.__name__} has no setting n_max that can be"):
        view.with_settings(n_max=3)
    with pytest.raises(AttributeError, match="colour"):
        view.colour()


def test_what_an_object_has_is_asked_before_the_defaults() -> None:
    class Named(Bare):
        name, order, refinable = "mine", 2, ("n",)
        settings = {"n": 3}  # noqa: RUF012

        def with_settings(self, *, n: int) -> int:
            return n

    view = with_defaults(Named())
    assert (view.name, view.order, view.larger_basis()) == ("mine", 2, 5)
    assert view.of_order(2) is not None


@dataclass(frozen=True)
class Fields(Bare, Descriptor):
    """A dataclass whose fields replace defaults, one of them without a value."""

    cutoff: float
    name: str = "fields"
    weights: tuple[float, ...] = (1.0, 2.0)
    other: object = None


class Attributes(Bare, Descriptor):
    """A class that sets its attributes when it is made."""

    def __init__(self) -> None:
        self.cutoff, self.inversion_invariant, self.name, self.order = 2.0, False, "own", 1


def test_fields_and_attributes_replace_defaults() -> None:
    found = Fields(2.5)
    assert (found.cutoff, found.name) == (2.5, "fields")
    assert found.settings == {
        "cutoff": 2.5, "name": "fields", "weights": (1.0, 2.0), "other": None
    }  # fmt: skip
    assert found.with_settings(cutoff=2.0) == Fields(2.0)
    assert "other" not in Fields(2.5, other=Bare()).settings
    assert Fields(2.5, other=Bare()).python()[1] == "..."
    own = Attributes()
    assert (own.cutoff, own.inversion_invariant, own.name, own.order) == (2.0, False, "own", 1)


@dataclass(frozen=True)
class Nested(Bare, Descriptor):
    """A dataclass with fields that hold numbers of NumPy, and other things that are no JSON."""

    widths: tuple[float, ...]
    shells: list[int]
    table: dict[str, tuple[int, ...]]
    cutoff: float = 3.0


def test_numbers_of_numpy_within_settings_are_plain() -> None:
    shells, table = list(np.arange(2)), {"H": tuple(np.arange(3))}
    nested = Nested(tuple(np.linspace(0, 1, 3)), shells, table, np.float64(3.0))
    expected = {"widths": (0.0, 0.5, 1.0), "shells": [0, 1], "table": {"H": (0, 1, 2)}}
    assert nested.settings == {**expected, "cutoff": 3.0}
    json.dumps(nested.settings)
    _, expression = nested.python()
    assert eval(expression, {"Nested": Nested}) == nested
    assert "np." not in expression


class Told(Bare):
    """A class that tells its settings, which are arguments."""

    def __init__(self, count: int, *, width: float = 1.0) -> None:
        self.settings = {"count": np.int64(count), "width": width}


class Demanding(Told):
    """A class that needs another argument than its settings."""

    def __init__(self, count: int, table: object) -> None:
        super().__init__(count)


class Loose(Bare, Descriptor):
    """A class without a constructor of its own, whose settings lead nowhere."""

    settings = {"count": 3}  # noqa: RUF012


def test_the_expression_of_a_class_that_tells_its_arguments() -> None:
    line, expression = with_defaults(Told(3, width=0.5)).python()
    assert expression == "Told(count=3, width=0.5)"
    assert line == f"from {__name__} import Told"
    for descriptor in (Demanding(3, None), Loose()):
        assert with_defaults(descriptor).python()[1] == "..."


def test_limits_of_numpy_enlarge_to_plain_settings() -> None:
    @dataclass(frozen=True)
    class Limited(Bare, Descriptor):
        count: int = 2
        refinable = ("count",)
        limits = {"count": (np.int64(1), np.int64(3))}  # noqa: RUF012

    larger = Limited(np.int64(2)).larger_basis()
    assert larger == Limited(3)
    assert type(larger.count) is int


@pytest.mark.parametrize("found", [None, np.zeros(3)])
def test_the_features_that_are_counted_have_rows(found: object) -> None:
    class Wrong(Bare):
        def features(self, atoms, *, centers=None):
            return found

    with pytest.raises(ValueError, match=r"features\(\) of Wrong must return an array of shape"):
        with_defaults(Wrong()).count_features(structures.load("CH4"))


def test_a_subclass_without_the_essentials_is_told_what_is_missing() -> None:
    class Incomplete(Descriptor):
        cutoff = 3.0

        def features(self, atoms, *, centers=None):
            return NATIVE.features(atoms, centers=centers)

    with pytest.raises(TypeError, match=r"abstract .*gradients"):
        Incomplete()

    class Undecided(Incomplete):
        def gradients(self, atoms, *, centers=None):
            return NATIVE.gradients(atoms, centers=centers)

    with pytest.raises(TypeError, match="Undecided has no inversion_invariant: add what"):
        check_descriptor(Undecided())


# What density correlations say


def test_density_correlations_describe_themselves() -> None:
    found = DensityCorrelations(3, 3.0, 4, 5, basis=SphericalBessel(), species=(1, 6))
    assert found.settings == {
        "order": 3,
        "cutoff": 3.0,
        "n_max": 4,
        "l_max": 5,
        "smearing": 0.3,
        "basis": "bessel",
        "parity_odd": False,
        "species": (1, 6),
        "contract_channels": None,
    }
    assert found.with_settings(**found.settings) == found
    assert found.with_settings(basis="gto", n_max=2).n_max == 2
    lines, expression = found.python()
    names: dict[str, object] = {}
    exec(lines, names)
    assert eval(expression, names) == found
    assert set(found.limits) <= set(found.settings)
    numpy = DensityCorrelations(n_max=np.int64(2), cutoff=np.float64(3.0))
    assert json.loads(json.dumps(dict(numpy.settings)))["n_max"] == 2
    assert "np." not in numpy.python()[1]
    for wrong in ({"width": 1}, {"basis": "sto"}):
        with pytest.raises(TypeError, match=r"no setting width; choose from order|basis must be"):
            found.with_settings(**wrong)


def test_another_order_takes_a_basis_that_is_affordable_there() -> None:
    start = DensityCorrelations(2, 3.0, 8, 8)
    assert start.of_order(2) == start
    assert start.of_order(3) == start.higher_order()
    assert start.of_order(4) == start.higher_order().higher_order()
    assert start.of_order(4).of_order(1).contract_channels is None
    odd = DensityCorrelations(3, 3.0, 4, 4, parity_odd=True)
    assert not odd.of_order(2).parity_odd
    assert start.of_order(5) is None


# Batches


def pairwise_sums(vectors: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of (9 - r²)² and of the same weighted by atomic numbers."""
    rest = 9 - (vectors**2).sum(axis=1)
    weights = np.array([np.ones(len(numbers)), numbers])
    slopes = -4 * rest[:, None] * vectors
    return weights @ rest**2, weights[..., None] * slopes


@pytest.mark.parametrize("name", ["CH4", "Si-diamond", "H"])
def test_batches_of_a_function_agree_with_differences(name: str) -> None:
    atoms = structures.load(name)
    atoms.positions += 0.05 * np.random.default_rng(1).normal(size=(len(atoms), 3))
    batches = batches_from_function(pairwise_sums, atoms, cutoff=3.0)
    found = {block.center: block for batch in batches for block in batch.blocks()}
    features = features_from_function(pairwise_sums, atoms, cutoff=3.0)
    step = 1e-5
    for center, atom, axis in np.ndindex(len(atoms), len(atoms), 3):
        block = found[center]
        assert block.features == pytest.approx(features[center])
        ahead, behind = atoms.copy(), atoms.copy()
        ahead.positions[atom, axis] += step
        behind.positions[atom, axis] -= step
        plus, minus = (
            features_from_function(pairwise_sums, moved, cutoff=3.0, centers=[center])[0]
            for moved in (ahead, behind)
        )
        place = np.flatnonzero(block.atoms == atom)
        slope = block.gradient[:, place, axis].sum(axis=1)
        assert slope == pytest.approx((plus - minus) / (2 * step), rel=1e-6, abs=1e-4)


def test_blocks_of_different_sizes_are_sorted_into_batches() -> None:
    blocks = [
        Block(0, np.array([0, 1]), np.ones(3), np.ones((3, 2, 3))),
        Block(1, np.array([0, 1, 2]), np.ones(3), np.ones((3, 3, 3))),
        Block(2, np.array([2, 1]), np.zeros(3), np.ones((3, 2, 3))),
    ]
    batches = batches_from_blocks(blocks)
    assert [batch.centers.tolist() for batch in batches] == [[0, 2], [1]]
    assert batches[0].gradient.shape == (2, 3, 2, 3)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (Block(0, np.array([0, 1]), np.ones(2), np.ones((2, 3, 2))), r"gradient of shape \(2, k"),
        (Block(0, np.array([0, 0]), np.ones(2), np.ones((2, 2, 3))), "must be distinct"),
        (Block(5, np.array([0, 1]), np.ones(2), np.ones((2, 2, 3))), "include the center"),
    ],
)
def test_wrong_blocks(block: Block, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        batches_from_blocks([block])
    with pytest.raises(ValueError, match="at least one block is needed, got none"):
        batches_from_blocks([])


def test_blocks_must_have_equally_many_features() -> None:
    blocks = [Block(0, np.array([0]), np.ones(q), np.ones((q, 1, 3))) for q in (2, 3)]
    with pytest.raises(ValueError, match=r"features of shape \(2,\), as the first block"):
        batches_from_blocks(blocks)


def test_a_function_of_wrong_shape() -> None:
    def wrong(vectors: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(2), np.ones((2, 3))

    with pytest.raises(ValueError, match=r"for 4 neighbours .* gradient of shape \(q, 4, 3\)"):
        batches_from_function(wrong, structures.load("CH4"), cutoff=2.0, centers=[0])


FAILING: dict[str, tuple[Callable[[np.ndarray], Any], str]] = {
    "reshape": (
        lambda r: r.reshape(-1, len(r)),
        "ValueError: cannot reshape .*; give reshape the n",
    ),
    "largest": (lambda r: r.max(), "ValueError: zero-size array .*; return zeros for it, for exam"),
    "nearest": (lambda r: r[0], "IndexError: index 0 .*; return zeros for it"),
    "mean": (lambda r: sum(r) / len(r), "ZeroDivisionError: .*; return zeros for it"),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_function_that_fails_without_neighbors_is_named(case: str) -> None:
    fail, reason = FAILING[case]

    def function(vectors: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return fail(numbers), vectors[None]

    message = rf"without neighbours, with vectors of shape \(0, 3\), but raised {reason}"
    with pytest.raises(ValueError, match=message):
        features_from_function(function, Atoms("H"), cutoff=1.0)
