"""Where to go from here, and what to take home: the buttons below the sentence."""

from __future__ import annotations

import base64
from html import escape
from itertools import islice
from typing import Any

from sensitivity.explorers.parts.layout import row
from sensitivity.explorers.parts.libraries import require

JOURNEYS = {
    "locate": (
        "nearest singular point",
        "crosshairs",
        "Move the atoms to the nearest geometry at which some displacement is not seen although "
        "symmetry does not ask for it",
    ),
    "follow": (
        "follow this mode",
        "long-arrow-right",
        "Go on along the mode, which turns as the atoms move, and show the way",
    ),
    "find_twin": (
        "show the twin",
        "clone",
        "Show two structures that this descriptor cannot tell apart",
    ),
    "enlarge_basis": (
        "larger basis",
        "plus",
        "Two more radial functions and two more degrees: does truncation go away?",
    ),
    "raise_order": (
        "higher order",
        "level-up",
        "Correlate one more neighbour: does incompleteness go away?",
    ),
    "undo": ("undo", "reply", "Back to the structure and the descriptor before"),
}
"""Method of the explorer, what its button says, its icon, and what it teaches."""

SOUVENIRS = {
    "geometry": ("xyz", "geometry.extxyz", "The atoms as they are shown"),
    "trajectory": ("trajectory", "motion.extxyz", "One swing along the mode, frame by frame"),
    "figure": ("PNG", "singular-values.png", "The chart, for a talk"),
    "drawing": ("PDF", "singular-values.pdf", "The chart, for a paper"),
    "graphic": ("SVG", "singular-values.svg", "The chart, to be edited"),
    "film": ("GIF", "motion.gif", "Atoms and singular values moving together"),
    "chemiscope": ("chemiscope", "chemiscope.json.gz", "For chemiscope.org, or chemiscope.load"),
    "code": ("Python", "explore.py", "The lines that give the same numbers"),
}
"""Souvenir, what its button says, the name of its file, and what it is."""

ICON = "download"


class Actions:
    """Buttons, and a place for a link.

    Attributes
    ----------
    journeys, souvenirs
        The buttons, by name; ``box`` holds everything.
    download
        Where the link to a file appears.
    """

    def __init__(self) -> None:
        widgets = require("ipywidgets")
        self.journeys = {
            name: widgets.Button(
                description=text, icon=icon, tooltip=tooltip, layout={"width": "auto"}
            )
            for name, (text, icon, tooltip) in JOURNEYS.items()
        }
        self.souvenirs = {
            name: widgets.Button(
                description=text, icon=ICON, tooltip=tooltip, layout={"width": "auto"}
            )
            for name, (text, _, tooltip) in SOUVENIRS.items()
        }
        self.download = widgets.HTML(layout={"margin": "0 8px"})
        self.box = widgets.VBox(
            [
                row(widgets.Label("go to"), *_groups(self.journeys, sizes=(3, 3))),
                row(
                    widgets.Label("take home"),
                    *_groups(self.souvenirs, sizes=(2, 3, 3)),
                    self.download,
                ),
            ]
        )

    def lock(self, busy: bool) -> None:
        """Lock what would start something else, or unlock it."""
        for button in (*self.journeys.values(), *self.souvenirs.values()):
            button.disabled = busy

    def offer(self, name: str, content: bytes) -> None:
        """Offer a file to be downloaded; it does not leave the page."""
        data = base64.b64encode(content).decode()
        size = f"{len(content) / 1000:.3g} kB"
        self.download.value = (
            f'<a download="{escape(name)}" href="data:application/octet-stream;base64,{data}">'
            f"&#11015; {escape(name)} ({size})</a>"
        )


def _groups(buttons: dict[str, Any], *, sizes: tuple[int, ...]) -> list[Any]:
    """So many buttons each that stay together where the row is broken, so that none is alone."""
    left = iter(buttons.values())
    return [row(*islice(left, size)) for size in sizes]
