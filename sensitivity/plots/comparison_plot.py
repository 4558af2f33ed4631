"""A comparison of descriptors: their singular values on one scale."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from sensitivity.comparison import Comparison
from sensitivity.plots.axes import (
    ROUNDING,
    add_fitting_legend,
    make_axes,
    scale_axis,
)
from sensitivity.plots.palette import SERIES

_LONGEST = 40  # characters of a name that fit the width of a column


def plot_comparison(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw the singular values of each descriptor over its scale, against the mode, from 0.

    Only internal displacements are drawn. Filled markers are visible modes, empty ones invisible.
    Values that are zero to rounding are drawn in a shaded band, as in ``plot_spectrum``.

    Parameters
    ----------
    comparison
        Result of ``compare``.
    ax
        Axes to draw into; None creates a figure one column wide.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, compare, structures
    >>> from sensitivity.plots import plot_comparison
    >>> _, ax = plt.subplots()
    >>> orders = {f"order {n}": DensityCorrelations(n, n_max=4) for n in (2, 3)}
    >>> ax = plot_comparison(compare(structures.load("X0"), orders, centers=[0]), ax=ax)
    """
    ax = make_axes(ax, height=2.8)
    rows = [each.relative[: each.internal] for each in comparison.spectra]
    every = np.concatenate(rows)
    axis = scale_axis(ax, every, zero=ROUNDING, notes=True)
    style: dict[str, Any] = {"linewidth": 1.0, "markersize": 4, "clip_on": False}
    looks = zip(cycle(SERIES), cycle("osD^vP"), strict=False)
    for name, spectrum, values, (color, marker) in zip(
        comparison.names, comparison.spectra, rows, looks, strict=False
    ):
        modes, heights = np.arange(len(values)), axis.heights(values)
        label = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
        ax.plot(modes, heights, color=color, marker=marker, label=label, **style)
        hidden = ~np.array(spectrum.visible[: len(values)], dtype=bool)
        if hidden.any():
            look: dict[str, Any] = {"linestyle": "none", "mfc": ax.get_facecolor(), "zorder": 3}
            ax.plot(modes[hidden], heights[hidden], color=color, marker=marker, **look, **style)
    ax.set(xlabel="mode", ylabel="singular value / scale")
    ax.set_xlim(-0.7, max(2, *map(len, rows)) - 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    longest = min(_LONGEST, max(map(len, comparison.names)))
    add_fitting_legend(ax, column=30 + 5 * longest)
    return ax
