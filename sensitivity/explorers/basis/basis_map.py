"""A map of rank and smallest singular value over bases of all sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from sensitivity.convergence import Convergence
from sensitivity.descriptors import Descriptor, with_defaults
from sensitivity.descriptors.protocol import settings_of
from sensitivity.explorers.parts.figure_widget import FigureWidget, alone
from sensitivity.explorers.parts.notes import Note
from sensitivity.plots.axes import add_legend
from sensitivity.plots.convergence_plot import MEASURE, draw_convergence, name_rank
from sensitivity.structures import neighbor_pairs

SIZES: Mapping[int, Mapping[str, Sequence[int]]] = {
    1: {"n_max": range(1, 9), "l_max": ()},
    2: {"n_max": (1, 2, 3, 4, 6, 8), "l_max": (0, 1, 2, 3, 4, 6, 8)},
    3: {"n_max": (1, 2, 3, 4, 5), "l_max": (0, 1, 2, 3, 4, 6)},
    4: {"n_max": (1, 2, 3, 4), "l_max": (0, 1, 2, 3, 4)},
}
"""Settings of the map for each order, from a basis with almost zero rank to one that takes
milliseconds. Order 1 has no degrees."""


def usual_bases(descriptor: Descriptor) -> dict[str, tuple[int, ...]]:
    """Return ascending values of the basis settings: the usual ones and the current one."""
    known, bases = with_defaults(descriptor), {}
    for name, own in find_basis(descriptor).items():
        usual = SIZES.get(known.order or 0, {}).get(name)
        if usual is None:
            low, high = known.limits.get(name, (1, own + 4))
            usual = np.unique(np.linspace(low, high, 7).astype(int)).tolist()
        bases[name] = tuple(sorted({*usual, own}))
    return bases


def find_basis(descriptor: Descriptor) -> dict[str, int]:
    """Return the settings that enlarge the basis of a descriptor."""
    settings = settings_of(descriptor)
    return {name: settings[name] for name in with_defaults(descriptor).refinable}


def why_nothing(found: Convergence) -> str:
    """Return the reason why no basis has a visible displacement; empty if one has, or if unknown.

    The features depend on the neighbours of the centers. If a center has none, or only images of
    itself, which move with it, neither the basis nor symmetry is the cause.
    """
    if len(found.failures) == found.rank.size:
        return "no basis could be computed"
    if np.isnan(found.rank).all() or found.visible.any():
        return ""
    if found.internal.any():
        return "symmetry makes every displacement invisible"
    if len(found.atoms) == 1 and not found.atoms.pbc.any():
        return "an isolated atom has no internal displacement"
    cutoff = found.descriptor.cutoff
    if not np.isin(found.centers, neighbor_pairs(found.atoms, cutoff).i).any():
        return f"no neighbour within the cutoff ({cutoff:g} Å)"
    return "the only neighbours are images of the centers,\nwhich move with them"


class BasisMap(FigureWidget):
    """Smallest singular value and rank over the size of the basis, with the chosen basis framed.

    ``frames`` has the marks: two rectangles, or one line if only one setting is varied; it is empty
    while the map is unknown.
    """

    def __init__(self) -> None:
        super().__init__()
        self.watch_pointer(self._describe)

    @alone
    def load(self, found: Convergence) -> None:
        """Show the known part of a map."""
        self.clear()
        axes = self._axes = self.figure.subplots()
        self._found, bases = found, found.parameters
        # The settings with several values are the axes of the map; if there are none, the first is.
        self._varied = [name for name in bases if len(bases[name]) > 1] or list(bases)[:1]
        self.frames: list[Any] = []
        reason = why_nothing(found)
        if reason or np.isnan(found.rank).all():
            axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1), frame_on=False)
            text = reason or "being computed ..."
            axes.text(0.5, 0.5, text, color="gray", ha="center", va="center")
        else:
            self._draw(axes)
        self.finish(*self.frames)

    def _draw(self, axes: Axes) -> None:
        bar = draw_convergence(axes, self._found)
        add_legend(axes)
        above = 24 if axes.get_legend() else 6  # points
        title = "black frame: current basis; click to choose"
        if bar is not None and bar.ax.get_ylabel() == MEASURE:
            title += f"\nlower number: {name_rank(self._found)}"
        axes.set_title(title, fontsize="small", pad=above)
        for text in axes.texts:  # they are inside the cells; their layout would only take time
            text.set_in_layout(False)
        if bar is None:
            self.frames = [axes.axvline(0.0, color="black", linewidth=1.5, zorder=1)]
        else:
            style: dict[str, Any] = {"fill": False, "clip_on": False, "joinstyle": "miter"}
            self.frames = [
                axes.add_patch(Rectangle((0, 0), 1, 1, ec=color, lw=width, zorder=5, **style))
                for color, width in (("white", 5.0), ("black", 2.5))
            ]

    def rearrange(self) -> None:
        """Draw the map again: the numbers appear in the cells if they fit."""
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
        """Call ``choose`` with the settings that the user clicks on."""

        def clicked(event: Any) -> None:
            if chosen := self._basis_at(event):
                choose(chosen)

        self.watch_clicks(clicked)

    def _basis_at(self, event: Any) -> dict[str, float]:
        if event.inaxes is not self._axes or not self.frames:
            return {}
        chosen = {}
        for name, at in zip(self._varied, (event.xdata, event.ydata), strict=False):
            values = self._found.parameters[name]
            cells = len(self._varied) == 2
            index = round(at) if cells else int(np.argmin(np.abs(np.array(values) - at)))
            if not 0 <= index < len(values):
                return {}
            chosen[name] = values[index]
        return chosen

    def _describe(self, event: Any) -> Note | None:
        chosen = self._basis_at(event)
        if not chosen:
            return None
        found, names = self._found, list(self._found.parameters)
        place = [
            list(found.parameters[name]).index(chosen.get(name, found.parameters[name][0]))
            for name in names
        ]
        index = np.ravel_multi_index(place, [len(found.parameters[name]) for name in names])
        rank, least = found.rank.ravel()[index], found.smallest.ravel()[index]
        text = ", ".join(f"{name} = {value:g}" for name, value in chosen.items())
        seen = "not computed" if np.isnan(rank) else f"rank {rank:.0f}, s_min / s_max = {least:.1e}"
        return Note((float(event.x), float(event.y)), f"{text}\n{seen}")
