"""The lecturer's kit: what it names is in the notebooks, and slides can be made of them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
KIT = NOTEBOOKS / "teaching"
COURSE = sorted(NOTEBOOKS.rglob("[0-9]*.ipynb"))


def rows(file: str) -> list[list[str]]:
    """Rows of the table of a file, without the head."""
    table = [line for line in (KIT / file).read_text("utf-8").splitlines() if line[:1] == "|"]
    return [[entry.strip() for entry in re.split(r"(?<!\\)\|", row)[1:-1]] for row in table[2:]]


def linked(entry: str) -> Path:
    """The notebook to which an entry links."""
    (file,) = re.findall(r"\]\((.+)\)", entry)
    return (KIT / file).resolve()


def cells(path: Path) -> list[Any]:
    return list(json.loads(path.read_text("utf-8"))["cells"])


def test_every_notebook_has_outcomes_and_their_cells_assert_something() -> None:
    for notebook, _, _, names in rows("outcomes.md"):
        found = {cell["id"]: "".join(cell["source"]) for cell in cells(linked(notebook))}
        for name in re.findall(r"`([^`]+)`", names):
            assert re.search(r"^\s*assert ", found[name], re.MULTILINE), (notebook, name)
    assert {linked(row[0]) for row in rows("outcomes.md")} == set(COURSE)


def test_the_quiz_has_sixteen_questions_and_a_key_to_each() -> None:
    text = (KIT / "quiz.md").read_text("utf-8")
    questions = re.split(r"^\*\*(\d+)\.\*\* ", text, flags=re.MULTILINE)[1:]
    assert questions[::2] == [str(k) for k in range(1, 17)]
    assert [row[0] for row in rows("quiz-key.md")] == questions[::2]
    for question in questions[1::2]:
        assert re.findall(r"^- \((\w)\) .+$", question, re.MULTILINE) == list("abcd")
    answers = [row[1] for row in rows("quiz-key.md")]
    assert all(answers.count(letter) == 4 for letter in "abcd")
    assert all(linked(row[3]) in COURSE for row in rows("quiz-key.md"))


def test_the_glossary_is_sorted_and_has_the_terms_of_the_course() -> None:
    terms = [row[0] for row in rows("glossary.md")]
    assert terms == sorted(terms, key=str.casefold)
    assert {"order", "twin", "null mode", "soft", "condition", "Fix(G)"} <= set(terms)


def test_texts_and_code_have_their_licences_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == "BSD-3-Clause AND CC-BY-4.0"
    viewer = "sensitivity/share/viewer/LICENSE"
    assert project["license-files"] == ["LICENSE", "notebooks/LICENSE.md", viewer]
    for file in ("notebooks/LICENSE.md", "README.md", "notebooks/teaching/README.md"):
        assert re.search("CC[- ]BY[- ]4.0", (ROOT / file).read_text("utf-8")), file


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_every_cell_has_a_role_on_the_slides(path: Path) -> None:
    for cell in cells(path):
        role = cell["metadata"]["slideshow"]["slide_type"]
        text = "".join(cell["source"])
        assert role in {"slide", "subslide", "-", "notes", "skip"}
        if "check" in cell["metadata"].get("tags", []):
            assert role == "skip"
        if "**Guess" in text:
            assert role in {"slide", "subslide"}, text
        if re.search(r"^check\(guess", text, re.MULTILINE):
            assert role == "-", text


@pytest.mark.slow
def test_slides_can_be_made() -> None:
    from nbconvert import SlidesExporter

    notebook = nbformat.read(NOTEBOOKS / "5-singular-points.ipynb", as_version=4)
    slides, _ = SlidesExporter(exclude_input=True).from_notebook_node(notebook)
    roles = [cell.metadata.slideshow.slide_type for cell in notebook.cells]
    beginnings = roles.count("slide") + roles.count("subslide") + roles.count("slide")
    assert slides.count("<section>") == beginnings
    assert slides.count('<aside class="notes">') == roles.count("notes")
    assert "import matplotlib" not in slides
