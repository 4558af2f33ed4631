"""A convergence study: rank and smallest singular value as a basis grows."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sensitivity.convergence import Convergence
from sensitivity.numerics import Array
from sensitivity.plots.axes import (
    ROUNDING,
    add_legend,
    background,
    foreground,
    make_axes,
    scale_axis,
)
from sensitivity.plots.palette import ARROW, COLORS
from sensitivity.tolerances import Tolerance

MEASURE = r"$s_\mathrm{min} / s_\mathrm{max}$"
"""Smallest over largest singular value."""


def plot_convergence(convergence: Convergence, *, ax: Axes | None = None) -> Axes:
    """Draw the rank, and the smallest over the largest singular value that symmetry does not hide.

    One parameter gives a line with the ranks above it; two give coloured cells with value and rank
    written in them if they fit. If the value is zero everywhere, the ranks are drawn instead. Full
    rank, the largest value that symmetry allows, is marked by filled circles, or by a frame. Points
    that could not be computed are crosses at the bottom, or hatched. A parameter with a single
    value does not count.

    Parameters
    ----------
    convergence
        Study of one or two parameters with several values.
    ax
        Axes to draw into; None creates a figure one column wide.

    Raises
    ------
    ValueError
        If more than two parameters have several values.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, convergence, structures
    >>> from sensitivity.plots import plot_convergence
    >>> _, ax = plt.subplots()
    >>> found = convergence(
    ...     structures.load("generic"),
    ...     DensityCorrelations(),
    ...     centers=[0],
    ...     n_max=[1, 2, 4],
    ...     l_max=[1, 2, 4, 6],
    ... )
    >>> ax = plot_convergence(found, ax=ax)
    """
    ax = make_axes(ax, height=2.6)
    draw_convergence(ax, convergence)
    add_legend(ax)
    return ax


def draw_convergence(ax: Axes, convergence: Convergence) -> Colorbar | None:
    """Draw ``plot_convergence`` without a legend; return the colour bar of cells, or None."""
    names = [name for name, values in convergence.parameters.items() if len(values) > 1]
    names = names or list(convergence.parameters)[:1]
    if len(names) > 2:
        raise ValueError(
            f"a figure shows one or two parameters, got {len(names)} ({', '.join(names)}); vary "
            "two, and make one figure for each value of the others."
        )
    if len(names) == 2:
        return _draw_cells(ax, convergence, names)
    _draw_line(ax, convergence, names[0])
    return None


def _draw_line(ax: Axes, convergence: Convergence, name: str) -> None:
    x = np.array(convergence.parameters[name])
    rank, full = convergence.rank.ravel(), convergence.full.ravel()
    heights = _set_height(ax, convergence)
    order, known = np.argsort(x), ~np.isnan(rank)
    ax.plot(x[order], heights[order], color=COLORS["internal"], linewidth=1.2, zorder=2)
    style: dict[str, Any] = {"linestyle": "none", "color": foreground(ax), "clip_on": False}
    for chosen, face, label in (
        (full & known, COLORS["internal"], "full rank"),
        (~full & known, background(ax), "lower rank"),
    ):
        if chosen.any():
            ax.plot(x[chosen], heights[chosen], "o", mfc=face, label=label, zorder=3, **style)
    if not known.all():
        bottom = np.full(np.sum(~known), 0.03)
        where = ax.get_xaxis_transform()
        ax.plot(x[~known], bottom, "x", label="not computed", transform=where, **style)
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=bool((x % 1 == 0).all())))
    ax.set_xlabel(name_setting(name), parse_math=False)
    if _any_seen(convergence):
        above: dict[str, Any] = {"textcoords": "offset points", "ha": "center"}
        above |= {"color": foreground(ax), "fontsize": "x-small"}
        for k in np.flatnonzero(~np.isnan(heights)):
            ax.annotate(f"{rank[k]:.0f}", (x[k], heights[k]), (0, 5), **above)


def _set_height(ax: Axes, convergence: Convergence) -> Array:
    if _any_seen(convergence):
        values = convergence.smallest.ravel()
        ax.set_ylabel(MEASURE)
        axis = scale_axis(ax, values, zero=ROUNDING, threshold=Tolerance.RANK)
        return axis.heights(values)
    ax.set(ylim=(-0.5, convergence.visible.max() + 0.5), ylabel=name_rank(convergence))
    ax.yaxis.set_major_locator(MaxNLocator(10, integer=True))
    return convergence.rank.ravel()


def _any_seen(convergence: Convergence) -> bool:
    return bool((convergence.smallest > Tolerance.RANK).any())


def name_rank(convergence: Convergence) -> str:
    """Return the label of a rank, with the largest value that symmetry allows."""
    return f"rank (symmetry allows {convergence.visible.max()})"


def name_setting(name: str) -> str:
    """Return the label of a setting, with its unit."""
    return f"{name} (Å)" if name in ("smearing", "cutoff") else name


def _draw_cells(ax: Axes, convergence: Convergence, names: list[str]) -> Colorbar:
    shape = tuple(len(convergence.parameters[name]) for name in names)
    values, rank = convergence.smallest.reshape(shape), convergence.rank.reshape(shape)
    style: dict[str, Any] = {"origin": "lower", "aspect": "auto"}
    # Dark for small values, light for large ones; the order is visible to colour-blind readers.
    colors, seen = colormaps["cividis"], _any_seen(convergence)
    if seen:
        decades = np.log10(values[values > Tolerance.RANK])
        bottom, top = float(np.floor(decades.min())), float(np.ceil(decades.max()))
        norm = LogNorm(10.0**bottom, 10.0 ** max(bottom + 1, top))
        shown = np.maximum(values, 10.0**bottom)
        image = ax.imshow(shown.T, norm=norm, cmap=colors, **style)
        extend = "min" if (values <= Tolerance.RANK).any() else "neither"
        bar = ax.figure.colorbar(image, ax=ax, extend=extend, label=MEASURE)
    else:
        shown, most = rank, int(convergence.visible.max())
        # One colour per rank; more than 20 look continuous.
        colors = colors.resampled(most + 1) if most < 20 else colors
        image = ax.imshow(rank.T, norm=Normalize(-0.5, most + 0.5), cmap=colors, **style)
        bar = ax.figure.colorbar(image, ax=ax, label=name_rank(convergence))
        bar.ax.yaxis.set_major_locator(MaxNLocator(10, integer=True))
        bar.ax.minorticks_off()
    _label(ax, convergence, names=names)
    _hatch(ax, np.isnan(rank))
    _frame(ax, convergence.full.reshape(shape))
    bright = image.to_rgba(shown)[..., :3] @ (0.21, 0.72, 0.07) > 0.46  # black reads better
    _write(ax, values if seen else None, rank, bright=bright)
    return bar


def _label(ax: Axes, convergence: Convergence, *, names: list[str]) -> None:
    for axis, name in zip((ax.xaxis, ax.yaxis), names, strict=True):
        numbers = convergence.parameters[name]
        step = 1 + (len(numbers) - 1) // 7  # more would overlap
        axis.set_ticks(range(0, len(numbers), step), [f"{value:g}" for value in numbers[::step]])
        axis.set_label_text(name_setting(name))


def _hatch(ax: Axes, chosen: NDArray[np.bool_]) -> None:
    style: dict[str, Any] = {"fill": False, "linewidth": 0, "edgecolor": foreground(ax)}
    for k, (x, y) in enumerate(np.argwhere(chosen)):
        label = "_" if k else "not computed"  # one entry in the legend
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, hatch="////", label=label, **style))


def _frame(ax: Axes, chosen: NDArray[np.bool_]) -> None:
    if not chosen.any():
        return
    inside = np.pad(chosen, 1).astype(int)
    across, along = np.diff(inside, axis=0)[:, 1:-1], np.diff(inside, axis=1)[1:-1]
    edges = [[(x - 0.5, y - 0.5), (x - 0.5, y + 0.5)] for x, y in np.argwhere(across)]
    edges += [[(x - 0.5, y - 0.5), (x + 0.5, y - 0.5)] for x, y in np.argwhere(along)]
    style: dict[str, Any] = {"linewidths": 2.2, "capstyle": "projecting", "clip_on": False}
    ax.add_collection(LineCollection(edges, colors=ARROW, zorder=3, label="full rank", **style))


def _write(ax: Axes, values: Array | None, rank: Array, *, bright: NDArray[np.bool_]) -> None:
    ax.figure.canvas.figure.draw_without_rendering()  # lays the figure out
    box = ax.get_window_extent()
    points = np.array([box.width, box.height]) / rank.shape * 72 / ax.figure.dpi
    if (points <= ((12.0, 12.0) if values is None else (22.0, 17.0))).any():
        return
    size = "small" if values is None else "x-small"
    for x, y in np.argwhere(~np.isnan(rank if values is None else values)):
        text = f"{rank[x, y]:.0f}"
        if values is not None:
            text = (f"{values[x, y]:.0e}\n" if values[x, y] > Tolerance.RANK else "0\n") + text
        color = "black" if bright[x, y] else "white"
        ax.text(x, y, text, color=color, ha="center", va="center", fontsize=size)
