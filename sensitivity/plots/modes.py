"""A mode drawn on its structure, with bonds, cell and displacement arrows, and an overview."""

from __future__ import annotations

from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from sensitivity.bands import Bands
from sensitivity.comparison import Comparison
from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, Diagnosis
from sensitivity.plots.axes import ROUNDING, WIDTH, foreground, make_axes
from sensitivity.plots.bands_plot import plot_bands
from sensitivity.plots.camera import choose_view
from sensitivity.plots.comparison_plot import plot_comparison
from sensitivity.plots.singular_values import plot_diagnosis, plot_spectrum
from sensitivity.plots.smallest_plot import plot_smallest
from sensitivity.plots.structures import Drawing, find_bonds
from sensitivity.smallest import Smallest
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
    atoms, name = result.atoms, ""
    if isinstance(result, Diagnosis):
        spectrum, found = result.spectrum, result.modes[mode]
        name, value, displacement = found.cause, found.singular_value, found.displacement
    else:
        spectrum, name = result, result.kinds[mode]
        value, displacement = float(result.singular_values[mode]), result.modes[mode]
    value = value if value > ROUNDING * spectrum.scale else 0.0
    title = f"mode {mode}, {name}: {value:.3g} /Å"
    return plot_displacement(atoms, displacement, title=title, ax=ax)


def plot_displacement(
    atoms: Atoms, displacement: ArrayLike, *, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw a displacement on a structure, such as the result of ``pull_back``.

    The drawing is that of ``plot_mode``. The lengths of the arrows are relative to the longest one;
    a displacement of zero has none.

    Parameters
    ----------
    atoms
        The structure, N atoms.
    displacement
        Shape (N, 3), in any unit.
    title
        Title of the axes.
    ax
        Axes to draw into; None creates a figure one column wide.

    Raises
    ------
    ValueError
        If the displacement has another shape.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sensitivity import DensityCorrelations, pull_back, structures
    >>> from sensitivity.plots import plot_displacement
    >>> _, ax = plt.subplots()
    >>> X0, descriptor = structures.load("X0"), DensityCorrelations()
    >>> gradient = pull_back(X0, descriptor, center=0, feature=("H", 0, "H", 1, 2))
    >>> ax = plot_displacement(X0, gradient, title="n = 0 and 1, l = 2", ax=ax)
    """
    moved = np.asarray(displacement, dtype=float)
    if moved.shape != (len(atoms), 3):
        raise ValueError(
            f"displacement must have shape ({len(atoms)}, 3), one vector per atom, got "
            f"{moved.shape}; give the displacement of every atom of this structure."
        )
    ax = make_axes(ax, height=2.8)
    drawing = Drawing(ax, choose_view(atoms, moved))
    drawing.add_cell(atoms)
    drawing.add_atoms(atoms, find_bonds(atoms))
    longest = 0.25 * max(4.0, float(np.ptp(atoms.positions, axis=0).max()))
    if size := np.linalg.norm(moved, axis=1).max():
        drawing.add_arrows(atoms.positions, longest / size * moved)
    drawing.paint()
    frame_axes(ax)
    style: dict[str, Any] = {"color": foreground(ax), "fontsize": "medium"}
    ax.set_title(title, parse_math=False, **style)
    return ax


def save_overview(
    result: Spectrum | Diagnosis | Comparison | Bands | Smallest,
    path: str | PathLike[str] | BinaryIO,
    *,
    form: str | None = None,
) -> None:
    """Write the singular values, and beside them the least visible mode.

    For a comparison these are the singular values of all descriptors, without a mode, and for bands
    those at all wave vectors; the smallest singular values are drawn without a mode, too.

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
    if isinstance(result, Spectrum | Diagnosis):
        figure = _draw_overview(result)
    else:
        figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
        ax = figure.add_subplot()
        if isinstance(result, Comparison):
            plot_comparison(result, ax=ax)
        elif isinstance(result, Bands):
            plot_bands(result, ax=ax)
        else:
            plot_smallest(result, ax=ax)
    figure.savefig(path, format=form, dpi=300)


def _draw_overview(result: Spectrum | Diagnosis) -> Figure:
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
    return figure


def frame_axes(ax: Axes) -> None:
    """Show a drawing without axes, with equal scales and a bar of 1 Å."""
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.06)
    ax.autoscale_view()
    ax.set_axis_off()
    low, high = ax.dataLim.get_points()  # [low/high, x/y]
    place = (low[0], low[1] - 0.08 * max(high - low))
    ax.plot([place[0], place[0] + 1.0], [place[1]] * 2, color=foreground(ax), linewidth=2)
    style: dict[str, Any] = {"fontsize": "small", "va": "center", "color": foreground(ax)}
    ax.annotate("1 Å", (place[0] + 1.0, place[1]), (4, 0), textcoords="offset points", **style)
