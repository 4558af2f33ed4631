"""The controls of arrows, camera and atoms that all views of a molecule share."""

from __future__ import annotations

from typing import Any

from sensitivity.explorers.parts.choices import make_control
from sensitivity.explorers.parts.layout import make_fold, require, row
from sensitivity.explorers.parts.state import ARROW_LENGTH, ARROW_LENGTHS

ATOM_SIZES = (0.5, 1.0, 1.5, 2.0)
"""Sizes of atoms, relative to the default."""

LABELS = ("none", "index", "element", "element and index")
"""Labels that can be shown on atoms."""

SCENE: dict[str, tuple[str, int | str, str, dict[str, Any]]] = {
    "speed": (
        *("Dropdown", 112, "Speed of the animation"),
        {"options": {"0.5x": 0.5, "1x": 1.0, "2x": 2.0}, "value": 1.0},
    ),
    "arrows": (
        *("ToggleButton", 90, "Show the direction in which each atom moves"),
        {"icon": "arrows", "value": True},
    ),
    "reset": ("Button", 90, "Return to the start and the initial view", {"icon": "undo"}),
    "arrow_length": (
        *("Dropdown", 165, "Length of the longest arrow"),
        {
            "description": "arrow length",
            "options": [(f"{x:g} Å", x) for x in ARROW_LENGTHS],
            "value": ARROW_LENGTH,
        },
    ),
    **{axis: ("Button", 34, f"Look along {axis}", {}) for axis in "xyz"},
    "labels": ("Dropdown", 215, "Text on each atom", {"options": LABELS}),
    "atom_size": (
        *("Dropdown", 135, "Size of the atoms"),
        {
            "description": "atom size",
            "options": [(f"{x:g}x", x) for x in ATOM_SIZES],
            "value": 1.0,
        },
    ),
    "full_screen": (
        *("Button", "auto", "Enter or leave full screen"),
        {"description": "full screen", "icon": "expand"},
    ),
}
"""Kind, width in pixels, tooltip and other traits of each widget; its label is its name."""


class SceneControls:
    """Widgets for speed, arrows, camera and atoms.

    ``main`` are always visible; the others are in ``more``, which ``fold`` shows or hides in a
    narrow page. ``look`` has one button per axis. ``tooltips`` replace some default tooltips.
    """

    def __init__(self, **tooltips: str) -> None:
        made = {name: make(name, SCENE, tooltips.get(name)) for name in SCENE}
        self.speed, self.arrows, self.reset = (made[k] for k in ("speed", "arrows", "reset"))
        self.arrow_length, self.labels = made["arrow_length"], made["labels"]
        self.atom_size, self.full_screen = made["atom_size"], made["full_screen"]
        self.full_screen.add_class("sensitivity-full-screen")  # handled by page.js
        self.look = {axis: made[axis] for axis in "xyz"}
        view = row(require("ipywidgets").Label("view along"), *self.look.values(), grid_gap="4px")
        self.more = row(self.arrow_length, view, self.atom_size, self.labels, self.full_screen)
        self.fold = make_fold("view", "Show the controls of arrows, camera and atoms", self.more)
        self.main = self.speed, self.arrows, self.reset, self.fold


def make(name: str, table: Any, tooltip: str | None = None) -> Any:
    """Return the widget of a name in a table such as ``SCENE``."""
    kind, width, usual, traits = table[name]
    return make_control(kind, width, tooltip=tooltip or usual, **{"description": name, **traits})
