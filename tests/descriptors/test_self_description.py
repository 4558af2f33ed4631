"""What a descriptor tells of itself is checked, and one sentence says what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from test_example_descriptor import SymmetryFunctions

from sensitivity import DensityCorrelations, diagnose, find_twin, jacobian, structures
from sensitivity.descriptors import check_descriptor

STATEMENTS: dict[str, tuple[Any, str]] = {
    "inversion_invariant": (None, "must be True or False, got None"),
    "name": (None, "must be a text, got None"),
    "settings": (None, "must be a dictionary of names and JSON values, got None"),
    "settings, not JSON": ({"n": 3, "cutoff": object()}, "names and JSON values, got"),
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
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_a_statement_that_cannot_be_is_refused(case: str) -> None:
    value, message = STATEMENTS[case]
    own = type("Own", (SymmetryFunctions,), {case.split(",", maxsplit=1)[0]: value})()
    with pytest.raises(ValueError, match=message):
        check_descriptor(own)
    with pytest.raises(ValueError, match=message):
        jacobian(structures.load("CH4"), own)


@pytest.mark.parametrize("value", [np.arange(3), np.int64(3), float("nan"), None, {"H": (1, 2)}])
def test_settings_may_be_what_json_can_hold(value: object) -> None:
    settings = {"n": np.int64(3), "cutoff": 3.0, "more": value}
    check_descriptor(type("Own", (SymmetryFunctions,), {"settings": settings})())


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


SMALLER = type("Smaller", (SymmetryFunctions,), {"settings": {"n": 6, "cutoff": 3.0}})()
WRONG = {
    "no descriptor": ({"larger": 3}, r"larger_basis\(\) of Neighbouring must return a descriptor"),
    "no order": ({"higher": 3}, r"higher_order\(\) of Neighbouring must return a descriptor or No"),
    "smaller": ({"larger": SMALLER}, "must not lower n = 6 from 8"),
    "cutoff": ({"larger": SymmetryFunctions(9, 2.0)}, "must keep its cutoff of 3.0 Å, got 2.0 Å"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_descriptor_names_beside_itself_is_checked(case: str) -> None:
    changes, message = WRONG[case]
    for analyze in (diagnose, find_twin):
        where = {"centers": [0]} if analyze is diagnose else {"center": 0}
        with pytest.raises(ValueError, match=message):
            analyze(structures.load("generic"), replace(Neighbouring(), **changes), **where)


def test_a_native_descriptor_needs_no_such_check() -> None:
    """Its own tests show that it is right: it takes no time where many Jacobians are computed."""
    own = type("Own", (DensityCorrelations,), {})()
    for descriptor in (DensityCorrelations(), own):
        check_descriptor(descriptor)
