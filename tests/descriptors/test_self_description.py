"""What a descriptor tells of itself is checked, and one sentence says what is wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from ase import Atoms
from test_example_descriptor import SymmetryFunctions

from sensitivity import (
    DensityCorrelations,
    compare,
    convergence,
    diagnose,
    find_twin,
    follow,
    jacobian,
    locate,
    spectrum,
    structures,
)
from sensitivity.descriptors import check_descriptor
from sensitivity.descriptors.protocol import settings_of
from sensitivity.reports.sources import describe_descriptor
from sensitivity.reports.tables import as_json

STATEMENTS: dict[str, tuple[Any, str]] = {
    "inversion_invariant": (None, "must be True or False, got None"),
    "name": (None, "must be a text, got None"),
    "settings": (None, "must be a dictionary of names and JSON values, got None"),
    "settings, a path": ({"n": Path("w")}, "must be JSON values .*, got n = .*; make it one"),
    "settings, a set": (
        {"n": 3, "cutoff": 3.0, "of": {1: {2}}},
        "got of = {1: \\{2}}; make it one",
    ),
    "settings, bytes": ({"n": b"3"}, "must be JSON values .*, got n = b'3'; make it one"),
    "settings, complex": ({"n": 3j}, "must be JSON values .*, got n = 3j; make it one"),
    "settings, a key": ({"n": {(1, 2): 3}}, r"must be JSON values .*, got n = {\(1, 2\): 3}"),
    "settings, incomplete": ({"cutoff": 3.0}, "limits of Own must name some of its settings, cut"),
    "limits": ([1], "must be a dictionary of settings, each with its least and largest"),
    "limits, one number": ({"n": 5}, "least and largest value, got {'n': 5}"),
    "limits, reversed": ({"n": (5, 2)}, r"least and largest value, got {'n': \(5, 2\)}"),
    "refinable": (("nope",), "must name some of its settings, n, cutoff, got nope; add"),
    "refinable, text": ("n", "must be a tuple of names of settings, got 'n'"),
    "refinable, length": (("cutoff",), "must name integer settings, got cutoff = 3.0; leave"),
    "order": ("2", "must be None or an integer of at least 1, got '2'"),
    "order, zero": (0, "must be None or an integer of at least 1, got 0"),
    "expansion": (3, "must be None or two integers"),
    "larger_basis": (None, "larger_basis of Own must be a method, or left out, got None"),
    "python": ("Own()", "python of Own must be a method, or left out, got 'Own\\(\\)'"),
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_a_statement_that_cannot_be_is_refused(case: str) -> None:
    value, message = STATEMENTS[case]
    own = type("Own", (SymmetryFunctions,), {case.split(",", maxsplit=1)[0]: value})()
    with pytest.raises(ValueError, match=message):
        check_descriptor(own)
    with pytest.raises(ValueError, match=message):
        jacobian(structures.load("CH4"), own)


class Pair(NamedTuple):
    """A setting of two numbers."""

    first: object
    second: object


VALUES = {
    "array": (np.arange(3), [0, 1, 2]),
    "number": (np.int64(3), 3),
    "infinite": (float("inf"), float("inf")),
    "nothing": (None, None),
    "tuples": ({"H": (1, 2)}, {"H": (1, 2)}),
    "weights by atomic number": ({1: 0.5, np.int64(6): 1.0}, {1: 0.5, 6: 1.0}),
    "mapping": (MappingProxyType({"H": MappingProxyType({"n": 1})}), {"H": {"n": 1}}),
    "named tuple": (Pair(np.int64(1), np.arange(2)), (1, [0, 1])),
}


@pytest.mark.parametrize("case", VALUES)
def test_settings_may_be_what_can_be_made_json(case: str) -> None:
    value, plain = VALUES[case]
    settings = MappingProxyType({"n": np.int64(3), "cutoff": 3.0, "more": value, 6: value})
    own = type("Own", (SymmetryFunctions,), {"settings": settings})()
    check_descriptor(own)
    expected = {"n": 3, "cutoff": 3.0, "more": plain, "6": plain}
    assert settings_of(own) == expected
    written = json.dumps(describe_descriptor(own, structures.load("CH4")))
    assert json.loads(written)["6"] == json.loads(json.dumps(as_json(plain)))


def test_other_statements_may_be_of_numpy_too() -> None:
    statements = {
        "inversion_invariant": 1,
        "limits": MappingProxyType({"n": np.array([2, 9.5]), "cutoff": np.array([1.0, 8.0])}),
        "expansion": np.array([3, 4]),
    }
    own = type("Own", (SymmetryFunctions,), statements)()
    check_descriptor(own)
    larger = own.larger_basis()
    assert larger is not None
    assert repr(settings_of(larger)["n"]) == "9"  # an integer within the limit
    assert larger.larger_basis() is None


@dataclass(frozen=True)
class Neighbouring(SymmetryFunctions):
    """Tells a larger basis, or a higher order."""

    larger: object = None
    higher: object = None
    settings = {"n": 8, "cutoff": 3.0}  # noqa: RUF012

    def larger_basis(self) -> Any:
        return self.larger

    def higher_order(self) -> Any:
        return self.higher


def told(**settings: Any) -> SymmetryFunctions:
    """One that says these settings, and of none that it enlarges the basis."""
    return type("Told", (SymmetryFunctions,), {"settings": settings, "refinable": ()})()


class Incomplete:
    """Has no features."""

    gradients = SymmetryFunctions.gradients


WRONG = {
    "no descriptor": ({"larger": 3}, r"larger_basis\(\) of Neighbouring must return a descriptor"),
    "no order": ({"higher": 3}, r"higher_order\(\) of Neighbouring must return a descriptor or No"),
    "class": ({"larger": SymmetryFunctions}, r"larger_basis\(\) of Neighbouring must return a des"),
    "incomplete": ({"higher": Incomplete()}, r"higher_order\(\) of Neighbouring must return a des"),
    "smaller": (
        {"larger": told(n=6, cutoff=3.0)},
        "must have an integer n of at least 8, got n = 6",
    ),
    "text": ({"larger": told(n="many", cutoff=3.0)}, "of at least 8, got n = 'many'"),
    "same": (
        {"larger": Neighbouring()},
        "a larger basis or None, got .* 16 features per center, from 16",
    ),
    "lower order": (
        {"higher": SymmetryFunctions()},
        r"Neighbouring, of order 1, must return .* of order 1",
    ),
    "cutoff": ({"larger": SymmetryFunctions(9, 2.0)}, "must keep its cutoff of 3.0 Å, got 2.0 Å"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_descriptor_names_beside_itself_is_checked(case: str) -> None:
    changes, message = WRONG[case]
    for analyze in (diagnose, find_twin):
        where = {"centers": [0]} if analyze is diagnose else {"center": 0}
        with pytest.raises(ValueError, match=message):
            analyze(structures.load("generic"), replace(Neighbouring(), **changes), **where)


class Unrefined(SymmetryFunctions):
    """Names no setting that enlarges the basis."""

    refinable = ()
    chosen: Any = None

    def larger_basis(self) -> Any:
        return self if self.chosen is None else self.chosen

    def higher_order(self) -> Any:
        return self

    @property
    def order(self) -> None:
        """Unknown."""


def test_a_basis_that_is_not_larger_is_refused_by_its_features() -> None:
    atoms, own = structures.load("generic"), Unrefined()
    for own.chosen, count in ((None, 16), (SymmetryFunctions(7), 14)):
        with pytest.raises(ValueError, match=f"got .* with {count} features per center, from 16"):
            diagnose(atoms, own, centers=[0])
    own.chosen = SymmetryFunctions(12)
    with pytest.raises(ValueError, match="of order None, must return correlations of one more"):
        diagnose(atoms, own, centers=[0])


def test_an_error_within_a_method_says_which_method_it_was() -> None:
    class Raising(SymmetryFunctions):
        def larger_basis(self) -> Any:
            return {}["size"]

    with pytest.raises(KeyError) as caught:
        diagnose(structures.load("generic"), Raising(), centers=[0])
    assert caught.value.__notes__ == ["larger_basis() of Raising has raised this."]


class Fixed:
    """Tells settings that nobody can change, as it is no dataclass."""

    cutoff, inversion_invariant, settings, refinable = 3.0, True, {"n": 8}, ("n",)

    def features(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return SymmetryFunctions().features(atoms, centers=centers)

    def gradients(self, atoms: Atoms, *, centers: Any = None) -> Any:
        return SymmetryFunctions().gradients(atoms, centers=centers)


def test_settings_that_cannot_be_changed_are_called_that() -> None:
    atoms = structures.load("generic")
    message = "Fixed cannot change its settings, here n; make it a dataclass, or define with_set"
    with pytest.raises(TypeError, match=message):
        diagnose(atoms, Fixed(), centers=[0])
    with pytest.raises(TypeError, match=message):
        convergence(atoms, Fixed(), centers=[0], n=[2, 3])


def test_a_descriptor_is_checked_once_in_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings may be long: no Jacobian of those that are computed in the search reads them."""
    read = list[bool]()

    class Own(SymmetryFunctions):
        @property
        def settings(self) -> dict[str, Any]:
            read.append(True)
            return {"n": self.n, "cutoff": self.cutoff}

    own = Own()
    check_descriptor(own)
    once, atoms = len(read), structures.load("generic")
    for search in (locate, partial(follow, mode=0, length=0.1)):
        read.clear()
        search(atoms, own, center=0)
        assert len(read) == once


def test_a_native_descriptor_needs_no_such_check() -> None:
    """Its own tests show that it is right: it takes no time where many Jacobians are computed."""
    own = type("Own", (DensityCorrelations,), {})()
    for descriptor in (DensityCorrelations(), own):
        check_descriptor(descriptor)


def test_a_function_is_told_how_to_become_one() -> None:
    message = r"got <function .*; wrap a function of a structure: Function\(f, cutoff=5.0\)\."
    methane, function = structures.load("CH4"), lambda atoms: atoms.get_all_distances()
    for analyse in (
        spectrum,
        diagnose,
        lambda atoms, own: compare(atoms, [DensityCorrelations(), own]),
    ):
        with pytest.raises(TypeError, match=message):
            analyse(methane, function)
    with pytest.raises(TypeError, match=r"got 'SOAP'\.$"):
        check_descriptor("SOAP")
