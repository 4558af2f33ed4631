"""The buttons below the sentence: what to do next, and files to download."""

from __future__ import annotations

import base64
from html import escape
from itertools import islice
from typing import Any

from sensitivity.explorers.parts.layout import require, row
from sensitivity.explorers.parts.sliders import make_control

TASKS = {
    "locate": (
        "nearest singular point",
        "crosshairs",
        "Move the atoms to the nearest geometry with an invisible displacement that symmetry does "
        "not explain",
    ),
    "follow": (
        "follow this mode",
        "long-arrow-right",
        "Follow the mode, which turns as the atoms move, and show the path below",
    ),
    "find_twin": (
        "find twin",
        "clone",
        "Show two structures that this descriptor cannot distinguish",
    ),
    "enlarge_basis": (
        "larger basis",
        "plus",
        "Increase n_max and l_max by 2, to test for truncation",
    ),
    "raise_order": (
        "higher order",
        "level-up",
        "Correlate one more neighbour, to test for incompleteness",
    ),
    "undo": ("undo", "reply", "Return to the previous structure and descriptor"),
}
"""Method of the explorer; label, icon and tooltip of its button."""

EXPORTS = {
    "geometry": ("xyz", "geometry.extxyz", "The atoms as they are shown"),
    "trajectory": ("trajectory", "motion.extxyz", "One oscillation along the mode, as frames"),
    "png": ("PNG", "singular-values.png", "The chart, for slides"),
    "pdf": ("PDF", "singular-values.pdf", "The chart, for a paper"),
    "svg": ("SVG", "singular-values.svg", "The chart, for editing"),
    "gif": ("GIF", "motion.gif", "Atoms and singular values in motion"),
    "chemiscope": ("chemiscope", "chemiscope.json.gz", "For chemiscope.org or chemiscope.load"),
    "code": ("Python", "explore.py", "A script that prints the same numbers"),
}
"""Export; label of its button, name of the file, and tooltip."""


class Actions:
    """The buttons ``tasks`` and ``exports``, by name, and ``download`` for a link, in ``box``."""

    def __init__(self) -> None:
        widgets = require("ipywidgets")
        self.tasks = {name: _button(*texts) for name, texts in TASKS.items()}
        self.exports = {
            name: _button(label, "download", tooltip)
            for name, (label, _, tooltip) in EXPORTS.items()
        }
        self.download = widgets.HTML(layout={"margin": "0 8px"})
        tasks, exports = _groups(self.tasks, 3, 3), _groups(self.exports, 2, 3, 3)
        actions = row(widgets.Label("Actions"), *tasks)
        downloads = row(widgets.Label("Download"), *exports, self.download)
        self.box = widgets.VBox([actions, downloads])

    def lock(self, busy: bool) -> None:
        """Lock the buttons that would start something else, or unlock them."""
        for button in (*self.tasks.values(), *self.exports.values()):
            button.disabled = busy

    def offer(self, name: str, content: bytes) -> None:
        """Show a link that downloads a file; the file does not leave the page."""
        data = base64.b64encode(content).decode()
        size = f"{len(content) / 1000:.3g} kB"
        self.download.value = (
            f'<a download="{escape(name)}" href="data:application/octet-stream;base64,{data}">'
            f"&#11015; {escape(name)} ({size})</a>"
        )


def _button(label: str, icon: str, tooltip: str) -> Any:
    return make_control("Button", "auto", description=label, icon=icon, tooltip=tooltip)


def _groups(buttons: dict[str, Any], *sizes: int) -> list[Any]:
    # Buttons that stay together where the row is broken, so that none is alone.
    left = iter(buttons.values())
    return [row(*islice(left, size)) for size in sizes]
