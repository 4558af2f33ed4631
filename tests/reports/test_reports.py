"""Reports: every line fits a terminal, JSON holds no odd number, and any descriptor is named."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sensitivity import (
    Cancelled,
    DensityCorrelations,
    compare,
    diagnose,
    locate,
    spectrum,
    structures,
)
from sensitivity.descriptors import Descriptor
from sensitivity.inversion import invert
from sensitivity.inversion.inversion import measure_recovery
from sensitivity.reports import comparisons, geometries, modes
from sensitivity.reports.sources import describe_descriptor, tabulate_library
from sensitivity.reports.tables import as_json, choose_lines, find_moving, tabulate
from sensitivity.structures.files.reading import Source

SMALL = DensityCorrelations(order=2, cutoff=3.0, n_max=2, l_max=2)


class Bare:
    """A descriptor that says nothing about itself."""

    cutoff, inversion_invariant = SMALL.cutoff, True
    features, gradients, order = SMALL.features, SMALL.gradients, None


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


@pytest.mark.parametrize("name", structures.names())
def test_spectra_of_all_structures_fit_80_columns(name: str) -> None:
    source = Source(name, structures.load(name), frames=10**6, index=10**5)
    found = spectrum(source.atoms, SMALL, centers=range(min(4, len(source.atoms))))
    assert widest(modes.tabulate_spectrum(found, SMALL, source=source)) <= 80


@pytest.mark.parametrize(
    "name", ["C6H6", "CH3CH2OCH3", "isobutane", "N3", "graphene", "Si-diamond"]
)
def test_diagnoses_fit_80_columns(name: str) -> None:
    source = Source(name, structures.load(name))
    found = diagnose(source.atoms, SMALL)
    assert widest(modes.tabulate_diagnosis(found, SMALL, source=source)) <= 80


@pytest.mark.parametrize("count", [2, 7])
@pytest.mark.parametrize("metric", ["raw", "whitened"])
def test_comparisons_fit_80_columns(count: int, metric: str) -> None:
    source = Source("X0", structures.load("X0"))
    given = {f"{n} of {count}": replace(SMALL, n_max=n) for n in range(1, count + 1)}
    found = compare(source.atoms, given, metric=metric)
    text = comparisons.tabulate_comparison(found, given, source=source)
    assert widest(text) <= 80
    lines = text.splitlines()
    ranks = [word for line in lines if line.startswith("rank ") for word in line.split()[1:]]
    assert ranks == [str(each.rank) for each in found.spectra]
    assert ("directions" in text) == (metric == "whitened")


def test_a_comparison_in_json_holds_all_numbers() -> None:
    source = Source("H", structures.load("H"))
    given = {"one": SMALL, "two": replace(SMALL, n_max=1)}
    found = compare(source.atoms, given)
    described = comparisons.describe_comparison(found, given, source=source)
    text = json.dumps(described, allow_nan=False)
    assert [each["condition"] for each in json.loads(text)["descriptors"]] == [None, None]
    rows = comparisons.tabulate_comparison(found, given, source=source).splitlines()
    assert ["s_min/s_max", "none", "none"] in map(str.split, rows)


def test_a_stopped_comparison_shows_unknown_causes() -> None:
    def press(sentence: str) -> None:
        if sentence == "two: causes":
            raise Cancelled

    source = Source("X0", structures.load("X0"))
    given = {"one": SMALL, "two": replace(SMALL, n_max=1)}
    found = compare(source.atoms, given, progress=press)
    described = comparisons.describe_comparison(found, given, source=source)
    assert [each["counts"] is None for each in described["descriptors"]] == [False, True]
    rows = comparisons.tabulate_comparison(found, given, source=source).splitlines()
    assert ["sensitive", str(found.counts["one"]["sensitive"]), "?"] in map(str.split, rows)


def test_the_library_fits_80_columns() -> None:
    assert widest(tabulate_library(structures.names())) <= 80


def test_words_are_not_broken_and_numbers_not_narrowed() -> None:
    long = "a" * 90
    text = tabulate(["n", "text"], [["12345", f"one {long} two"]], right=(0,))
    assert text.split() == ["n", "text", "12345", "one", long, "two"]
    text = tabulate(["n", "text", "more"], [["1", "word " * 20, "x " * 30]], right=(0,))
    assert widest(text) <= 80
    assert text.count("word") == 20
    narrow = tabulate(["n", "text"], [["1", "a"], ["10", "b"]], right=(0,))
    assert narrow == " n  text\n 1  a\n10  b"


def test_no_number_that_json_lacks() -> None:
    odd = {"a": np.array([1.0, np.inf]), "b": (np.nan, 2), "c": np.float64(3), "d": np.bool_(True)}
    found = {key: as_json(value) for key, value in odd.items()}
    assert found == {"a": [1.0, None], "b": [None, 2], "c": 3.0, "d": True}
    json.dumps(found, allow_nan=False)


def test_lines_include_both_ends() -> None:
    assert choose_lines(3) == [0, 1, 2]
    assert (choose_lines(100)[0], choose_lines(100)[-1], len(choose_lines(100))) == (0, 99, 11)


def test_atoms_that_move_most() -> None:
    motion = np.zeros((4, 3))
    motion[2, 0], motion[1, 1] = 3.0, 1.0
    assert find_moving(motion) == [(2, 0.9)]
    with np.errstate(all="raise"):
        assert find_moving(np.zeros((3, 3))) == []
    assert [atom for atom, _ in find_moving(np.ones((9, 3)))] == [0, 1, 2, 3]


DESCRIPTOR_KEYS = ["name", "order", "cutoff", "n_max", "l_max", "smearing", "basis", "parity_odd"]
DESCRIPTOR_KEYS += ["contract_channels", "features_per_center"]


@pytest.mark.parametrize(
    ("descriptor", "keys", "line"),
    [
        (SMALL, DESCRIPTOR_KEYS, "DensityCorrelations, order 2: cutoff 3 Å, n_max 2, l_max 2, "),
        (Bare(), ["name", "cutoff", "features_per_center"], "Bare: cutoff 3 Å; "),
    ],
)
def test_descriptors_are_named_with_their_settings(
    descriptor: Descriptor, keys: list[str], line: str
) -> None:
    source = Source("CH4", structures.load("CH4"))
    found = spectrum(source.atoms, descriptor)
    described = modes.describe_spectrum(found, descriptor, source=source)
    assert list(described["descriptor"]) == keys
    assert described["descriptor"]["features_per_center"] == found.features.shape[1]
    text = modes.tabulate_spectrum(found, descriptor, source=source)
    assert text.splitlines()[1].startswith(line)


def test_settings_that_are_on_are_named() -> None:
    odd = DensityCorrelations(3, 3.0, 2, 2, parity_odd=True, species=("C", "H"), cutoff_width=0.4)
    source = Source("CH4", structures.load("CH4"))
    text = modes.tabulate_spectrum(spectrum(source.atoms, odd), odd, source=source)
    line = " ".join(text.split("\n\n")[0].split())
    assert "cutoff_width 0.4 Å, parity_odd, species (1, 6); " in line


def test_a_singular_point_of_any_descriptor() -> None:
    source = Source("Cs", structures.load("Cs"))
    point = locate(source.atoms, Bare(), center=0)
    assert widest(geometries.tabulate_point(point, Bare(), source=source)) <= 80
    json.dumps(geometries.describe_point(point, Bare(), source=source), allow_nan=False)


def test_recovery_is_measured_after_superposition() -> None:
    target = structures.load("generic")
    start = target.copy()
    start.positions += 0.01 * np.random.default_rng(0).normal(size=(5, 3))
    descriptor = replace(SMALL, n_max=4, l_max=4)
    result = invert(descriptor.features(target), descriptor, start=start)
    start.rotate(50, "x")
    found, began = measure_recovery(result, descriptor, target=target, start=start)
    assert found <= 1e-6
    assert 1e-3 < began < 0.02
    other, _ = measure_recovery(result, descriptor, target=structures.load("C6H6"), start=start)
    assert other is None


def test_settings_that_are_not_finite_are_null_in_json() -> None:
    settings = {"n": 4, "width": float("nan"), "powers": {"H": (1, float("inf"))}}
    own = type("Own", (Bare,), {"settings": settings})()
    found = describe_descriptor(own, structures.load("CH4"))
    expected = {"n": 4, "width": None, "powers": {"H": [1, None]}, "cutoff": 3.0}
    assert found == {"name": "Own", **expected, "features_per_center": 30}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
