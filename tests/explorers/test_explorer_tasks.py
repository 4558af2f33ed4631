"""Tasks that lead to other structures and descriptors, and undo."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import ipywidgets
import numpy as np
import pytest
import traitlets
from panel import DESCRIPTOR, QUICK, SIMPLE, TOOLBAR, message

from sensitivity import structures
from sensitivity.explorers import Explorer
from sensitivity.explorers.parts.state import compute

pytestmark = TOOLBAR


@pytest.mark.slow
def test_what_is_undone_comes_back_in_order() -> None:
    explorer = Explorer("H2O", SIMPLE)
    start = explorer.state
    explorer.structure = "H2"
    explorer.mode, explorer.amplitude = 2, 0.1
    explorer.descriptor = QUICK
    explorer.centers = [1]
    assert explorer.centers == (1,)
    explorer.undo()
    assert (explorer.centers, explorer.descriptor) == ((0, 1), QUICK)
    explorer.undo()
    assert (explorer.descriptor, explorer.mode, explorer.amplitude) == (SIMPLE, 2, 0.1)
    assert explorer.controls.mode.value == 2
    assert compute(explorer.state) is explorer.shown
    explorer.undo()
    assert explorer.reference is start.reference
    explorer.undo()
    assert message(explorer) == "There is nothing to undo."


def test_a_way_to_a_singular_point() -> None:
    start = structures.load("CH4")
    start.rattle(0.05, seed=1)
    explorer = Explorer(start, DESCRIPTOR, centers=[0])
    before = explorer.shown.spectrum.condition
    explorer.actions.tasks["locate"].click()
    assert "Converged" in message(explorer)
    assert explorer.centers == (0,)
    assert explorer.shown.spectrum.condition <= 1e-12
    assert before > 1e-6
    assert explorer.reference.causes[explorer.mode] in {"truncation", "incompleteness"}
    assert explorer.reference.least_visible == explorer.mode
    explorer.undo()
    np.testing.assert_array_equal(explorer.structure.positions, start.positions)
    assert explorer.shown.spectrum.condition == before


@pytest.mark.slow
def test_a_larger_basis_and_a_higher_order_until_there_is_none() -> None:
    explorer = Explorer("H2", SIMPLE)
    explorer.actions.tasks["enlarge_basis"].click()
    larger = SIMPLE.larger_basis()
    assert explorer.descriptor == larger != SIMPLE
    explorer.actions.tasks["raise_order"].click()
    assert explorer.descriptor == larger.higher_order()
    assert explorer.settings.descriptor.value == "2"
    explorer.descriptor = replace(SIMPLE, order=4)
    reference = explorer.reference
    explorer.actions.tasks["raise_order"].click()
    assert message(explorer) == "This descriptor has no higher order."
    assert explorer.reference is reference
    explorer.undo()
    explorer.undo()
    assert explorer.descriptor == larger


@pytest.mark.slow
def test_a_larger_basis_lifts_truncation_and_a_higher_order_incompleteness() -> None:
    explorer = Explorer("S1", QUICK)
    counts = explorer.reference.causes.count
    assert (counts("truncation"), counts("incompleteness")) == (1, 1)
    explorer.enlarge_basis()
    counts = explorer.reference.causes.count
    assert (counts("truncation"), counts("incompleteness")) == (0, 1)
    explorer.raise_order()
    counts = explorer.reference.causes.count
    assert (counts("truncation"), counts("incompleteness")) == (0, 0)


class Picture(traitlets.HasTraits):
    """Stands for a view: it keeps what it is given."""

    columns = traitlets.Int(2)
    transparent = traitlets.Bool(False)

    def __init__(self, *what: Any) -> None:
        super().__init__()
        self.what, self.widget = what, ipywidgets.HTML("a picture")
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    """The views that are made, without the classes that make them."""
    made: list[Picture] = []

    def make(*what: Any) -> Picture:
        made.append(Picture(*what))
        return made[-1]

    monkeypatch.setattr("sensitivity.explorers.main.explorer.PathExplorer", make)
    monkeypatch.setattr("sensitivity.explorers.main.explorer.TwinExplorer", make)
    return made


@pytest.mark.slow
def test_a_view_below_takes_the_choices_of_figures(views: list[Picture]) -> None:
    explorer = Explorer("H2O", QUICK, centers=[0])
    explorer.columns = 1
    explorer.mode = 1
    explorer.follow()
    explorer.wait()
    assert (views[0].columns, views[0].transparent) == (1, False)
    explorer.transparent = True
    assert views[0].transparent
    explorer.structure = "CO"  # closes it
    explorer.wait()
    explorer.columns = 2
    assert views[0].columns == 1


@pytest.mark.slow
def test_the_way_along_a_mode_is_shown_below(views: list[Picture]) -> None:
    explorer = Explorer("H2O", QUICK, centers=[0])
    explorer.mode, explorer.amplitude = 1, 0.1
    reference = explorer.reference
    explorer.actions.tasks["follow"].click()
    ((path, descriptor),) = [view.what for view in views]
    assert (message(explorer), descriptor) == (path.status, QUICK)
    np.testing.assert_array_equal(path.frames[0].positions, explorer.structure.positions)
    assert path.length[-1] == pytest.approx(1.0, abs=0.05)
    first = path.frames[1].positions - path.frames[0].positions
    along = np.vdot(first, reference.modes[1]) / np.linalg.norm(first)
    assert along == pytest.approx(1, abs=0.05)
    assert explorer.below.children[1] is views[0].widget
    assert explorer.reference is reference


def test_the_twin_is_shown_below(views: list[Picture]) -> None:
    explorer = Explorer("X0", DESCRIPTOR)
    explorer.actions.tasks["find_twin"].click()
    ((twin, descriptor),) = [view.what for view in views]
    assert (message(explorer), descriptor) == (twin.status, DESCRIPTOR)
    assert twin.found
    assert explorer.below.children[1] is views[0].widget


def test_a_view_below_has_a_title_and_can_be_closed(views: list[Picture]) -> None:
    explorer = Explorer("X0", DESCRIPTOR)
    explorer.find_twin()
    heading, close = explorer.below.children[0].children
    assert heading.value == "<strong>Twins near X0</strong>"
    close.click()
    assert explorer.below.children == ()
    assert views[0].cancelled


@pytest.mark.parametrize("opened_by", ["find_twin", "example"])
def test_closing_returns_the_focus_to_the_button_that_opened(
    views: list[Picture], monkeypatch: pytest.MonkeyPatch, opened_by: str
) -> None:
    explorer, focused = Explorer("X0", DESCRIPTOR), []
    buttons = {"example": explorer.actions.examples["twin"], **explorer.actions.tasks}
    for name, button in buttons.items():
        monkeypatch.setattr(button, "focus", partial(focused.append, name))
    buttons[opened_by].click()
    assert not focused
    _, close = explorer.below.children[0].children
    close.click()
    assert focused == [opened_by]


def test_where_there_is_no_way_the_panel_says_why(views: list[Picture]) -> None:
    explorer = Explorer("H2", SIMPLE)
    for name in ("locate", "find_twin"):
        explorer.actions.tasks[name].click()
        assert message(explorer).endswith(".")
        assert explorer.reference.name == "H2"
    assert not views
    assert not explorer.busy


@pytest.mark.slow
@pytest.mark.parametrize("name", ["locate", "follow", "find_twin"])
def test_a_task_asks_for_one_center(name: str) -> None:
    explorer = Explorer("H2O", replace(QUICK, cutoff=3.0))
    assert explorer.centers == (0, 1, 2)
    explorer.actions.tasks[name].click()
    assert "the environment of one atom, and there are several centers" in message(explorer)
    assert explorer.centers == (0, 1, 2)
    assert explorer.below.children == ()
