"""A mode drawn on its structure, with bonds, cell and arrows of displacement, and an overview."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.patheffects import Stroke

from sensitivity.diagnosis import CAUSE_DESCRIPTIONS, Diagnosis
from sensitivity.numerics import Array
from sensitivity.plots.axes import ROUNDING, WIDTH, background, foreground, make_axes
from sensitivity.plots.camera import choose_view
from sensitivity.plots.palette import ARROW, HALO
from sensitivity.plots.singular_values import plot_diagnosis, plot_spectrum
from sensitivity.spectrum import TRIVIAL, Spectrum
from sensitivity.structures import neighbor_pairs

_BALL = 0.5  # radius drawn, in covalent radii
# Discs that shade an atom: size, shift up and to the left (radii), darker (-) or lighter (+).
_SHADING = ((1.0, 0.0, -0.25), (0.84, 0.1, 0.0), (0.5, 0.25, 0.3), (0.22, 0.34, 0.65))


def plot_mode(result: Spectrum | Diagnosis, mode: int, *, ax: Axes | None = None) -> Axes:
    """Draw one mode on the structure, seen from where atoms and arrows are least hidden.

    The title names its kind, or the cause that a diagnosis has found, and its singular value. The
    longest arrow is a quarter as long as the structure, at least 1 Å, because a mode has no
    amplitude of its own. A circle with a point is an arrow towards the viewer, one with a cross an
    arrow away from the viewer. A bar shows 1 Å. In a crystal the cell is drawn, and bonds to images
    end halfway.

    Parameters
    ----------
    result
        Whose mode it is.
    mode
        Index in ``result.modes``.
    ax
        Axes to draw into; None makes a figure one column wide.

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
    seen, moved = atoms.positions @ view.T, displacement @ view.T  # [atom, right/up/towards]
    draw_structure(ax, atoms, view=view)
    longest = 0.25 * max(4.0, float(np.ptp(atoms.positions, axis=0).max()))
    _draw_arrows(ax, seen=seen, arrows=moved / np.linalg.norm(moved, axis=1).max() * longest)
    _frame(ax)
    style: dict[str, Any] = {"color": foreground(ax), "fontsize": "medium"}
    ax.set_title(f"mode {mode}, {name}: {value:.3g} /Å", **style)
    return ax


def save_overview(
    result: Spectrum | Diagnosis, path: str | PathLike[str] | BinaryIO, *, form: str | None = None
) -> None:
    """Write the singular values, and beside them the least visible mode.

    Of a diagnosis that is the invisible mode with the smallest singular value that neither symmetry
    nor being trivial explains; if there is none, the internal mode with the smallest singular
    value; if there is none either, the first.

    Parameters
    ----------
    result
        The result to draw.
    path
        A name that ends in .png, .pdf or .svg, or an open file.
    form
        The format, where the name does not tell it.

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
    # A figure that pyplot does not know needs no display, and is freed with this function.
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


def draw_structure(ax: Axes, atoms: Atoms, *, view: Array) -> None:
    """Draw atoms, bonds and cell, in Å, as seen along the last row of ``view``, shape (3, 3)."""
    edges = cell_edges(atoms) @ view.T  # [edge, start/end, right/up/towards]
    if len(edges):
        style: dict[str, Any] = {"linewidths": 0.7, "linestyles": "--", "alpha": 0.6, "zorder": 0.5}
        ax.add_collection(LineCollection(list(edges[..., :2]), colors=foreground(ax), **style))
    _draw_bonds(ax, atoms, view=view)
    _draw_atoms(ax, atoms, seen=atoms.positions @ view.T)


def draw_scene(
    ax: Axes, atoms: Atoms, *, view: Array, arrows: Array, marked: Sequence[int] = ()
) -> None:
    """Draw a structure with an arrow per atom, shape (N, 3) in Å, and halos around marked atoms."""
    seen, radius = atoms.positions @ view.T, 0.55  # Å: larger than a carbon atom
    for place in seen[list(marked)]:
        style: dict[str, Any] = {"facecolor": HALO, "alpha": 0.3, "linewidth": 0, "zorder": 0.8}
        ax.add_patch(Circle(place[:2], radius, **style))
    draw_structure(ax, atoms, view=view)
    if arrows.any():
        _draw_arrows(ax, seen=seen, arrows=arrows @ view.T)


def scene_limits(
    positions: Array, *, view: Array, arrows: Array, room: float = 0.5
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ranges of x and y in Å that show positions, shape (..., N, 3), and arrows."""
    seen = np.stack([positions, positions + arrows]).reshape(-1, 3) @ view.T
    low, high = seen.min(axis=0) - room, seen.max(axis=0) + room
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))


def _draw_atoms(ax: Axes, atoms: Atoms, *, seen: Array) -> None:
    for (x, y, depth), number in zip(seen, atoms.numbers, strict=True):
        radius, color = _BALL * covalent_radii[number], jmol_colors[number]
        for size, shift, shade in _SHADING:
            place = (x - shift * radius, y + shift * radius)
            mixed = color * (1 + shade) if shade < 0 else color + (1 - color) * shade
            style: dict[str, Any] = {"zorder": _layer(depth), "linewidth": 0}
            ax.add_patch(Circle(place, size * radius, facecolor=mixed, **style))
        style = {"zorder": _layer(depth), "linewidth": 0.8, "edgecolor": foreground(ax)}
        ax.add_patch(Circle((x, y), radius, fill=False, **style))


def _layer(depth: float) -> float:
    """Order of drawing between 1 and 3: nearer things cover farther ones."""
    return 2.0 + float(np.tanh(depth / 50.0))


def _draw_bonds(ax: Axes, atoms: Atoms, *, view: Array) -> None:
    radii = covalent_radii[atoms.numbers]
    reach = 1.2  # sums of covalent radii: nearer atoms are joined
    i, j, vectors = neighbor_pairs(atoms, 2 * reach * radii.max())
    bonded = np.linalg.norm(vectors, axis=1) < reach * (radii[i] + radii[j])
    i, vectors = i[bonded], vectors[bonded]
    surface = 0.9 * _BALL * radii[i] / np.linalg.norm(vectors, axis=1)
    start = atoms.positions[i] + surface[:, None] * vectors
    middle = atoms.positions[i] + vectors / 2  # each atom draws its own half
    for first, last, owner in zip(start @ view.T, middle @ view.T, i, strict=True):
        half = [first[:2], last[:2]]
        style: dict[str, Any] = {"zorder": _layer((first[2] + last[2]) / 2), "capstyle": "butt"}
        for color, width in ((foreground(ax), 4.6), (jmol_colors[atoms.numbers[owner]], 3.0)):
            ax.add_collection(LineCollection([half], colors=[color], linewidths=width, **style))


def cell_edges(atoms: Atoms) -> Array:
    """Return the ends of 12 edges, or of 4 of a layer at its mean height, (edges, 2, 3), in Å."""
    vectors = atoms.cell.array[atoms.pbc]  # [periodic direction, xyz]
    middle = atoms.positions.mean(axis=0)
    away = middle - middle @ np.linalg.pinv(vectors) @ vectors
    edges = [
        [start, start + vector]
        for axis, vector in enumerate(vectors)
        for corner in product((0.0, 1.0), repeat=len(vectors) - 1)
        for start in [np.array(corner) @ np.delete(vectors, axis, axis=0) + away]
    ]
    return np.array(edges).reshape(-1, 2, 3)


def _draw_arrows(ax: Axes, *, seen: Array, arrows: Array) -> None:
    longest = np.linalg.norm(arrows, axis=1).max()
    style: dict[str, Any] = {"color": ARROW, "zorder": 4, "linestyle": "none"}
    for place, arrow in zip(seen, arrows, strict=True):
        length, visible = np.linalg.norm(arrow), np.linalg.norm(arrow[:2])
        if length < 0.03 * longest:  # too short to be seen
            continue
        if visible < 0.3 * length:  # it points at the viewer, or away
            ax.plot(*place[:2], "o", mfc=background(ax), markersize=8, markeredgewidth=1.4, **style)
            ax.plot(*place[:2], "." if arrow[2] > 0 else "x", markersize=4.5, **style)
            continue
        ends = (tuple(place[:2]), tuple(place[:2] + arrow[:2]))
        tip = FancyArrowPatch(*ends, arrowstyle="-|>", shrinkA=0, shrinkB=0)
        tip.set_mutation_scale(9.0 * min(1.0, 0.3 + visible / longest))  # points
        tip.set(linewidth=1.5, color=ARROW, zorder=4)
        tip.set_path_effects([Stroke(linewidth=3.0, foreground=background(ax)), Stroke()])
        ax.add_patch(tip)


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
