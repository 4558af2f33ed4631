"""Frames as extended XYZ: every number comes back exactly."""

from __future__ import annotations

import io

import numpy as np
import pytest
from ase import Atoms
from ase.io import read

from sensitivity.structures.extxyz import format_frame

RNG = np.random.default_rng(0)
ATOMS = Atoms("CHO", RNG.normal(size=(3, 3)), cell=RNG.normal(size=(3, 3)), pbc=[1, 0, 1])

FACTS = {
    "tiny": 5.6e-15,
    "rounding": 0.1 + 0.2,
    "third": np.float64(1 / 3),
    "count": 3,
    "yes": True,
    "no": np.bool_(False),
    "infinite": np.inf,
    "word": "hello",
    "words": "two words",
    "letter": "T",
    "digits": "1.0",
    "exponent": "1e5",
    "nothing": "nan",
    "truth": "false",
    "empty": "",
    "lines": "a\nb",
    "quotes": "q\"uo\\te'",
    "name with space": 1.5,
    "name=sign": 1,
    "größe": "Å",
    "vector": RNG.normal(size=3),
    "nine": np.arange(9.0) / 7,
    "matrix": RNG.normal(size=(2, 3)),
    "stress": RNG.normal(size=(3, 3)),
    "single": [1.5],
    "mixed": [1, 2.5],
    "flags": [True, False],
    "list": ["a", "b c"],
    "table": {"x": 1},
}
COLUMNS = {
    "mode": 1e-15 * RNG.normal(size=(3, 3)),
    "tags": np.array([1, 2, 3]),
    "small": np.array([1, 2, 3], dtype=np.uint8),
    "fixed": np.array([True, False, True]),
    "two words": RNG.normal(size=3),
    "labels": np.array(["C1", "H2", "O3"]),
}


def again(**written) -> Atoms:
    return read(io.StringIO(format_frame(ATOMS, **written)), format="extxyz")


def test_positions_cell_and_periodicity_come_back_exactly() -> None:
    found = again(info={})
    assert np.array_equal(found.positions, ATOMS.positions)
    assert np.array_equal(found.cell.array, ATOMS.cell.array)
    assert np.array_equal(found.pbc, ATOMS.pbc)
    assert list(found.symbols) == list("CHO")
    assert found.info == {}


@pytest.mark.parametrize("name", FACTS)
def test_facts_come_back_exactly(name: str) -> None:
    found = again(info={"before": 1, name: FACTS[name], "after": 2})
    if name == "stress":  # ASE takes it for a result of a calculation
        assert np.array_equal(found.calc.results["stress"], FACTS[name].ravel()[[0, 4, 8, 5, 2, 1]])
        return
    assert list(found.info) == ["before", name, "after"]
    assert np.array_equal(found.info[name], FACTS[name])
    assert isinstance(found.info[name], str) == isinstance(FACTS[name], str)


def test_a_fact_that_is_not_a_number_comes_back() -> None:
    assert np.isnan(again(info={"nan": np.nan}).info["nan"])


def test_what_cannot_be_written_is_left_out() -> None:
    assert again(info={"object": object(), "kept": 1}).info == {"kept": 1}


@pytest.mark.parametrize("name", COLUMNS)
def test_values_per_atom_come_back_exactly(name: str) -> None:
    found = again(info={"a": 1.5}, arrays={"first": np.arange(3.0), name: COLUMNS[name]})
    assert np.array_equal(found.arrays[name], COLUMNS[name])
    assert np.array_equal(found.arrays["first"], np.arange(3.0))
    assert np.array_equal(found.positions, ATOMS.positions)


def test_text_per_atom_cannot_have_spaces() -> None:
    found = again(info={}, arrays={"labels": np.array(["C 1", "", "O3"])})
    assert found.arrays["labels"].tolist() == ["C_1", "_", "O3"]
