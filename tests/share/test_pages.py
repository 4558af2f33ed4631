"""Pages of a diagnosis: complete, self-contained, with the numbers of the command, escaped."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import ase.io
import numpy as np
import pytest
from ase import Atoms
from hostile import HOSTILE

from sensitivity import (
    DensityCorrelations,
    Diagnosis,
    diagnose,
    find_twin,
    follow,
    share,
    spectrum,
    structures,
)
from sensitivity.cli.main import main
from sensitivity.share import document, motion
from sensitivity.share.pages import make_page
from sensitivity.structures.files.reading import Source

BASIS = ("--n-max", "4", "--l-max", "4")
DESCRIPTOR = DensityCorrelations(n_max=4, l_max=4)
FOLDER = Path(share.__file__).parent


VOID = ("meta", "input", "img", "source", "br")  # elements without an end


class Page(HTMLParser):
    """The elements of a page, and the text in each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[int] = []
        self.feed(text)
        assert self.tags[-1][0] == "script", "something ended the script"

    def handle_starttag(self, tag, attributes) -> None:
        self.tags.append((tag, dict(attributes)))
        self.texts.append("")
        if tag not in VOID:
            self.open.append(len(self.tags) - 1)

    def handle_endtag(self, tag) -> None:
        while self.tags[self.open.pop()][0] != tag:
            pass

    def handle_data(self, text) -> None:
        for place in self.open:
            self.texts[place] += text

    def named(self, tag: str) -> list[str]:
        return [text for (name, _), text in zip(self.tags, self.texts, strict=True) if name == tag]

    @property
    def data(self):
        return json.loads(self.named("script")[0])


@pytest.fixture(scope="module")
def found() -> Diagnosis:
    return diagnose(structures.load("X0"), DESCRIPTOR, centers=[0])


@pytest.fixture(scope="module")
def text(found: Diagnosis) -> str:
    return make_page(found, title="X0")


def test_a_page_has_the_numbers_of_the_command(tmp_path: Path, capsys) -> None:
    file = tmp_path / "X0.html"
    assert main(["diagnose", "X0", "--center", "0", *BASIS, "--json", "--page", str(file)]) == 0
    assert Page(file.read_text()).data["report"] == json.loads(capsys.readouterr().out)


def test_traces_have_the_singular_values_at_each_amplitude(found: Diagnosis, text: str) -> None:
    data = Page(text).data
    assert data["amplitudes"][len(data["amplitudes"]) // 2] == 0
    for number, place in ((8, 0), (3, 5), (8, -1)):
        moved = found.atoms.copy()
        amplitude = data["amplitudes"][place]
        moved.positions += amplitude * np.array(data["report"]["modes"][number]["displacements"])
        expected = spectrum(moved, DESCRIPTOR, centers=[0])
        trace = data["modes"][str(number)]["trace"]
        known = expected.singular_values[: expected.internal]
        np.testing.assert_allclose(trace["values"][place], known, rtol=1e-3, atol=1e-12)
        assert trace["ranks"][place] == expected.rank
        assert trace["conditions"][place] == pytest.approx(expected.condition)


def test_every_mode_has_its_sentence_and_rigid_motions_no_trace(text: str) -> None:
    data = Page(text).data
    for number, cause in enumerate(data["causes"]):
        content = data["modes"][str(number)]
        assert content["sentence"].startswith(f"Mode {number} is ")
        assert (content["trace"] is None) == (cause in ("rotation", "translation"))
    assert data["shown"] == data["causes"].index("incompleteness")


def test_only_the_scripts_of_the_package_can_run_and_nothing_can_be_loaded(text: str) -> None:
    page = Page(text)
    policy = next(a["content"] for _, a in page.tags if "http-equiv" in a)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    contents = {"script": page.named("script")[1], "style": page.named("style")[0]}
    for name, content in contents.items():
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[f"{name}-src"] == f"'sha256-{digest}'"
    assert not [a for _, a in page.tags if {"src", "href", "srcset", "style", "onclick"} & set(a)]


def test_the_viewer_is_the_one_of_its_readme() -> None:
    digest = hashlib.sha256((FOLDER / "viewer/3Dmol-min.js").read_bytes()).hexdigest()
    assert digest in (FOLDER / "viewer/README.md").read_text()


def test_the_comment_of_the_structure_restores_cell_and_periodicity() -> None:
    crystal = structures.load("C-diamond")
    data = Page(make_page(diagnose(crystal, DESCRIPTOR))).data
    rows = zip(data["scene"]["elements"], data["report"]["structure"]["positions"], strict=False)
    lines = [f"{element} {x} {y} {z}" for element, (x, y, z) in rows]
    content = "\n".join([str(len(lines)), data["comment"], *lines, ""])
    restored = ase.io.read(io.StringIO(content), format="extxyz")
    assert np.array_equal(restored.positions, crystal.positions)
    assert np.array_equal(restored.cell.array, crystal.cell.array)
    assert restored.pbc.all()
    images = len(data["scene"]["owners"])
    assert images
    assert len(data["scene"]["positions"]) == len(crystal) + images


def test_a_page_is_the_same_each_time(found: Diagnosis, text: str) -> None:
    assert make_page(found, title="X0") == text


def test_a_large_structure_has_fewer_modes_and_says_so(found, text, monkeypatch) -> None:
    monkeypatch.setattr(document, "LARGEST", len(text.encode()) - 30_000)
    smaller = make_page(found, title="X0")
    assert len(smaller.encode()) < len(text.encode()) - 30_000
    kept = [mode["mode"] for mode in Page(smaller).data["report"]["modes"]]
    assert 8 in kept
    assert f"This page has {len(kept)} of the 15 modes" in smaller


def test_a_structure_that_is_too_large_is_refused_with_its_size(found, monkeypatch) -> None:
    monkeypatch.setattr(document, "LARGEST", 500_000)
    with pytest.raises(ValueError, match=r"at most 0\.5 MB, and that of 5 atoms would .* 0\.\d MB"):
        make_page(found)


def test_traces_that_take_long_are_left_out(found, monkeypatch) -> None:
    monkeypatch.setattr(motion, "WORK", 2e9)
    modes = Page(make_page(found)).data["modes"].values()
    assert 0 < sum(mode["trace"] is not None for mode in modes) < found.internal


def test_decompositions_of_many_atoms_count() -> None:
    """Of one center, whose features are few, it takes nearly all of the time."""
    assert 0 == traces(1000) < traces(144) < traces(64)
    assert traces(64) / traces(144) == pytest.approx((144 / 64) ** 3, rel=0.4)  # whole modes


def traces(atoms: int) -> int:
    """The number of modes whose singular values a page with one center has."""
    spectrum = SimpleNamespace(features=np.zeros((1, 24)), atoms=range(atoms))
    return motion.affordable(spectrum, DESCRIPTOR, steps=70)


@pytest.mark.parametrize("atoms", [1, 5, 12, 64, 1000, 10**6])
def test_amplitudes_are_round_and_reach_a_third_of_a_bond(atoms: int) -> None:
    steps = motion.amplitudes(atoms)
    assert 16 <= len(steps) // 2 <= 40
    assert steps[len(steps) // 2] == 0
    np.testing.assert_array_equal(steps, -steps[::-1])
    assert 0.9 < steps[-1] / (0.3 * np.sqrt(atoms)) <= 1


@pytest.mark.parametrize("atoms", [Atoms("H"), Atoms("OH", [[0, 0, 0], [0, 0, 1.0]])])
def test_few_atoms_have_a_page(atoms: Atoms) -> None:
    assert Page(make_page(diagnose(atoms, DESCRIPTOR))).data["modes"]


def test_a_problem_at_an_amplitude_is_said(found: Diagnosis) -> None:
    toward = found.atoms.positions[1] - found.atoms.positions[0]
    displacement = np.zeros((5, 3))
    displacement[0] = toward
    trace = motion.trace(found, displacement, [0.0, 1.0])
    assert trace["values"][1] == []
    assert trace["ranks"][1] is None
    assert "atoms" in trace["problems"]["1"]


class Fails:
    """A descriptor whose code fails."""

    cutoff, inversion_invariant = DESCRIPTOR.cutoff, True

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def features(self, atoms: Atoms, *, centers=None) -> np.ndarray:
        raise self.error("no weights")

    def gradients(self, atoms: Atoms, *, centers=None):
        raise self.error("no weights")


@pytest.mark.parametrize(
    "error", [RuntimeError, KeyError, IndexError, TypeError, AssertionError, OSError]
)
def test_a_descriptor_that_fails_elsewhere_leaves_a_gap(found: Diagnosis, error) -> None:
    displacement = np.zeros((5, 3))
    displacement[1] = 1.0
    failing = replace(found, descriptor=Fails(error))
    trace = motion.trace(failing, displacement, [0.0, 0.1])
    assert [len(row) for row in trace["values"]] == [found.internal, 0]
    assert trace["ranks"] == [found.spectrum.rank, None]
    assert "no weights" in trace["problems"]["1"]


def test_the_command_refuses_another_ending_before_it_computes(capsys) -> None:
    assert main(["twin", "X0", "--page", "twin.pdf"]) == 2
    assert "--page must end in .html, got twin.pdf" in capsys.readouterr().err


def test_wrong_input_is_refused(found: Diagnosis, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path must end in \.html, got .*X0\.pdf; give e\.g\. X0"):
        share.page(found, tmp_path / "X0.pdf")
    with pytest.raises(ValueError, match=r"\.html, got no name of a file; give e\.g\. page\.html"):
        share.page(found, "")
    with pytest.raises(TypeError, match=r"result must be a Diagnosis, .* got Spectrum"):
        share.page(found.spectrum, tmp_path / "X0.html")
    with pytest.raises(ValueError, match="there is no folder"):
        share.page(found, tmp_path / "none" / "X0.html")


@pytest.mark.filterwarnings(
    r"ignore:Passing unrecognized arguments to super\(Toolbar\):DeprecationWarning"
)
def test_an_explorer_has_the_page_of_its_diagnosis(found, text, tmp_path) -> None:
    explorers = pytest.importorskip("sensitivity.explorers")
    share.page(explorers.Explorer("X0", DESCRIPTOR, centers=[0]), tmp_path / "X0.html")
    assert (tmp_path / "X0.html").read_text() == text


def test_numbers_that_are_not_finite_are_refused_in_a_sentence(found: Diagnosis) -> None:
    huge = replace(found, spectrum=replace(found.spectrum, scale=np.inf))
    with pytest.raises(ValueError, match=r"a page needs finite numbers, .* divide the features"):
        make_page(huge)


@pytest.mark.filterwarnings(
    r"ignore:Passing unrecognized arguments to super\(Toolbar\):DeprecationWarning"
)
def test_a_path_explorer_without_a_page_says_what_it_needs(tmp_path: Path) -> None:
    explorers = pytest.importorskip("sensitivity.explorers")
    one, other = structures.load("X+"), structures.load("X-")
    path = follow(one, DESCRIPTOR, center=0, mode=8, length=0.1)
    between = explorers.PathExplorer.between(one, other, DESCRIPTOR, centers=[0], count=2)
    file = tmp_path / "path.html"
    with pytest.raises(ValueError, match=r"descriptor, .* PathExplorer\(path, descriptor\)"):
        share.page(explorers.PathExplorer(path), file)
    with pytest.raises(ValueError, match="only a followed path has a page"):
        share.page(between, file)
    between.wait()
    share.page(explorers.PathExplorer(path, DESCRIPTOR), file)
    assert file.stat().st_size > 100_000


PAGES = {
    "twin": ("twin", "X0", *BASIS),
    "no twin": ("twin", "CH4", "--reach", "0.01", *BASIS),
    "path": ("follow", "S1", "--mode", "8", "--length", "0.2", *BASIS),
    "bands": ("bands", "C-diamond", "--path", "GX", "--points", "5", *BASIS),
    "compare": ("compare", "X0", "--center", "0", "--descriptor", "1", "--descriptor", "2", *BASIS),
}


@pytest.mark.parametrize("name", PAGES)
def test_each_page_has_the_numbers_of_its_command(name: str, tmp_path: Path, capsys) -> None:
    file = tmp_path / "page.html"
    assert main([*PAGES[name], "--json", "--page", str(file)]) == 0
    report = json.loads(capsys.readouterr().out)
    report.pop("output", None)
    page = Page(file.read_text())
    assert page.data["report"] == report
    assert page.named("h1") == [report["structure"]["name"]]
    assert report["status"] in page.named("p")


def test_a_twin_has_both_structures_superposed_and_as_they_are() -> None:
    twin = find_twin(structures.load("X0"), DESCRIPTOR, center=0)
    data = Page(make_page(twin, descriptor=DESCRIPTOR)).data
    first, last = (np.array(data["frames"][k]).reshape(2, 5, 3) for k in (0, -1))
    assert np.array_equal(first[0], first[1])
    distance = np.sqrt(((last[1] - last[0]) ** 2).sum(axis=1).mean())
    assert distance == pytest.approx(twin.rmsd)
    facts = dict(data["facts"])
    assert facts["relative difference of these features"].endswith("equal")
    assert facts["relative difference of the next order"].endswith("different")
    frames = ase.io.read(io.StringIO(data["structures"]), index=":", format="extxyz")
    for atoms, expected in zip(frames, twin.pair, strict=True):
        assert np.array_equal(atoms.positions, expected.positions)


def test_a_path_has_all_frames_and_their_singular_values() -> None:
    path = follow(structures.load("S1"), DESCRIPTOR, center=0, mode=8, length=0.2)
    data = Page(make_page(path, descriptor=DESCRIPTOR)).data
    assert data["frames"] == [atoms.positions.tolist() for atoms in path.frames]
    assert data["coordinate"] == path.length.tolist()
    for values, each in zip(data["trace"]["values"], path.spectra, strict=True):
        known = each.singular_values[: each.internal]
        np.testing.assert_allclose(values, known, rtol=1e-3, atol=1e-12)
    with pytest.raises(TypeError, match="descriptor must be given for the page of a Path"):
        make_page(path)


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


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_text_of_others_changes_no_markup(found: Diagnosis, text: str, monkeypatch) -> None:
    monkeypatch.setattr(motion, "WORK", 0.0)

    def read(text: str) -> Page:
        source = Source(text, found.atoms, notes=(text,))
        hostile = replace(found, descriptor=Named(n_max=4, l_max=4, text=text))
        return Page(make_page(hostile, source=source))

    page, plain = read(text), read("plain")
    assert page.tags[4:] == plain.tags[4:]
    assert page.data["report"]["structure"]["name"] == text
    assert page.named("script")[1] == plain.named("script")[1]
