"""Figures and animations for files: the molecule and, beside or below it, the chart."""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable, Sequence
from threading import RLock
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, FigureBase
from PIL import Image

from sensitivity.explorers.parts.background import Report
from sensitivity.explorers.parts.choices import INTERVAL
from sensitivity.explorers.parts.estimate import Estimate
from sensitivity.progress import checkpoint

Stop = TypeVar("Stop", bound=Hashable)

DRAWING = RLock()
"""Held by the thread in which matplotlib draws: its formula parser is not thread-safe."""

SIZES = {1: (3.4, 5.4), 2: (7.0, 2.9)}
"""Size in inches, by the width of the figure in journal columns."""

TALL = (7.0, 3.8)  # inches, for one chart above another


def make_figure(size: tuple[float, float]) -> tuple[Figure, Axes, FigureBase]:
    """Return a figure, axes for the molecule in it, and a part beside or below for the chart."""
    figure = Figure(figsize=size, layout="constrained")
    parts: Any = (
        figure.subfigures(2, 1, height_ratios=(1.0, 1.1))
        if size[0] < size[1]
        else figure.subfigures(1, 2, width_ratios=(1.0, 2.0))
    )
    return figure, parts[0].subplots(), parts[1]


def write_figure(figure: Figure, form: str, *, transparent: bool = False) -> bytes:
    """Return the content of a file in a format of matplotlib, such as png."""
    with DRAWING, io.BytesIO() as file:
        figure.savefig(file, format=form, dpi=300, transparent=transparent)
        return file.getvalue()


def write_film(
    figure: Figure, stops: Sequence[Stop], show: Callable[[Stop], None], *, report: Report
) -> bytes:
    """Return a looping GIF of the figure at each stop; ``show`` moves it there.

    A repeated stop is drawn once. The layout of the first stop is used for all.
    """
    dots = 120  # per inch
    figure.set_dpi(dots)
    canvas: Any = FigureCanvasAgg(figure)
    drawn: dict[Stop, Image.Image] = {}
    count, estimate = len(set(stops)), Estimate()
    for stop in dict.fromkeys(stops):
        checkpoint()
        report(f"{estimate(f'Drawing frames: {len(drawn)} of {count}')} …")
        with DRAWING:
            show(stop)
            canvas.draw()
            figure.set_layout_engine("none")  # separate layouts would make the animation jitter
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        drawn[stop] = picture.quantize(128, dither=Image.Dither.NONE)
    first, *others = (drawn[stop] for stop in stops)
    timing = {"duration": INTERVAL, "loop": 0}
    with io.BytesIO() as file:
        first.save(file, format="GIF", save_all=True, append_images=others, **timing)
        return file.getvalue()
