"""One figure of a result: its singular values, and its least visible mode."""

from __future__ import annotations

from os import PathLike
from typing import BinaryIO

import numpy as np
from matplotlib.figure import Figure

from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, Diagnosis
from sensitivity.plots.diagnosis_plot import plot_diagnosis
from sensitivity.plots.modes import plot_mode
from sensitivity.plots.palette import TRIVIAL, WIDTH
from sensitivity.plots.singular_values import plot_spectrum
from sensitivity.spectrum import Spectrum


def save_overview(
    result: Spectrum | Diagnosis, path: str | PathLike[str] | BinaryIO, *, form: str | None = None
) -> None:
    """Write the singular values, and beside them the least visible mode.

    Of a diagnosis that is the least visible mode without a good excuse, which are symmetry and
    being trivial, if there is one that is not seen; else the least visible internal one. The format
    follows from the name, .png, .pdf or .svg, or is given as ``form``, as for an open file.
    Without an internal mode the first is drawn.
    """
    # A figure that pyplot does not know needs no display, and is freed with this function.
    figure = Figure(figsize=(2 * WIDTH, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    if isinstance(result, Diagnosis):
        plot_diagnosis(result, ax=left)
        plot_mode(result, _least_visible(result), ax=right)
    else:
        plot_spectrum(result, ax=left)
        internal = np.flatnonzero(np.array(result.kinds) == "internal")
        plot_mode(result, int(internal[-1]) if len(internal) else 0, ax=right)
    figure.savefig(path, format=form, dpi=300)


def _least_visible(diagnosis: Diagnosis) -> int:
    """The spurious mode with the smallest singular value; or else the internal one; or else 0."""
    causes = [mode.cause for mode in diagnosis.modes]
    spurious = [mode for mode, cause in enumerate(causes) if CAUSE_DESCRIPTIONS[cause].spurious]
    internal = [mode for mode, cause in enumerate(causes) if cause not in TRIVIAL]
    return (spurious or internal or [0])[-1]
