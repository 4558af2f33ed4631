"""The example of a view of one's own shows what it computes."""

from __future__ import annotations

import io
import runpy
from pathlib import Path

import numpy as np
import pytest
from panel import TOOLBAR
from PIL import Image

from sensitivity import DensityCorrelations

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_view.py"

pytestmark = TOOLBAR


def test_it_moves_the_atoms_and_marks_the_response() -> None:
    view = runpy.run_path(str(EXAMPLE))["ResponseView"]("CH4", DensityCorrelations(), mode=8)
    half, whole = view.changes[[25, 50]]
    assert 3 < whole / half < 5  # symmetry hides this mode: the response is quadratic
    view.slider.index = 25
    assert view.share == 0.5
    np.testing.assert_allclose(view.chart.point.get_data(), ([0.25], [half]))
    moved = view.atoms.positions + 0.25 * view.direction
    np.testing.assert_allclose(view._place(view.share)[0][0], moved)
    view.start_again()
    assert view.slider.index == 0


def test_it_saves_its_figure_and_its_film(monkeypatch: pytest.MonkeyPatch) -> None:
    view = runpy.run_path(str(EXAMPLE))["ResponseView"]("CH4", DensityCorrelations(), mode=8)
    files: dict[str, bytes] = {}
    monkeypatch.setattr(view.page, "download", files.__setitem__)
    for name in ("pdf", "gif"):
        view.export(name)
        view.wait()
    assert files["response.pdf"].startswith(b"%PDF")
    assert Image.open(io.BytesIO(files["response.gif"])).n_frames == 2 * 25


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"mode": 80}, ValueError, "mode must be an integer from 0 to 14, got 80"),
        ({"mode": "a"}, TypeError, "mode must be an integer from 0 to 14, got 'a'"),
        ({"mode": -1}, ValueError, "mode must be an integer from 0 to 14, got -1"),
        ({"mode": 8, "center": 0}, TypeError, "takes centers=, a sequence of indices"),
    ],
)
def test_wrong_arguments_are_named(settings: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        runpy.run_path(str(EXAMPLE))["ResponseView"]("CH4", DensityCorrelations(), **settings)
