"""The connections between the controls of an explorer and its methods."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sensitivity.explorers.main.session_view import SessionView

Act = Callable[..., Any]


def connect(explorer: SessionView) -> None:
    """Connect each control to its action; errors appear in the panel."""
    _observe(explorer, values(explorer))
    explorer.settings.on_new = lambda: _observe(explorer, settings_of_descriptor(explorer))
    for button, act in clicks(explorer).values():
        button.on_click(partial(_click, explorer, act))
    explorer.chart.on_click(
        mode=partial(explorer.attempt, setattr, explorer, "mode"),
        amplitude=partial(explorer.attempt, explorer.set_near),
    )


def values(explorer: SessionView) -> dict[str, tuple[Any, Act]]:
    """Return, for each control with a value, the widget and the function that takes the value."""
    controls, settings, actions = explorer.controls, explorer.settings, explorer.actions
    return {
        "mode": (controls.mode, partial(setattr, explorer, "mode")),
        "amplitude": (controls.amplitude, explorer.slide_to),
        "play": (controls.play, explorer.oscillate_to),
        "speed": (controls.speed, controls.hurry),
        "arrows": (controls.arrows, partial(setattr, explorer, "arrows")),
        "arrow length": (controls.arrow_length, partial(setattr, explorer, "arrow_length")),
        "labels": (controls.labels, partial(setattr, explorer, "labels")),
        "atom size": (controls.atom_size, partial(setattr, explorer, "atom_size")),
        "feature": (controls.feature, explorer.choose_feature),
        "cells": (controls.cells, partial(setattr, explorer, "cells")),
        "structure": (settings.structure, partial(setattr, explorer, "structure")),
        "upload": (settings.upload, explorer.take_upload),
        "open session": (settings.session, explorer.take_session),
        "columns": (actions.columns, partial(setattr, explorer, "columns")),
        "transparent": (actions.transparent, partial(setattr, explorer, "transparent")),
        "frame": (settings.frame, explorer.turn_to),
        "centers": (settings.centers, explorer.center_on),
        "descriptor": (settings.descriptor, partial(setattr, explorer, "descriptor")),
        **settings_of_descriptor(explorer),
    }


def settings_of_descriptor(explorer: SessionView) -> dict[str, tuple[Any, Act]]:
    """Return the entries of ``values`` for the controls of the descriptor."""
    return {
        name: (control, partial(explorer.refine, name))
        for name, control in explorer.settings.of_descriptor.items()
    }


def clicks(explorer: SessionView) -> dict[str, tuple[Any, Act]]:
    """Return, for each button, the widget and the function to call."""
    controls, actions = explorer.controls, explorer.actions
    return {
        "reset": (controls.reset, explorer.reset),
        "link": (actions.link, explorer.copy_link),
        **{axis: (button, partial(explorer.look, axis)) for axis, button in controls.look.items()},
        **{
            name: (button, explorer.commands[name])
            for name, button in (actions.examples | actions.tasks | actions.exports).items()
        },
    }


def _observe(explorer: SessionView, entries: dict[str, tuple[Any, Act]]) -> None:
    for widget, act in entries.values():
        widget.observe(partial(_choose, explorer, act), "value")


def _choose(explorer: SessionView, act: Act, change: Any) -> None:
    if not explorer.updating:
        if change["owner"] is not explorer.controls.play:
            explorer.panel.forgive()
        explorer.attempt(act, change["new"])


def _click(explorer: SessionView, act: Act, _: Any) -> None:
    explorer.attempt(act)
