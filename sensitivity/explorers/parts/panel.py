"""What an explorer says below its pictures: one sentence on what is shown, one on what goes on."""

from __future__ import annotations

from html import escape

from sensitivity.explorers.parts.layout import TROUBLE, row
from sensitivity.explorers.parts.libraries import require

PALE = "#808080"
"""Grey on light and on dark paper."""


class Panel:
    """Two lines of text, and a button that ends what takes long.

    Attributes
    ----------
    sentence, message, aside, cancel
        The widgets; ``box`` holds all of them.
    """

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
            tooltip="End what is going on, and keep what it has found",
            layout={"width": "auto", "display": "none"},
        )
        going_on = row(self.cancel, self.message, self.aside)
        going_on.layout.min_height = "34px"  # nothing moves when the button appears
        self.box = widgets.VBox([self.sentence, going_on])

    def say(self, *sentences: str) -> None:
        """Show sentences, one in a line, on what is shown."""
        lines = "<br>".join(escape(sentence) for sentence in sentences if sentence)
        self.sentence.value = f'<div style="line-height: 1.5">{lines}</div>'

    def tell(self, text: str, *, trouble: bool = False) -> None:
        """Show a sentence on what goes on; of trouble, in a colour that is seen."""
        color = TROUBLE if trouble else "inherit"
        self.message.value = f'<span role="status" style="color: {color}">{escape(text)}</span>'

    def show_busy(self, busy: bool) -> None:
        """Offer to cancel, or not."""
        self._busy = busy
        self._offer()

    def hint(self, text: str) -> None:
        """Show beside the message, and paler, what is being computed of what is shown."""
        self.aside.value = f'<span style="color: {PALE}">{escape(text)}</span>' if text else ""
        self.aside.layout.display = None if text else "none"
        self._offer()

    def _offer(self) -> None:
        self.cancel.layout.display = None if self._busy or self.aside.value else "none"
