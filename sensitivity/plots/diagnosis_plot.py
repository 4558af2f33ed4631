"""A diagnosis: singular values in the colours of their causes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from sensitivity.diagnosis import Diagnosis
from sensitivity.plots.palette import GREY, TRIVIAL, add_legend, make_axes
from sensitivity.plots.singular_values import draw_modes


def plot_diagnosis(diagnosis: Diagnosis, *, ax: Axes | None = None) -> Axes:
    """Draw every singular value, coloured and shaped by its cause, against its mode, from 0.

    The legend counts the modes of each cause. Rigid motions and unseen atoms are grey. Zeros are
    drawn as in ``plot_spectrum``.
    """
    ax = make_axes(ax, height=2.6)
    values = np.array([mode.singular_value for mode in diagnosis.modes])
    causes = [mode.cause for mode in diagnosis.modes]
    draw_modes(ax, values, kinds=causes, spectrum=diagnosis.spectrum)
    for line in ax.lines:
        cause = str(line.get_label())
        if cause in TRIVIAL:
            line.set_markerfacecolor(GREY)
        if cause in causes:
            line.set_label(f"{cause} ({causes.count(cause)})")
    add_legend(ax, wide=True)
    return ax
