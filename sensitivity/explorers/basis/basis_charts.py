"""The singular values with one basis, and a map of what is seen with all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sensitivity.convergence import Convergence
from sensitivity.explorers.basis.basis_map import Grid, why_nothing
from sensitivity.explorers.parts.figure_sheet import MARGINS, Sheet, alone
from sensitivity.explorers.parts.layout import GAP
from sensitivity.explorers.parts.legends import add_legend
from sensitivity.explorers.parts.reference import Reference
from sensitivity.numerics import Array, Tolerance
from sensitivity.plots.convergence_plot import plot_convergence
from sensitivity.plots.palette import COLORS as KINDS
from sensitivity.plots.palette import GREY, TRIVIAL, mode_marker
from sensitivity.plots.zeros import ROUNDING, scale_axis

NARROWEST = 340
"""Pixels of each of the two figures: where they would be narrower beside each other, one stands
below the other."""

COLUMN = 97
"""Points of the longest name of a cause in a legend, with its marker."""

COLORS = "cividis"
"""The colours of convergence studies."""

BRIGHT = 0.5
"""Of the scale of colours: from here on black is easier to read than white."""

MEASURE = r"$s_\mathrm{min} / s_\mathrm{max}$"
"""Smallest over largest singular value."""

MANY_RANKS = 20
"""More colours than this look like a continuous scale."""

WRITE: dict[str, Any] = {"ha": "center", "va": "center"}
"""Text is around its place."""


class Half(Sheet):
    """One of two figures, beside each other where there is room for both."""

    def fit(self, width: float) -> None:
        """Take half of the width of the explorer, or, if that is too little, all of it."""
        half = int(width - GAP) // 2 - MARGINS
        self.take(half if half >= NARROWEST else int(width) - MARGINS)


class SpectrumChart(Half):
    """The singular values, coloured by cause, and as dashes those of the basis before.

    Attributes
    ----------
    values
        Per cause, the markers.
    before
        The dashes; None at first.
    """

    @alone
    def load(self, reference: Reference, before: Array | None) -> None:
        """Show the singular values of a reference, and those of another one."""
        self.clear()
        axes = self.figure.subplots()
        values = reference.singular_values
        found = reference.spectrum
        rounding = ROUNDING * max(float(values.max()), float(np.abs(found.features).max(initial=0)))
        every = values if before is None else np.concatenate([values, before])
        heights = scale_axis(axes, every, zero=rounding, threshold=found.zero_level)
        self.values = {
            cause: _draw(axes, cause, np.array(reference.causes) == cause, heights(values))
            for cause in dict.fromkeys(reference.causes)
        }
        self.before = None
        if before is not None:
            style: dict[str, Any] = {"color": "gray", "ls": "none", "marker": "_", "ms": 12}
            (self.before,) = axes.plot(heights(before), label="before", clip_on=False, **style)
        axes.set(xlim=(-0.7, max(len(values), 2) - 0.3), xlabel="mode")
        axes.set_ylabel("singular value (1/Å)")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        self.finish()

    def finish(self) -> None:
        """Lay the figure out, the names of the causes in as many columns as there is room for."""
        for axes in self.figure.axes:
            add_legend(axes, column=COLUMN)
        super().finish()


class BasisMap(Half):
    """Smallest singular value and rank over n_max and l_max, the basis that is shown framed.

    Attributes
    ----------
    frames
        What marks the basis: two rectangles, or, where only n_max is varied, one line; none as
        long as nothing is known.
    """

    @alone
    def load(self, found: Convergence, grid: Grid) -> None:
        """Show what is known of a map."""
        self.clear()
        axes = self._axes = self.figure.subplots()
        self._found, self._grid = found, grid
        self._flat = len(grid.l_max) > 1
        reason = why_nothing(found)
        if reason or np.isnan(found.rank).all():
            _write(axes, reason or "being computed ...")
            self.frames = []
            self.finish()
            return
        most = int(found.visible.max())
        if (found.smallest > Tolerance.RANK).any():
            plot_convergence(found, ax=axes)
            # Of cells, the colours have axes of their own.
            self.figure.axes[-1].set_ylabel(f"{MEASURE}; rank, of {most} that symmetry allows")
        elif self._flat:
            _draw_ranks(axes, found, most=most)
        else:
            _draw_rank_line(axes, found, most=most)
        above = 24 if axes.get_legend() else 6  # points
        axes.set_title("click to choose a basis", fontsize="small", pad=above)
        for text in axes.texts:  # inside of the cells, they take time and no room
            text.set_in_layout(False)
        self.frames = self._add_frames(axes)
        for frame in self.frames:
            frame.set_animated(True)
        self.finish()

    def rearrange(self) -> None:
        """Write into the cells if there is room now."""
        self.load(self._found, self._grid)
        self.show(*self._place)

    @alone
    def show(self, column: int, row: int) -> None:
        """Mark the basis that is shown."""
        self._place = column, row
        for frame in self.frames:
            if self._flat:
                frame.set_xy((column - 0.5, row - 0.5))
            else:
                frame.set_xdata([self._grid.n_max[column]] * 2)
        self.refresh()

    def on_click(self, choose: Callable[[int, int], None]) -> None:
        """Call this with the n_max and the l_max that a person clicked on."""

        def clicked(event: Any) -> None:
            if event.inaxes is not self._axes or not self.frames:
                return
            if not self._flat:
                nearest = np.argmin(np.abs(np.array(self._grid.n_max) - event.xdata))
                choose(self._grid.n_max[nearest], self._grid.l_max[0])
                return
            column, row = round(event.xdata), round(event.ydata)
            if 0 <= column < len(self._grid.n_max) and 0 <= row < len(self._grid.l_max):
                choose(self._grid.n_max[column], self._grid.l_max[row])

        self.figure.canvas.mpl_connect("button_press_event", clicked)

    def _add_frames(self, axes: Axes) -> list[Any]:
        if not self._flat:
            return [axes.axvline(0.0, color="black", linewidth=1.5, zorder=1)]
        style: dict[str, Any] = {"fill": False, "clip_on": False, "zorder": 5, "joinstyle": "miter"}
        return [
            axes.add_patch(Rectangle((0, 0), 1, 1, edgecolor=color, linewidth=width, **style))
            for color, width in (("white", 5.0), ("black", 2.5))
        ]


def _draw(axes: Axes, cause: str, chosen: NDArray[np.bool_], heights: Array) -> Any:
    style = mode_marker(axes, cause, count=len(heights))
    if cause in TRIVIAL:
        style["markerfacecolor"] = GREY
    style["label"] = f"{cause} ({chosen.sum()})"
    (line,) = axes.plot(np.flatnonzero(chosen), heights[chosen], **style)
    return line


def _draw_ranks(axes: Axes, found: Convergence, *, most: int) -> None:
    """Cells coloured by rank, where the smallest singular value is zero in all of them."""
    rank, levels = found.rank, most + 1 if most < MANY_RANKS else None
    colors = colormaps[COLORS].resampled(levels) if levels else colormaps[COLORS]
    style: dict[str, Any] = {"cmap": colors, "origin": "lower", "aspect": "auto"}
    image = axes.imshow(rank.T, vmin=-0.5, vmax=most + 0.5, **style)
    for axis, name in ((axes.xaxis, "n_max"), (axes.yaxis, "l_max")):
        values = found.parameters[name]
        axis.set_ticks(range(len(values)), [f"{value:g}" for value in values])
        axis.set_label_text(name)
    for column, row in np.argwhere(~np.isnan(rank)):
        color = "black" if rank[column, row] > BRIGHT * most else "white"
        axes.text(column, row, f"{rank[column, row]:.0f}", color=color, fontsize="small", **WRITE)
    bar = axes.figure.colorbar(image, ax=axes, label=f"rank, of {most} that symmetry allows")
    bar.ax.yaxis.set_major_locator(MaxNLocator(10, integer=True))
    bar.ax.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)


def _draw_rank_line(axes: Axes, found: Convergence, *, most: int) -> None:
    """The same over n_max alone."""
    axes.plot(found.parameters["n_max"], found.rank[:, 0], "o-", color=KINDS["internal"])
    axes.set(xlabel="n_max", ylim=(-0.5, most + 0.5))
    axes.set_ylabel(f"rank, of {most} that symmetry allows")
    axes.yaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes.spines[["top", "right"]].set_visible(False)


def _write(axes: Axes, text: str) -> None:
    """Say why there is no map."""
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    axes.set_frame_on(False)
    axes.text(0.5, 0.5, text, color="gray", **WRITE)
