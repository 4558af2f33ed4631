"""Figures in a page, each in light and dark."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sensitivity.share.document import markup

_COLORS = {False: ("#1b1b1f", "#ffffff"), True: ("#e6e6ea", "#17171b")}
"""Ink and paper of the figures, by darkness: those of the page."""


def draw_picture(
    text: str, draw: Callable[[Axes], object], *, size: tuple[float, float], told: bool = True
) -> str:
    """Return a figure in light and dark, of which the browser shows one."""
    light, dark = (_address(draw, size=size, dark=dark) for dark in (False, True))
    caption = f"<figcaption>{markup(text)}.</figcaption>" if told else ""
    return (
        f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{markup(text)}"></picture>{caption}</figure>'
    )


def _address(draw: Callable[[Axes], object], *, size: tuple[float, float], dark: bool) -> str:
    ink, paper = _COLORS[dark]
    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    papers = "figure.facecolor", "axes.facecolor", "savefig.facecolor"
    look: dict[Any, str] = {**dict.fromkeys(names, ink), **dict.fromkeys(papers, paper)}
    with rc_context({**look, "svg.hashsalt": "page"}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        content = BytesIO()
        figure.savefig(content, format="svg", dpi=200, metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(content.getvalue()).decode()}"
