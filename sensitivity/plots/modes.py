"""A mode drawn on its structure, with bonds, cell and displacement arrows, and an overview."""

from __future__ import annotations

from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, Diagnosis
from sensitivity.plots.axes import ROUNDING, WIDTH, foreground, make_axes
from sensitivity.plots.camera import choose_view
from sensitivity.plots.singular_values import plot_diagnosis, plot_spectrum
from sensitivity.plots.structures import Drawing, find_bonds
from sensitivity.spectrum import TRIVIAL, Spectrum


def plot_mode(result: Spectrum | Diagnosis, mode: int, *, ax: Axes | None = None) -> Axes:
    """Draw one mode on the structure, in the view that least hides atoms and arrows.

    The title names its kind, or the cause found by a diagnosis, and its singular value. The longest
    arrow is a quarter as long as the structure, at least 1 Å, because a mode has no amplitude. A
    circle with a point is an arrow towards the viewer, one with a cross an arrow away from the
    viewer. A bar shows 1 Å. In a crystal the cell is drawn, and bonds to images end halfway.

    Parameters
    ----------
    result
        Result that contains the mode.
    mode
        Index in ``result.modes``.
    ax
        Axes to draw into; None creates a figure one column wide.

    Raises
    ------
    ValueError
        If there is no such mode.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, diagnose, structures
    >>> from sensitivity.plots import plot_mode
    >>> _, ax = plt.subplots()
    >>> found = diagnose(structures.load("X0"), DensityCorrelations(), centers=[0])
    >>> ax = plot_mode(found, 8, ax=ax)
    """
    if not 0 <= mode < len(result.modes):
        raise ValueError(
            f"mode {mode} does not exist: there are {len(result.modes)}, counted from 0; "
            f"give an integer from 0 to {len(result.modes) - 1}."
        )
    ax = make_axes(ax, height=2.8)
    atoms, name = result.atoms, ""
    if isinstance(result, Diagnosis):
        spectrum, found = result.spectrum, result.modes[mode]
        name, value, displacement = found.cause, found.singular_value, found.displacement
    else:
        spectrum, name = result, result.kinds[mode]
        value, displacement = float(result.singular_values[mode]), result.modes[mode]
    value = value if value > ROUNDING * spectrum.scale else 0.0
    view = choose_view(atoms, displacement)
    drawing = Drawing(ax, view)
    drawing.add_cell(atoms)
    drawing.add_atoms(atoms, find_bonds(atoms))
    longest = 0.25 * max(4.0, float(np.ptp(atoms.positions, axis=0).max()))
    size = np.linalg.norm(displacement, axis=1).max()
    drawing.add_arrows(atoms.positions, longest / size * displacement)
    drawing.paint()
    _frame(ax)
    style: dict[str, Any] = {"color": foreground(ax), "fontsize": "medium"}
    ax.set_title(f"mode {mode}, {name}: {value:.3g} /Å", **style)
    return ax


def save_overview(
    result: Spectrum | Diagnosis, path: str | PathLike[str] | BinaryIO, *, form: str | None = None
) -> None:
    """Write the singular values, and beside them the least visible mode.

    For a diagnosis this is the invisible mode with the smallest singular value that is neither
    trivial nor explained by symmetry; else the internal mode with the smallest singular value;
    else the first mode.

    Parameters
    ----------
    result
        The result to draw.
    path
        A name that ends in .png, .pdf or .svg, or an open file.
    form
        Format, needed if the name does not give it.

    Examples
    --------
    >>> from io import BytesIO
    >>> from sensitivity import DensityCorrelations, diagnose, structures
    >>> from sensitivity.plots import save_overview
    >>> file = BytesIO()
    >>> found = diagnose(structures.load("X0"), DensityCorrelations(), centers=[0])
    >>> save_overview(found, file, form="png")
    >>> file.getvalue()[1:4]
    b'PNG'
    """
    # A figure without pyplot needs no display, and is freed when this function returns.
    figure = Figure(figsize=(2 * WIDTH, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    if isinstance(result, Diagnosis):
        plot_diagnosis(result, ax=left)
        causes = list(enumerate(mode.cause for mode in result.modes))
        spurious = [mode for mode, cause in causes if CAUSE_DESCRIPTIONS[cause].spurious]
        internal = [mode for mode, cause in causes if cause not in TRIVIAL]
    else:
        plot_spectrum(result, ax=left)
        spurious, internal = [], list(range(result.internal))  # they come first
    plot_mode(result, (spurious or internal or [0])[-1], ax=right)
    figure.savefig(path, format=form, dpi=300)


def _frame(ax: Axes) -> None:
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.06)
    ax.autoscale_view()
    ax.set_axis_off()
    low, high = ax.dataLim.get_points()  # [low/high, x/y]
    place = (low[0], low[1] - 0.08 * max(high - low))
    ax.plot([place[0], place[0] + 1.0], [place[1]] * 2, color=foreground(ax), linewidth=2)
    style: dict[str, Any] = {"fontsize": "small", "va": "center", "color": foreground(ax)}
    ax.annotate("1 Å", (place[0] + 1.0, place[1]), (4, 0), textcoords="offset points", **style)
