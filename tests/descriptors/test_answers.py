"""What a descriptor returns is checked before it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from sensitivity import (
    DensityCorrelations,
    diagnose,
    find_twin,
    follow,
    jacobian,
    locate,
    spectrum,
    structures,
)
from sensitivity.descriptors import Batch, Centers, batches_from_blocks
from sensitivity.observation import Observation

NATIVE = DensityCorrelations(order=1, cutoff=3.0, n_max=2)
Change = Callable[[Any], Any]


class Altered:
    """The native descriptor with what it returns altered."""

    cutoff, inversion_invariant = 3.0, True

    def __init__(self, gradients: Change = tuple, features: Change = np.array) -> None:
        self._gradients, self._features = gradients, features

    def features(self, atoms: Atoms, *, centers: Centers = None) -> Any:
        return self._features(NATIVE.features(atoms, centers=centers))

    def gradients(self, atoms: Atoms, *, centers: Centers = None) -> Any:
        return self._gradients(NATIVE.gradients(atoms, centers=centers))


def alter(name: str, change: Change) -> Change:
    return lambda batches: [
        replace(each, **{name: change(getattr(each, name))}) for each in batches
    ]


def put(value: float, *place: int) -> Change:
    def change(array: Any) -> Any:
        copy = array.copy()
        copy[place] = value
        return copy

    return change


GRADIENTS: dict[str, tuple[Change, type[Exception], str]] = {
    "nothing": (lambda _: None, TypeError, "a sequence of Batch, got NoneType; batches_from"),
    "an array": (lambda _: np.zeros((5, 4)), TypeError, "a sequence of Batch, got ndarray"),
    "a batch": (lambda batches: batches[0], TypeError, "a sequence of Batch, got Batch"),
    "arrays": (lambda _: [np.zeros(3)], TypeError, "a sequence of Batch, got ndarray"),
    "no batch": (
        lambda _: (),
        ValueError,
        r"every chosen center once, \[0, 1, 2, 3, 4\], got \[\]",
    ),
    "twice": (lambda batches: batches * 2, ValueError, r"got \[0, 0, 1, 1"),
    "another": (alter("centers", lambda c: c + 1), ValueError, r"got \[1, 2, 3, 4, 5\]"),
    "a list": (alter("features", list), TypeError, "features of a Batch of .* got list"),
    "complex": (alter("gradient", lambda g: g * 1j), TypeError, "real numbers, got .* complex128"),
    "text": (alter("features", lambda f: f.astype(str)), TypeError, "real numbers, got an array"),
    "floats": (alter("atoms", lambda a: a * 1.0), TypeError, "of integers, got an array of float"),
    "flat": (alter("gradient", lambda g: g[0]), ValueError, r"\(centers, features, k, 3\), got"),
    "one": (alter("centers", lambda c: c[None]), ValueError, r"centers \(centers,\)"),
    "few atoms": (alter("atoms", lambda a: a[:, 1:]), ValueError, r"atoms \(5, 4\)"),
    "outside": (alter("atoms", put(7, 0, 4)), ValueError, "indices from 0 to 4, got 7"),
    "negative": (alter("atoms", put(-1, 0, 0)), ValueError, "indices from 0 to 4, got -1"),
    "atom twice": (alter("atoms", put(1, 0, 0)), ValueError, "every atom of a center once"),
    "NaN": (alter("gradient", put(np.nan, 0, 0, 0, 0)), ValueError, "got 1 of .* NaN or infinite"),
    "infinite": (alter("features", put(np.inf, 0, 0)), ValueError, "features .* got 1 of"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("use", [jacobian, spectrum, diagnose])
def test_wrong_gradients_are_named(name: str, use: Callable[..., Any]) -> None:
    change, kind, message = GRADIENTS[name]
    with pytest.raises(kind, match=message) as caught:
        use(structures.load("CH4"), Altered(change))
    assert "gradients() of Altered" in str(caught.value)


def test_batches_with_different_numbers_of_features() -> None:
    def change(batches: tuple[Batch, ...]) -> list[Batch]:
        first, *others = (batches_from_blocks([block])[0] for block in batches[0].blocks())
        fewer = replace(first, features=first.features[:, 1:], gradient=first.gradient[:, 1:])
        return [fewer, *others]

    with pytest.raises(ValueError, match="of Altered must have the same number of features"):
        jacobian(structures.load("CH4"), Altered(change))


def test_huge_gradients_are_finite() -> None:
    whole = jacobian(structures.load("CH4"), Altered(alter("gradient", lambda g: 0 * g + 1e308)))
    assert whole.shape == (5 * 4, 15)


FEATURES: dict[str, tuple[Change, type[Exception], str]] = {
    "nothing": (lambda _: None, TypeError, "array of real numbers, got NoneType"),
    "a list": (lambda features: features.tolist(), TypeError, "got list"),
    "complex": (lambda features: features * 1j, TypeError, "got an array of complex128"),
    "a row": (lambda features: features[0], ValueError, r"here \(5, features\), got \(4,\)"),
    "few": (lambda features: features[1:], ValueError, r"got \(4, 4\); give one row"),
    "NaN": (put(np.nan, 0, 0), ValueError, "got 1 of 20 that are NaN or infinite"),
}


@pytest.mark.parametrize("name", FEATURES)
def test_wrong_features_are_named(name: str) -> None:
    change, kind, message = FEATURES[name]
    observation = Observation.of(structures.load("CH4"), Altered(features=change))
    with pytest.raises(kind, match=message) as caught:
        assert observation.features
    assert "features() of Altered" in str(caught.value)


def scaled(features: float, gradient: float, offset: float = 0.0) -> Altered:
    """A descriptor whose features, or whose gradients, are scaled down to zero."""
    return Altered(
        lambda batches: [
            replace(
                each, features=features * each.features + offset, gradient=gradient * each.gradient
            )
            for each in batches
        ],
        lambda values: features * values + offset,
    )


BLIND = {"zero": (0, 0), "zero features": (0, 1), "constant": (0, 0, 1.0), "slopeless": (1, 0)}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BLIND)
def test_a_descriptor_that_sees_nothing_ends_with_a_status(name: str) -> None:
    x0, descriptor = structures.load("X0"), scaled(*BLIND[name])
    status = find_twin(x0, descriptor, center=0).status
    what = "are zero" if name.startswith("zero") else "change with no displacement"
    assert status.startswith(f"No twin was found: all features of center 0 {what}, so")
    path = follow(x0, descriptor, center=0, mode=0, length=0.1)
    assert path.complete
    assert np.allclose(path.net[-1], 0.1, atol=1e-2)
    assert locate(x0, descriptor, center=0).status
