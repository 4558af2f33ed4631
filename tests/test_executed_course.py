"""The executed edition of the course: pages that can be read without running anything."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import build_course  # noqa: E402

NAME = Path("appendix/5a-paths.ipynb")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    build_course.build_notebook(NAME, folder)
    return folder


@pytest.fixture(scope="module")
def page(output: Path) -> str:
    return (output / NAME.with_suffix(".html")).read_text("utf-8")


@pytest.mark.slow
def test_every_figure_and_a_picture_of_the_explorer_are_in_the_page(
    output: Path, page: str
) -> None:
    source = nbformat.read(build_course.NOTEBOOKS / NAME, as_version=4)
    figures = sum("plt.figure" in cell.source for cell in source.cells)
    explorers = sum("PathExplorer(" in cell.source for cell in source.cells)
    assert (figures, explorers) == (2, 1)
    assert page.count('<img alt="') == figures + explorers
    executed = nbformat.read(output / NAME, as_version=4)
    outputs = [each for cell in executed.cells for each in cell.get("outputs", ())]
    assert sum("image/png" in each.get("data", {}) for each in outputs) == figures + explorers
    assert build_course.WIDGET not in str(executed)
    assert 'alt="Figure of the section A ring"' in page


@pytest.mark.slow
def test_a_page_fetches_nothing(page: str) -> None:
    assert not re.findall(r"<(?:script|link|iframe)\b", page)
    assert all(address.startswith("data:") for address in re.findall(r'\bsrc="([^"]*)"', page))
    assert len(page) < 1_000_000


@pytest.mark.slow
def test_links_between_notebooks_lead_to_pages(output: Path, page: str) -> None:
    assert 'href="../5-singular-points.html"' in page
    assert f'href="{NAME.name}" download' in page
    pages = {name.with_suffix(".html") for name in build_course.list_notebooks()}
    for target in re.findall(r'href="([^":#]+\.html)', page):
        place = (output / NAME.parent / target).resolve().relative_to(output.resolve())
        assert place in pages | {Path("index.html")}


@pytest.mark.slow
def test_a_guess_has_a_folded_answer_and_checks_are_left_out(page: str) -> None:
    assert "Make a guess first" not in page
    (answer,) = re.findall(r"<summary>Answer</summary>\s*<p>([\d.]+)\.</p>", page)
    assert 0.02 < float(answer) < 0.03  # Å, from the start to the end of the ring
    assert "A ring of 0.34" not in page


def test_texts_have_anchors(tmp_path: Path) -> None:
    for name in ("README.md", "teaching/README.md"):
        build_course.build_text(Path(name), tmp_path)
    assert (
        "../index.html#paths-through-the-course" in (tmp_path / "teaching/README.html").read_text()
    )
    assert 'id="paths-through-the-course"' in (tmp_path / "index.html").read_text()


def test_formulas_become_mathml_and_code_stays() -> None:
    text = build_course.typeset("$|Jv|$, `$HOME`, and\n\n$$E = \\frac{1}{2}$$")
    assert text.count("<math") == 2
    assert "`$HOME`" in text
    assert 'display="block"' in text
    assert text.count('<mo form="prefix" stretchy="false">') == 2


def test_a_widget_without_a_picture_is_left_out() -> None:
    widget = {build_course.WIDGET: {}, "text/plain": ""}
    assert build_course.drop_widget(nbformat.v4.new_output("display_data", widget))
    picture = nbformat.v4.new_output("display_data", {**widget, "image/png": "AAAA"})
    assert not build_course.drop_widget(picture)
    assert build_course.WIDGET not in picture.data
    assert not build_course.drop_widget(nbformat.v4.new_output("stream", text="a"))
