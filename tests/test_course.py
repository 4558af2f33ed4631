"""The course: every notebook has its parts, and the tables of its README agree with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
README = (FOLDER / "README.md").read_text()
NOTEBOOKS = sorted(path for path in FOLDER.glob("*.ipynb") if path.stem[0].isdigit())

SECTIONS = (
    "## Goals",
    "## Theory in short",
    "## Try it",
    "## Exercises",
    "## What to take home",
    "## References",
)
"""Headings that a notebook has, in this order."""

MOST_LINES = 10
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path, kind: str) -> list[str]:
    """Sources of the cells of a kind."""
    found = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def rows(heading: str) -> list[list[str]]:
    """Rows of the table of the README whose first column has this heading."""
    (table,) = re.findall(rf"^\| {heading} \|.*\n\|[- |]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    return [[entry.strip() for entry in row.strip("|").split("|")] for row in table.splitlines()]


def linked(entry: str) -> Path:
    """The notebook to which an entry of a table links, by its own name."""
    name, file = re.fullmatch(r"\[(.+)\]\((.+)\)", entry).groups()
    assert file == f"{name}.ipynb"
    return FOLDER / file


def test_course_lists_every_notebook():
    listed = [linked(row[0]) for row in rows("notebook")]
    assert listed == NOTEBOOKS
    assert [int(path.stem.split("-")[0]) for path in listed] == list(range(1, len(listed) + 1))
    assert all(int(row[-1]) <= 30 for row in rows("notebook"))


@every_notebook
def test_notebook_has_every_part(path):
    text = "\n\n".join(cells(path, "markdown"))
    places = [[m.start() for m in re.finditer(f"^{s}", text, re.MULTILINE)] for s in SECTIONS]
    assert [len(found) for found in places] == len(SECTIONS) * [1]
    assert places == sorted(places)
    assert "10.12688/openreseurope.14156.1" in text


@every_notebook
def test_exercises_have_folded_answers(path):
    text = "\n\n".join(cells(path, "markdown"))
    exercises = re.findall(r"^\*\*\d\.\*\*", text, re.MULTILINE)
    answers = re.findall(r"<details><summary>Answer</summary>\n\n.+?\n</details>", text, re.DOTALL)
    assert len(exercises) == len(answers) == text.count("<details>") >= 2


@every_notebook
def test_cells_are_short_and_simple(path):
    code = cells(path, "code")
    assert max(len(source.splitlines()) for source in code) <= MOST_LINES
    assert not re.search(r"^\s*(def|class) ", "\n".join(code), re.MULTILINE)
    assert re.search(r"^assert ", "\n".join(code), re.MULTILINE)


@pytest.mark.parametrize("row", rows("claim"), ids=lambda row: row[-1])
def test_claim_is_demonstrated(row):
    _, notebook, number = row
    path = linked(notebook)
    assert path in NOTEBOOKS
    assert number in "\n".join(cells(path, "markdown"))
    values = NUMBER.findall(number)
    assert values
    code = "\n".join(cells(path, "code"))
    assert all(re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", code) for value in values)


def test_claims_use_most_of_the_course():
    assert len(rows("claim")) >= 8
    assert len({row[1] for row in rows("claim")}) >= 6
