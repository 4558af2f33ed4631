"""Every control does what it says, and nothing once it is disconnected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from ase.build import bulk, molecule
from hostile_sessions import GOOD
from panel import SIMPLE, TOOLBAR, chosen, message, xyz

from sensitivity.explorers import Explorer
from sensitivity.explorers.main import explorer as searches
from sensitivity.explorers.main import wiring
from sensitivity.explorers.main.controls import EXAMPLES, TASKS
from sensitivity.explorers.main.exports import EXPORTS
from sensitivity.explorers.parts.state import State, Subject, examine, explain

pytestmark = TOOLBAR

TWO = xyz(molecule("NH3"), molecule("H2O"))

FILE = chosen("two.xyz", TWO)

SESSION = chosen("a.json", json.dumps(GOOD).encode())

# What a person sets, and what comes of it; everything else is as it was at the start.
VALUES: dict[str, tuple[Any, Callable[[Explorer], Any], Any]] = {
    "mode": (4, lambda e: e.state.mode, 4),
    "amplitude": (0.11, lambda e: e.state.amplitude, 0.11),
    "play": (15, lambda e: e.state.amplitude, 0.5),
    "speed": (2.0, lambda e: e.controls.play.interval, 40),
    "arrows": (False, lambda e: e.state.arrows, False),
    "arrow length": (2.0, lambda e: e.state.arrow_length, 2.0),
    "labels": ("index", lambda e: e.molecule._scene["dress"]["labels"], "index"),
    "atom size": (2.0, lambda e: e.molecule._scene["dress"]["size"], 2.0),
    "feature": (1, lambda e: e.state.feature, 1),
    "cells": (2, lambda e: e.presenter.cells, 2),
    "structure": ("H2", lambda e: e.reference.name, "H2"),
    "upload": ((FILE,), lambda e: str(e.structure.symbols), "NH3"),
    "open session": ((SESSION,), lambda e: e.state.amplitude, 0.1),
    "columns": (1, lambda e: e.columns, 1),
    "transparent": (True, lambda e: e.transparent, True),
    "frame": (1, lambda e: str(e.structure.symbols), "OH2"),
    "centers": ("0", lambda e: e.centers, (0,)),
    "descriptor": ("2", lambda e: e.descriptor.order, 2),
    "n_max": (3, lambda e: e.descriptor.n_max, 3),
    "l_max": (1, lambda e: e.descriptor.l_max, 1),
    "cutoff": (2.5, lambda e: e.descriptor.cutoff, 2.5),
    "smearing": (0.4, lambda e: e.descriptor.smearing, 0.4),
}


def seen_from(explorer: Explorer) -> list[int]:
    """Direction towards the viewer."""
    matrix = np.reshape(explorer.molecule._scene["camera"]["view"], (4, 4)).T
    return np.round(-matrix[2, :3]).astype(int).tolist()


CLICKS: dict[str, tuple[Callable[[Explorer], Any], Any]] = {
    "reset": (lambda e: (e.state.mode, e.state.amplitude), (2, 0.0)),
    "x": (seen_from, [1, 0, 0]),
    "y": (seen_from, [0, 1, 0]),
    "z": (seen_from, [0, 0, 1]),
    **{
        name: (lambda e: e.reference.name, structure)
        for name, (_, _, structure, _) in EXAMPLES.items()
    },
    "link": (lambda e: "Copied the link" in message(e), True),
    "locate": (message, "did locate"),
    "follow": (message, "did follow"),
    "find_twin": (message, "did find_twin"),
    "enlarge_basis": (lambda e: e.descriptor.n_max, 4),
    "raise_order": (lambda e: e.descriptor.order, 2),
    "undo": (lambda e: e.reference.name, "CO"),
    **{
        name: (lambda e, file=file: f"Saved {file}" in message(e), True)
        for name, (_, file, _) in EXPORTS.items()
    },
}


@pytest.fixture(scope="module")
def start() -> tuple[Explorer, State, State]:
    explorer = Explorer("H2O", SIMPLE)
    start = explorer.state
    reference = explain(examine(Subject(molecule("CO"), SIMPLE, name="CO")))
    return explorer, start, State(reference, 0)


@pytest.fixture
def explorer(start: tuple[Explorer, State, State], monkeypatch: pytest.MonkeyPatch) -> Explorer:
    """At an amplitude, with something to undo, short tasks and a short film."""
    explorer, state, before = start
    explorer._enter(state)
    explorer.reset()
    explorer.history.clear()
    explorer.history.append(before)
    explorer.controls.speed.value = 1.0
    explorer.columns, explorer.transparent = 2, False
    explorer.panel.message.value = ""
    explorer.look("x")
    explorer.molecule._scene["camera"]["view"] = np.eye(4).ravel().tolist()
    for name in ("locate", "follow", "find_twin"):
        outcome = searches.Outcome(f"did {name}")
        monkeypatch.setattr(searches, name, lambda *_, outcome=outcome: outcome)
    film = "sensitivity.explorers.main.exports.draw_film"
    monkeypatch.setattr(film, lambda *_, **__: b"GIF89a")
    return explorer


def prepare(explorer: Explorer, name: str) -> None:
    if name == "frame":
        explorer.open("two.xyz", TWO)
    if name == "cells":
        explorer.structure = bulk("NaCl", "rocksalt", a=5.6)
    if name == "reset":
        explorer.mode, explorer.amplitude = 1, 0.2


def choose(explorer: Explorer, name: str) -> None:
    widget, _ = wiring.values(explorer)[name]
    widget.value = VALUES[name][0]


def disconnect(listed: list[Any]) -> Callable[[], None]:
    """Take away what the wiring has added to one control; return how to bring it back."""
    mine = [act for act in listed if getattr(act, "func", None) in (wiring._choose, wiring._click)]
    assert len(mine) == 1
    listed.remove(mine[0])
    return lambda: listed.append(mine[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", VALUES)
def test_a_value_has_its_effect_if_it_is_connected_and_only_then(
    explorer: Explorer, name: str
) -> None:
    prepare(explorer, name)
    _, look, expected = VALUES[name]
    before = look(explorer)
    assert before != expected
    connect = disconnect(wiring.values(explorer)[name][0]._trait_notifiers["value"]["change"])
    try:
        choose(explorer, name)
        assert look(explorer) == before
    finally:
        with explorer.updating:
            explorer.controls.play.value = 0
            explorer.controls.amplitude.value = 0.0
            explorer.controls.show(explorer.state)
            explorer.settings.show(explorer.reference.subject)
            explorer.controls.speed.value = explorer.controls.atom_size.value = 1.0
            explorer.controls.labels.value, explorer.controls.cells.value = "none", 1
            explorer.controls.feature.value = -1
            explorer.actions.columns.value, explorer.actions.transparent.value = 2, False
        connect()
    choose(explorer, name)
    assert look(explorer) == expected
    if name not in {"upload", "open session", "frame", "structure"}:
        assert wiring.values(explorer)[name][0].value == VALUES[name][0]


@pytest.mark.slow
@pytest.mark.parametrize("name", CLICKS)
def test_a_button_has_its_effect_if_it_is_connected_and_only_then(
    explorer: Explorer, name: str
) -> None:
    prepare(explorer, name)
    look, expected = CLICKS[name]
    button = wiring.clicks(explorer)[name][0]
    before = look(explorer)
    assert before != expected
    connect = disconnect(button._click_handlers.callbacks)
    try:
        button.click()
        assert look(explorer) == before
    finally:
        connect()
    button.click()
    assert look(explorer) == expected


def test_every_control_of_the_panel_is_connected(explorer: Explorer) -> None:
    assert list(wiring.values(explorer)) == list(VALUES)
    assert set(wiring.clicks(explorer)) == set(CLICKS)
    assert set(EXAMPLES) | set(TASKS) | set(EXPORTS) < set(CLICKS)
    wired = [each[0] for each in wiring.values(explorer).values()]
    wired += [each[0] for each in wiring.clicks(explorer).values()]
    wired.append(explorer.panel.cancel)  # which every view connects by itself
    for widget in controls_within(explorer.widget):
        if {"sensitivity-fold", "sensitivity-full-screen"} & {*widget._dom_classes}:  # by the page
            continue
        assert widget in wired, f"nothing happens on {widget.description}"
        wired.remove(widget)
    assert not wired, "these are not in the panel"


def controls_within(widget: Any) -> Iterator[Any]:
    """All widgets that a person can set."""
    if hasattr(widget, "tooltip") and hasattr(widget, "disabled") and not is_text(widget):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from controls_within(child)


def is_text(widget: Any) -> bool:
    return type(widget).__name__ in {"HTML", "Label", "Image"}


def test_every_control_teaches(explorer: Explorer) -> None:
    for widget in controls_within(explorer.widget):
        if {"sensitivity-fold", "sensitivity-full-screen"} & {*widget._dom_classes}:  # by the page
            continue
        assert len(widget.tooltip) > 6
        assert widget.description or type(widget).__name__ == "Play"
