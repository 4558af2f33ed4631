"""What a newcomer meets first: an invitation, one oscillation, and three examples."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from panel import QUICK, TOOLBAR, message, sentence

from sensitivity.explorers import Explorer
from sensitivity.explorers.main.explorer import USUAL, WELCOME
from sensitivity.explorers.parts.molecule import DRAWN
from sensitivity.explorers.parts.state import PERIOD

pytestmark = TOOLBAR


@pytest.fixture
def new() -> Iterator[Explorer]:
    explorer = Explorer("CH4", QUICK, oscillating=True)
    yield explorer
    explorer.cancel()


def draw(explorer: Explorer, *, still: bool = False) -> None:
    """Let a view say that it has drawn the molecule."""
    explorer.molecule.widget._handle_custom_msg({"type": DRAWN, "still": still}, [])


def test_the_atoms_oscillate_once_as_soon_as_they_are_on_the_screen(new: Explorer) -> None:
    play = new.controls.play
    assert not play.playing
    draw(new)
    assert (play.playing, play.repeat, play.value) == (True, False, 0)
    play.value = PERIOD // 4
    assert new.amplitude == new.reference.reach
    play.value = play.max
    play.playing = False  # the page does so after the last step
    assert (new.amplitude, play.repeat) == (0.0, True)
    assert str(new.amplitude) == "0.0"
    draw(new)  # by another view
    assert not play.playing


def test_a_person_who_prefers_stillness_gets_it(new: Explorer) -> None:
    draw(new, still=True)
    assert not new.controls.play.playing


def test_other_explorers_do_not_move_by_themselves(explorer: Explorer) -> None:
    draw(explorer)
    assert not explorer.controls.play.playing


def test_the_slider_stops_the_animation(new: Explorer) -> None:
    draw(new)
    new.controls.play.value = 7
    new.controls.amplitude.value = 0.1
    assert (new.controls.play.playing, new.amplitude) == (False, 0.1)


def test_the_invitation_goes_away_with_what_a_person_does(new: Explorer) -> None:
    assert message(new) == WELCOME
    draw(new)
    new.controls.play.value = 3  # by itself
    assert message(new) == WELCOME
    new.controls.amplitude.value = 0.05
    assert message(new) == ""
    new.panel.tell("Something else")
    new.controls.amplitude.value = 0.06
    assert message(new) == "Something else"


@pytest.mark.parametrize(
    ("name", "structure", "words"),
    [
        ("symmetry", "CH4", "invisible by symmetry (Td)"),
        ("incompleteness", "X0", "invisible by incompleteness of correlations of order 2"),
        ("twin", "X+", "Mode 8 is visible"),
    ],
)
def test_an_example_is_one_click_away(new: Explorer, name: str, structure: str, words: str) -> None:
    new.actions.examples[name].click()
    new.wait()
    assert (new.reference.name, new.centers) == (structure, (0,))
    assert new.descriptor is USUAL
    assert words in sentence(new)
    draw(new)
    assert new.controls.play.playing == (name != "twin")
    assert bool(new.below.children) == (name == "twin")
    assert message(new).startswith("Two structures 0.089 Å apart" if name == "twin" else "")


def test_causes_and_sentences_are_shown_when_asked_for() -> None:
    explorer = Explorer("X0", explained=False)
    explorer.wait()
    assert explorer.panel.sentence.value == ""
    assert explorer.controls.mode.options[8][0] == "8: 0, internal"
    assert explorer.reference.diagnosis is None
    explorer.amplitude = 0.1
    explorer.wait()
    assert explorer.panel.sentence.value == ""
    explorer._question.click()
    explorer.wait()
    assert "Mode 8 is invisible by incompleteness".lower() in explorer.panel.sentence.value.lower()
    assert explorer.controls.mode.options[8][0] == "8: 0, incompleteness"
    assert explorer._question.layout.display == "none"
    explorer.structure = "NH3"
    explorer.wait()
    assert explorer.panel.sentence.value != ""
