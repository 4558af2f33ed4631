"""Pages of bands, comparisons and surveys: their structures, modes and numbers."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hostile import HOSTILE

from sensitivity import (
    Bands,
    Comparison,
    DensityCorrelations,
    bands,
    compare,
    jacobian,
    structures,
    survey,
)
from sensitivity.cli.main import main
from sensitivity.diagnosis import CAUSE_DESCRIPTIONS
from sensitivity.share import document
from sensitivity.share.bands_page import choose_wave_vectors
from sensitivity.share.comparison_page import combine_by_cause
from sensitivity.share.pages import make_page
from sensitivity.structures.files.reading import Source
from sensitivity.survey import Survey

DESCRIPTOR = DensityCorrelations(n_max=4, l_max=4)
CRYSTAL = DensityCorrelations(cutoff=3.0, n_max=3, l_max=3)
BASIS = ("--n-max", "4", "--l-max", "4")
NUMBERS = {"rtol": 1e-4, "atol": 1e-5}
"""Displacements have six decimals."""


def read(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def atoms_of(data: dict[str, Any], subject: dict[str, Any]) -> Atoms:
    """The structure of a subject, as the page saves it."""
    scene = data["scenes"][subject["scene"]]
    count = len(subject["modes"][0]["displacements"])
    rows = zip(scene["elements"][:count], scene["positions"][:count], strict=True)
    lines = [f"{element} {x!r} {y!r} {z!r}" for element, (x, y, z) in rows]
    content = "\n".join([str(count), subject["comment"], *lines, ""])
    return ase.io.read(io.StringIO(content), format="extxyz")


@pytest.fixture(scope="module")
def diamond() -> Bands:
    return bands(structures.load("C-diamond"), CRYSTAL, points=40)


@pytest.fixture(scope="module")
def waves(diamond: Bands) -> dict[str, Any]:
    return read(make_page(diamond))


def test_special_points_and_the_softest_wave_have_waves(diamond: Bands, waves) -> None:
    names = [subject["short"] for subject in waves["subjects"]]
    assert [name for name in names if len(name) == 1] == ["Γ", "X", "W", "K", "L", "U"]
    chosen = list(choose_wave_vectors(diamond))
    vectors = np.unique(np.round(diamond.q[chosen], 6), axis=0)
    assert len(vectors) == len(chosen) == len(names)
    gamma = waves["subjects"][names.index("Γ")]
    places = [d for d, label in zip(diamond.distance, diamond.labels, strict=True) if label == "G"]
    assert gamma["at"] == places
    assert len(places) == 2


def test_without_special_points_the_wave_vectors_are_evenly_spaced() -> None:
    q = [[x, 0, x] for x in np.linspace(0, 0.5, 31)]
    found = bands(structures.load("C-diamond"), CRYSTAL, path=q)
    chosen = choose_wave_vectors(found)
    assert {*range(0, 31, 3)} <= {*chosen}
    assert len(read(make_page(found))["subjects"]) == len(chosen)


def test_each_wave_changes_the_features_of_its_supercell_by_its_value(waves) -> None:
    for subject in (waves["subjects"][1], waves["subjects"][4]):
        atoms = atoms_of(waves, subject)
        derivative = jacobian(atoms, CRYSTAL).dense()
        assert len(subject["modes"]) == 6
        for mode in subject["modes"]:
            pattern = np.array(mode["displacements"])
            assert np.linalg.norm(pattern, axis=1).max() == pytest.approx(1.0, abs=1e-5)
            size = np.linalg.norm(derivative @ pattern.ravel())
            expected = mode["value"] * np.linalg.norm(pattern)
            np.testing.assert_allclose(size, expected, rtol=1e-4, atol=1e-4)


def test_waves_have_the_values_and_causes_of_the_bands(diamond: Bands, waves) -> None:
    for number, subject in zip(choose_wave_vectors(diamond), waves["subjects"], strict=True):
        values = [mode["value"] for mode in subject["modes"]]
        rank = int(diamond.rank[number])
        np.testing.assert_allclose(values[:rank], diamond.singular_values[number, :rank])
        causes = [mode["cause"] for mode in subject["modes"]]
        for cause, counts in diamond.counts.items():
            assert causes.count(cause) == counts[number]
        assert [mode["number"] for mode in subject["modes"]] == list(range(6))


def test_boxes_cover_every_invisible_wave(diamond: Bands, waves) -> None:
    chart, covered = waves["chart"], np.zeros(len(diamond.q), dtype=int)
    assert len(chart["edges"]) == len(diamond.q) + 1
    for start, end, _, cause in chart["boxes"]:
        assert cause in waves["looks"]
        covered[start:end] += 1
    assert covered.tolist() == (6 - diamond.rank).tolist()


def test_waves_that_are_all_invisible_have_looks() -> None:
    """At q = 0 of diamond the features see none, and the chart has lines of visible ones."""
    data = read(make_page(bands(structures.load("C-diamond"), CRYSTAL, path="G", points=2)))
    assert all(set(line) == {None} for line in data["chart"]["lines"])
    causes = {mode["cause"] for subject in data["subjects"] for mode in subject["modes"]}
    assert "sensitive" not in causes
    assert {"sensitive", *causes} <= {*data["looks"]}


def test_a_large_crystal_has_fewer_waves_and_says_so(diamond: Bands, monkeypatch) -> None:
    full = make_page(diamond)
    monkeypatch.setattr(document, "LARGEST", len(full.encode()) - 100_000)
    page = make_page(diamond)
    assert len(page.encode()) <= document.LARGEST
    data = read(page)
    kept = [len(subject["modes"]) for subject in data["subjects"]]
    total = 6 * len(choose_wave_vectors(diamond))
    assert 0 < sum(kept) < total
    assert f"This page has {sum(kept)} of the {total} modes" in page
    first = data["subjects"][data["shown"]]
    assert first["first"] in [mode["number"] for mode in first["modes"]]
    monkeypatch.setattr(document, "LARGEST", 500_000)
    with pytest.raises(ValueError, match=r"at most 0\.5 MB, and that of \d+ atoms would have"):
        make_page(diamond)


def opened(page: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The wave vector and the wave with which a page opens."""
    data = read(page)
    subject = data["subjects"][data["shown"]]
    (mode,) = (each for each in subject["modes"] if each["number"] == subject["first"])
    return subject, mode


def test_a_page_opens_on_a_missed_wave_where_most_are_missed() -> None:
    short = bands(structures.load("C-diamond"), replace(CRYSTAL, n_max=1, l_max=0), points=20)
    missed = short.predicted_rank - short.rank
    subject, mode = opened(make_page(short))
    assert CAUSE_DESCRIPTIONS[mode["cause"]].spurious
    spurious = [CAUSE_DESCRIPTIONS[each["cause"]].spurious for each in subject["modes"]]
    assert sum(spurious) == missed.max() > 0


def test_a_page_without_missed_waves_opens_on_the_least_visible_one() -> None:
    crystal = bulk("ZnS", "zincblende", 5.41)
    crystal.cell += [[0.14, 0, 0], [0, 0, 0.2], [0, 0, 0]]
    crystal.positions[1] += [0.1, 0.05, 0.02]  # nothing is hidden by symmetry
    found = bands(crystal, CRYSTAL, points=15)
    page = make_page(found)
    _, mode = opened(page)
    others = [each for subject in read(page)["subjects"] for each in subject["modes"]]
    causes = {each["cause"] for each in others}
    assert causes == {"sensitive", "translation"}
    assert mode["cause"] == "sensitive"
    assert mode["value"] == min(each["value"] for each in others if each["cause"] == "sensitive")


ORDERS = {f"order {order}": DensityCorrelations(order, n_max=4, l_max=4) for order in (1, 2, 3)}


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(structures.load("X0"), ORDERS, centers=[0], metric="raw")


@pytest.fixture(scope="module")
def modes(compared: Comparison) -> dict[str, Any]:
    return read(make_page(compared))


def test_each_mode_has_what_each_descriptor_sees_of_it(compared: Comparison, modes) -> None:
    derivatives = [jacobian(compared.atoms, each, centers=[0]).dense() for each in ORDERS.values()]
    for number, subject in enumerate(modes["subjects"]):
        patterns = np.array([mode["displacements"] for mode in subject["modes"]]).reshape(15, 15)
        np.testing.assert_allclose(patterns @ patterns.T, np.eye(15), atol=1e-5)
        for derivative, spectrum, row in zip(
            derivatives, compared.spectra, subject["slopes"], strict=True
        ):
            sizes = np.linalg.norm(derivative @ patterns.T, axis=0) / spectrum.scale
            np.testing.assert_allclose(row, sizes, rtol=1e-3, atol=1e-5)
        own = np.sort(subject["slopes"][number])[::-1]
        known = np.sort(compared.spectra[number].relative)[::-1]
        np.testing.assert_allclose(own, known, rtol=1e-3, atol=1e-12)


def test_invisible_modes_have_their_causes(compared: Comparison, modes) -> None:
    for subject in modes["subjects"]:
        counts = compared.counts[subject["name"]]
        assert {c: subject["causes"].count(c) for c in subject["causes"]} == {
            cause: count for cause, count in counts.items() if count
        }
    second = modes["subjects"][1]
    (mode,) = (each for each in second["modes"] if each["cause"] == "incompleteness")
    assert second["first"] == mode["number"]
    assert mode["sentence"] == (
        "This displacement is invisible by incompleteness for order 2. "
        "Others: order 1 does not see it, order 3 sees it."
    )


def test_without_diagnoses_the_causes_are_unknown(compared: Comparison) -> None:
    _, causes = combine_by_cause(compared.spectra[1], None)
    assert causes.count("invisible") == 1
    data = read(make_page(replace(compared, diagnoses=())))
    assert "invisible" in data["looks"]


FRAMES = [structures.load(name) for name in ("CH4", "X0", "CH3OH")]


@pytest.fixture(scope="module")
def surveyed() -> Survey:
    return survey(FRAMES, DESCRIPTOR)


@pytest.fixture(scope="module")
def environments(surveyed: Survey) -> dict[str, Any]:
    return read(make_page(surveyed, frames=FRAMES, descriptor=DESCRIPTOR))


def test_the_worst_environments_have_their_softest_modes(surveyed: Survey, environments) -> None:
    worst = surveyed.worst()
    assert len(environments["subjects"]) == len(worst["frame"])
    for number, subject in enumerate(environments["subjects"]):
        atoms = atoms_of(environments, subject)
        assert environments["scenes"][subject["scene"]]["halos"] == [0]
        assert atoms.symbols[0] == worst["species"][number]
        expected = worst["condition_without_symmetry"][number]
        assert subject["condition"] == expected
        derivative = jacobian(atoms, DESCRIPTOR, centers=[0]).dense()
        softest = subject["modes"][0]
        assert softest["number"] == subject["first"] == 0
        slope = np.linalg.norm(derivative @ np.ravel(softest["displacements"]))
        largest = np.linalg.svd(derivative, compute_uv=False)[0]
        np.testing.assert_allclose(slope / largest, expected, rtol=1e-3, atol=1e-5)
        assert softest["value"] == expected


def test_a_small_value_without_a_cause_is_not_called_zero() -> None:
    """An atom 0.008 Å within the cutoff, where all features fade, is seen too little to count."""
    end = DESCRIPTOR.cutoff - 0.008
    frames = [Atoms("CON", [[0, 0, 0], [1.2, 0, 0], [0.2, end, 0]])]
    found = survey(frames, DESCRIPTOR, species=["C"])
    assert dict(found.totals.displacements) == {"undetermined": 1}
    (subject,) = read(make_page(found, frames=frames, descriptor=DESCRIPTOR))["subjects"]
    softest, next_one = subject["modes"][:2]
    value = found.table()["s_min"].item()
    assert softest["sentence"] == (
        f"The first 0.01 Å along this displacement changes the features by {0.01 * value:.1e}. It "
        "is too small to count as visible: no geometry within the tolerance shows the cause."
    )
    facts = dict(softest["facts"])
    assert facts["singular value (1/Å)"] == f"{value:.3e}"
    assert facts["invisible in this environment"] == "of undetermined cause"
    assert "too small" not in next_one["sentence"]


def test_a_survey_without_causes_has_modes(surveyed: Survey) -> None:
    found = survey(FRAMES[:2], DESCRIPTOR, causes=False, species=["C"])
    data = read(make_page(found, frames=FRAMES[:2], descriptor=DESCRIPTOR))
    for subject in data["subjects"]:
        assert subject["cause"] == "invisible"
        facts = [dict(mode["facts"]) for mode in subject["modes"]]
        assert {each["invisible in this environment"] for each in facts} == {"of unknown cause"}
        assert "without displacements" not in data["words"]["labels"]["hint"]


def test_another_descriptor_than_that_of_the_survey_is_refused(surveyed: Survey) -> None:
    other = DensityCorrelations(n_max=4, l_max=4, cutoff=4.0)
    with pytest.raises(ValueError, match=r"descriptor must be that of the survey, Density.* 4 Å"):
        make_page(surveyed, frames=FRAMES, descriptor=other)


def test_the_command_writes_the_modes_and_its_data(tmp_path: Path, capsys) -> None:
    file, page = tmp_path / "frames.extxyz", tmp_path / "survey.html"
    ase.io.write(file, FRAMES)
    assert main(["survey", str(file), *BASIS, "--json", "--page", str(page)]) == 0
    data = read(page.read_text())
    report = json.loads(capsys.readouterr().out)
    assert data["report"] == report
    assert len(data["subjects"]) == len(report["worst"]) == len(report["environments"])


@dataclass(frozen=True)
class Named(DensityCorrelations):
    """A descriptor with a text of others in its name, its remarks and its settings."""

    text: str = "plain"

    @property
    def name(self) -> str:
        return self.text

    @property
    def remarks(self) -> tuple[str, ...]:
        return (self.text,)


@pytest.mark.parametrize("name", ["bands", "compare", "survey"])
def test_text_of_others_changes_no_markup(name: str, compared, surveyed, monkeypatch) -> None:
    monkeypatch.setattr("sensitivity.share.modes_page._SCRIPTS", ())
    crystal = bands(structures.load("C-diamond"), CRYSTAL, path="GX", points=3)

    def write(text: str) -> str:
        atoms = crystal.atoms if name == "bands" else compared.atoms
        about: dict[str, Any] = {"source": Source(text, atoms, notes=(text,))}
        if name == "bands":
            named = Named(cutoff=3.0, n_max=3, l_max=3, text=text)
            return make_page(replace(crystal, descriptor=named), **about)
        if name == "compare":
            descriptors = (*compared.descriptors[:2], Named(3, n_max=4, l_max=4, text=text))
            labels = ("order 1", text, "order 3")
            return make_page(replace(compared, names=labels, descriptors=descriptors), **about)
        return make_page(
            replace(surveyed, remarks=(text,)), frames=FRAMES, descriptor=DESCRIPTOR, **about
        )

    plain = re.findall(r"<[^>]*>", write("plain"))
    for texts in zip(*[iter(HOSTILE)] * 6, strict=True):
        text = " ".join(texts)
        page = write(text)
        assert len(re.findall(r"<[^>]*>", page)) == len(plain), text
        assert json.dumps(read(page)).count(json.dumps(text)[1:-1]) > 0


def test_a_page_is_the_same_each_time(compared: Comparison, diamond: Bands) -> None:
    for result in (compared, diamond):
        assert make_page(result) == make_page(result)
