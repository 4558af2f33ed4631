"""The singular values with one basis, and a map of what is seen with all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sensitivity.convergence import Convergence
from sensitivity.explorers.bases import Grid
from sensitivity.explorers.sheet import Sheet
from sensitivity.explorers.state import Reference
from sensitivity.plots.convergence import plot_convergence
from sensitivity.plots.palette import GREY, TRIVIAL, mode_marker
from sensitivity.plots.zeros import ROUNDING, scale_axis
from sensitivity.spectrum import RANK_THRESHOLD

Array = NDArray[np.float64]

WIDTH = 450
"""Pixels of each: both fit beside each other on a usual screen, and one on a narrow one."""

MOST_IN_A_LINE = 3
"""Names of causes that the width has room for."""

COLORS = "cividis"
"""The colours of convergence studies."""

BRIGHT = 0.5
"""Of the scale of colours: from here on black is easier to read than white."""


class SpectrumChart(Sheet):
    """The singular values, coloured by cause, and as dashes those of the basis before.

    Attributes
    ----------
    values
        Per cause, the markers.
    before
        The dashes; None at first.
    """

    def __init__(self) -> None:
        super().__init__(width=WIDTH)

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
        _add_legend(axes)
        self.finish()


class BasisMap(Sheet):
    """Smallest singular value and rank over n_max and l_max, the basis that is shown framed.

    Attributes
    ----------
    frames
        What marks the basis: two rectangles, or, where only n_max is varied, one line; none as
        long as nothing is known.
    """

    def __init__(self) -> None:
        super().__init__(width=WIDTH)

    def load(self, found: Convergence, grid: Grid) -> None:
        """Show what is known of a map."""
        self.clear()
        axes = self._axes = self.figure.subplots()
        self._grid = grid
        self._flat = len(grid.l_max) > 1
        if np.isnan(found.smallest).all():
            known = bool((~np.isnan(found.rank)).any())
            _write(axes, "symmetry lets nothing be seen" if known else "being computed ...")
            self.frames = []
            self.finish()
            return
        sharp = bool((found.smallest > RANK_THRESHOLD).any())
        what = "smallest over largest singular value, and rank" if sharp else "rank"
        axes.set_title(f"{what}: click to choose a basis", fontsize="small", pad=24)
        if sharp or not self._flat:
            plot_convergence(found, ax=axes)
        else:
            _draw_ranks(axes, found)
        for text in axes.texts:  # inside of the cells, they take time and no room
            text.set_in_layout(False)
        self.frames = self._add_frames(axes)
        for frame in self.frames:
            frame.set_animated(True)
        self.finish()

    def show(self, column: int, row: int) -> None:
        """Mark the basis that is shown."""
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


def _add_legend(axes: Axes) -> None:
    """A legend above the axes, of up to eight names in two lines."""
    place: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
    tight: dict[str, Any] = {"handletextpad": 0.2, "columnspacing": 1.0, "borderaxespad": 0.2}
    count = len(axes.get_legend_handles_labels()[0])
    columns = count if count <= MOST_IN_A_LINE else -(-count // 2)
    axes.legend(ncols=columns, frameon=False, fontsize="small", **place, **tight)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_ranks(axes: Axes, found: Convergence) -> None:
    """Cells coloured by rank, where the smallest singular value is zero in all of them."""
    rank, most = found.rank, int(found.visible.max())
    image = axes.imshow(rank.T, cmap=COLORS, origin="lower", aspect="auto", vmin=0, vmax=most)
    for axis, name in ((axes.xaxis, "n_max"), (axes.yaxis, "l_max")):
        values = found.parameters[name]
        axis.set_ticks(range(len(values)), [f"{value:g}" for value in values])
        axis.set_label_text(name)
    for column, row in np.argwhere(~np.isnan(rank)):
        color = "black" if rank[column, row] > BRIGHT * most else "white"
        text = f"{rank[column, row]:.0f}"
        axes.text(column, row, text, color=color, ha="center", va="center", fontsize="small")
    axes.figure.colorbar(image, ax=axes, label=f"rank, of {most} that symmetry allows")
    axes.spines[["top", "right"]].set_visible(False)


def _write(axes: Axes, text: str) -> None:
    """Say why there is no map."""
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    axes.set_frame_on(False)
    axes.text(0.5, 0.5, text, ha="center", va="center", color="gray")
