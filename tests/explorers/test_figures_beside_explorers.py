"""Figures that cells draw are shown in a notebook that has an explorer."""

from __future__ import annotations

import pytest
from nbclient import NotebookClient
from nbformat import v4

from sensitivity import lab

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "before", ["", "import matplotlib.pyplot", lab._PREPARE], ids=["explorer", "pyplot", "lab"]
)
def test_a_figure_is_shown_after_an_explorer(before: str) -> None:
    explorer = "from sensitivity.explorers import Explorer\nExplorer('H2O')"
    figure = "import matplotlib.pyplot as plt\nplt.plot([1, 2])"
    cells = [v4.new_code_cell(source) for source in (before, explorer, figure)]
    NotebookClient(v4.new_notebook(cells=cells), timeout=120).execute()
    shown = [kind for output in cells[-1].outputs for kind in output.get("data", {})]
    assert "image/png" in shown
