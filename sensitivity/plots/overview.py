"""One figure of a spectrum: its singular values, and its least visible mode."""

from __future__ import annotations

from os import PathLike

import numpy as np
from matplotlib.figure import Figure

from sensitivity.plots.modes import plot_mode
from sensitivity.plots.palette import WIDTH
from sensitivity.plots.singular_values import plot_spectrum
from sensitivity.spectrum import Spectrum


def save_overview(spectrum: Spectrum, path: str | PathLike[str]) -> None:
    """Write the singular values, and beside them the internal mode with the smallest one.

    The format follows from the name: .png, .pdf or .svg. Without an internal mode the first mode
    is drawn.
    """
    # A figure that pyplot does not know needs no display, and is freed with this function.
    figure = Figure(figsize=(2 * WIDTH, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_spectrum(spectrum, ax=left)
    internal = np.flatnonzero(np.array(spectrum.kinds) == "internal")
    plot_mode(spectrum, int(internal[-1]) if len(internal) else 0, ax=right)
    figure.savefig(path, dpi=300)
