"""Sensitivity bands in the manner of phonon bands."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator

from sensitivity.bands import Bands
from sensitivity.diagnosis import Cause
from sensitivity.numerics import Array, Indices
from sensitivity.plots.axes import add_fitting_legend, foreground, make_axes
from sensitivity.plots.palette import COLORS, cause_color
from sensitivity.spectrum import TRIVIAL

_ROW = 0.045  # height of an invisible wave, of the largest singular value
_MOST = 0.4  # height of all of them


def plot_bands(bands: Bands, *, ax: Axes | None = None) -> Axes:
    """Draw the singular values of a crystal against the wave vector, along its path.

    Lines join the k-th largest values where they are visible. Below zero, each wave vector has
    a box for each invisible wave, in the colour of its cause; rigid motions are grey. Special
    points are ticks, and a jump of the path is a tick with two names. Names without room are on a
    second line, or left out.

    Parameters
    ----------
    bands
        Result of ``bands``.
    ax
        Axes to draw into; None creates a figure one column wide.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, bands, structures
    >>> from sensitivity.plots import plot_bands
    >>> _, ax = plt.subplots()
    >>> ax = plot_bands(bands(structures.load("C-diamond"), DensityCorrelations()), ax=ax)
    """
    ax = make_axes(ax, height=2.8)
    top, edges = largest_value(bands), box_edges(bands.distance)
    bottom = _draw_invisible(ax, bands, edges)
    _draw_visible(ax, bands)
    ax.set(xlim=(edges[0], edges[-1]), ylim=(bottom, 1.05 * top), ylabel="singular value (1/Å)")
    _name_points(ax, bands)
    ax.set_yticks(choose_ticks(bands))
    add_fitting_legend(ax, column=95)
    return ax


def wave_heights(bands: Bands) -> Array:
    """Return where each wave is drawn, (q, 3n): its singular value, or the middle of its box."""
    waves = np.arange(bands.singular_values.shape[1])
    below = -box_height(bands) * (1 + waves - bands.rank[:, None])
    return np.where(waves < bands.rank[:, None], bands.singular_values, below)


def largest_value(bands: Bands) -> float:
    """Return the largest singular value, in 1/Å; the scale if no wave is visible."""
    return float(bands.singular_values.max(initial=0.0)) if bands.rank.any() else bands.scale or 1.0


def choose_ticks(bands: Bands) -> list[float]:
    """Return round singular values for the axis, in 1/Å."""
    top = largest_value(bands)
    ticks = MaxNLocator(5).tick_values(0.0, top)
    return [float(tick) for tick in ticks if 0.0 <= tick <= 1.05 * top]


def box_height(bands: Bands) -> float:
    """Return the height of the box of an invisible wave, in 1/Å."""
    most = int((bands.singular_values.shape[1] - bands.rank).max(initial=1))
    return largest_value(bands) * min(_ROW, _MOST / most)


def box_edges(distance: Array) -> Array:
    """Return the ends of the boxes of wave vectors, (q + 1,): halfway between them."""
    if not len(distance):
        return np.array([0.0, 1.0])
    if distance[-1] == distance[0]:
        return np.linspace(-0.5, 0.5, len(distance) + 1) + float(distance[0])
    return np.concatenate([distance[:1], (distance[1:] + distance[:-1]) / 2, distance[-1:]])


def visible_lines(bands: Bands) -> tuple[Array, Array]:
    """Return places, (k,), and heights, (k, 3n), of the lines of visible waves, with NaN in gaps.

    A line that ends at an invisible wave reaches zero; there is a gap at each jump of the path.
    """
    visible = bands.singular_values > bands.zero_level  # [q, band]
    near = visible.copy()
    near[1:] |= visible[:-1]
    near[:-1] |= visible[1:]
    heights, jumps = np.where(near, bands.singular_values, np.nan), _jumps(bands)
    return np.insert(bands.distance, jumps, np.nan), np.insert(heights, jumps, np.nan, axis=0)


def _draw_visible(ax: Axes, bands: Bands) -> None:
    x, heights = visible_lines(bands)
    look: dict[str, Any] = {"color": COLORS["sensitive"], "linewidth": 1.0}
    # Single wave vectors, and bands that are visible at a single one, are dots.
    look |= {"marker": "o", "markersize": 3} if len(bands.q) <= 20 else {}
    lines = ax.plot(x, heights, clip_on=False, zorder=3, **look)
    if bands.rank.any():
        lines[0].set_label(name_causes(bands)["sensitive"])


def _draw_invisible(ax: Axes, bands: Bands, edges: Array) -> float:
    """Draw a box for each invisible wave; return the lower end of the axis."""
    counts = {cause: count for cause, count in bands.counts.items() if cause != "sensitive"}
    most = int(np.sum(list(counts.values()), axis=0).max(initial=0))
    ax.axhline(0.0, color=foreground(ax), linewidth=0.8, zorder=2)
    if not most:
        return 0.0
    row = box_height(bands)
    cells = _stack(list(counts.values()), most)  # [row, q]
    colors = [cause_color(cause) for cause in counts]
    palette, last = ListedColormap(colors), len(colors) - 0.5
    heights = -row * (0.5 + np.arange(most + 1))
    ax.pcolormesh(edges, heights, cells, cmap=palette, vmin=-0.5, vmax=last)
    look: dict[str, Any] = {"marker": "s", "linestyle": "none"}
    for color, name in _name_boxes(bands).items():
        ax.plot([], [], color=color, label=name, **look)
    return float(heights[-1] - 0.5 * row)


def _stack(counts: list[Indices], most: int) -> Any:
    """Return the number of the cause in each box, masked where there is none: (most, q)."""
    ends = np.cumsum(counts, axis=0)  # [cause, q]
    rows = np.arange(most)[:, None]
    causes = (rows[:, None] >= ends[None]).sum(axis=1)
    return np.ma.masked_equal(causes, len(counts))


def name_causes(bands: Bands) -> dict[Cause, str]:
    """Return the causes of waves, each with its number of waves, for a legend."""
    found = {cause: count for cause, count in bands.counts.items() if count.any()}
    return {
        cause: "visible" if cause == "sensitive" else f"{cause} ({_range(count)})"
        for cause, count in found.items()
    }


def _name_boxes(bands: Bands) -> dict[str, str]:
    """Return the colours of boxes with their names in the legend: one for all rigid motions."""
    named = {cause: name for cause, name in name_causes(bands).items() if cause != "sensitive"}
    rigid = [cause for cause in TRIVIAL if cause in named]
    if len(rigid) > 1:
        count = np.sum([bands.counts[cause] for cause in rigid], axis=0)
        named |= dict.fromkeys(rigid, f"rigid motion ({_range(count)})")
    return {cause_color(cause): name for cause, name in named.items()}


def _range(count: Indices) -> str:
    low, high = int(count.min()), int(count.max())
    return f"{low}–{high}" if low < high else f"{high}"


def _jumps(bands: Bands) -> list[int]:
    """Return the first wave vectors after a jump: two special points at one place."""
    same = np.flatnonzero(np.diff(bands.distance) == 0) + 1
    return [int(i) for i in same if bands.labels[i] and bands.labels[i - 1]]


def special_points(bands: Bands) -> dict[float, str]:
    """Return the names of the special points by their distance; two with | at a jump."""
    places: dict[float, str] = {}
    for place, label in zip(bands.distance.tolist(), bands.labels, strict=True):
        if label:
            name = name_point(label)
            places[place] = f"{places[place]}|{name}" if place in places else name
    return places


def name_point(label: str) -> str:
    """Return the usual name of a special point, such as Γ for G."""
    return "Γ" if label == "G" else label


def _name_points(ax: Axes, bands: Bands) -> None:
    places = special_points(bands)
    ax.set_xlabel("wave vector" if places else "wave vector, length of the path (1/Å)")
    if places or len(bands.q) < 2:
        many = 8
        size = "small" if len(places) > many else "medium"
        font = FontProperties(size=size).get_size_in_points()
        low, high = ax.get_xlim()
        width = ax.get_window_extent().width * 72 / ax.figure.dpi  # about: not yet laid out
        named = set_apart(places, letter=0.6 * font * (high - low) / width)
        ax.set_xticks(list(named), list(named.values()), fontsize=size, parse_math=False)
    for place in places:
        ax.axvline(place, color=foreground(ax), linewidth=0.5, alpha=0.5, zorder=1)


def set_apart(names: dict[float, str], *, letter: float) -> dict[float, str]:
    """Return the names of ascending places that do not touch each other on two lines.

    ``letter`` is the width of one in units of the places, and the least gap. A name that has no
    room on the first line is on the second; one that has none there, either, is left out.
    """
    out, ends = dict[float, str](), [-np.inf, -np.inf]
    for place, name in names.items():
        half = 0.5 * letter * (len(name) + 1)
        for line, end in enumerate(ends):
            if place - half >= end:
                ends[line] = place + half
                out[place] = "\n" * line + name
                break
    return out
