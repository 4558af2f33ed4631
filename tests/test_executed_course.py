"""The executed edition of the course, which can be read without running anything."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import execute_course  # noqa: E402

NAME = "appendix/5a-paths.ipynb"


@pytest.fixture(scope="module")
def executed() -> nbformat.NotebookNode:
    return execute_course.execute(execute_course.NOTEBOOKS / NAME)


@pytest.mark.slow
def test_every_figure_and_a_picture_of_the_explorer_are_there(
    executed: nbformat.NotebookNode,
) -> None:
    source = nbformat.read(execute_course.NOTEBOOKS / NAME, as_version=4)
    figures = sum("plt.figure" in cell.source for cell in source.cells)
    explorers = sum("PathExplorer(" in cell.source for cell in source.cells)
    assert (figures, explorers) == (2, 1)
    outputs = [each for cell in executed.cells for each in cell.get("outputs", ())]
    assert sum("image/png" in each.get("data", {}) for each in outputs) == figures + explorers
    assert execute_course.WIDGET not in str(executed)
    texts = [
        cell.metadata["mystnb"]["image"]["alt"] for cell in executed.cells if "outputs" in cell
    ]
    assert "Figure of the section A ring" in texts
    (ring,) = [cell for cell in executed.cells if "plt.scatter" in cell.source]
    (png,) = [each.data["image/png"] for each in ring.outputs if "data" in each]
    pixels = int.from_bytes(base64.b64decode(png)[16:20], "big")  # from the head of the file
    assert ring.metadata["mystnb"]["image"]["width"] == f"{pixels // 2}px"
    assert 700 < pixels < 850  # 3.8 inches


@pytest.mark.slow
def test_a_guess_has_a_folded_answer_and_checks_are_left_out(
    executed: nbformat.NotebookNode,
) -> None:
    assert "Make a guess first" not in str(executed)
    pages = [
        each.data.get("text/html", "")
        for cell in executed.cells
        for each in cell.get("outputs", ())
        if "data" in each
    ]
    found = re.findall(r"<summary>Answer</summary>\s*<p>([\d.]+)\.</p>", "".join(pages))
    (answer,) = map(float, found)
    assert 0.02 < answer < 0.03  # Å, from the start to the end of the ring
    assert not any("check" in cell.metadata.get("tags", []) for cell in executed.cells)


def test_a_widget_without_a_picture_is_left_out() -> None:
    widget = {execute_course.WIDGET: {}, "text/plain": ""}
    assert execute_course.drop_widget(nbformat.v4.new_output("display_data", widget))
    picture = nbformat.v4.new_output("display_data", {**widget, "image/png": "AAAA"})
    assert not execute_course.drop_widget(picture)
    assert execute_course.WIDGET not in picture.data
    assert not execute_course.drop_widget(nbformat.v4.new_output("stream", text="a"))
