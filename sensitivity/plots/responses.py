"""Feature changes against the amplitude of displacements along modes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from sensitivity.numerics import Array
from sensitivity.plots.axes import add_legend, foreground, make_axes
from sensitivity.plots.palette import SERIES


def plot_responses(
    amplitudes: ArrayLike,
    changes: ArrayLike,
    *,
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the changes of the features against the amplitude.

    Both axes are logarithmic: changes proportional to the amplitude, or to its square, have the
    slopes of the guides "linear" and "quadratic", which meet at the largest change. Zero changes
    are not drawn.

    Parameters
    ----------
    amplitudes
        Å, shape (amplitudes,).
    changes
        Shape (modes, amplitudes).
    labels
        Names of the modes; by default they are numbered.
    ax
        Axes to draw into; None creates a figure one column wide.

    Raises
    ------
    ValueError
        If shapes do not fit together, or amplitudes are not positive.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> from sensitivity import DensityCorrelations, feature_changes, spectrum, structures
    >>> from sensitivity.plots import plot_responses
    >>> methane, descriptor = structures.load("Td"), DensityCorrelations()
    >>> modes = spectrum(methane, descriptor, centers=[0]).modes[[0, 8]]
    >>> amplitudes = np.geomspace(1e-3, 0.1, 7)
    >>> changes = feature_changes(
    ...     methane, descriptor, modes, centers=[0], amplitudes=amplitudes
    ... )
    >>> _, ax = plt.subplots()
    >>> labels = ["visible", "invisible by symmetry"]
    >>> ax = plot_responses(amplitudes, changes, labels=labels, ax=ax)
    """
    x, y = np.asarray(amplitudes, dtype=float), np.asarray(changes, dtype=float)
    names = [f"mode {mode}" for mode in range(len(y))] if labels is None else list(labels)
    _check(x, y, count=len(names))
    ax = make_axes(ax, height=2.6)
    y = np.where(y > 0, y, np.nan)
    for row, name, color, marker in zip(y, names, cycle(SERIES), cycle("osD^vP"), strict=False):
        ax.plot(x, row, color=color, marker=marker, markersize=4, linewidth=1.2, label=name)
    ax.set(xscale="log", yscale="log", xlabel="amplitude (Å)", ylabel="feature change")
    if np.isnan(y).all():  # a logarithmic axis needs values for its limits
        ax.set(xlim=(x.min() / 2, 2 * x.max()), ylim=(0.1, 1.0), yticks=[])
    else:
        limits, ends = ax.get_ylim(), np.array([x.min(), x.max()])
        guide: dict[str, Any] = {"color": foreground(ax), "linewidth": 0.9, "zorder": 1}
        for slope, name, dashes in ((1, "linear", (4, 2)), (2, "quadratic", (1, 1.5))):
            heights = np.nanmax(y) * (ends / x.max()) ** slope
            (line,) = ax.plot(ends, heights, label=name, **guide)
            line.set_dashes(dashes)
        ax.set_ylim(limits)
    add_legend(ax, wide=True)
    return ax


def _check(x: Array, y: Array, *, count: int) -> None:
    if x.ndim != 1 or y.ndim != 2 or y.shape[1:] != x.shape or not y.size:
        raise ValueError(
            "changes must have shape (modes, amplitudes), with one amplitude per column, got "
            f"{y.shape} for amplitudes of shape {x.shape}; give one row per mode."
        )
    if count != len(y):
        raise ValueError(f"labels must name {len(y)} modes, got {count}; give one for each row.")
    if not (x > 0).all():
        raise ValueError(
            f"amplitudes must be positive lengths in Å, got {x.min():g}; the axis is logarithmic."
        )
