"""One figure of a result: its singular values, and its least visible mode."""

from __future__ import annotations

from os import PathLike
from typing import BinaryIO

import numpy as np
from matplotlib.figure import Figure

from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, Diagnosis
from sensitivity.plots.axes import WIDTH
from sensitivity.plots.modes import plot_mode
from sensitivity.plots.singular_values import plot_diagnosis, plot_spectrum
from sensitivity.spectrum import TRIVIAL, Spectrum


def save_overview(
    result: Spectrum | Diagnosis, path: str | PathLike[str] | BinaryIO, *, form: str | None = None
) -> None:
    """Write the singular values, and beside them the least visible mode.

    Of a diagnosis that is the invisible mode with the smallest singular value that neither symmetry
    nor being trivial explains; if there is none, the internal mode with the smallest singular
    value; if there is none either, the first. The format follows from the name, .png, .pdf or .svg,
    or is given as ``form``, as for an open file.
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
    causes = [mode.cause for mode in diagnosis.modes]
    spurious = [mode for mode, cause in enumerate(causes) if CAUSE_DESCRIPTIONS[cause].spurious]
    internal = [mode for mode, cause in enumerate(causes) if cause not in TRIVIAL]
    return (spurious or internal or [0])[-1]
