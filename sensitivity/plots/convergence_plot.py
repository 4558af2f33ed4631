"""A convergence study: what is seen as a basis grows."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sensitivity.convergence import Convergence
from sensitivity.numerics import Tolerance
from sensitivity.plots.palette import ARROW, COLORS, add_legend, background, foreground, make_axes
from sensitivity.plots.zeros import ROUNDING, scale_axis

# Dark for small values, light for large ones, in an order that the colour blind see as well.
_COLORS = "cividis"
# Of red, green and blue in the brightness of a cell (0 to 1); from where on black is easier to read
# on it than white.
_BRIGHTNESS, _BRIGHT = (0.21, 0.72, 0.07), 0.46
# What a cell says needs so many points of width and height.
_ROOM = (22.0, 17.0)
_NAMES = {"smearing": "smearing (Å)", "cutoff": "cutoff (Å)"}
_MEASURE = r"$s_\mathrm{min} / s_\mathrm{max}$"
# More values than this crowd along an axis.
_MANY_VALUES = 7


def plot_convergence(convergence: Convergence, *, ax: Axes | None = None) -> Axes:
    """Draw the smallest singular value that symmetry allows, over the largest, and the rank.

    One parameter gives a line, with the ranks above it, two give coloured cells with value and rank
    written into them where there is room. Full rank, where all is seen that symmetry allows, is
    marked by filled circles, or by a frame. What could not be computed is a cross at the bottom, or
    hatched. A parameter with a single value does not count.

    Raises
    ------
    ValueError
        If more than two parameters are varied.
    """
    names = [name for name, values in convergence.parameters.items() if len(values) > 1]
    names = names or list(convergence.parameters)[:1]
    if len(names) > 2:
        raise ValueError(
            f"a picture shows one or two parameters, got {len(names)} ({', '.join(names)}); vary "
            "two, and make one picture for each value of the others."
        )
    ax = make_axes(ax, height=2.6)
    if len(names) == 1:
        _draw_line(ax, convergence, name=names[0])
    else:
        _draw_cells(ax, convergence, names=names)
    add_legend(ax)
    return ax


def _draw_line(ax: Axes, convergence: Convergence, *, name: str) -> None:
    x = np.array(convergence.parameters[name])
    values, rank = convergence.smallest.ravel(), convergence.rank.ravel()
    heights = scale_axis(ax, values, zero=ROUNDING, threshold=Tolerance.RANK)(values)
    order, full, known = np.argsort(x), convergence.full.ravel(), ~np.isnan(values)
    ax.plot(x[order], heights[order], color=COLORS["internal"], linewidth=1.2, zorder=2)
    style: dict[str, Any] = {"linestyle": "none", "color": foreground(ax), "clip_on": False}
    for chosen, face, label in (
        (full & known, COLORS["internal"], "full rank"),
        (~full & known, background(ax), "less"),
    ):
        if chosen.any():
            ax.plot(x[chosen], heights[chosen], "o", mfc=face, label=label, zorder=3, **style)
    if not known.all():
        bottom = np.full(np.sum(~known), 0.03)
        where = ax.get_xaxis_transform()
        ax.plot(x[~known], bottom, "x", label="not computed", transform=where, **style)
    for place, height, count in zip(x[known], heights[known], rank[known], strict=True):
        _write_rank(ax, (place, height), f"{count:.0f}")
    ax.xaxis.set_major_locator(MaxNLocator(_MANY_VALUES, integer=bool((x % 1 == 0).all())))
    ax.set_xlabel(_NAMES.get(name, name))
    ax.set_ylabel(_MEASURE)


def _write_rank(ax: Axes, place: tuple[float, float], text: str) -> None:
    style: dict[str, Any] = {"textcoords": "offset points", "fontsize": "x-small", "ha": "center"}
    ax.annotate(text, place, (0, 5), color=foreground(ax), **style)


def _draw_cells(ax: Axes, convergence: Convergence, *, names: list[str]) -> None:
    shape = tuple(len(convergence.parameters[name]) for name in names)
    values, rank = convergence.smallest.reshape(shape), convergence.rank.reshape(shape)
    norm, lowest = _normalize(values)
    style: dict[str, Any] = {"cmap": _COLORS, "origin": "lower", "aspect": "auto"}
    image = ax.imshow(np.maximum(values, lowest).T, norm=norm, **style)
    _label(ax, convergence, names=names)
    _hatch(ax, np.isnan(values))
    _frame(ax, convergence.full.reshape(shape))
    zeros = bool((values <= Tolerance.RANK).any())
    bar = ax.figure.colorbar(image, ax=ax, extend="min" if zeros else "neither")
    bar.set_label(_MEASURE)
    if _has_room(ax, shape):
        shades = image.to_rgba(np.maximum(values, lowest))[..., :3] @ _BRIGHTNESS
        _write(ax, values, rank, bright=shades > _BRIGHT)


def _normalize(values: NDArray[np.float64]) -> tuple[LogNorm, float]:
    """Colours for whole decades, zeros left out; and the lowest value."""
    seen = values[values > Tolerance.RANK]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (Tolerance.RANK, 1.0)
    bottom = float(np.floor(np.log10(low)))
    return LogNorm(10.0**bottom, 10.0 ** max(bottom + 1, np.ceil(np.log10(high)))), 10.0**bottom


def _label(ax: Axes, convergence: Convergence, *, names: list[str]) -> None:
    for axis, name in zip((ax.xaxis, ax.yaxis), names, strict=True):
        numbers = convergence.parameters[name]
        step = 1 + (len(numbers) - 1) // _MANY_VALUES
        axis.set_ticks(range(0, len(numbers), step), [f"{value:g}" for value in numbers[::step]])
        axis.set_label_text(_NAMES.get(name, name))


def _hatch(ax: Axes, chosen: NDArray[np.bool_]) -> None:
    """Hatch cells, which have no colour."""
    label = "not computed"
    for x, y in np.argwhere(chosen):
        style: dict[str, Any] = {"fill": False, "linewidth": 0, "edgecolor": foreground(ax)}
        ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, hatch="////", label=label, **style))
        label = "_"  # once in the legend is enough


def _frame(ax: Axes, chosen: NDArray[np.bool_]) -> None:
    """Draw a line around all cells of a kind."""
    if not chosen.any():
        return
    inside = np.pad(chosen, 1).astype(int)
    across, along = np.diff(inside, axis=0)[:, 1:-1], np.diff(inside, axis=1)[1:-1]
    edges = [[(x - 0.5, y - 0.5), (x - 0.5, y + 0.5)] for x, y in np.argwhere(across)]
    edges += [[(x - 0.5, y - 0.5), (x + 0.5, y - 0.5)] for x, y in np.argwhere(along)]
    style: dict[str, Any] = {"linewidths": 2.2, "capstyle": "projecting", "clip_on": False}
    ax.add_collection(LineCollection(edges, colors=ARROW, zorder=3, label="full rank", **style))


def _has_room(ax: Axes, shape: tuple[int, ...]) -> bool:
    """Whether cells are large enough to be written on."""
    ax.figure.canvas.figure.draw_without_rendering()  # lays the figure out
    box = ax.get_window_extent()
    points = np.array([box.width, box.height]) / shape * 72 / ax.figure.dpi
    return bool(np.all(points > _ROOM))


def _write(
    ax: Axes,
    values: NDArray[np.float64],
    rank: NDArray[np.float64],
    *,
    bright: NDArray[np.bool_],
) -> None:
    """Write value and rank into the cells."""
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": "x-small"}
    for x, y in np.argwhere(~np.isnan(values)):
        number = f"{values[x, y]:.0e}" if values[x, y] > Tolerance.RANK else "0"
        color = "black" if bright[x, y] else "white"
        ax.text(x, y, f"{number}\n{rank[x, y]:.0f}", color=color, **style)
