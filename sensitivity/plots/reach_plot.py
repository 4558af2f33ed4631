"""The weight of neighbours in the Jacobian against their distance."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols
from matplotlib.axes import Axes

from sensitivity.plots.axes import ROUNDING, add_legend, foreground, make_axes
from sensitivity.plots.palette import SERIES
from sensitivity.reach import Reach


def plot_reach(found: Reach, *, ax: Axes | None = None) -> Axes:
    """Draw the weight of each neighbour in the Jacobian of a center against its distance.

    One colour for each element. Neighbours whose weight is zero to rounding are left out; a dotted
    line is the cutoff.

    Parameters
    ----------
    found
        Result of ``reach``.
    ax
        Axes to draw into; None creates a figure one column wide.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, reach, structures
    >>> from sensitivity.plots import plot_reach
    >>> _, ax = plt.subplots()
    >>> silicon = structures.load("Si-diamond")
    >>> ax = plot_reach(reach(silicon, DensityCorrelations(), center=0), ax=ax)
    """
    ax = make_axes(ax, height=2.4)
    drawn = found.weights > ROUNDING * found.weights.max(initial=0.0)
    for place, number in enumerate(np.unique(found.numbers[drawn]).tolist()):
        chosen = drawn & (found.numbers == number)
        ax.plot(
            found.distances[chosen],
            found.weights[chosen],
            "o",
            color=SERIES[place % len(SERIES)],
            mec=foreground(ax),
            mew=0.6,
            label=chemical_symbols[number],
        )
    ax.axvline(found.cutoff, color=foreground(ax), ls=":", lw=0.8)
    if drawn.any():
        ax.set_yscale("log")
        add_legend(ax)
    ax.set(xlabel="distance (Å)", ylabel="norm of derivatives (1/Å)")
    ax.set_xlim(0, 1.04 * found.cutoff)
    return ax
