"""The singular values with one basis, and a map of the ranks with all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from sensitivity.convergence import Convergence
from sensitivity.explorers.basis.basis_map import why_nothing
from sensitivity.explorers.parts.figure_widget import FigureWidget, alone
from sensitivity.explorers.parts.state import Reference
from sensitivity.numerics import Array
from sensitivity.plots.axes import add_legend
from sensitivity.plots.convergence_plot import MEASURE, draw_convergence, name_rank
from sensitivity.plots.singular_values import draw_causes, scale_values


class SpectrumChart(FigureWidget):
    """The singular values, coloured by cause, and as dashes those of the basis before."""

    def __init__(self) -> None:
        super().__init__(share=0.5, narrowest=340, column=97)

    @alone
    def load(self, reference: Reference, before: Array | None) -> None:
        """Show the singular values of a reference, and those of another one."""
        self.clear()
        axes = self.figure.subplots()
        values = reference.singular_values
        every = values if before is None else np.concatenate([values, before])
        axis = scale_values(axes, every, spectra=[reference.spectrum])
        self.values = draw_causes(axes, values, reference.causes, axis=axis)
        self.before = None
        if before is not None:
            style: dict[str, Any] = {"color": "gray", "ls": "none", "marker": "_", "ms": 12}
            heights = axis.heights(before)
            (self.before,) = axes.plot(heights, label="before", clip_on=False, **style)
        self.finish()


class BasisMap(FigureWidget):
    """Smallest singular value and rank over the size of the basis, with the chosen basis framed.

    ``frames`` mark it: two rectangles, or, where only one setting is varied, one line; none as long
    as nothing is known.
    """

    def __init__(self) -> None:
        super().__init__(share=0.5, narrowest=340)

    @alone
    def load(self, found: Convergence) -> None:
        """Show what is known of a map."""
        self.clear()
        axes = self._axes = self.figure.subplots()
        self._found, bases = found, found.parameters
        # The settings with several values are the axes of the map; the first if none is.
        self._varied = [name for name in bases if len(bases[name]) > 1] or list(bases)[:1]
        self.frames: list[Any] = []
        reason = why_nothing(found)
        if reason or np.isnan(found.rank).all():
            _write(axes, reason or "being computed ...")
        else:
            self._draw(axes)
        self.finish()

    def _draw(self, axes: Axes) -> None:
        bar = draw_convergence(axes, self._found)
        if bar is not None and bar.ax.get_ylabel() == MEASURE:
            bar.set_label(f"{MEASURE}; {name_rank(self._found)}")
        add_legend(axes)
        above = 24 if axes.get_legend() else 6  # points
        axes.set_title("click to choose a basis", fontsize="small", pad=above)
        for text in axes.texts:  # inside of the cells, they take time and no room
            text.set_in_layout(False)
        if bar is None:
            self.frames = [axes.axvline(0.0, color="black", linewidth=1.5, zorder=1)]
        else:
            style: dict[str, Any] = {"fill": False, "clip_on": False, "joinstyle": "miter"}
            self.frames = [
                axes.add_patch(Rectangle((0, 0), 1, 1, ec=color, lw=width, zorder=5, **style))
                for color, width in (("white", 5.0), ("black", 2.5))
            ]
        for frame in self.frames:
            frame.set_animated(True)

    def rearrange(self) -> None:
        """Write into the cells if there is room now."""
        self.load(self._found)
        self.show(self._basis)

    @alone
    def show(self, basis: Mapping[str, int]) -> None:
        """Mark the basis with these settings."""
        self._basis, bases = basis, self._found.parameters
        for frame in self.frames:
            if len(self._varied) == 2:
                place = [list(bases[name]).index(basis[name]) for name in self._varied]
                frame.set_xy([index - 0.5 for index in place])
            else:
                frame.set_xdata([basis[self._varied[0]]] * 2)
        self.refresh()

    def on_click(self, choose: Callable[[dict[str, float]], None]) -> None:
        """Call this with the settings that the user clicked on."""

        def clicked(event: Any) -> None:
            if event.inaxes is not self._axes or not self.frames:
                return
            chosen = {}
            for name, at in zip(self._varied, (event.xdata, event.ydata), strict=False):
                values = self._found.parameters[name]
                cells = len(self._varied) == 2
                index = round(at) if cells else int(np.argmin(np.abs(np.array(values) - at)))
                if not 0 <= index < len(values):
                    return
                chosen[name] = values[index]
            choose(chosen)

        self.watch_clicks(clicked)


def _write(axes: Axes, text: str) -> None:
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    axes.set_frame_on(False)
    axes.text(0.5, 0.5, text, color="gray", ha="center", va="center")
