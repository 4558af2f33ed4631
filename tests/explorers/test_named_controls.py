"""A text that names a control names one that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from panel import QUICK, TOOLBAR

import sensitivity.explorers
from sensitivity import find_twin, follow, structures
from sensitivity.explorers import (
    BandExplorer,
    BasisExplorer,
    CompareExplorer,
    Explorer,
    PathExplorer,
    SurveyExplorer,
    TwinExplorer,
)

pytestmark = TOOLBAR

SOURCES = sorted(Path(sensitivity.explorers.__file__).parent.rglob("*.py"))
PAGE = Path(__file__).parents[2] / "docs/explorers.md"
KIND = r"(?:menu|button|control|field|slider|switch)s?"


def names_within(widget: Any) -> Iterator[str]:
    """Labels of a widget and all that it contains, without units."""
    name = getattr(widget, "description", "")
    if type(widget).__name__ == "Label":
        name = widget.value
    yield re.sub(r" \(.*\)$", "", name)
    for child in getattr(widget, "children", ()):
        yield from names_within(child)


@pytest.fixture(scope="module")
def labels() -> set[str]:
    start = structures.load("S1")
    views = [
        Explorer("X0", QUICK, centers=[0], explained=False),
        PathExplorer(follow(start, QUICK, center=0, mode=8, length=0.1)),
        TwinExplorer(find_twin(start, QUICK, center=0, amplitude=0.3), QUICK),
        BasisExplorer(start, QUICK, centers=[0]),
        BandExplorer("C-diamond", QUICK, path="GX", points=2),
        CompareExplorer(start, [QUICK, "1"], centers=[0]),
        SurveyExplorer([start], QUICK),
    ]
    found = {name for view in views for name in names_within(view.widget)}
    for view in views:
        view.cancel()
        view.wait()
    return found


def test_messages_and_tooltips_name_controls_that_exist(labels: set[str]) -> None:
    texts = [
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    named = {name for text in texts for name in re.findall(rf"\b{KIND} '([^']+)'", text)}
    assert "exaggerate" in named
    assert named <= labels


def test_the_page_names_controls_that_exist(labels: set[str]) -> None:
    text = PAGE.read_text()
    named = set(re.findall(rf"(?:^- |\b{KIND}\s+)\*([^*]+)\*", text, re.MULTILINE))
    assert {"Actions", "feature", "explain", "descriptor", "wave vector"} <= named
    assert named <= labels
