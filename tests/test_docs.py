"""What the documents say of the project holds."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path
    for folder in (".", "docs", "notebooks", "notebooks/teaching", "benchmarks", "examples")
    for path in (ROOT / folder).glob("*.md")
)


def anchors(text: str) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = path if not name else path.parent / name
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text()), target


def test_decisions_are_numbered_and_in_the_index() -> None:
    text = (ROOT / "docs/decisions.md").read_text()
    titles = re.findall(r"^## (\d+\. .+)$", text, re.MULTILINE)
    assert [int(title.partition(".")[0]) for title in titles] == [*range(1, len(titles) + 1)]
    indexed = re.findall(r"^- \[(\d+\. .+)\]\(", text, re.MULTILINE)
    assert sorted(indexed) == sorted(titles)


def test_pages_of_names_that_differ_only_in_case_have_other_names() -> None:
    import sensitivity

    text = (ROOT / "docs/conf.py").read_text()
    (listed,) = re.findall(r'\.\{name\}-class"\n    for name in \((.*?)\)', text, re.DOTALL)
    lower = [name.lower() for name in sensitivity.__all__]
    alike = {name for name in sensitivity.__all__ if lower.count(name.lower()) > 1}
    assert set(re.findall(r'"(\w+)"', listed)) == {name for name in alike if name[0].isupper()}


def test_the_rooms_of_the_architecture_are_those_of_the_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
    assert [sorted(re.findall(r"\w+", row)) for row in rows] == [
        sorted(layer.split(" | ")) for layer in layers
    ]


def test_tables_of_the_benchmarks_are_those_of_the_results() -> None:
    from benchmarks.report import README, tables

    assert tables() in README.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("notebooks/README.md", "course/index.md"),
        ("docs/decisions.md#index", "decisions.md#index"),
        ("CONTRIBUTING.md", "contributing.md"),
        ("examples/own_view.py", "there/blob/main/examples/own_view.py"),
        ("docs", "there/blob/main/docs"),
        ("nowhere.md", "nowhere.md"),
        ("https://doi.org/1", "https://doi.org/1"),
    ],
)
def test_links_of_the_repository_lead_to_pages_of_the_site(link: str, expected: str) -> None:
    relink = runpy.run_path(str(ROOT / "docs/_extensions/repository.py"))["relink"]
    text = relink(f"[a]({link})", source="CHANGELOG.md", page="docs/changelog.md", address="there")
    assert text == f"[a]({expected})"


def test_every_page_of_the_site_is_a_file() -> None:
    pages = runpy.run_path(str(ROOT / "docs/_extensions/repository.py"))["PAGES"]
    assert all((ROOT / source).is_file() for source in pages)
    assert {"notebooks/1-methane.ipynb", "benchmarks/README.md"} <= set(pages)


def test_the_course_comes_before_its_appendices_and_its_licence() -> None:
    course = runpy.run_path(str(ROOT / "docs/_extensions/repository.py"))["COURSE"]
    files = [*(ROOT / "notebooks").rglob("*.ipynb"), *(ROOT / "notebooks").rglob("*.md")]
    files = [each for each in files if ".ipynb_checkpoints" not in each.parts]
    names = {each.relative_to(ROOT / "notebooks").as_posix() for each in files}
    assert sorted(course) == sorted(names - {"README.md"})
    assert [name.split("-")[0] for name in course[:12]] == [str(k) for k in range(1, 13)]
    assert course[12].startswith("appendix/")
    assert course.index("teaching/quiz.md") < course.index("teaching/quiz-key.md")
    assert course[-1] == "LICENSE.md"
