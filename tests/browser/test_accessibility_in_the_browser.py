"""What axe-core finds in the explorers in JupyterLab."""

from __future__ import annotations

from typing import Any

import pytest
from accessibility import violations
from playwright.sync_api import Page
from workbench import VIEWS, Workbench

THIRD_PARTY = (
    "jp-button",  # buttons of JupyterLab's toolbars
    "[role=feed]",  # its list of cells
    ".cm-content",  # its editor
)
"""Selectors of nodes that other packages make, and that no view of ours contains."""

OTHERS = """targets => targets.map(target => {
  const element = document.querySelector(target);
  return !element.closest('.sensitivity-explorer') && element.matches('THIRD');
})"""


def ours(page: Page) -> list[Any]:
    """The same without the nodes of other packages."""
    found = violations(page)
    script = OTHERS.replace("THIRD", ", ".join(THIRD_PARTY))
    others = page.evaluate(script, [target for *_, target in found])
    return [each for each, other in zip(found, others, strict=True) if not other]


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("view", ["Explorer('CH4')", *VIEWS.values()], ids=["CH4", *VIEWS])
def test_views_have_no_serious_violation(opened: Workbench, view: str, theme: str) -> None:
    opened.page.evaluate(
        "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
    )
    opened.put(view)
    opened.tell("explorer.wait()")
    opened.chart.wait_for(state="visible")
    dark = opened.page.locator(".sensitivity-dark").first
    dark.wait_for(state="visible" if theme.endswith("Dark") else "hidden")
    opened.exchange()
    assert ours(opened.page) == []


def test_a_violation_is_found(opened: Workbench) -> None:
    explorer = opened.page.locator(".sensitivity-explorer").first
    explorer.evaluate("e => e.insertAdjacentHTML('beforeend', '<button id=\"bare\"></button>')")
    assert [rule for rule, *_ in ours(opened.page)] == ["button-name"]
    opened.page.locator("#bare").evaluate("e => e.remove()")
