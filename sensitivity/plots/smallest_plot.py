"""The smallest singular values of a large structure."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from sensitivity.plots.axes import ROUNDING, add_legend, foreground, make_axes, scale_axis
from sensitivity.plots.palette import COLORS
from sensitivity.smallest import Smallest


def plot_smallest(found: Smallest, *, ax: Axes | None = None) -> Axes:
    """Draw the smallest singular values, in ascending order; upper bounds are triangles.

    Zeros are drawn as in ``plot_spectrum``.

    Parameters
    ----------
    found
        Result of ``smallest``.
    ax
        Axes to draw into; None creates a figure one column wide.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, smallest, structures
    >>> from sensitivity.plots import plot_smallest
    >>> _, ax = plt.subplots()
    >>> ax = plot_smallest(smallest(structures.load("C60"), DensityCorrelations()), ax=ax)
    """
    ax = make_axes(ax, height=2.4)
    values, zero = found.singular_values, ROUNDING * found.scale
    bounds = found.upper_bounds & (values > zero)
    ax.set_ylabel("singular value (1/Å)")
    axis = scale_axis(ax, values, zero=zero, threshold=found.zero_level)
    look: dict[str, Any] = {"ls": "none", "mec": foreground(ax), "clip_on": False, "zorder": 3}
    look |= {"mfc": COLORS["sensitive"], "mew": 0.6}
    for marker, chosen, label in (("o", ~bounds, "value"), ("v", bounds, "upper bound")):
        if chosen.any():
            heights = axis.heights(values[chosen])
            ax.plot(np.flatnonzero(chosen), heights, marker, label=label, **look)
    ax.set(xlabel="internal mode, least visible first", xlim=(-0.7, max(len(values), 2) - 0.3))
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    add_legend(ax)
    return ax
