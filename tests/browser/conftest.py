"""One JupyterLab and one browser for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from laboratory import NO_BROWSER, browse, find_browser, run_notebook, serve, write_notebook
from workbench import Workbench

# What the notebook holds: an explorer that another can take the place of.
CELLS = (
    "import ipywidgets\nfrom sensitivity.explorers import Explorer\nplace = ipywidgets.VBox([])",
    "explorer = Explorer()\nplace.children = (explorer.widget,)\nplace",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder as slow."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def browser() -> str:
    program = find_browser()
    if program is None and os.environ.get("CI"):
        pytest.fail(NO_BROWSER)
    if program is None:
        pytest.skip(NO_BROWSER)
    return program


# Not for the whole session: the browser's event loop runs until the end, and no test of another
# module may meet it.
@pytest.fixture(scope="module")
def opened(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A notebook with an explorer, run, with the explorer in sight."""
    served, private = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("private")
    write_notebook(served / "explore.ipynb", *CELLS)
    with serve(served, private) as laboratory, browse(browser) as (page, complaints):
        errors = run_notebook(page, laboratory.notebook("explore.ipynb"))
        assert not errors, errors
        workbench = Workbench(page, laboratory, complaints)
        workbench.show_explorer()
        yield workbench


@pytest.fixture
def workbench(opened: Workbench) -> Iterator[Workbench]:
    """The explorer at its start; a test fails too if the page complains meanwhile."""
    opened.tell("explorer.reset()")
    opened.settle()
    yield opened
    assert opened.complaints.console == []
    assert opened.complaints.elsewhere == []
