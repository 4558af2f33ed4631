"""The lines below the pictures: one on what is shown, one on what is going on."""

from __future__ import annotations

from html import escape

from sensitivity.explorers.parts.layout import TROUBLE, row
from sensitivity.explorers.parts.libraries import require


class Panel:
    """Two lines of text, and a button that stops what takes long, in ``box``."""

    _busy = False

    def __init__(self) -> None:
        widgets = require("ipywidgets")
        self.sentence = widgets.HTML(layout={"margin": "4px 8px"})
        self.message = widgets.HTML(layout={"margin": "0 8px", "flex": "1 1 300px"})
        self.aside = widgets.HTML(layout={"margin": "0 8px", "display": "none"})
        self.cancel = widgets.Button(
            description="cancel",
            icon="stop",
            button_style="warning",
            tooltip="Stop and keep the results so far",
            layout={"width": "auto", "display": "none"},
        )
        progress = row(self.cancel, self.message, self.aside)
        progress.layout.min_height = "34px"  # nothing moves when the button appears
        self.box = widgets.VBox([self.sentence, progress])

    def say(self, *sentences: str) -> None:
        """Show sentences on what is shown, one in a line."""
        lines = "<br>".join(escape(sentence) for sentence in sentences if sentence)
        self.sentence.value = f'<div style="line-height: 1.5">{lines}</div>'

    def tell(self, text: str, *, trouble: bool = False) -> None:
        """Show a sentence on what is going on, in a signal colour if it is trouble."""
        color = TROUBLE if trouble else "inherit"
        self.message.value = f'<span role="status" style="color: {color}">{escape(text)}</span>'

    def show_busy(self, busy: bool) -> None:
        """Show the cancel button, or hide it."""
        self._busy = busy
        self._offer()

    def hint(self, text: str) -> None:
        """Show beside the message what is being computed, in grey."""
        grey = "#808080"  # on light and on dark paper
        self.aside.value = f'<span style="color: {grey}">{escape(text)}</span>' if text else ""
        self.aside.layout.display = None if text else "none"
        self._offer()

    def _offer(self) -> None:
        self.cancel.layout.display = None if self._busy or self.aside.value else "none"
